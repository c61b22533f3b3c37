from __future__ import annotations

import json
import re
import types
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from model.verdict import CheckResult, Violation
from simulator.failures.case import save_case
from simulator.failures.explain import explain
from simulator.failures.explain.replay import replay_test
from simulator.planning.plan import ScriptStep
from tests.simulator.failures.explain.cases import (
    DOPT,
    case_of,
    cell_plan,
    diverging,
    explained,
    told_plan,
    told_results,
    two_clients,
)

VOID = {"meta", "br", "hr", "img", "link", "input"}
SENTENCE = (
    "c1 edited (c1#1); after revision 1 c2 shows 'abx' and the server 'axb':"
    " 'x' of c1#1 stands at 2 for c2 and at 1 for the server."
)


class Page(HTMLParser):
    """Tags with their attributes and the text outside of style; checks that tags are nested."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def told_page() -> str:
    case = case_of(told_plan())
    return explain(case, two_clients(), told_results(), file="first.json")


def test_the_page_begins_with_the_last_steps_before_the_failure() -> None:
    explained = diverging()
    page = explain(explained.case, explained.records, explained.results)
    titles = re.findall("<h2>([^<]*)</h2>", page)
    assert titles[:3] == ["The last 10 steps before it", "What happened", "The steps"]
    assert page.split("<h2>")[1].count("<tr") == 1 + 10
    assert not any(title.startswith("The last") for title in re.findall("<h2>([^<]*)</h2>", told_page()))


def test_the_page_says_what_failed_in_one_sentence() -> None:
    page = Page(told_page())
    assert SENTENCE in page.text
    assert "convergence violated\n(claimed by the engine)" in page.text
    assert "2 clients, 1 edit; no faults; found in default with seed 7" in page.text
    assert "concord replay first.json" in page.text


def test_the_page_needs_nothing_else() -> None:
    source = told_page()
    page = Page(source)
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not [a for _, attributes in page.tags for a in attributes if a in ("src", "href", "onclick")]
    assert "@import" not in source
    assert not re.search(r"url\((?!#tip\d+\))", source)
    assert set(re.findall(r"https?://[^\"\s]*", source)) == {"http://www.w3.org/2000/svg"}
    assert "prefers-color-scheme: dark" in source


def test_the_page_holds_steps_scripts_and_evidence() -> None:
    page = Page(told_page())
    assert page.text.count("revision 1 = c1#1: inserts 'x' at 1") >= 2  # in the picture and in the table
    assert "receives revision 1 (c1#1); the server has 'axb'" in page.text
    assert "c2 and c1 show different texts at revision 1" in page.text
    assert '"site": "c2"' in page.text
    assert "goes online" in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) == 2  # for a desk, for a phone


def test_nothing_in_a_case_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'&\x07"
    case = explained(cell_plan({"c1": (ScriptStep(300_000, "edit", 0, 0, evil),), "c2": ()}, text=evil), DOPT)
    violation = Violation("convergence", 0, "notes", f"c1#1 {evil}", {"text": evil, evil: [evil]})
    results = (CheckResult("convergence", 1, 1, evil, True, (violation,)),)
    origin = msgspec.structs.replace(case.case.origin, scenario=evil, command=evil)
    named = msgspec.structs.replace(case.case, message=evil, origin=origin)
    page = Page(explain(named, case.records, results, file=evil))
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>" in page.text
    assert "\x07" not in page.text


def test_faults_are_in_words_and_in_the_picture() -> None:
    from simulator.planning.plan import FaultWindow

    fault = FaultWindow(0, "clog", "network", 400_000, 650_000, {})
    case = explained(cell_plan({"c1": ()}, faults=(fault,)))
    page = Page(explain(*case))
    assert "faults: clog from 0.4 s to 0.65 s" in page.text
    assert [a for tag, a in page.tags if tag == "rect" and a.get("class") == "fault"]


def test_equal_input_gives_an_equal_page() -> None:
    assert explain(*diverging()) == explain(*diverging())


def run_test_of(source: str, folder: Path) -> None:
    module = types.ModuleType("replay")
    module.__dict__["__file__"] = str(folder / "test_replay.py")
    exec(compile(source, "test_replay.py", "exec"), module.__dict__)
    (test,) = [value for name, value in vars(module).items() if name.startswith("test_")]
    test()


def test_the_test_on_the_page_replays_the_case(tmp_path: Path) -> None:
    case = case_of(diverging().case.plan, message="c1 is wrong")
    save_case(case, tmp_path / 'a "name".json')
    source = replay_test(case, 'a "name".json')
    run_test_of(source, tmp_path)  # without the bug the check holds
    assert json.dumps('a "name".json') in source
    never = msgspec.structs.replace(case, check="convergence", plan=case.plan)
    assert "def test_convergence_holds()" in replay_test(never, "x.json")


def test_the_test_on_the_page_fails_as_long_as_the_failure_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from simulator.failures import trial

    case = case_of(diverging().case.plan, message="c1 is wrong")
    save_case(case, tmp_path / "case.json")
    healthy = trial.attempt
    monkeypatch.setattr(trial, "attempt", lambda plan: healthy(plan, DOPT))
    with pytest.raises(AssertionError, match="c1 is wrong"):
        run_test_of(replay_test(case, "case.json"), tmp_path)


def test_the_test_of_a_seeded_bug_names_it() -> None:
    source = replay_test(case_of(told_plan(), bug="off-by-one"), "case.json")
    compile(source, "test_replay.py", "exec")
    assert "def test_convergence_finds_off_by_one()" in source
    assert "bug_of(CASE.bug).parts()" in source
