from __future__ import annotations

import msgspec
import pytest

from model.histogram import Histogram
from model.impact import WHOLE_RUN, Impact
from model.result import RunResult
from model.verdict import CheckResult
from reports.people import impact_text, impact_views
from tests.histograms import record_many
from tests.reports.strategies import BROKEN, CLEAN, synthetic_measures, synthetic_result

LEDGER = CheckResult("ledger", 500, 0, "acknowledged edits and what became of them")


def result(impact: Impact, *checks: CheckResult) -> RunResult:
    run = synthetic_result(synthetic_measures(), list(checks or (CLEAN, LEDGER)))
    return msgspec.structs.replace(run, impact=[impact])


def of(value_us: int, count: int) -> Histogram:
    histogram = Histogram()
    record_many(histogram, value_us, count)
    return histogram


def test_a_run_in_which_nobody_noticed_anything() -> None:
    assert impact_text(result(Impact(WHOLE_RUN))) == (
        "No edit waited longer than 1 s to become durable. No acknowledged edit was lost. "
        "No document was read-only for longer than 1 s."
    )


@pytest.mark.slow
def test_what_people_noticed() -> None:
    impact = Impact(WHOLE_RUN, of(2_000_000, 30), of(3_000_000, 4), 2, 7, 1, 0)
    assert impact_text(result(impact)) == (
        "30 edits waited longer than 1 s to become durable, half of them at most 2 s, the longest 2 s. "
        "1 edit had no answer yet when the run ended. No acknowledged edit was lost. "
        "7 edits came too late for the log and were handed back. "
        "2 documents took no edit for longer than 1 s, as if read-only: the longest time 3 s, 12 s in all."
    )
    (view,) = impact_views(result(impact))
    assert view == ("whole run", 30, "2 s", "2 s", 2, "12 s", "3 s", 7, 1)


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (BROKEN, "Acknowledged edits are not as they were promised: see ledger."),
        (CLEAN, "Nobody looked whether acknowledged edits were lost."),
    ],
)
@pytest.mark.slow
def test_what_was_lost_is_what_the_checks_say(check: CheckResult, sentence: str) -> None:
    assert sentence in impact_text(result(Impact(WHOLE_RUN, lost=2), check))
    assert "2 edits went down with the client of their author." in impact_text(
        result(Impact(WHOLE_RUN, lost=2), check)
    )


def test_replicas_without_a_server_have_nothing_to_say() -> None:
    run = msgspec.structs.replace(result(Impact(WHOLE_RUN)), engine="fuguemax")
    assert (impact_text(run), impact_views(run)) == ("", [])
