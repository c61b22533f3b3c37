"""No page says two things about one quantity, whatever became of a run."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from model.client import health
from model.client.health import Health
from model.harness import HarnessRow
from model.measures import MeasureSet
from model.result import CheckRow, Job, JobPart, RunResult, SloRow, exit_code
from model.verdict import Outcome, Verdict, overall
from reports import canvas, comparison
from reports.recorded import RecordedJob, RecordedPart, RecordedRun
from reports.wording import PHASE_TITLES, measured_text, outcome_text
from reports.write import rendered
from tests.reports.jobs import HEALTHY, STRAINED, synthetic_run
from tests.reports.strategies import BROKEN, CLEAN, IDLE, UNCLAIMED
from tests.reports.test_write import Page

pytestmark = pytest.mark.slow

QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A run is small as it is, and to make one smaller takes minutes."""

NOUNS = (
    "clients|documents|documents opened|sites|edits made|edits acknowledged|operations|broadcasts|deliveries"
    "|joins|merges|connections made|connections were refused"
)
COUNTED = re.compile(rf"(?<![\d.,#])(?<!below )(\d[\d,]*) ({NOUNS})(?! of| in| with| per| unseen)\b")
UNSAYABLE = ("not recorded", "None violated", "nan", "inf ")


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canvas, "draw", lambda *_: "<svg></svg>")
    monkeypatch.setattr(comparison, "ranges", lambda *_: "<svg></svg>")


@cache
def plain(kind: str, operation_us: int) -> tuple[RunResult, MeasureSet]:
    """A run in which all went well, of as many documents as were opened."""
    result, measures = synthetic_run(kind, operation_us=operation_us)
    return msgspec.structs.replace(result, documents=measures.totals.documents), measures


attempts = st.integers(1, 3_000)
healths = st.builds(
    lambda tried, refused, down: Health(attempts=tried + refused + down, refused=refused, down=down),
    attempts,
    st.sampled_from([0, 3, 1_308]),
    st.sampled_from([0, 37, 1_308]),
)
check_lists = st.lists(
    st.sampled_from([CLEAN, BROKEN, UNCLAIMED, IDLE]), unique_by=lambda c: c.name, max_size=4
)
kinds = st.sampled_from(["simulated", "live", "load"])


class Run(NamedTuple):
    result: RunResult
    measures: MeasureSet

    def __repr__(self) -> str:
        checks = [check.name for check in self.result.checks]
        return f"<{self.result.kind} {checks} {self.result.errors} {self.result.exit_code}>"


@st.composite
def runs(draw: st.DrawFn, kind: str | None = None) -> Run:
    """A run of any kind with any outcome."""
    kind = kind or draw(kinds)
    noted = draw(healths)
    signs: list[HarnessRow] = [*health.rows([noted]), *draw(st.sampled_from([HEALTHY, [STRAINED]]))]
    checks = draw(check_lists)
    found, measures = plain(kind, draw(st.sampled_from([4_000, 80_000])))
    verdict = overall(checks)
    errors = {"connection refused": n} if (n := noted.refused + noted.down) else {}
    harness = [] if kind == "simulated" else signs
    return Run(
        msgspec.structs.replace(
            found,
            checks=[CheckRow.of(check) for check in checks],
            verdict=verdict,
            harness=harness,
            errors={} if kind == "simulated" else errors,
            exit_code=int(exit_code(verdict, found.slos, harness)),
        ),
        measures,
    )


def written(result: RunResult, measures: MeasureSet) -> dict[str, str]:
    """The reports of one run by name."""
    recorded = RecordedRun(result, measures, ())
    return {path.name: text for path, text in rendered(Path(), recorded).items()}


def outside_details(html: str) -> str:
    """The text that a reader sees without opening anything."""
    return Page(re.sub(r"<details>.*?</details>", "", html, flags=re.DOTALL)).text


def contradictions(text: str) -> dict[str, set[str]]:
    """Quantities with more than one number."""
    found = defaultdict(set)
    for number, noun in COUNTED.findall(text):
        found[noun].add(number)
    return {noun: numbers for noun, numbers in found.items() if len(numbers) > 1}


@settings(max_examples=40, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs())
def test_a_report_says_one_thing_about_each_quantity(run: Run) -> None:
    result, measures = run
    files = written(result, measures)
    text, summary = Page(files["report.html"]).text, files["summary.md"]
    assert contradictions(text) == {}
    assert contradictions(summary) == {}
    assert contradictions(f"{text} {summary}") == {}
    for words in UNSAYABLE:
        assert words not in text
    if result.verdict is not Verdict.VIOLATED:
        assert BROKEN.violations[0].message not in text
    else:
        violated = sum(c.violated for c in result.checks if c.claimed)
        assert re.search(rf"\b{violated} violations? in ", text)
    # What decides nothing is not told as a violation, on no page.
    section = re.findall(r'<section id="violations">(.*?)</section>', files["report.html"], re.DOTALL)[0]
    claimed = [c for c in result.checks if c.claimed and c.violated]
    assert ("None." in outside_details(section)) == (not claimed)
    for check in result.checks:
        if not check.claimed and check.violated:
            assert f">{check.name}</h3>" not in re.sub(
                r"<details>.*?</details>", "", section, flags=re.DOTALL
            )
    # What is refused is told as a sign of health and as an error: as one number, and with the reason.
    told = set(re.findall(r"[\d,]+ of [\d,]+ (?:connections )?were refused", text))
    refused = sum(int(words.split()[0].replace(",", "")) for words in told)
    assert refused == sum(result.errors.values())


@settings(max_examples=40, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs())
def test_the_headline_counts_the_outcomes_that_the_table_has(run: Run) -> None:
    result, measures = run
    html = written(result, measures)["report.html"]
    table = re.findall(r'<section id="slos">(.*?)</section>', html, re.DOTALL)[0]
    tags = re.findall(r'<span class="tag \w+">([^<]*)</span>', table)
    assert len(tags) == len(result.slos)
    banner = re.findall(r"<h1>(.*?)</h1>", html)[0]
    for words, outcome in (("missed", "missed"), ("cannot be told", "cannot tell")):
        said = re.search(rf"(\d+) of \d+ objectives {words}", banner)
        if said:
            assert int(said[1]) == tags.count(outcome)
        elif result.verdict is Verdict.VALID and "harness" not in banner:
            assert outcome not in tags
    cells = re.findall(r"</td><td>(steady|during a fault|recovering|at rest|whole run)</td>", html)
    raw = re.findall(r"</td><td>(fault|recovery|heal|run)</td>", html)
    assert set(cells) <= set(PHASE_TITLES.values())
    assert raw == []


def rows_near(limit: float) -> Iterator[SloRow]:
    for value in (limit - 1e-3, limit - 1e-2, limit, limit + 1e-3, limit + 1, limit - 1):
        yield SloRow(
            name="operation-latency",
            title="Operation latency, p95",
            objective=limit,
            comparison="<",
            measured=value,
            unit="ms",
            outcome=Outcome.MET if value < limit else Outcome.MISSED,
            phase="run",
            clock="server",
            samples=1_000,
        )


@pytest.mark.parametrize("limit", [0.5, 50.0, 200.0, 30_000.0])
def test_what_is_printed_stands_on_the_side_of_the_limit_that_its_outcome_says(limit: float) -> None:
    for row in rows_near(limit):
        number, unit = measured_text(row).replace(",", "").split()
        value = float(number) / (1_000 if unit == "µs" else 1)
        assert (value < limit) == (outcome_text(row) == "met"), measured_text(row)


@settings(max_examples=10, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs("simulated"), runs("live"), runs("load"), st.booleans())
def test_the_page_of_a_job_repeats_no_command_and_lists_no_promise_that_nobody_made(
    simulated: Run,
    live: Run,
    load: Run,
    is_one_command: bool,
) -> None:
    parts = []
    for result, measures in (simulated, live, load):
        command = "concord run --seed 7" if is_one_command else result.command
        one = msgspec.structs.replace(result, command=command)
        part = JobPart(kind=one.kind, verdict=one.verdict, exit_code=one.exit_code, directory=one.kind)
        parts.append(RecordedPart(part, RecordedRun(one, measures, ())))
    job = RecordedJob(Job.of(part for part, _ in parts), tuple(parts))
    files = {path.as_posix(): text for path, text in rendered(Path(), job).items()}
    html = files["report.html"]
    commands = re.findall(r'<pre class="command">(.*?)</pre>', html)
    assert len(commands) == len(set(commands)) == (1 if is_one_command else 3)
    assert files["summary.md"].count("concord run --seed 7") == is_one_command
    for kind in ("simulated", "live", "load"):
        assert ("one of the runs of a job" in files[f"{kind}/report.html"]) == is_one_command
    section = re.findall(r'<section id="violations">(.*?)</section>', html, re.DOTALL)[0]
    claimed = any(c.claimed and c.violated for run in job.runs for c in run.result.checks)
    assert ("None." in outside_details(section)) == (not claimed)
