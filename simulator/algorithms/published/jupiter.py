"""Puzzles of the transformation that this project's server uses: one total order, no tombstones.

Sources: Attiya et al., "Specification and complexity of collaborative text editing" (PODC 2016), and Wei,
Huang and Lu, "Specification and implementation of replicated list: the Jupiter protocol revisited" (2018):
Jupiter satisfies the weak list specification and not the strong one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model import history
from model.checkers import Judge
from model.checkers.lists import StrongList, WeakList
from model.history import Record
from model.identity import EMPTY_LOG, DocumentId, SequenceNumber, SiteId
from model.text import Operation, apply, compose, delete, insert, transform, transform_pair
from model.verdict import CheckResult

_DOCUMENT = DocumentId("puzzle")


class Contribution(NamedTuple):
    """One operation of one client, on the text that everybody had."""

    site: SiteId
    operation: Operation


def triangle(a_site: SiteId, b_site: SiteId) -> tuple[str, tuple[Contribution, ...]]:
    """The text "x" and a log: x is deleted, a inserted before it, b inserted behind it.

    If b's site is the smaller one everybody ends with "ba", though "ax" and "xb" were shown.
    """
    log = (
        Contribution(SiteId("c1"), delete(1, 0, 1)),
        Contribution(a_site, insert(1, 0, "a")),
        Contribution(b_site, insert(1, 1, "b")),
    )
    return "x", log


def judged(text: str, log: Sequence[Contribution]) -> tuple[CheckResult, CheckResult]:
    """What the weak and the strong list specification say of everything that the clients show."""
    weak, strong = WeakList(), StrongList()
    judge = Judge([weak, strong])
    judge.feed(records(text, log))
    return weak.result(), strong.result()


def records(text: str, log: Sequence[Contribution]) -> Iterator[Record]:
    """The history of clients that make one edit each and then take in the log; their own edit is an echo."""
    yield history.DocumentCreated(0, _DOCUMENT, text, unique=True, displayed=True)
    for site, operation in log:
        yield history.Edited(0, site, _DOCUMENT, SequenceNumber(1), "type", EMPTY_LOG, operation, 0)
        yield history.Displayed(0, site, _DOCUMENT, apply(text, operation), SequenceNumber(1))
    shown = {site: apply(text, operation) for site, operation in log}
    pending = dict(log)
    for time_us, (author, committed) in enumerate(canonical(log), 1):
        del pending[author]
        for site in shown:
            if site == author:
                continue
            operation = committed
            if site in pending:
                pending[site], operation = transform_pair(pending[site], committed, a_first=site < author)
            shown[site] = apply(shown[site], operation)
            yield history.Displayed(time_us, site, _DOCUMENT, shown[site])


def canonical(log: Sequence[Contribution]) -> list[Contribution]:
    """The log as the server keeps it: each operation transformed past all before it."""
    kept: list[Contribution] = []
    for site, operation in log:
        for earlier, other in kept:
            operation = transform(operation, other, first=site < earlier)
        kept.append(Contribution(site, operation))
    return kept


class Composed(NamedTuple):
    """The texts that two ways of transforming one operation past two others lead to."""

    stepwise: str
    composed: str


def composed_against_stepwise() -> Composed:
    """``T(c, a1·a2)`` need not equal ``T(T(c, a1), a2)``: the reason for never composing a log (D5).

    "ab": a1 deletes both, a2 inserts x at 0; c inserts c at 1, and goes first where it is tied.
    """
    text, a1, a2, c = "ab", delete(2, 0, 2), insert(0, 0, "x"), insert(2, 1, "c")
    after = apply(apply(text, a1), a2)
    stepwise = transform(transform(c, a1, first=True), a2, first=True)
    composed = transform(c, compose(a1, a2), first=True)
    return Composed(apply(after, stepwise), apply(after, composed))
