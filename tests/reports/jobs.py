"""Synthetic jobs: a simulation, a live run and a load run, written as a job writes them."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

from model import result as run_result
from model.harness import HarnessRow
from model.histogram import Histogram
from model.measures import MeasureSet, encode_measures
from model.result import RunResult, ServerSeries, exit_code
from model.strata import Stratum
from model.verdict import CheckResult, Verdict
from reports.objectives import load_objectives
from reports.slo import evaluate
from tests.reports.strategies import CLEAN, UNCLAIMED, synthetic_measures, synthetic_result

SEEDS = {"simulated": 1, "live": 2, "load": 3}
SECONDS = 60
DOWN = range(27, 30)
"""Seconds in which the server was not there."""

STRAINED = HarnessRow(
    name="generator_cpu",
    title="CPU of the generator",
    value=98.0,
    limit=90.0,
    unit="%",
    ok=False,
    note="Worker 1 used a whole core for <b>31 s</b>.",
)
HEALTHY = [
    HarnessRow(name="loop_lag", title="Lag of the event loop, p99", value=4.2, limit=50, unit="ms", ok=True),
    HarnessRow(name="refused", title="Refused connections", value=0, limit=0, unit="connections", ok=True),
]


def histogram(seed: int, middle_us: int, count: int) -> Histogram:
    """Values spread around a middle, with a long tail."""
    rng = random.Random(seed)
    found = Histogram()
    for _ in range(count):
        found.record(round(middle_us * rng.lognormvariate(0.0, 0.6)))
    return found


def synthetic_server(seed: int, operation_us: int = 4_000) -> ServerSeries:
    """A server that was away for three seconds."""
    rng = random.Random(seed)

    def column(middle: float, spread: float) -> list[float | None]:
        return [None if s in DOWN else round(middle + spread * rng.random(), 2) for s in range(SECONDS)]

    return ServerSeries(
        seconds=[second + 0.5 for second in range(SECONDS)],
        columns={
            "connections": [None if s in DOWN else 8.0 for s in range(SECONDS)],
            "operations_per_second": column(4, 2),
            "operation_latency_p95_ms": column(4, 9),
            "store_commit_p95_ms": column(2, 3),
            "loop_lag_ms": column(0.2, 3),
            "queue_depth": column(0, 6),
            "cpu_percent": column(30, 25),
            "memory_bytes": column(90 << 20, 1 << 20),
        },
        latencies={
            "operation": histogram(seed, operation_us, 20_000),
            "transform": histogram(seed + 1, 90, 20_000),
            "authenticate": histogram(seed + 2, 400, 8),
            "presence": histogram(seed + 3, 900, 5_000),
            "store_commit": histogram(seed + 4, 1_500, 9_000),
        },
    )


def synthetic_run(
    kind: str,
    checks: list[CheckResult] | None = None,
    harness: list[HarnessRow] | None = None,
    operation_us: int = 4_000,
) -> tuple[RunResult, MeasureSet]:
    """The result and measures of a run of this kind; real operations take ``operation_us``, more or less."""
    measures = synthetic_measures(SEEDS[kind])
    result = synthetic_result(measures, checks or [CLEAN, UNCLAIMED])
    if kind != "simulated":
        measures.clock = "client"
        measures.transform = Histogram()
        measures.latencies["operation"] = {
            phase: histogram(SEEDS[kind], operation_us, of_phase.count)
            for phase, of_phase in measures.latencies["operation"].items()
        }
        server = synthetic_server(SEEDS[kind], operation_us)
        signs = HEALTHY if harness is None else harness
        slos = evaluate(load_objectives(), measures, result.clients, server)
        result = msgspec.structs.replace(
            result,
            kind=kind,
            slos=slos,
            server=server,
            harness=signs,
            errors={"closed 1013": 3, "connection <refused>": 40} if kind == "load" else {"closed 1006": 12},
            notes=[f"The {kind} run left out the fault `clock-skew`: a server cannot be made to <have> it."],
            exit_code=int(exit_code(result.verdict, slos, signs)),
            command=f"concord {kind} --seed 7",
            histories=[Stratum(3, True, False, 4, 4)] if kind == "load" else result.histories,
        )
    return result, measures


def write_part(directory: Path, result: RunResult, measures: MeasureSet) -> None:
    """One run of a job in the directory of its kind."""
    path = directory / result.kind
    path.mkdir()
    (path / "result.json").write_bytes(run_result.encode(result))
    (path / "measures.json").write_bytes(encode_measures(measures))
    if result.verdict is Verdict.VIOLATED:
        (path / "failures").mkdir()
        (path / "failures" / "0.json").write_text("{}")


def write_job(directory: Path, kinds: tuple[str, ...] = ("simulated", "live", "load")) -> Path:
    """A job in which all went well."""
    for kind in kinds:
        write_part(directory, *synthetic_run(kind))
    return directory
