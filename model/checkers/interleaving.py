"""Interleaving of what was typed at one place, read off the final elements with their origins.

See :mod:`model.crdt.interleaving` for the rules and their sources. Elements whose origins were dropped by
compaction cannot be judged, and are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check
from model.crdt.interleaving import maximal, typed_runs
from model.crdt.replicas.port import Element, spoken

ELEMENTS_MAX: Final = 5_000
"""Elements of a document that is looked at; looking costs more than linear time."""


def _is_whole(elements: tuple[Element, ...]) -> bool:
    """Whether every origin is there, and there are not too many elements."""
    there = {element.id for element in elements}
    return len(elements) <= ELEMENTS_MAX and all(
        origin is None or origin in there for e in elements for origin in (e.left, e.right)
    )


class NonInterleaving(Check):
    """The final order keeps maximal non-interleaving (Weidner & Kleppmann, Definition 4)."""

    name = "non_interleaving"
    detail = "final elements in an order that keeps what was typed together"

    def handlers(self) -> Mapping[type, Handler]:
        """The end only."""
        return {history.FinalElements: self._final}

    def _final(self, record: history.FinalElements) -> None:
        if not _is_whole(record.elements):
            return
        self.checked += len(record.elements)
        for broken in maximal(record.elements):
            self.violate(
                record.time_us,
                record.document,
                f"{broken}",
                rule=broken.rule,
                first=spoken(broken.first),
                second=spoken(broken.second),
                between=[spoken(element) for element in broken.between],
            )


class _Runs(Check):
    """Runs of one author in one direction, that others did not write into without knowing them."""

    forward: ClassVar[bool]

    def handlers(self) -> Mapping[type, Handler]:
        """The end only."""
        return {history.FinalElements: self._final}

    def _final(self, record: history.FinalElements) -> None:
        if not _is_whole(record.elements):
            return
        for run in typed_runs(record.elements):
            if run.forward is not self.forward or len(run.elements) < 2:
                continue
            self.checked += 1
            if run.split_by:
                ends = f"{spoken(run.elements[0])} to {spoken(run.elements[-1])}"
                self.violate(
                    record.time_us,
                    record.document,
                    f"what {run.author} typed from {ends} has {spoken(run.split_by[0])} inside it",
                    author=run.author,
                    split_by=[spoken(element) for element in run.split_by],
                )


class ForwardRuns(_Runs):
    """What was typed forward in one go stands together; measured, claimed by nobody."""

    name = "forward_runs"
    detail = "runs typed forward that nobody else's text splits"
    forward = True


class BackwardRuns(_Runs):
    """What was typed backward, each character in front of the last, stands together; measured."""

    name = "backward_runs"
    detail = "runs typed backward that nobody else's text splits"
    forward = False
