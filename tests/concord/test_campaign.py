"""`concord campaign`: what it leaves, what comes first, what is known, and how it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from concord.commands import campaign
from concord.fleet import run_fleet
from model.campaign import Campaign, CaseRow, KnownFailure, SeedRow, encode, load
from model.verdict import ExitCode, Verdict
from reports.campaign import lines_of, render_html
from reports.junit import render_campaign_junit
from reports.markdown import render_campaign_markdown
from tests.browser import fits
from tests.conftest import ROOT
from tests.terminal import Terminal, refused, terminal

__all__ = ["terminal"]  # a fixture

SMALL = (
    *("calm", "--clients", "16", "--documents", "2", "--duration", "3s", "--no-shrink"),
    *("--set", "workload.contention_share=1", "--set", "workload.edits_per_second=1"),
)
BROKEN = ("--inject", "tie-reversed")


def recorded(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "campaign.json").read_bytes())
    return content


def files(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


REPORT = {"CONCORD.TAG", "campaign.json", "junit.xml", "report.html", "summary.md"}


@pytest.mark.slow
def test_a_valid_campaign_leaves_a_full_report_and_no_seeds(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = terminal("campaign", *SMALL, "--seeds", "0:3", "--jobs", "2", "--out", str(out))
    assert ended.code == ExitCode.GOOD
    assert files(out) == REPORT
    found = recorded(out)
    assert [run["seed"] for run in found["runs"]] == [0, 1, 2]
    assert (found["verdict"], found["exit_code"], found["ended"]) == ("valid", 0, "")
    one = terminal("campaign", *SMALL, "--seeds", "0:3", "--jobs", "1", "--out", str(tmp_path / "one"))
    assert [r["digest"] for r in recorded(tmp_path / "one")["runs"]] == [r["digest"] for r in found["runs"]]
    assert one.out.count("seed ") >= 3
    again = terminal("report", str(out))
    assert (again.code, files(out)) == (0, REPORT)


@pytest.mark.slow
def test_failing_seeds_are_kept_come_first_and_may_be_known(terminal: Terminal, tmp_path: Path) -> None:
    out, known = tmp_path / "out", tmp_path / "known.yaml"
    arguments = ("campaign", *SMALL, *BROKEN, "--seeds", "0:2", "--jobs", "1", "--out", str(out))
    assert terminal(*arguments).code == ExitCode.VIOLATED
    failing = [run for run in recorded(out)["runs"] if run["violated"]]
    assert failing
    assert all((out / run["directory"] / "report.html").exists() for run in failing)
    checks = sorted({check for run in failing for check in run["violated"]})
    known.write_text("known:\n" + "".join(f"  - {{check: {c}, reason: a tie}}\n" for c in checks))
    again = terminal(*arguments, "--known", str(known))
    assert "(expected: a tie)" in again.out
    cases = recorded(out)["cases"]
    assert cases  # those that the first campaign saved were played before anything else
    assert all(case["message"] and case["expected"] == "a tie" for case in cases)
    assert again.code in (ExitCode.GOOD, ExitCode.UNKNOWN)
    assert ElementTree.parse(out / "junit.xml").getroot().findall(".//failure") == []


@pytest.mark.slow
def test_a_campaign_goes_on_where_it_ended(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []

    def interrupted(number: int) -> Callable[..., object]:
        def run(*arguments: Any) -> object:
            if len(ran) == number:
                raise KeyboardInterrupt
            ran.append(arguments[1].seed)
            return run_fleet(*arguments)

        return run

    out = tmp_path / "out"
    arguments = ("campaign", *SMALL, "--seeds", "0:3", "--jobs", "1", "--out", str(out))
    assert "holds no campaign to resume" in refused(terminal(*arguments, "--resume"))
    monkeypatch.setattr(campaign, "run_fleet", interrupted(1))
    assert terminal(*arguments).code == ExitCode.INTERRUPTED
    assert recorded(out)["ended"] == "it was interrupted"
    assert files(out) == REPORT
    monkeypatch.setattr(campaign, "run_fleet", interrupted(9))
    assert terminal(*arguments, "--resume").code == ExitCode.GOOD
    assert (ran, [run["seed"] for run in recorded(out)["runs"]]) == ([0, 1, 2], [0, 1, 2])
    other = terminal(*arguments, "--resume", "--documents", "1")
    assert "holds a campaign of something else" in refused(other)


@pytest.mark.slow
def test_no_seed_is_begun_when_the_time_is_over(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 1.0, 99.0, 99.0])
    monkeypatch.setattr(campaign, "monotonic", lambda: next(moments))
    out = tmp_path / "out"
    ended = terminal("campaign", *SMALL, "--seeds", "0:900", "--jobs", "1", "--for", "9s", "--out", str(out))
    assert ended.code == ExitCode.GOOD
    assert "1 of 900 seeds" in ended.out
    assert "; the time was over." in ended.out


@pytest.mark.slow
def test_the_corpus_is_played_first_without_its_mistakes(terminal: Terminal, tmp_path: Path) -> None:
    out, corpus = tmp_path / "out", ROOT / "tests" / "corpus"
    arguments = ("campaign", *SMALL, "--seeds", "0:1", "--corpus", str(corpus), "--out", str(out))
    assert terminal(*arguments).code == ExitCode.GOOD
    cases = recorded(out)["cases"]
    assert [Path(case["name"]).name for case in cases] == sorted(path.name for path in corpus.glob("*.json"))
    assert not any(case["message"] for case in cases)


@pytest.mark.slow
def test_a_seed_that_was_cut_off_is_run_anew(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    arguments = ("campaign", *SMALL, "--seeds", "0:2", "--jobs", "1", "--out", str(out))

    def cut_off(what: Any, options: Any) -> Any:
        run = run_fleet(what, options)
        if options.seed == 0:
            return run
        result = msgspec.structs.replace(run.result, interrupted=True, verdict=Verdict.UNKNOWN, exit_code=130)
        return run._replace(result=result)

    monkeypatch.setattr(campaign, "run_fleet", cut_off)
    assert terminal(*arguments).code == ExitCode.INTERRUPTED
    assert [run["seed"] for run in recorded(out)["runs"]] == [0]
    assert not (out / "seed-1").exists()
    monkeypatch.setattr(campaign, "run_fleet", run_fleet)
    assert terminal(*arguments, "--resume").code == ExitCode.GOOD
    assert [(run["seed"], run["verdict"]) for run in recorded(out)["runs"]] == [(0, "valid"), (1, "valid")]


@pytest.mark.slow
def test_a_corpus_that_is_not_there_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    for corpus in (tmp_path / "absent", ROOT / "README.md"):
        line = refused(terminal("campaign", *SMALL, "--corpus", str(corpus), "--out", str(tmp_path / "out")))
        assert line == f"--corpus {corpus}: there is no such folder"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("known: [{check: speed, reason: no}]", "known.0.check: there is no check 'speed'"),
        ("known: [{check: ledger}]", "known.0.reason: "),
        ("known: [{check: ledger, reason: ' '}]", "known.0.reason: is empty"),
        ("known: [{check: ledger, reason: no, sead: 3}]", "known.0.sead: "),
        ("known: 3", "known: must be a list"),
        ("", "is empty"),
    ],
)
def test_a_list_of_known_failures_that_makes_no_sense_is_refused(
    terminal: Terminal, tmp_path: Path, text: str, said: str
) -> None:
    known = tmp_path / "known.yaml"
    known.write_text(text)
    line = refused(terminal("campaign", *SMALL, "--known", str(known), "--out", str(tmp_path / "out")))
    assert line.startswith(str(known))
    assert said in line
    assert not (tmp_path / "out").exists()


# --- what is made of the rows -----------------------------------------------------------------------------


def row(seed: int, verdict: str = "valid", missed: tuple[str, ...] = (), expected: str = "") -> SeedRow:
    is_violated = verdict == "violated"
    return SeedRow(
        seed=seed,
        verdict=Verdict(verdict),
        exit_code={"valid": 3 if missed else 0, "violated": 1, "unknown": 2}[verdict],
        digest="d",
        edits=10,
        histories=2,
        concurrent=2,
        seconds=1.0,
        checks={"ledger": Verdict(verdict), "liveness": Verdict.VALID},
        violated={"ledger": "<b>a#1 is lost</b>"} if is_violated else {},
        missed=list(missed),
        directory=f"seed-{seed}" if is_violated else "",
        expected=[expected] if expected else [],
    )


def whole(*runs: SeedRow, known: tuple[KnownFailure, ...] = (), cases: tuple[CaseRow, ...] = ()) -> Campaign:
    return Campaign(
        command="concord campaign",
        subject="s",
        scenario="calm",
        wanted=len(runs),
        known=list(known),
        cases=list(cases),
        runs=list(runs),
    )


@pytest.mark.parametrize(
    ("made", "verdict", "code"),
    [
        (whole(row(1), row(2)), "valid", 0),
        (whole(row(1), row(2, missed=("operation",))), "valid", 3),
        (whole(row(1, missed=("operation",)), row(2, "unknown")), "unknown", 2),
        (whole(row(1, "unknown"), row(2, "violated")), "violated", 1),
        (whole(row(1), row(2, "violated", expected="a tie")), "valid", 0),
        (whole(row(1), cases=(CaseRow("c.json", "ledger", "a#1 is lost"),)), "violated", 1),
        (whole(row(1), cases=(CaseRow("c.json", "ledger", "a#1 is lost", "known"),)), "valid", 0),
        (whole(), "unknown", 2),
    ],
)
def test_a_campaign_is_as_good_as_its_worst_run_that_was_not_expected(
    made: Campaign, verdict: str, code: int
) -> None:
    assert (made.verdict, made.exit_code) == (verdict, code)
    assert load(encode(made)) == made


def test_a_known_failure_that_does_not_fail_any_more_is_said() -> None:
    gone = KnownFailure("ledger", "it was a tie", 1)
    never_run = KnownFailure("ledger", "not among the seeds", 7)
    still = KnownFailure("ledger", "a tie", 2)
    made = whole(row(1), row(2, "violated", expected="a tie"), known=(gone, never_run, still))
    assert made.turned_green == [gone]
    for text in (render_html(made), render_campaign_markdown(made), render_campaign_junit(made)):
        assert "expected to fail, and did not" in text
        assert "it was a tie" in text


def test_a_seed_of_which_too_little_was_checked_says_in_what() -> None:
    made = whole(row(1), row(2, "unknown"))
    unknown = [name for name, verdict in made.runs[1].checks.items() if verdict is Verdict.UNKNOWN]
    assert unknown
    assert [line.name for line in lines_of(made) if line.failed] == unknown
    assert f"<b>{unknown[0]}</b>: too little was checked" in render_html(made)
    assert f"{unknown[0]} (unknown)" in render_campaign_markdown(made)


def test_the_heat_map_has_a_line_for_each_check_and_one_for_the_objectives() -> None:
    made = whole(row(1), row(2, "violated"), row(3, missed=("operation",)), row(4, "violated", expected="x"))
    moods = {line.name: [square.mood for square in line.squares] for line in lines_of(made)}
    assert moods == {
        "ledger": ["valid", "violated", "valid", "expected"],
        "liveness": ["valid"] * 4,
        "objectives": ["valid", "valid", "missed", "valid"],
    }
    page = render_html(made)
    assert "<b>a#1" not in page
    assert 'href="seed-2/report.html"' in page
    junit = ElementTree.fromstring(render_campaign_junit(made))
    assert [len(junit.findall(f".//{kind}")) for kind in ("failure", "skipped")] == [2, 1]


@pytest.fixture
def long() -> Campaign:
    return whole(*(row(n, "violated" if n % 7 == 0 else "valid") for n in range(300)))


@pytest.mark.slow
def test_the_page_fits_into_both_windows(long: Campaign, tmp_path: Path) -> None:
    for width, fit in fits(render_html(long), tmp_path).items():
        assert fit.outside == [], width
