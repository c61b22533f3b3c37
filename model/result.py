"""The content of ``result.json``: what a run was, what was judged, and with which outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from model.budget import Budget
from model.certificate import Certificate
from model.harness import Crowding, HarnessRow
from model.histogram import Histogram
from model.impact import Impact
from model.measures import FaultRow
from model.strata import Stratum
from model.verdict import CheckResult, ExitCode, Outcome, Verdict, Violation, worst_verdict

RESULT_VERSION: Final = 3
JOB_VERSION: Final = 1
KINDS: Final = ("simulated", "live", "load")
"""What a run can be, in the order of a job; the directories of a job's parts are named like that."""

CannotTell: TypeAlias = Literal["warn", "fail"]
"""What an objective that cannot be told does to the exit code: nothing, or *unknown*."""


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
        unit: ``ms``, ``s``, ``%`` or ``connections``.
        outcome: met or missed only if ``low`` and ``high`` leave no doubt.
        phase: whose samples decide; ``run`` for all of them.
        share: of the time of the run that ``phase`` is, from 0 to 1.
        clock: ``virtual``, ``server`` or ``client`` as the history says, or ``wall``.
        samples: how many values ``measured`` stands on.
        low, high: between what the true value lies, each with 95 % confidence; None for a side on which so
            few samples set no bound.
        applies: false if the objective does not concern such a run at all; it is then no matter of samples.
        decides: false if the scenario breaks the objective on purpose; it is then told, and has no effect.
        margin, budget: how far from missing, as a share (negative if missed); and in amounts, of a ratio.
        by_phase: the same measure in each phase, and over the whole ``run``; None where there are no samples.
        beside: what another clock says of the same, in ``unit``: clock to value; it decides nothing.
        note: why it cannot be told, or what else a reader has to know.
        measure: what it is about; empty in results from before this was kept.
    """

    name: str
    title: str
    objective: float
    comparison: str
    measured: float | None
    unit: str
    outcome: Outcome
    phase: str
    clock: str
    samples: int
    share: float = 1.0
    low: float | None = None
    high: float | None = None
    applies: bool = True
    decides: bool = True
    margin: float | None = None
    budget: Budget | None = None
    by_phase: dict[str, float | None] = {}
    beside: dict[str, float] = {}
    note: str = ""
    measure: str = ""


class Machine(msgspec.Struct, frozen=True):
    """Where wall times and wall rates come from."""

    cores: int
    cpu: str


class ServerSeries(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said of itself in the course of a run, and in the end.

    Attributes:
        seconds: when each sample was taken, since the run began.
        columns: by name, one value for each sample: ``connections``, ``queue_depth``, ``loop_lag_ms``,
            ``operation_latency_p95_ms``, ``store_commit_p95_ms``, ``cpu_percent``, ``memory_bytes``, ...
        latencies: histograms in microseconds: ``operation``, ``transform``, ``authenticate``, ``presence``,
            ``store_commit``, ``loop_lag``.
        mechanisms: how often each one happened in the server meanwhile; empty if it does not say.
    """

    seconds: list[float] = []
    columns: dict[str, list[float | None]] = {}
    latencies: dict[str, Histogram] = {}
    mechanisms: dict[str, int] = {}


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one run but its measures.

    Attributes:
        kind: ``simulated``, ``live`` or ``load``.
        verdict: of all claimed checks.
        exit_code: of the command that made the run.
        digest: of the histories of all cells, in order.
        clients, documents, cells: how many.
        run_seconds: how long the run took by its own clock: virtual seconds of a simulation, else real ones.
        wall_seconds: how long the command took.
        deliveries: revisions taken in by replicas.
        deliveries_per_second: of wall time, all checks included.
        phases: microseconds of each phase, summed over the cells.
        versions: ``python``, ``concord`` and what else is needed to repeat the run.
        failures: paths of failure cases, relative to the directory of the result.
        command: repeats the run.
        harness: the health of what drove the server, empty for a simulation.
        errors: how often what went wrong, by kind.
        server: what the server said of itself, if there was one.
        notes: what a reader has to know, in sentences.
        histories: the documents whose histories were judged, by what happened in them.
        interrupted: whether it was ended by a signal; it is judged as far as it came.
        lost: what could not be written, a line each, because the disk was full.
        reached: how often each mechanism happened that there is in such a run, 0 included.
        required: the mechanisms that the scenario requires.
        informs: names of objectives that the scenario breaks on purpose.
        impact: what people noticed, in the whole run and during each kind of fault.
        shortfalls: what of its plan the run did not reach, in sentences; it is no evidence for that.
        cannot_tell: what an objective that cannot be told does to the exit code.
        crowding: what other programs took of the machine; None if nobody looked, because time is virtual or
            the server under test is itself one of the others.
        scenario_digest: of everything that was to happen; empty if it was not kept.
        certificate: what is needed to repeat the run; None in results that are not kept yet.
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
    run_seconds: float
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
    kind: str = "simulated"
    harness: list[HarnessRow] = []
    errors: dict[str, int] = {}
    server: ServerSeries | None = None
    notes: list[str] = []
    histories: list[Stratum] = []
    interrupted: bool = False
    lost: list[str] = []
    reached: dict[str, int] = {}
    required: list[str] = []
    informs: list[str] = []
    impact: list[Impact] = []
    shortfalls: list[str] = []
    cannot_tell: CannotTell = "warn"
    crowding: Crowding | None = None
    scenario_digest: str = ""
    certificate: Certificate | None = None
    version: int = RESULT_VERSION


def exit_code(
    verdict: Verdict,
    slos: Iterable[SloRow],
    harness: Iterable[HarnessRow] = (),
    *,
    interrupted: bool = False,
    lost: bool = False,
    cannot_tell: CannotTell = "warn",
    differs: bool = False,
) -> ExitCode:
    """The code: correctness, a run that ``differs`` when it is made again, its end, harness, objectives."""
    slos = list(slos)
    if verdict is Verdict.VIOLATED:
        return ExitCode.VIOLATED
    if differs:
        return ExitCode.BUG
    if lost:
        return ExitCode.IO_ERROR
    if interrupted:
        return ExitCode.INTERRUPTED
    if any(row.is_limit for row in harness):
        return ExitCode.HARNESS_LIMIT
    if verdict is Verdict.UNKNOWN or (cannot_tell == "fail" and untold(slos)):
        return ExitCode.UNKNOWN
    return ExitCode.SLO_MISSED if missed(slos) else ExitCode.GOOD


def missed(slos: Iterable[SloRow]) -> Sequence[SloRow]:
    """The objectives that were certainly not met."""
    return [slo for slo in slos if slo.decides and slo.outcome is Outcome.MISSED]


def untold(slos: Iterable[SloRow]) -> Sequence[SloRow]:
    """The objectives that concern the run, but of which its samples do not tell whether they were met."""
    return [slo for slo in slos if slo.applies and slo.decides and slo.outcome is Outcome.CANNOT_TELL]


_SEVERITY: Final = (
    ExitCode.GOOD,
    ExitCode.SLO_MISSED,
    ExitCode.UNKNOWN,
    ExitCode.HARNESS_LIMIT,
    ExitCode.CLOSED_PIPE,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.IO_ERROR,
    ExitCode.VIOLATED,
    ExitCode.USAGE,
    ExitCode.BUG,
)


def worst(codes: Iterable[int]) -> ExitCode:
    """The exit code of several runs together.

    A bug beats a violation, which beats what kept a run from its end, which beats a harness that was the
    limit, which beats an unknown, which beats a missed objective. A number outside the table is that of
    something that died, and counts as a bug. No run at all is unknown.
    """
    known = [ExitCode(code) if code in list(ExitCode) else ExitCode.BUG for code in codes]
    return max(known, key=_SEVERITY.index, default=ExitCode.UNKNOWN)


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``failed.json``, which stands for the result of a run that came to none.

    Attributes:
        exit_code: of the run.
        note: what happened, in a sentence.
    """

    exit_code: int
    note: str


class JobPart(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job.

    Attributes:
        kind: ``simulated``, ``live`` or ``load``.
        exit_code: of the run alone.
        directory: of the run, relative to that of the job.
        note: why there is no result, if the run left none.
    """

    kind: str
    verdict: Verdict
    exit_code: int
    directory: str
    note: str = ""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``job.json``: the runs of one job, in the order of :data:`KINDS`, and their worst."""

    verdict: Verdict
    exit_code: int
    parts: list[JobPart]
    version: int = JOB_VERSION

    @classmethod
    def of(cls, parts: Iterable[JobPart]) -> Job:
        """The job of these parts; a part that nothing is known of makes it unknown."""
        ordered = sorted(parts, key=lambda part: KINDS.index(part.kind))
        verdict = worst_verdict(part.verdict for part in ordered)
        return cls(verdict=verdict, exit_code=int(worst(part.exit_code for part in ordered)), parts=ordered)


def encode_job(job: Job) -> bytes:
    """The job as JSON; equal jobs give equal bytes."""
    return _encode(job)


def encode(result: RunResult) -> bytes:
    """The result as JSON; equal results give equal bytes."""
    return _encode(result)


def load(data: bytes) -> RunResult:
    """The result that :func:`encode` wrote; keys of later versions are passed over.

    Raises:
        ValueError: truncated, not a result, or of another version; names the field.
    """
    # The version first: what an older one lacks would only be told as a missing field.
    version = msgspec.json.decode(data, type=_Versioned).version
    if version != RESULT_VERSION:
        raise ValueError(f"result of version {version}, this is version {RESULT_VERSION}")
    return msgspec.json.decode(data, type=RunResult)


class _Versioned(msgspec.Struct, frozen=True):
    version: int


def _encode(content: RunResult | Job) -> bytes:
    # Keys as text first: only such are put in order, and histograms have integers.
    plain = msgspec.to_builtins(content, str_keys=True)
    return msgspec.json.format(msgspec.json.encode(plain, order="deterministic"), indent=1)
