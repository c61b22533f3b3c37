"""The laws of replicated types, tried on the states that a few replicas of a running document have reached.

Everything is done to copies, with the code under test; the records say what came of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final

from model import history
from model.crdt import laws
from model.crdt.laws import BrokenLaw
from model.crdt.replica_laws import REPLICAS, copied, effects_commute, ids_unique, origins_present
from model.crdt.replicas.port import Event, Replica
from model.history import Record
from model.identity import DocumentId
from model.marks import tallied

EXAMINED_AT: Final = (0.2, 0.5, 0.8)
"""When in the course of a run laws are tried, as shares of it."""

STATES_MAX: Final = 3
"""States that are tried with each other: the laws need cubic time."""

EVENTS_LARGE: Final = 120
"""With more events than these only one pair of states is tried, and no triples."""

EVENTS_MAX: Final = 5_000
"""With more events than these a state is not tried at all."""

EFFECTS_MAX: Final = 3
"""Events whose effects are tried in either order."""


def examine(
    now_us: int, document: DocumentId, replicas: Sequence[Replica], rng: random.Random
) -> Iterator[Record]:
    """Try every law on some of the replicas, which stay as they are."""
    largest = max((sum(replica.version.values()) for replica in replicas), default=0)
    if not replicas or largest > EVENTS_MAX:
        return
    count = min(len(replicas), 2 if largest > EVENTS_LARGE else STATES_MAX)
    states = [copied(replica) for replica in rng.sample(list(replicas), count)]
    sites = tuple(state.site for state in states)
    for law in _laws(states, triples=count == STATES_MAX):
        name = law.func.__name__
        try:
            with tallied():  # what is done to copies is not what the replicas did
                found = law()
        except Exception as error:  # the code under test may fail anyhow, which is a finding
            found = BrokenLaw(name, f"{type(error).__name__}: {error}", {})
        if found is None:
            yield history.Examined(now_us, document, name, sites)
        else:
            yield history.Examined(now_us, document, name, sites, found.message, found.evidence)
    for replica in rng.sample(list(replicas), min(len(replicas), STATES_MAX)):
        before, after = history.fingerprint(replica.text), history.fingerprint(copied(replica).text)
        yield history.Preserved(now_us, replica.site, document, "saved", 0, before, after)


def _laws(states: Sequence[Replica], *, triples: bool) -> list[partial[BrokenLaw | None]]:
    of_pairs: tuple[Callable[..., BrokenLaw | None], ...] = (
        laws.equal_states,
        laws.commutative,
        laws.idempotent,
        laws.upper_bound,
    )
    of_triples = (laws.associative, laws.least)
    return [
        *(partial(law, states, REPLICAS) for law in of_pairs),
        *(partial(law, states, REPLICAS) for law in of_triples if triples),
        partial(ids_unique, states),
        partial(origins_present, states),
        partial(effects_commute, states, _some_events(states)),
    ]


def _some_events(states: Sequence[Replica]) -> list[Event]:
    """A few events that one of the states knows and another one does not."""
    return list(
        islice(
            (event for one in states for other in states for event in one.events_since(other.version)),
            EFFECTS_MAX,
        )
    )
