from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.harness import HarnessRow
from model.histogram import Histogram
from model.result import (
    CheckRow,
    Job,
    JobPart,
    Machine,
    RunResult,
    ServerSeries,
    SloRow,
    encode,
    encode_job,
    exit_code,
    load,
    missed,
    untold,
    worst,
)
from model.strata import Stratum
from model.verdict import CheckResult, ExitCode, Outcome, Verdict

MET, MISSED, CANNOT_TELL = Outcome


def slo(outcome: Outcome, applies: bool = True, decides: bool = True) -> SloRow:
    return SloRow(
        name="n",
        title="t",
        objective=1,
        comparison="<",
        measured=None,
        unit="ms",
        outcome=outcome,
        applies=applies,
        decides=decides,
        phase="steady",
        clock="virtual",
        samples=0,
    )


@pytest.mark.parametrize(
    ("checked", "violated", "verdict"), [(5, 0, "valid"), (5, 1, "violated"), (0, 0, "unknown")]
)
def test_a_row_spells_out_the_verdict(checked: int, violated: int, verdict: str) -> None:
    row = CheckRow.of(CheckResult("c", checked, violated, "d", claimed=False))
    plain = msgspec.json.decode(msgspec.json.encode(row))
    assert (plain["verdict"], plain["checked"], plain["claimed"]) == (verdict, checked, False)


def test_a_row_whose_verdict_contradicts_its_counts_is_refused() -> None:
    row = CheckRow.of(CheckResult("ledger", 5, 1, "d"))
    forged = msgspec.json.encode(row).replace(b'"violated",', b'"valid",', 1)
    with pytest.raises(ValueError, match="ledger: valid contradicts"):
        msgspec.json.decode(forged, type=CheckRow)


@pytest.mark.parametrize(
    ("verdict", "outcomes", "code"),
    [
        (Verdict.VALID, [MET, CANNOT_TELL], ExitCode.GOOD),
        (Verdict.VALID, [], ExitCode.GOOD),
        (Verdict.VALID, [MET, MISSED], ExitCode.SLO_MISSED),
        (Verdict.UNKNOWN, [MISSED], ExitCode.UNKNOWN),
        (Verdict.VIOLATED, [MISSED], ExitCode.VIOLATED),
    ],
)
def test_correctness_comes_before_objectives(
    verdict: Verdict, outcomes: list[Outcome], code: ExitCode
) -> None:
    rows = [slo(outcome) for outcome in outcomes]
    assert exit_code(verdict, rows) is code
    assert [row.outcome for row in missed(rows)] == [o for o in outcomes if o is MISSED]


@pytest.mark.parametrize("outcome", Outcome)
def test_what_only_informs_has_no_effect(outcome: Outcome) -> None:
    rows = [slo(MET), slo(outcome, decides=False)]
    assert [*missed(rows), *untold(rows)] == []
    assert exit_code(Verdict.VALID, rows, cannot_tell="fail") is ExitCode.GOOD
    assert exit_code(Verdict.VALID, [*rows, slo(MISSED)], cannot_tell="fail") is ExitCode.SLO_MISSED


@pytest.mark.parametrize(
    ("verdict", "outcome", "applies", "code"),
    [
        (Verdict.VALID, CANNOT_TELL, True, ExitCode.UNKNOWN),
        (Verdict.VALID, CANNOT_TELL, False, ExitCode.GOOD),  # does not concern the run
        (Verdict.VALID, MET, True, ExitCode.GOOD),
        (Verdict.VALID, MISSED, True, ExitCode.SLO_MISSED),
        (Verdict.VIOLATED, CANNOT_TELL, True, ExitCode.VIOLATED),
    ],
)
def test_what_cannot_be_told_fails_a_run_only_if_it_shall(
    verdict: Verdict, outcome: Outcome, applies: bool, code: ExitCode
) -> None:
    rows = [slo(MET), slo(outcome, applies)]
    assert exit_code(verdict, rows, cannot_tell="fail") is code
    assert bool(untold(rows)) == (applies and outcome is CANNOT_TELL)
    if outcome is CANNOT_TELL and verdict is Verdict.VALID:
        assert exit_code(verdict, rows) is ExitCode.GOOD


# --- the harness, and several runs --------------------------------------------------------------------------


def sign(ok: bool) -> HarnessRow:
    return HarnessRow(name="cpu", title="CPU", value=99, limit=90, unit="%", ok=ok, note="too busy")


@pytest.mark.parametrize(
    ("verdict", "outcome", "code"),
    [
        (Verdict.VALID, MET, ExitCode.HARNESS_LIMIT),
        (Verdict.VALID, MISSED, ExitCode.HARNESS_LIMIT),
        (Verdict.UNKNOWN, MET, ExitCode.HARNESS_LIMIT),
        (Verdict.VIOLATED, MISSED, ExitCode.VIOLATED),
    ],
)
def test_a_harness_at_its_limit_decides_all_but_a_violation(
    verdict: Verdict, outcome: Outcome, code: ExitCode
) -> None:
    rows = [slo(outcome)]
    assert exit_code(verdict, rows, [sign(True), sign(False)]) is code
    assert exit_code(verdict, rows, [sign(True)]) is exit_code(verdict, rows)


ORDER = [70, 64, 1, 74, 143, 130, 141, 4, 2, 3, 0]
"""Worst first."""


@pytest.mark.parametrize(("worse", "better"), list(itertools.combinations(ORDER, 2)))
def test_the_worse_of_two_codes_is_that_of_both(worse: int, better: int) -> None:
    assert worst([better, worse]) == worst([worse, better, better]) == worse


def test_every_code_has_a_place_and_nothing_is_not_good() -> None:
    assert set(ORDER) == set(ExitCode)
    assert [worst([code]) for code in ORDER] == ORDER
    assert worst([]) is ExitCode.UNKNOWN
    assert worst([0, 137]) is ExitCode.BUG


def part(kind: str, verdict: Verdict, code: ExitCode) -> JobPart:
    return JobPart(kind=kind, verdict=verdict, exit_code=int(code), directory=kind)


def test_a_job_is_as_bad_as_the_worst_of_its_parts() -> None:
    live = part("live", Verdict.VIOLATED, ExitCode.VIOLATED)
    load = part("load", Verdict.VALID, ExitCode.HARNESS_LIMIT)
    simulated = part("simulated", Verdict.UNKNOWN, ExitCode.UNKNOWN)
    job = Job.of([load, live, simulated])
    assert [p.kind for p in job.parts] == ["simulated", "live", "load"]
    assert (job.verdict, job.exit_code) == (Verdict.VIOLATED, 1)
    job = Job.of([load, simulated])
    assert (job.verdict, job.exit_code) == (Verdict.UNKNOWN, 4)
    assert Job.of([load]).verdict is Verdict.VALID
    assert (Job.of([]).verdict, Job.of([]).exit_code) == (Verdict.UNKNOWN, 2)


def test_a_job_is_written_as_plain_data() -> None:
    job = Job.of([part("live", Verdict.VALID, ExitCode.GOOD)])
    assert msgspec.json.decode(encode_job(job)) == {
        "version": 1,
        "verdict": "valid",
        "exit_code": 0,
        "parts": [{"kind": "live", "verdict": "valid", "exit_code": 0, "directory": "live", "note": ""}],
    }


# --- on disk ------------------------------------------------------------------------------------------------


def run_with(histogram: Histogram) -> RunResult:
    return RunResult(
        verdict=Verdict.VALID,
        exit_code=0,
        seed=1,
        digest="d",
        scenario="s",
        engine="e",
        workload="w",
        clients=1,
        documents=1,
        cells=1,
        run_seconds=1.5,
        wall_seconds=1.0,
        edits=0,
        operations=0,
        deliveries=0,
        deliveries_per_second=0.0,
        checks=[],
        faults=[],
        slos=[],
        phases={},
        versions={},
        machine=Machine(1, "c"),
        failures=[],
        command="",
        kind="load",
        harness=[sign(False)],
        errors={"b": 1, "a": 2},
        server=ServerSeries(
            seconds=[0.5], columns={"queue_depth": [None, 1.0]}, latencies={"operation": histogram}
        ),
        notes=["n"],
        histories=[Stratum(2, True, False, 3, 1)],
    )


@given(st.lists(st.integers(0, 10**9), max_size=30))
def test_a_result_with_histograms_comes_back_whatever_the_order_of_recording(values: list[int]) -> None:
    forwards, backwards = Histogram(), Histogram()
    for value in values:
        forwards.record(value)
    for value in reversed(values):
        backwards.record(value)
    written = encode(run_with(forwards))
    assert load(written) == run_with(forwards)
    assert encode(run_with(backwards)) == written


def test_an_older_result_is_refused_by_its_version() -> None:
    with pytest.raises(ValueError, match="result of version 1, this is version 3"):
        load(b'{"version": 1, "virtual_seconds": 3}')
