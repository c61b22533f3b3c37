from __future__ import annotations

import msgspec
import pytest

from model.measures import Measures
from model.result import HarnessRow, RunResult
from model.verdict import EXIT_CODES, ExitCode
from reports.wording import coverage_text, duration_text, exit_text, harness_text, headline, mood
from tests.histograms import record_many
from tests.reports.strategies import CLEAN, IDLE, synthetic_measures, synthetic_result


def result(**changes: object) -> RunResult:
    return msgspec.structs.replace(synthetic_result(synthetic_measures(), [CLEAN]), **changes)


@pytest.mark.parametrize(
    ("documents", "bound"),
    [
        (1, "0 divergences in 1 document history, too few for a bound."),
        (30, "0 divergences in 30 document histories: below 10 % of such histories at 95 % confidence."),
        (3_000, "below 0.1 % of such histories"),
    ],
)
def test_the_rule_of_three(documents: int, bound: str) -> None:
    assert bound in coverage_text(result(documents=documents))


def test_nothing_checked_is_never_good() -> None:
    run = synthetic_result(Measures().result(), [CLEAN, IDLE])
    assert coverage_text(run) == "Too little was checked to say anything: nothing to compare for presence."
    assert (headline(run), mood(run.verdict, run.exit_code)) == ("unknown", "warn")


def test_a_sample_of_a_load_run_claims_no_more_than_itself() -> None:
    assert "0 divergences in 4 sampled document histories: below 75 %" in coverage_text(result(judged=4))
    unsaid = coverage_text(result(kind="load"))
    assert unsaid == ("0 divergences in the sampled document histories; how many there were is not recorded.")
    assert "Too little" in coverage_text(result(judged=0))


@pytest.mark.parametrize("note", ["the loop was late", "The loop was late."])
def test_the_cause_of_an_invalid_harness_is_a_sentence(note: str) -> None:
    row = HarnessRow(name="lag", title="Lag", value=60, limit=50, unit="ms", ok=False, note=note)
    assert harness_text(row) == "Lag: 60 ms, limit 50 ms. The loop was late."


def test_a_missed_objective_is_in_the_headline() -> None:
    measures = synthetic_measures()
    record_many(measures.latencies["operation"]["steady"], 80_000, 1_000)
    run = synthetic_result(measures, [CLEAN])
    assert (headline(run), mood(run.verdict, run.exit_code)) == (
        "valid, but 1 of 7 objectives missed and 3 of 7 objectives cannot be told",
        "warn",
    )
    assert exit_text(run.exit_code) == "3 (an objective was missed)"


def test_every_exit_code_has_a_meaning() -> None:
    assert set(EXIT_CODES) == set(ExitCode)
    assert exit_text(99) == "99"


@pytest.mark.parametrize(
    ("value_us", "text"),
    [
        (0, "0 µs"),
        (999, "999 µs"),
        (1_000, "1 ms"),
        (12_345, "12.3 ms"),
        (999_700, "1 s"),
        (90_000_000, "90 s"),
    ],
)
def test_durations(value_us: int, text: str) -> None:
    assert duration_text(value_us) == text
