"""What all checkers share: counting, keeping the first violations, and how edits are named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.checkers import Handler
from model.history import Stored
from model.identity import SequenceNumber, SiteId
from model.verdict import VIOLATIONS_KEPT_MAX, CheckResult, Violation


class Check:
    """A checker without its rules.

    Attributes:
        name: name of the check.
        detail: one sentence on what is compared, for the result.
        claimed: whether the engine claims the property (D20).
        checked: facts compared so far.
        violated: facts that contradicted the check.
    """

    name = ""
    detail = ""

    def __init__(self, *, claimed: bool = True) -> None:
        self.claimed = claimed
        self.checked = 0
        self.violated = 0
        self._violations: list[Violation] = []

    def handlers(self) -> Mapping[type, Handler]:
        """The record types wanted, each with its method; none without rules."""
        return {}

    def violate(self, time_us: int, document: str, message: str, **evidence: Any) -> None:
        """Count a violation; the first :data:`VIOLATIONS_KEPT_MAX` are kept whole."""
        self.violated += 1
        if len(self._violations) < VIOLATIONS_KEPT_MAX:
            self._violations.append(Violation(self.name, time_us, document, message, evidence))

    def violate_stored(self, record: Stored, problem: str, **evidence: Any) -> None:
        """Count a violation by a stored revision; ``problem`` ends the sentence that its edits begin."""
        edits = edit_name(record.site, record.first, record.last)
        self.violate(
            record.time_us,
            record.document,
            f"{edits} {problem} (revision {record.revision}, based on {record.base})",
            site=record.site,
            first=record.first,
            last=record.last,
            base=record.base,
            revision=record.revision,
            original=[record.original.base_length, record.original.to_json()],
            operation=[record.operation.base_length, record.operation.to_json()],
            **evidence,
        )

    def result(self) -> CheckResult:
        """What the records fed so far say; callable once, at the end."""
        self._finish()
        return CheckResult(
            self.name, self.checked, self.violated, self.detail, self.claimed, tuple(self._violations)
        )

    def _finish(self) -> None:
        """Compare what can be compared at the end only."""


def edit_name(site: SiteId, first: SequenceNumber, last: SequenceNumber) -> str:
    """Edits ``first..last`` of a site for a sentence: ``c3#5`` or ``c3#5..7``."""
    return f"{site}#{first}" if first == last else f"{site}#{first}..{last}"
