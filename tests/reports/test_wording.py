from __future__ import annotations

from itertools import product

import msgspec
import pytest

from model.campaign import Campaign
from model.harness import HarnessRow
from model.measures import Measures
from model.result import RunResult
from model.strata import Stratum
from model.verdict import EXIT_CODES, ExitCode
from reports.wording import (
    bound_text,
    campaign_text,
    coverage_text,
    duration_text,
    exit_text,
    harness_text,
    headline,
    mood,
    sentence,
    untested_text,
)
from tests.histograms import record_many
from tests.reports.strategies import CLEAN, IDLE, synthetic_measures, synthetic_result


def result(**changes: object) -> RunResult:
    return msgspec.structs.replace(synthetic_result(synthetic_measures(), [CLEAN]), **changes)


@pytest.mark.parametrize(
    ("histories", "text"),
    [
        (
            [Stratum(2, False, False, 1, 1)],
            (
                "0 divergences in 1 document history with concurrent edits: "
                "below 95 % of such histories at 95 % confidence."
            ),
        ),
        ([Stratum(2, False, False, 30, 30)], "below 9.5 % of such histories at 95 % confidence."),
        (
            [Stratum(1, False, False, 290, 0), Stratum(2, True, False, 10, 4), Stratum(3, True, True, 6, 6)],
            (
                "0 divergences in 10 document histories with concurrent edits: below 26 % of such histories "
                "at 95 % confidence. In 296 more nobody edited concurrently: that they converge "
                "tests nothing."
            ),
        ),
        (
            [Stratum(1, False, False, 300, 0)],
            (
                "Nobody edited concurrently in 300 document histories, so nothing could diverge: "
                "that was not tested."
            ),
        ),
    ],
)
def test_a_bound_counts_histories_that_could_have_diverged(histories: list[Stratum], text: str) -> None:
    documents = sum(one.histories for one in histories)
    found = coverage_text(result(documents=documents, histories=histories))
    assert found.endswith(text)


def test_the_bound_of_many_is_the_rule_of_three() -> None:
    assert bound_text(3_000) == "below 0.1 % of such histories at 95 % confidence"


def test_what_was_not_tested_is_named() -> None:
    tested = [
        Stratum(writers, offline, faults, 9, 9)
        for writers, offline, faults in product((2, 3, 6), (False, True), (False, True))
    ]
    assert untested_text(tested) == ""
    assert untested_text([*tested[1:], Stratum(2, False, False, 9, 0)]) == (
        "Divergence was not tested with 2 writers."
    )
    text = untested_text([])
    assert "3 to 5 writers, offline too; " in text
    assert text.endswith("6 or more writers, offline too, under faults.")


def test_nothing_checked_is_never_good() -> None:
    run = synthetic_result(Measures().result(), [CLEAN, IDLE])
    assert coverage_text(run) == (
        "Too little was checked for a verdict: presence compared nothing (cursors keep to their neighbours)."
    )
    assert (headline(run), mood(run.verdict, run.exit_code)) == ("unknown", "warn")


@pytest.mark.slow
def test_a_sample_of_a_load_run_claims_no_more_than_itself() -> None:
    histories = [Stratum(3, False, False, 4, 4)]
    assert "0 divergences in 4 sampled document histories with concurrent edits: below 53 %" in coverage_text(
        result(histories=histories)
    )
    assert "Too little" in coverage_text(result(histories=[]))


@pytest.mark.parametrize("note", ["the loop was late", "The loop was late."])
def test_the_cause_of_an_invalid_harness_is_a_sentence(note: str) -> None:
    row = HarnessRow(name="lag", title="Lag", value=60, limit=50, unit="ms", ok=False, note=note)
    assert harness_text(row) == "Lag: 60 ms, limit 50 ms. The loop was late."


def test_a_question_ends_as_one() -> None:
    assert sentence("is the server running?") == "Is the server running?"


def test_a_campaign_without_time_says_that_nothing_was_begun() -> None:
    campaign = Campaign("concord campaign", "", "calm", 10, [], [], [], ended="the time was over")
    assert campaign_text(campaign) == "none of 10 seeds was begun; the time was over."


def test_a_missed_objective_is_in_the_headline() -> None:
    measures = synthetic_measures()
    record_many(measures.latencies["operation"]["steady"], 80_000, 1_000)
    run = synthetic_result(measures, [CLEAN])
    assert (headline(run), mood(run.verdict, run.exit_code)) == (
        "valid, but 1 of 14 objectives missed and 6 of 14 objectives cannot be told",
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
