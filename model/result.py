"""The content of ``result.json``: what a run was, what was judged, and with which outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from model.measures import FaultRow
from model.verdict import CheckResult, ExitCode, Verdict, Violation

RESULT_VERSION: Final = 1


class CheckRow(msgspec.Struct, frozen=True):
    """A :class:`~model.verdict.CheckResult` as it is written: with its verdict spelled out."""

    name: str
    verdict: Verdict
    checked: int
    violated: int
    claimed: bool
    detail: str
    violations: tuple[Violation, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a verdict that contradicts the counts; runs after decoding too."""
        if self.verdict is not CheckResult(self.name, self.checked, self.violated, "").verdict:
            raise ValueError(f"check {self.name}: {self.verdict} contradicts its counts")

    @classmethod
    def of(cls, result: CheckResult) -> CheckRow:
        """The row of a result."""
        return cls(
            name=result.name,
            verdict=result.verdict,
            checked=result.checked,
            violated=result.violated,
            claimed=result.claimed,
            detail=result.detail,
            violations=result.violations,
        )


class SloRow(msgspec.Struct, frozen=True, kw_only=True):
    """One objective and what was measured.

    Attributes:
        name: of the objective, as in the file of objectives.
        title: for people.
        objective: the number to reach, in ``unit``.
        comparison: how ``measured`` has to stand to it.
        measured: in ``unit``; None if there is not a single sample.
        unit: ``ms``, ``%`` or ``connections``.
        met: None if it was not measured or does not apply.
        phase: whose samples decide; ``run`` for all of them.
        clock: ``virtual``, ``server`` or ``client`` as the history says, or ``wall``.
        samples: how many values ``measured`` stands on.
        margin: how far from missing, as a share (see ``docs/results.md``); negative if missed.
        by_phase: the same measure in each phase, None where there are no samples.
        note: why ``met`` is None, or what else a reader has to know.
    """

    name: str
    title: str
    objective: float
    comparison: str
    measured: float | None
    unit: str
    met: bool | None
    phase: str
    clock: str
    samples: int
    margin: float | None = None
    by_phase: dict[str, float | None] = {}
    note: str = ""


class Machine(msgspec.Struct, frozen=True):
    """Where wall times and wall rates come from."""

    cores: int
    cpu: str


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one run but its measures.

    Attributes:
        verdict: of all claimed checks.
        exit_code: of the command that made the run.
        digest: of the histories of all cells, in order.
        clients, documents, cells: how many.
        deliveries: revisions taken in by replicas.
        deliveries_per_second: of wall time, all checks included.
        phases: microseconds of each phase, summed over the cells.
        versions: ``python``, ``concord`` and what else is needed to repeat the run.
        failures: paths of failure cases, relative to the directory of the result.
        command: repeats the run.
    """

    verdict: Verdict
    exit_code: int
    seed: int
    digest: str
    scenario: str
    engine: str
    workload: str
    clients: int
    documents: int
    cells: int
    virtual_seconds: float
    wall_seconds: float
    edits: int
    operations: int
    deliveries: int
    deliveries_per_second: float
    checks: list[CheckRow]
    faults: list[FaultRow]
    slos: list[SloRow]
    phases: dict[str, int]
    versions: dict[str, str]
    machine: Machine
    failures: list[str]
    command: str
    version: int = RESULT_VERSION


def exit_code(verdict: Verdict, slos: Iterable[SloRow]) -> ExitCode:
    """The code of a run that was carried through: correctness first, then the objectives."""
    if verdict is Verdict.VIOLATED:
        return ExitCode.VIOLATED
    if verdict is Verdict.UNKNOWN:
        return ExitCode.UNKNOWN
    return ExitCode.SLO_MISSED if missed(slos) else ExitCode.GOOD


def missed(slos: Iterable[SloRow]) -> Sequence[SloRow]:
    """The objectives that were measured and not met."""
    return [slo for slo in slos if slo.met is False]


def encode(result: RunResult) -> bytes:
    """The result as JSON; equal results give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(result, order="deterministic"), indent=1)


def load(data: bytes) -> RunResult:
    """The result that :func:`encode` wrote; keys of later versions are passed over.

    Raises:
        ValueError: truncated, not a result, or of another version; names the field.
    """
    result = msgspec.json.decode(data, type=RunResult)
    if result.version != RESULT_VERSION:
        raise ValueError(f"result of version {result.version}, this is version {RESULT_VERSION}")
    return result
