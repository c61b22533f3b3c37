"""A recorded session replayed by Jupiter, and its final text compared with the recorded one.

The order of the file is the order of the server's revisions. Every author works on what the recording says it
knew: a prefix of that order, and its own edits. Between an author's context and the head stands a queue of
revisions it has not seen, each carried over the author's newer edits: the server's half of Jupiter's state
space. An edit is carried over that queue to the head, and the queue over the edit. Ties go to the smaller
agent number, as the recording demands.

A recording whose authors know something other than prefixes of the file has no such order and is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Final, NamedTuple

from model.text import Operation, OperationError, replace, transform_pair
from simulator.algorithms.texts import first_difference
from simulator.workload.traces import Trace, TraceError, Transaction

AGENTS_MAX: Final = 16
"""Authors of a recording that can be replayed; knowledge is kept for each pair of transaction and author."""


_CODING: Final = ("utf-32-le", "surrogatepass")  # a recording may count halves of pairs


class JupiterReplay(NamedTuple):
    """What came of a replay; ``equal``: to the recorded text, ``converged``: all authors show one text."""

    equal: bool
    converged: bool
    sentence: str
    text: str
    transactions: int
    edits: int
    concurrent: int
    transformations: int


class Unseen(NamedTuple):
    """A revision that an author has not seen, based on the author's text and the unseen ones before it."""

    transaction: int
    agent: int
    operation: Operation


class Buffer:
    """A long text that is changed in place, in UTF-32.

    A recorded text may have a hundred thousand code points and as many edits; building a new ``str`` for
    each of them takes a hundred times as long.
    """

    def __init__(self, text: str) -> None:
        self._bytes = bytearray(text.encode(*_CODING))

    def __len__(self) -> int:
        return len(self._bytes) // 4

    def __str__(self) -> str:
        return self._bytes.decode(*_CODING)

    def apply(self, op: Operation) -> None:
        """Apply an operation.

        Raises:
            OperationError: the text has not the operation's base length.
        """
        if len(self) != op.base_length:
            raise OperationError(f"operation on {op.base_length} code points met a text of {len(self)}")
        at = 0
        for c in op.components:
            if isinstance(c, str):
                self._bytes[at:at] = c.encode(*_CODING)
                at += 4 * len(c)
            elif c > 0:
                at += 4 * c
            else:
                del self._bytes[at : at - 4 * c]


class ReplayedAuthor:
    """One recorded author: what it displays, and what it has not seen."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.text = Buffer(text)
        self.unseen: deque[Unseen] = deque()

    def see(self, up_to: int) -> None:
        """Take in the revisions of the transactions up to ``up_to``."""
        while self.unseen and self.unseen[0].transaction <= up_to:
            self.text.apply(self.unseen.popleft().operation)

    def carry(self, op: Operation) -> Operation:
        """The author's own edit at the head; the unseen revisions move behind the edit."""
        for i, other in enumerate(self.unseen):
            op, moved = transform_pair(op, other.operation, a_first=self.number < other.agent)
            self.unseen[i] = other._replace(operation=moved)
        return op


def replay_trace(trace: Trace) -> JupiterReplay:
    """Replay a session and compare; every author ends with everything seen.

    Raises:
        TraceError: the recording has more authors than can be followed, or no order of revisions.
    """
    if len(trace.agents) > AGENTS_MAX:
        raise TraceError(
            f"{trace.name}: {len(trace.agents)} authors, at most {AGENTS_MAX} can be replayed by Jupiter"
        )
    authors = [ReplayedAuthor(number, trace.start) for number in range(len(trace.agents))]
    known = knowledge(trace)
    trunk = Buffer(trace.start)
    edits = concurrent = transformations = 0
    for number, transaction in enumerate(trace.transactions):
        author = authors[transaction.agent]
        author.see(known[number])
        concurrent += bool(author.unseen)
        for patch in transaction.patches:
            op = replace(len(author.text), patch.position, patch.deleted, patch.inserted)
            transformations += len(author.unseen)
            at_head = author.carry(op)
            author.text.apply(op)
            trunk.apply(at_head)
            for other in authors:
                if other is not author:
                    other.unseen.append(Unseen(number, transaction.agent, at_head))
            edits += 1
    for author in authors:
        author.see(len(trace.transactions))
    return _compared(trace, str(trunk), authors, (edits, concurrent, transformations))


def _compared(
    trace: Trace, trunk: str, authors: list[ReplayedAuthor], counts: tuple[int, int, int]
) -> JupiterReplay:
    apart = [trace.agents[a.number] for a in authors if str(a.text) != trunk]
    if apart:
        sentence = f"{trace.name}: the text of {', '.join(apart)} differs from the server's"
    elif trunk != trace.end:
        at = first_difference(trunk, trace.end)
        sentence = f"{trace.name}: all texts are equal, but differ from the recorded one from {at} on"
    else:
        sentence = f"{trace.name}: {len(authors)} authors and the server show the recorded text"
    equal = not apart and trunk == trace.end
    return JupiterReplay(equal, not apart, sentence, trunk, len(trace.transactions), *counts)


def knowledge(trace: Trace) -> list[int]:
    """For each transaction, the last transaction of others that its author knew; -1 for none.

    Raises:
        TraceError: some author knew a transaction without knowing all earlier ones of others, or did not know
            an earlier one of its own.
    """
    # seen[i][agent]: the last transaction of that agent among i and its ancestors.
    seen: list[tuple[int, ...]] = []
    last_known: list[int] = []
    newest: list[list[int]] = [[] for _ in trace.agents]
    for number, transaction in enumerate(trace.transactions):
        vector = _merged(transaction, seen, len(trace.agents))
        own = transaction.agent
        if newest[own] and vector[own] != newest[own][-1]:
            raise TraceError(
                f"{trace.name}: the author of transaction {number} does not know its own earlier edits, "
                "so Jupiter cannot order it"
            )
        others = max((v for agent, v in enumerate(vector) if agent != own), default=-1)
        for agent, theirs in enumerate(newest):
            if agent == own:
                continue
            before = bisect_right(theirs, others)
            latest = theirs[before - 1] if before else -1
            if vector[agent] != latest:
                raise TraceError(
                    f"{trace.name}: transaction {number} knows {others} but not {latest}; "
                    "its authors know no prefixes of the file, so Jupiter cannot order it"
                )
        newest[own].append(number)
        seen.append(tuple(number if agent == own else v for agent, v in enumerate(vector)))
        last_known.append(others)
    return last_known


def _merged(transaction: Transaction, seen: list[tuple[int, ...]], agents: int) -> list[int]:
    vector = [-1] * agents
    for parent in transaction.parents:
        vector = [max(a, b) for a, b in zip(vector, seen[parent], strict=True)]
    return vector
