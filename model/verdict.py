"""The verdict algebra: valid, violated, unknown (D21)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec


class Verdict(enum.StrEnum):
    """What a check says; nothing checked is ``unknown``, never ``valid``."""

    VALID = "valid"
    VIOLATED = "violated"
    UNKNOWN = "unknown"

    @property
    def of_a_law(self) -> str:
        """The same about a law or a specification: it ``holds``, ``fails``, or is ``unknown``."""
        return {Verdict.VALID: "holds", Verdict.VIOLATED: "fails"}.get(self, self.value)


class Outcome(enum.StrEnum):
    """What became of an objective; what too few samples say nothing of is neither met nor missed."""

    MET = "met"
    MISSED = "missed"
    CANNOT_TELL = "cannot tell"


class ExitCode(enum.IntEnum):
    """The one table of exit codes, for every command."""

    GOOD = 0
    VIOLATED = 1
    UNKNOWN = 2
    SLO_MISSED = 3
    HARNESS_LIMIT = 4
    USAGE = 64
    BUG = 70
    IO_ERROR = 74
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143


EXIT_CODES: Final[Mapping[ExitCode, str]] = {
    ExitCode.GOOD: "all good",
    ExitCode.VIOLATED: "correctness violated",
    ExitCode.UNKNOWN: "nothing or too little was checked",
    ExitCode.SLO_MISSED: "an objective was missed",
    ExitCode.HARNESS_LIMIT: "the harness itself was the limit",
    ExitCode.USAGE: "wrong usage",
    ExitCode.BUG: "a bug of Concord",
    ExitCode.IO_ERROR: "a disk that is full or cannot be read",
    ExitCode.INTERRUPTED: "ended by Ctrl-C",
    ExitCode.CLOSED_PIPE: "nobody reads the output",
    ExitCode.TERMINATED: "ended by SIGTERM",
}
"""What each of them means."""


class Violation(msgspec.Struct, frozen=True):
    """One piece of evidence, as data.

    Attributes:
        check: name of the check that found it.
        time_us: when it was noticed, in the clock of the history.
        document: the document concerned.
        message: one English sentence naming edits as ``site#sequence``.
        evidence: everything needed to look it up: sites, sequences, revisions, texts.
    """

    check: str
    time_us: int
    document: str
    message: str
    evidence: dict[str, Any] = {}

    @property
    def kind(self) -> str:
        """What else two violations of the check have in common that are one failure; mostly nothing."""
        return str(self.evidence.get("kind", ""))


VIOLATIONS_KEPT_MAX = 16
"""Violations of one check that are kept whole; further ones are only counted."""


class CheckResult(msgspec.Struct, frozen=True):
    """What one check says of a run or of a part of it.

    Attributes:
        name: name of the check.
        checked: how many facts were compared; the unit is in ``detail``.
        violated: how many of them contradicted the check.
        detail: one sentence on what was compared.
        claimed: whether the engine claims the property (D20); an unclaimed one informs and decides nothing.
        violations: the first few violations.
    """

    name: str
    checked: int
    violated: int
    detail: str
    claimed: bool = True
    violations: tuple[Violation, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Valid only if something was checked and nothing contradicted it."""
        if self.violated:
            return Verdict.VIOLATED
        return Verdict.VALID if self.checked else Verdict.UNKNOWN


def merge_results(results: Iterable[CheckResult]) -> CheckResult:
    """The result of one check over several parts of a run.

    Raises:
        ValueError: no results, or results of different checks.
    """
    parts = list(results)
    if not parts or len({(r.name, r.claimed) for r in parts}) != 1:
        raise ValueError("merging needs results of one check")
    violations = [v for r in parts for v in r.violations]
    violations.sort(key=lambda v: (v.time_us, v.document))
    return CheckResult(
        name=parts[0].name,
        checked=sum(r.checked for r in parts),
        violated=sum(r.violated for r in parts),
        detail=parts[0].detail,
        claimed=parts[0].claimed,
        violations=tuple(violations[:VIOLATIONS_KEPT_MAX]),
    )


def overall(results: Iterable[CheckResult]) -> Verdict:
    """The verdict of a run: that of its checks together; unclaimed ones do not vote."""
    return worst_verdict(r.verdict for r in results if r.claimed)


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Several verdicts as one: violated beats unknown beats valid; of nothing nothing is known."""
    verdicts = set(verdicts)
    if Verdict.VIOLATED in verdicts:
        return Verdict.VIOLATED
    if not verdicts or Verdict.UNKNOWN in verdicts:
        return Verdict.UNKNOWN
    return Verdict.VALID
