"""What can find a bug in a played trial; each oracle says what is wrong, or nothing.

They look at different things: replicas among each other, one replica against a second implementation, one
replica against its own edits, one final sequence against the rules of its order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from model.crdt.interleaving import maximal
from model.crdt.laws import equal_states
from model.crdt.replica_laws import REPLICAS, ids_unique
from model.crdt.replicas.port import ElementId, Replica
from model.identity import SiteId
from tests.simulator.zoo.replicas.trial import Compact, Played, Trial, play_trial

Oracle: TypeAlias = Callable[[Trial, Played, Callable[[SiteId], Replica]], str]
"""From a trial, how it ended, and the algorithm without the bug, to a sentence; empty if nothing is wrong."""


def _visible(replica: Replica) -> list[ElementId]:
    return [element.id for element in replica.elements() if not element.deleted]


_SHOWN: Final = REPLICAS._replace(
    equal=lambda one, other: one.version == other.version and _visible(one) == _visible(other)
)


def convergence(trial: Trial, played: Played, sound: Callable[[SiteId], Replica]) -> str:
    """Replicas that know the same show the same elements; their tombstones may differ after compaction."""
    finding = equal_states(list(played.replicas.values()), _SHOWN)
    if finding is None:
        return ""
    a, b = finding.evidence["a"], finding.evidence["b"]
    return f"{a['site']} and {b['site']} know the same; one shows {a['text']!r}, the other {b['text']!r}"


def placement(trial: Trial, played: Played, sound: Callable[[SiteId], Replica]) -> str:
    """An edit shows where it was made, on the replica that made it."""
    return played.misplaced


def identity(trial: Trial, played: Played, sound: Callable[[SiteId], Replica]) -> str:
    """Every id is one element."""
    finding = ids_unique(list(played.replicas.values()))
    return "" if finding is None else finding.message


def acceptance(trial: Trial, played: Played, sound: Callable[[SiteId], Replica]) -> str:
    """What one replica could make, every other can take."""
    return played.refused


def order(trial: Trial, played: Played, sound: Callable[[SiteId], Replica]) -> str:
    """The texts are those of an independent implementation of the same algorithm."""
    for agent, expected in play_trial(trial, sound).replicas.items():
        text = played.replicas[agent].text
        if text != expected.text:
            return f"{agent} shows {text!r}, which should be {expected.text!r}"
    return ""


def interleaving(trial: Trial, played: Played, sound: Callable[[SiteId], Replica]) -> str:
    """The final sequence is maximally non-interleaving; claimed by FugueMax alone."""
    if any(isinstance(step, Compact) for step in trial.steps):
        return ""
    return next(
        (str(broken) for replica in played.replicas.values() for broken in maximal(replica.elements())), ""
    )


ORACLES: Final[Mapping[str, Oracle]] = MappingProxyType(
    {
        "acceptance": acceptance,
        "convergence": convergence,
        "placement": placement,
        "identity": identity,
        "order": order,
        "interleaving": interleaving,
    }
)
"""Every oracle by its name."""
