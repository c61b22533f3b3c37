from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from model.harness import Crowding, HarnessRow
from model.measures import load_measures
from model.result import Failed, Job, load
from model.verdict import Outcome, Verdict
from reports.objectives import load_objectives
from reports.recorded import ReportError
from reports.slo import judged
from reports.wording import harness_limits
from reports.write import write_report
from simulator.planning.scenario import load_scenario, shipped_scenarios
from tests.reports.jobs import STRAINED, synthetic_run, write_job, write_part
from tests.reports.strategies import BROKEN, CLEAN, IDLE, UNCLAIMED, write_run
from tests.reports.test_write import Page, asked_for, page

pytestmark = pytest.mark.slow

TOP = ["report.html", "junit.xml", "summary.md", "job.json"]


def job_of(directory: Path) -> Job:
    return msgspec.json.decode((directory / "job.json").read_bytes(), type=Job)


def section(directory: Path, anchor: str) -> str:
    """The text of one section of the page, tags taken out."""
    text = (directory / "report.html").read_text(encoding="utf-8")
    (found,) = re.findall(rf'<section id="{anchor}">(.*?)</section>', text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found).split())


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_job(tmp_path_factory.mktemp("good"))
    write_report(directory)
    return directory


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Violated live, a load generator that was the limit, and no simulation."""
    directory = tmp_path_factory.mktemp("bad")
    write_part(directory, *synthetic_run("live", [CLEAN, BROKEN, UNCLAIMED, IDLE], operation_us=80_000))
    write_part(directory, *synthetic_run("load", harness=[STRAINED], operation_us=80_000))
    write_report(directory)
    return directory


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_the_paths_written_are_those_of_the_job_and_then_of_its_runs(tmp_path: Path) -> None:
    paths = write_report(write_job(tmp_path, ("simulated", "load")))
    names = [path.relative_to(tmp_path).as_posix() for path in paths]
    assert names == [*TOP, *[f"{kind}/{name}" for kind in ("simulated", "load") for name in TOP[:3]]]
    assert all(path.stat().st_size for path in paths)


@pytest.mark.slow
def test_a_good_job(good: Path) -> None:
    text = page(good).text
    assert "valid in the simulation, the live run and the load run" in text
    assert "Load run: 0 divergences in 4 sampled document histories" in text
    assert "0 (all good) exit code" in text
    assert "harness-invalid" not in text
    assert (job_of(good).verdict, job_of(good).exit_code) == (Verdict.VALID, 0)
    assert [part.directory for part in job_of(good).parts] == ["simulated", "live", "load"]


@pytest.mark.slow
def test_the_page_of_a_job_needs_nothing_from_outside(good: Path, bad: Path) -> None:
    for directory in (good, bad):
        found = page(directory)
        anchors = [r[1:] for r in found.references if r.startswith("#")]
        assert set(anchors) <= set(found.ids)
        assert len(found.ids) == len(set(found.ids))
        local = [r for r in found.references if not r.startswith("#")]
        assert local
        assert all((directory / r).is_file() for r in local)
        text = (directory / "report.html").read_text(encoding="utf-8")
        assert text.startswith("<!DOCTYPE html>")
        assert asked_for(directory) == []


def test_objectives_stand_side_by_side_with_their_clocks(good: Path) -> None:
    text = section(good, "slos")
    assert "objective target simulated live load" in text
    (operation,) = re.findall(r"Operation latency, p95 (.*?) WebSocket", text)
    assert re.fullmatch(
        r"&lt; 50 ms [\d.]+ ms met [\d.]+ ms to [\d.]+ ms · steady, \d+ % of the run, virtual clock"
        r"( [\d.]+ ms met [\d.]+ ms to [\d.]+ ms · steady, \d+ % of the run, client clock"
        r" · server: [\d.]+ ms){2}",
        operation,
    )
    assert "not applicable below 10,000 clients" in text


def test_all_runs_and_their_servers_are_in_one_percentile_plot(good: Path) -> None:
    counts = [
        load_measures((good / kind / "measures.json").read_bytes()).latency("operation").count
        for kind in ("simulated", "live", "load")
    ]
    assert all(count > 200 for count in counts)
    (plot, ranges) = re.findall(r"<svg.*?</svg>", _html_section(good, "latency"), re.DOTALL)
    for label in (
        f"simulated, virtual clock ({counts[0]})",
        f"live, client clock ({counts[1]})",
        "live, server clock (20,000)",
        f"load, client clock ({counts[2]})",
        "load, server clock (20,000)",
        "99.99 %",
        "objective (p95 &lt; 50 ms)",
    ):
        assert f">{label}<" in plot
    assert ">store commit – load, server<" in ranges
    assert ">everywhere online – simulated, virtual<" in ranges


def test_the_timelines_join_clients_and_server_under_the_faults(good: Path) -> None:
    plots = re.findall(r"<svg.*?</svg>", _html_section(good, "timeline"), re.DOTALL)
    assert len(plots) == 2
    for plot in plots:
        for label in (
            "connections",
            "operations",
            "event loop lag, p95 of each second",
            "operations queued",
            "CPU",
            "network",
        ):
            assert f">{label}<" in plot
    assert "did not say" not in section(good, "timeline")


def _html_section(directory: Path, anchor: str) -> str:
    text = (directory / "report.html").read_text(encoding="utf-8")
    (found,) = re.findall(rf'<section id="{anchor}">(.*?)</section>', text, re.DOTALL)
    assert isinstance(found, str)
    return found


def test_errors_and_notes_name_their_run(good: Path) -> None:
    errors = section(good, "errors")
    assert "connection &lt;refused&gt; 0 0 40 closed 1006 0 12 0 closed 1013 0 0 3" in errors
    notes = section(good, "notes")
    assert "Live run The live run left out" in notes
    assert "Load run The load run left out" in notes


def test_commands_seeds_and_machines_are_those_of_each_run(good: Path) -> None:
    text = section(good, "repeat")
    for command in ("concord simulate calm --seed 7", "concord live --seed 7", "concord load --seed 7"):
        assert command in text
    assert text.count("seed 7 digest of the history 00ff00ff") == 3
    assert text.count("2 cores, a processor") == 3


def test_a_violated_part_is_the_headline_and_is_shown_with_its_evidence(bad: Path) -> None:
    text = page(bad).text
    assert "violated in the live run" in text
    assert "Live run: 1 violation in 1,000 document histories, found by ledger." in text
    assert "missed Operation latency, p95 (" in text
    violations = section(bad, "violations")
    assert "Live run: ledger" in violations
    assert "concord replay live/failures/0.json" in violations
    assert "It was not part of this job." in text
    assert (job_of(bad).verdict, job_of(bad).exit_code) == (Verdict.VIOLATED, 1)


def test_the_checks_stand_side_by_side(bad: Path) -> None:
    text = section(bad, "checks")
    assert "check live load convergence valid 4,321 compared" in text
    assert "ledger violated 500 compared, 1 violated" in text
    assert "presence unknown 0 compared" in text


def test_a_harness_at_its_limit_is_loud_and_voids_the_objectives(bad: Path) -> None:
    html = (bad / "report.html").read_text(encoding="utf-8")
    (alert,) = re.findall(r'<div class="alert">(.*?)</div>', html, re.DOTALL)
    assert "Load run: harness-invalid" in alert
    assert "CPU of the generator: 98.000 %, limit 90.000 %" in alert
    assert "&lt;b&gt;31 s&lt;/b&gt;" in alert
    (operation,) = re.findall(r"Operation latency, p95 (.*?) WebSocket", section(bad, "slos"))
    live, load = operation.split("% of the run, client clock")[:2]
    assert "missed" in live
    assert "harness-invalid" in load
    assert "missed" not in load
    own = Page((bad / "load" / "report.html").read_text(encoding="utf-8")).text
    assert "harness-invalid" in own
    assert "CPU of the generator" in own


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_an_invalid_harness_is_the_outcome_of_a_job_without_violation(tmp_path: Path) -> None:
    write_part(tmp_path, *synthetic_run("simulated"))
    write_part(tmp_path, *synthetic_run("load", harness=[STRAINED]))
    write_report(tmp_path)
    assert "harness-invalid: the load run" in page(tmp_path).text
    assert job_of(tmp_path).exit_code == 4


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_missed_objective_is_said_with_its_run(tmp_path: Path) -> None:
    write_part(tmp_path, *synthetic_run("simulated"))
    write_part(tmp_path, *synthetic_run("live", operation_us=80_000))
    write_report(tmp_path)
    assert "valid, but 1 objective missed in the live run" in page(tmp_path).text
    assert job_of(tmp_path).exit_code == 3


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_load_that_was_less_than_planned_is_loud_and_meets_nothing(tmp_path: Path) -> None:
    result, measures = synthetic_run("load")
    short = msgspec.structs.replace(result, shortfalls=["4,454 of the planned 10,000 users came"])
    write_part(tmp_path, judged(short, measures, load_objectives()), measures)
    write_report(tmp_path)
    for path in (tmp_path, tmp_path / "load"):
        html = (path / "report.html").read_text(encoding="utf-8")
        (alert,) = re.findall(r'<div class="alert">(.*?)</div>', html, re.DOTALL)
        assert "Load run: less than planned" in alert
        assert "4,454 of the planned 10,000 users came." in alert
        summary = (path / "summary.md").read_text(encoding="utf-8")
        assert "**less than planned** (load): 4,454 of the planned 10,000 users came." in summary
        assert "cannot tell: met, but 4,454 of the planned 10,000 users came" in summary
    outcomes = {slo.outcome for slo in load((tmp_path / "load" / "result.json").read_bytes()).slos}
    assert outcomes == {Outcome.CANNOT_TELL}


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_what_cannot_be_told_is_said_everywhere_and_fails_a_run_that_shall_fail(tmp_path: Path) -> None:
    result, measures = synthetic_run("live")
    write_part(tmp_path, judged(result, measures, load_objectives(), "fail"), measures)
    write_report(tmp_path)
    assert job_of(tmp_path).exit_code == 2
    sentence = "Document sync success (1 sample; 29,956 are needed even if all are good)"
    for name in ("report.html", "summary.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "Live run: cannot tell for WebSocket uptime" in text
        assert sentence in text
    for path in (tmp_path, tmp_path / "live"):
        assert "cannot tell" in page(path).text
        suites = ElementTree.parse(path / "junit.xml").getroot()
        (error,) = suites.iterfind("*/testcase[@name='document-sync-success']/error")
        assert (error.get("message") or "").startswith("cannot tell: 1 sample;")
    assert load((tmp_path / "live" / "result.json").read_bytes()).cannot_tell == "fail"


def test_junit_has_a_suite_for_each_run(bad: Path) -> None:
    suites = ElementTree.parse(bad / "junit.xml").getroot()
    assert [suite.get("name") for suite in suites] == ["concord.live", "concord.load"]
    live, load = suites
    counts = [[s.get(key) for key in ("tests", "failures", "errors", "skipped")] for s in (live, load)]
    # Live: four checks, fourteen objectives, two signs of health. Load: no objective says anything.
    assert counts == [["20", "2", "1", "9"], ["17", "0", "1", "15"]]
    error = load.find("testcase[@name='generator_cpu']/error")
    assert error is not None
    assert "harness-invalid" in (error.get("message") or "")
    assert {case.get("classname") for case in load.iter("testcase")} == {
        "concord.load.checks",
        "concord.load.slos",
        "concord.load.harness",
    }


def test_the_summary_of_a_job_is_short_and_safe(bad: Path) -> None:
    text = (bad / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("## Concord: violated in the live run\n")
    assert "| live | violated |" in text
    assert "| ledger | violated: 500 compared, 1 violated | – |" in text
    assert "**harness-invalid** (load): CPU of the generator" in text
    assert "| connection \\<refused\\> | 0 | 40 |" in text
    assert "`live/failures/0.json`" in text
    assert "* load: `concord load --seed 7` (seed 7" in text
    assert "<b>" not in text
    assert len(text.splitlines()) < 70


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("kind", ["simulated", "live", "load"])
def test_any_part_may_be_missing(tmp_path: Path, kind: str) -> None:
    others = tuple(other for other in ("simulated", "live", "load") if other != kind)
    write_report(write_job(tmp_path, others))
    assert page(tmp_path).text.count("It was not part of this job.") == 1
    suites = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [suite.get("name") for suite in suites] == [f"concord.{other}" for other in others]
    assert job_of(tmp_path).exit_code == 0


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("failed", "note", "headline", "code"),
    [
        (None, "The run left no result.", "unknown: the load run", 2),
        (Failed(exit_code=70, note="the server <died>."), "The server <died>.", "failed: the load run", 70),
    ],
)
def test_a_part_that_left_no_result_is_never_good(
    tmp_path: Path, failed: Failed | None, note: str, headline: str, code: int
) -> None:
    write_job(tmp_path, ("simulated", "live"))
    (tmp_path / "load").mkdir()
    if failed:
        (tmp_path / "load" / "failed.json").write_bytes(msgspec.json.encode(failed))
    paths = write_report(tmp_path)
    assert tmp_path / "load" / "report.html" not in paths
    text = page(tmp_path).text
    assert headline in text
    assert f"Load run: {note}" in text
    assert (job_of(tmp_path).verdict, job_of(tmp_path).exit_code) == (Verdict.UNKNOWN, code)
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[-1]
    assert (suite.get("name"), suite.get("tests"), suite.get("errors")) == ("concord.load", "1", "1")


@pytest.mark.usefixtures("undrawn")
def test_equal_files_give_equal_reports_of_a_job(tmp_path: Path) -> None:
    # That equal measures give equal pictures is a test of the plots.
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_report(write_job(tmp_path / name))
    for name in TOP:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_run_beside_parts_of_a_job_is_refused(tmp_path: Path) -> None:
    write_job(tmp_path, ("live",))
    write_run(tmp_path, [CLEAN])
    with pytest.raises(ReportError, match=r"holds a run and parts of a job \(live\)"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_part_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_job(tmp_path, ("live", "simulated"))
    shutil.rmtree(tmp_path / "live")
    (tmp_path / "simulated").rename(tmp_path / "live")
    with pytest.raises(ReportError, match="kind is 'simulated', in the directory of 'live'"):
        write_report(tmp_path)


@pytest.mark.parametrize("name", ["load/result.json", "load/measures.json", "load/failed.json"])
def test_a_damaged_part_is_one_line_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    write_job(tmp_path)
    if name == "load/failed.json":
        (tmp_path / "load" / "result.json").unlink()
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(ReportError) as caught:
        write_report(tmp_path)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()
    assert not (tmp_path / "live" / "report.html").exists()


def test_the_page_of_a_live_run_alone(good: Path) -> None:
    found = Page((good / "live" / "report.html").read_text(encoding="utf-8"))
    assert "What clients saw and what the server said of itself" in found.text
    assert "Health of the harness" in found.text
    assert "closed 1006 12" in found.text
    assert "The live run left out the fault" in found.text
    assert "What a real server makes of it differs from run to run." in found.text
    simulated = Page((good / "simulated" / "report.html").read_text(encoding="utf-8"))
    assert "Health of the harness" not in simulated.text
    assert "The same seed gives the same history" in simulated.text
    own = ElementTree.parse(good / "live" / "junit.xml").getroot()
    assert [suite.get("name") for suite in own] == ["concord.checks", "concord.slos", "concord.harness"]


CANNOT_TELL = Outcome.CANNOT_TELL
CROWDED = Crowding(seconds=25, crowded=20, others_percent=66.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harness", "good"),
    [([], "met"), ([msgspec.structs.replace(STRAINED, excuse=CROWDED.excuse)], CANNOT_TELL)],
)
def test_what_other_programs_may_have_spoiled_cannot_be_told(harness: list[HarnessRow], good: str) -> None:
    """A latency that is missed cannot be; one that is met can, unless the load was smaller than planned."""
    result, measures = synthetic_run("load", harness=harness, operation_us=80_000)
    before = {slo.name: slo.outcome for slo in judged(result, measures, load_objectives()).slos}
    after = judged(msgspec.structs.replace(result, crowding=CROWDED), measures, load_objectives())
    found = {slo.name: slo for slo in after.slos}
    assert before["operation-latency"] == "missed"
    assert found["operation-latency"].outcome == CANNOT_TELL
    assert found["operation-latency"].note == "other programs had the CPU"
    told = [name for name, outcome in before.items() if outcome == "met"]
    assert told
    assert {found[name].outcome for name in told} == {good}
    assert after.exit_code == 0
    assert harness_limits(after) == []


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_what_a_scenario_breaks_on_purpose_is_told_and_decides_nothing(tmp_path: Path) -> None:
    result, measures = synthetic_run("load", operation_us=80_000)
    (name,) = [
        slo.name for slo in judged(result, measures, load_objectives()).slos if slo.outcome == "missed"
    ]
    told = judged(msgspec.structs.replace(result, informs=[name]), measures, load_objectives())
    (row,) = [slo for slo in told.slos if slo.name == name]
    assert (row.outcome, row.decides, told.exit_code) == ("missed", False, 0)
    write_part(tmp_path, told, measures)
    write_report(tmp_path)
    for file in ("report.html", "summary.md"):
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert "informs only: the scenario breaks it on purpose" in text
    suites = ElementTree.parse(tmp_path / "load" / "junit.xml").getroot()
    (skipped,) = suites.iterfind(f"*/testcase[@name='{name}']/skipped")
    assert "informs only" in (skipped.get("message") or "")
    assert not list(suites.iterfind(".//failure"))


def test_scenarios_inform_of_objectives_that_there_are() -> None:
    known = {objective.name for objective in load_objectives()}
    for scenario in shipped_scenarios():
        assert set(load_scenario(scenario).informs) <= known, scenario
