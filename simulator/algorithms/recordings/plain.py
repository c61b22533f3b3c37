"""A recorded session replayed on plain replicas, one for each author.

Before an author's transaction its replica takes exactly the events that the recording says it knew: those of
the transaction's ancestors. At the end every replica takes everything, and all of them must show one text.

Plain replicas are written to be read. An event costs time in proportion to the length of the text, so a
session is bounded by its events times its replicas; and a replica always knows its own earlier edits, so an
author who worked on two branches at once has no replica.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from model.crdt.replicas import ALGORITHMS, Event, Replica
from model.identity import SiteId
from simulator.workload.traces import Trace, TraceError

APPLICATIONS_MAX: Final = 200_000
"""Events times replicas of a session that is replayed without being asked for more; about half a minute."""

APPLICATIONS_SLOW_MAX: Final = 60_000
"""The same for WOOT, whose elements are compared with every tombstone beside them, and for Logoot, whose
positions grow as long as the text was typed in a row."""

_SLOW: Final = frozenset({"woot", "logoot"})
_START: Final = SiteId("\0")  # who typed the text before all transactions; a name that nobody has


class PlainReplay(NamedTuple):
    """What all replicas ended with."""

    texts: tuple[str, ...]
    events: int


class _Author:
    """One author's replica.

    Attributes:
        made: its events in order, each with its number among those of all authors.
        known: for each author, how many of its events this replica has.
    """

    def __init__(self, replica: Replica, authors: int) -> None:
        self.replica = replica
        self.made: list[tuple[int, Event]] = []
        self.known = [0] * authors


def play_trace(trace: Trace, algorithm: str, applications_max: int | None = None) -> PlainReplay:
    """Replay a session on one plain replica for each author.

    Args:
        trace: the session; ties go by the names of its authors.
        algorithm: a name of :data:`model.crdt.replicas.ALGORITHMS`.
        applications_max: events times replicas that are allowed, instead of the algorithm's own bound.

    Raises:
        TraceError: the session is too large, an author did not know its own earlier edits, or a patch does
            not fit the text that its author knew.
    """
    _check_size(trace, algorithm, applications_max)
    count = len(trace.agents)
    authors = [_Author(ALGORITHMS[algorithm](SiteId(name)), count) for name in trace.agents]
    opening = ALGORITHMS[algorithm](_START).insert(0, trace.start)
    for author in authors:
        _take(author.replica, opening)
    after: list[
        list[int]
    ] = []  # for each transaction, how many events of each author it follows, its own too
    numbered = 0
    for number, transaction in enumerate(trace.transactions):
        wanted = [0] * count
        for parent in transaction.parents:
            wanted = [max(a, b) for a, b in zip(wanted, after[parent], strict=True)]
        author = authors[transaction.agent]
        if wanted[transaction.agent] < len(author.made):
            raise TraceError(
                f"{trace.name}: the author of transaction {number} does not know its own earlier edits, "
                f"which a replica of {algorithm} always does"
            )
        _catch_up(author, authors, wanted)
        for position, deleted, inserted in transaction.patches:
            try:
                events = author.replica.delete(position, deleted) + author.replica.insert(position, inserted)
            except IndexError as error:
                raise TraceError(f"{trace.name}: transaction {number}: {error}") from None
            author.made += enumerate(events, numbered)
            numbered += len(events)
        author.known[transaction.agent] = wanted[transaction.agent] = len(author.made)
        after.append(wanted)
    everything = [len(author.made) for author in authors]
    for author in authors:
        _catch_up(author, authors, everything)
    return PlainReplay(tuple(author.replica.text for author in authors), len(opening) + numbered)


def _check_size(trace: Trace, algorithm: str, applications_max: int | None) -> None:
    patches = [patch for transaction in trace.transactions for patch in transaction.patches]
    events = len(trace.start) + sum(deleted + len(inserted) for _, deleted, inserted in patches)
    if applications_max is None:
        applications_max = APPLICATIONS_SLOW_MAX if algorithm in _SLOW else APPLICATIONS_MAX
    replicas = len(trace.agents)
    if events * replicas > applications_max:
        raise TraceError(
            f"{trace.name}: {events:,} events times {replicas:,} replicas, at most {applications_max:,} "
            f"can be replayed by plain replicas of {algorithm}"
        )


def _catch_up(author: _Author, authors: list[_Author], wanted: list[int]) -> None:
    """Take what is missing of ``wanted``, in the order in which it was made."""
    missing: list[tuple[int, Event]] = []
    for number, other in enumerate(authors):
        if author.known[number] < wanted[number]:
            missing += other.made[author.known[number] : wanted[number]]
            author.known[number] = wanted[number]
    missing.sort(key=lambda numbered: numbered[0])
    _take(author.replica, [event for _, event in missing])


def _take(replica: Replica, events: list[Event]) -> None:
    for event in events:
        replica.apply(event)
