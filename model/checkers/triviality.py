"""Non-triviality: what the scenario promises really happened.

A fault or a kind of edit may be missing from one cell and plentiful in another, so cells only count; the
judgement is made on the merged counts. What is missing does not make a run wrong, it makes it worth less: the
check is then *unknown*, and so is the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from model import history
from model.checkers import Handler
from model.verdict import CheckResult

EDIT: Final = "edit:"
"""Counts of edits are kept under this and the kind."""

FAULT: Final = "fault:"
"""Counts of what faults hit are kept under this and the name of the fault."""

TRAFFIC: Final = "traffic:"
"""Counts of datagrams are kept under this and what became of them."""

MECHANISM: Final = "mechanism:"
"""Counts of mechanisms are kept under this and the name of the mechanism."""

NAME: Final = "non_triviality"
DETAIL: Final = "expected kinds of edits, faults, fates of datagrams and mechanisms that occurred"


class NonTriviality:
    """Counts what happened.

    Attributes:
        counts: how many edits of each kind were made, and how much each fault hit (connections, commits,
            clients), of all that occurred, expected or not; to be added up over the cells.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Edits, faults and datagrams."""
        return {
            history.Edited: self._edited,
            history.FaultEnded: self._fault_ended,
            history.Traffic: self._traffic,
        }

    def _edited(self, record: history.Edited) -> None:
        self._count(EDIT + record.kind, 1)

    def _fault_ended(self, record: history.FaultEnded) -> None:
        self._count(FAULT + record.name, record.affected)

    def _traffic(self, record: history.Traffic) -> None:
        for fate, count in record.counts.items():
            self._count(TRAFFIC + fate, count)

    def _count(self, key: str, count: int) -> None:
        self.counts[key] = self.counts.get(key, 0) + count


def judge_triviality(
    counts: Mapping[str, int],
    expected_kinds: tuple[str, ...],
    expected_faults: tuple[str, ...],
    expected_fates: tuple[str, ...] = (),
    required: tuple[str, ...] = (),
) -> CheckResult:
    """Whether all that was to happen did: kinds of edits, faults, fates of datagrams, mechanisms.

    ``checked`` counts what occurred; if anything expected is missing it is 0, so that the verdict is
    *unknown*, and ``detail`` names what. Where nothing is expected, something must have been edited.
    """
    expected = {EDIT + kind: f"no edit of kind {kind!r} was made" for kind in expected_kinds}
    expected |= {FAULT + fault: f"fault {fault!r} hit nothing" for fault in expected_faults}
    expected |= {TRAFFIC + fate: f"no datagram was {fate}" for fate in expected_fates}
    expected |= {MECHANISM + name: f"mechanism {name!r} was not reached" for name in required}
    missing = [problem for key, problem in expected.items() if not counts.get(key)]
    edited = any(count for key, count in counts.items() if key.startswith(EDIT))
    if not edited and not expected_kinds:
        missing.append("nothing was edited")
    if missing:
        return CheckResult(NAME, 0, 0, f"too little happened: {'; '.join(missing)}")
    return CheckResult(NAME, len(expected) or 1, 0, DETAIL)
