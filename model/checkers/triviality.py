"""Non-triviality: what the scenario promises really happened.

A fault or a kind of edit may be missing from one cell and plentiful in another, so cells only count; the
judgement is made on the merged counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check
from model.verdict import CheckResult

EDIT: Final = "edit:"
"""Counts of edits are kept under this and the kind."""

FAULT: Final = "fault:"
"""Counts of what faults hit are kept under this and the name of the fault."""


class NonTriviality(Check):
    """Every expected kind of edit and every expected fault occurred, and every fault hit something.

    Attributes:
        counts: how many edits of each kind were made, and how much each fault hit (connections, commits,
            clients), of all that occurred, expected or not; to be added up over the cells.
    """

    name = "non_triviality"
    detail = "expected kinds of edits and faults that occurred"

    def __init__(
        self, expected_kinds: tuple[str, ...], expected_faults: tuple[str, ...], *, claimed: bool = True
    ) -> None:
        super().__init__(claimed=claimed)
        self.counts: dict[str, int] = {}
        self._expected_kinds = expected_kinds
        self._expected_faults = expected_faults
        self._now_us = 0

    def handlers(self) -> Mapping[type, Handler]:
        """Edits and faults."""
        return {
            history.Edited: self._edited,
            history.FaultEnded: self._fault_ended,
            history.Finished: self._finished,
        }

    def _edited(self, record: history.Edited) -> None:
        key = EDIT + record.kind
        self.counts[key] = self.counts.get(key, 0) + 1

    def _fault_ended(self, record: history.FaultEnded) -> None:
        key = FAULT + record.name
        self.counts[key] = self.counts.get(key, 0) + record.affected

    def _finished(self, record: history.Finished) -> None:
        self._now_us = record.time_us

    def _finish(self) -> None:
        """Judge this history alone; a run of several cells calls :func:`judge_triviality` instead."""
        edits = sum(count for key, count in self.counts.items() if key.startswith(EDIT))
        if not self._expected_kinds and edits:
            self.checked += 1  # nothing is promised but that anything is edited at all
        for kind in self._expected_kinds:
            self._expect(EDIT + kind, f"no edit of kind {kind!r} was made")
        for fault in self._expected_faults:
            self._expect(FAULT + fault, f"fault {fault!r} hit nothing")

    def _expect(self, key: str, problem: str) -> None:
        count = self.counts.get(key, 0)
        self.checked += 1
        if not count:
            self.violate(self._now_us, "", problem, expected=key, count=count)


def judge_triviality(
    counts: Mapping[str, int], expected_kinds: tuple[str, ...], expected_faults: tuple[str, ...]
) -> CheckResult:
    """The judgement on counts merged from several cells.

    Nothing expected and nothing edited is nothing checked, and so unknown.
    """
    merged = NonTriviality(expected_kinds, expected_faults)
    merged.counts.update(counts)
    return merged.result()
