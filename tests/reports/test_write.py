from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from model.marks import Mechanism
from reports import interactive
from reports.recorded import ReportError
from reports.write import write_report
from tests.reports.strategies import BROKEN, CLEAN, IDLE, UNCLAIMED, write_run

pytestmark = pytest.mark.slow

VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """Checks that elements are closed, and collects ids, references and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self._take(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._take(attrs)

    def _take(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("src", "href", "xlink:href", "action", "data"):
                self.references.append(value or "")
            elif name in ("style", "clip-path"):
                self.references += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & {*self.open}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_run(tmp_path_factory.mktemp("good"), [CLEAN, UNCLAIMED])
    write_report(directory)
    return directory


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = write_run(tmp_path_factory.mktemp("bad"), [CLEAN, BROKEN, UNCLAIMED, IDLE])
    write_report(directory)
    return directory


def asked_for(directory: Path) -> list[str]:
    """What the page may ask for by itself, and whatever looks like it."""
    text = (directory / "report.html").read_text(encoding="utf-8")
    for source in interactive.scripts().sources:  # a comment of the library says where it comes from
        assert source in text
        text = text.replace(source, "")
    return re.findall(r"https?://|@import", re.sub(r'xmlns(:\w+)?="[^"]*"', "", text))


def page(directory: Path) -> Page:
    return Page((directory / "report.html").read_text(encoding="utf-8"))


def test_the_paths_written_are_returned(tmp_path: Path) -> None:
    paths = write_report(write_run(tmp_path, [CLEAN]))
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "report.html",
        "junit.xml",
        "summary.md",
    ]
    assert all(path.stat().st_size for path in paths)


def test_the_page_needs_nothing_from_outside(bad: Path) -> None:
    found = page(bad)
    local = [r for r in found.references if not r.startswith("#")]
    assert local == ["failures/0.json", "failures/0.html"]
    anchors = [r[1:] for r in found.references if r.startswith("#")]
    assert set(anchors) <= set(found.ids)
    assert asked_for(bad) == []


def test_a_page_runs_its_own_scripts_and_no_others(bad: Path) -> None:
    text = (bad / "report.html").read_text(encoding="utf-8")
    policy = interactive.scripts().policy
    assert f'content="{policy}"' in unescape(text[: text.index("<style>")])
    opened = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)
    data = [source for how, source in opened if how == ' type="application/json"']
    run = [source for how, source in opened if not how]
    assert len(data) + len(run) == len(opened) == text.count("<script")
    assert run == list(interactive.scripts().sources)
    for source in run:
        assert b64encode(sha256(source.encode()).digest()).decode() in policy
    for source in data:
        json.loads(source)


def test_ids_of_different_pictures_do_not_meet(good: Path) -> None:
    ids = page(good).ids
    assert len(ids) == len(set(ids))


def test_a_good_run_says_what_its_verdict_is_worth(good: Path) -> None:
    text = page(good).text
    assert "valid, but 6 of 14 objectives cannot be told 0 divergences in 600 document histories" in text
    assert "600 document histories with concurrent edits: below 0.5 % of such histories at 95 %" in text
    assert "2 no no 400 400 below 0.75 %" in text
    assert "1 no no 300 0 not tested" in text
    assert "0 (all good) exit code" in text
    assert "strong list (not claimed)" in text
    assert "Operation latency, p95 < 50 ms" in text
    assert "partition network 1 7 s 3" in text
    assert "not applicable below 10,000 clients" in text
    assert "concord simulate calm --seed 7" in text
    assert "00ff00ff" in text


def test_a_violation_is_shown_with_its_evidence_and_its_case(bad: Path) -> None:
    text = page(bad).text
    assert "violated 1 violation in 1,000 document histories, found by ledger." in text
    assert "s1#4 was acknowledged as revision 17, but <b>nobody</b> shows it." in text
    assert '"text": "a\\u0001' in text
    assert "concord replay failures/0.json" in text
    assert "1 (correctness violated) exit code" in text


def test_what_was_reached_is_told_and_what_is_required_and_was_not_is_red(good: Path, bad: Path) -> None:
    text = page(good).text
    assert "trim 1,234 Revisions behind a snapshot and the horizon were forgotten." in text
    assert "3 that did not happen, and need not" in text
    assert "that the scenario requires" not in text
    assert "* reached so often (simulated, 1 of 4): trim 1,234\n" in (good / "summary.md").read_text("utf-8")
    html = (bad / "report.html").read_text("utf-8")
    assert "1 that the scenario requires did not happen , so the run is worth no verdict." in page(bad).text
    red = re.findall(r'<b>(\w+)</b></td>\s*<td class="n"><span class="tag violated">0<', html)
    assert red == ["busy"]
    quiet = html[html.index("<summary>2 that did not happen") :]
    assert re.findall(r"<b>(.+)</b>", quiet[: quiet.index("</details>")]) == [
        "conflict",
        "of_<wbr>another_<wbr>version",
    ]
    lines = [line for line in (bad / "summary.md").read_text("utf-8").splitlines() if "required" in line]
    assert lines == [f"* **not reached, though required** (simulated): busy: {Mechanism.BUSY.meaning}"]


def test_every_slow_edit_is_named(good: Path) -> None:
    rows = re.findall(r"<code>(s\d#\d+)</code></td><td>d1", (good / "report.html").read_text())
    assert len(rows) == 16  # five of each of three measures, and the one edit made offline


def test_equal_files_give_equal_reports(tmp_path: Path, good: Path) -> None:
    write_report(write_run(tmp_path, [CLEAN, UNCLAIMED]))
    for name in ("report.html", "junit.xml", "summary.md"):
        assert (tmp_path / name).read_bytes() == (good / name).read_bytes()


def test_junit_has_a_case_for_every_check_and_objective(bad: Path) -> None:
    suites = ElementTree.parse(bad / "junit.xml").getroot()
    checks, slos = suites
    outcome = {
        case.get("name"): [child.tag for child in case if child.tag != "system-out"]
        for suite in suites
        for case in suite.iter("testcase")
    }
    assert outcome["convergence"] == []
    assert outcome["ledger"] == ["failure"]
    assert outcome["strong list"] == ["skipped"]
    assert outcome["presence"] == ["error"]
    assert outcome["operation-latency"] == []
    assert outcome["concurrent-connections"] == ["skipped"]
    assert len(outcome) == 4 + 14
    counts = [[s.get(k) for k in ("tests", "failures", "errors", "skipped")] for s in (checks, slos)]
    assert counts == [["4", "1", "1", "1"], ["14", "0", "0", "9"]]
    failure = checks.find("testcase/failure")
    assert failure is not None
    assert "s1#4" in (failure.text or "")


def test_the_summary_is_short_and_safe(bad: Path) -> None:
    text = (bad / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("## Concord: violated\n")
    assert "| ledger | violated | 500 | 1 |" in text
    assert "but \\<b\\>nobody\\</b\\> shows it" in text
    assert "`failures/0.json`" in text
    assert len(text.splitlines()) < 52


@pytest.mark.parametrize("name", ["result.json", "measures.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "foreign", "not text"])
def test_a_damaged_file_is_one_line_and_nothing_is_written(tmp_path: Path, name: str, damage: str) -> None:
    path = write_run(tmp_path, [CLEAN]) / name
    data = path.read_bytes()
    match damage:
        case "missing":
            path.unlink()
        case "truncated":
            path.write_bytes(data[: len(data) // 2])
        case "empty":
            path.write_bytes(b"")
        case "foreign":
            path.write_bytes(b'{"version": 1}')
        case _:
            path.write_bytes(b"\xff\x00" + data)
    with pytest.raises(ReportError) as caught:
        write_report(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_a_report_of_a_run_without_anything(tmp_path: Path) -> None:
    write_report(write_run(tmp_path, []))
    assert "Too little was checked to say anything." in page(tmp_path).text
    assert "2 (nothing or too little was checked)" in page(tmp_path).text
