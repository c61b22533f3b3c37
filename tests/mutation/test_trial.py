"""Planted mutations: what is broken is found, what is not broken is not, and what never ends is ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.mutation import __main__ as command
from tests.mutation import baseline as baselines
from tests.mutation import child, trial
from tests.mutation.areas import source_of
from tests.mutation.baseline import Baseline, statement_at
from tests.mutation.battery import BATTERY, Explored, Judged, play
from tests.mutation.child import told
from tests.mutation.listed import Listed
from tests.mutation.operators import Mutation, mutations
from tests.mutation.rows import Finding, Journal, Outcome, change_of
from tests.mutation.suite import HealthyTest, map_lines
from tests.mutation.trial import ask_tests, explored, simulate, tried

pytestmark = pytest.mark.slow

CURSORS = "model/cursors.py"


@pytest.fixture(scope="module")
def healthy() -> Judged:
    child.begin()
    return next(word for word in told(play, {}, [0], {}) if isinstance(word, Judged))


def planted(file: str, old: str, new: str) -> Mutation:
    """A change of the one place where a text stands."""
    data = source_of(file).encode()
    assert data.count(old.encode()) == 1
    start = data.index(old.encode())
    return Mutation(
        file, data.count(b"\n", 0, start) + 1, "", "planted", start, start + len(old.encode()), new
    )


def sources(mutation: Mutation) -> dict[str, str]:
    return {mutation.file: mutation.applied(source_of(mutation.file))}


LOST = ("reference_server/core/room.py", "self._acknowledge(author, row)", "pass")
ENDLESS = (
    "model/client/client.py",
    "self._backoff.reset()\n        self._listener.online()",
    "while True: pass",
)


def test_the_battery_is_of_commands_and_the_healthy_product_passes(healthy: Judged) -> None:
    assert healthy.verdict in ("valid", "unknown")
    assert len(healthy.digest) == 32
    assert all(simulation.command.startswith("concord simulate ") for simulation in BATTERY)
    assert len({simulation.command for simulation in BATTERY}) == len(BATTERY)


def test_an_acknowledgement_that_is_not_sent_is_found(healthy: Judged) -> None:
    finding = simulate(sources(planted(*LOST)), [0], {0: healthy}, "now")
    assert finding.outcome is Outcome.FOUND
    assert finding.by == BATTERY[0].command
    assert finding.check
    assert finding.message
    assert finding.state == "now"


def test_an_acknowledgement_that_is_not_sent_is_found_by_exploring(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = explored(sources(planted(*LOST)), "now")
    assert (finding.outcome, finding.state) == (Outcome.FOUND, "now")
    assert finding.by.startswith("concord explore (")
    assert finding.message
    for why, outcome in (("", Outcome.SURVIVED), (child.HUNG_BUSY, Outcome.HUNG), ("x", Outcome.CRASHED)):
        words = [Explored("moves", "", "", 0.5), child.Ended(why)]
        monkeypatch.setattr(trial, "told", lambda *_, words=words: iter(words))
        assert explored({}, "").outcome is outcome


def test_what_no_simulation_finds_is_explored_unless_all_are_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "explored", lambda *_: Finding(Outcome.FOUND))
    base = Baseline([], [], "", "now")
    for outcome, exploring, is_tried in (
        (Outcome.FOUND, "survivors", False),
        (Outcome.FOUND, "all", True),
        (Outcome.SURVIVED, "survivors", True),
        (Outcome.SURVIVED, "none", False),
    ):
        monkeypatch.setattr(trial, "simulate", lambda *_, outcome=outcome: Finding(outcome))
        row = tried(planted(*LOST), base, "", None, "none", exploring=exploring)
        assert (row.explored is not None) is is_tried


def test_a_comment_changes_nothing(healthy: Judged) -> None:
    mutation = planted(CURSORS, "from __future__", "# the same\nfrom __future__")
    assert simulate(sources(mutation), [0], {0: healthy}, "").outcome is Outcome.NO_EFFECT


def test_a_change_that_nobody_objects_to_survives(healthy: Judged) -> None:
    other = healthy._replace(digest="0" * 32)
    assert simulate({}, [0], {0: other}, "").outcome is Outcome.SURVIVED


def test_a_loop_is_ended_and_is_no_survivor(healthy: Judged) -> None:
    finding = simulate(sources(planted(*ENDLESS)), [0], {0: healthy._replace(cpu_seconds=0.0)}, "")
    assert (finding.outcome, finding.check) == (Outcome.HUNG, child.HUNG_BUSY)


def test_a_harness_that_fails_has_found_nothing(healthy: Judged) -> None:
    broken = {"simulator/virtual/storage.py": "raise RuntimeError('not the product')"}
    finding = simulate(broken, [0], {0: healthy}, "")
    assert (finding.outcome, finding.check) == (Outcome.CRASHED, "RuntimeError")


def test_what_nothing_executes_is_not_played() -> None:
    assert simulate({}, [], {}, "").outcome is Outcome.UNREACHED


def test_tests_that_execute_a_line_are_known_and_find_what_is_wrong_there() -> None:
    words = told(map_lines, [CURSORS], ["tests/model/test_invariants.py"])
    tests = [word for word in words if isinstance(word, HealthyTest)]
    mutation = planted(CURSORS, "self._peers[site] = PeerCursor(", "raise ZeroDivisionError(")
    base = Baseline([], tests, "", "now")
    assert len(base.tests_of(CURSORS, mutation.line)) > 1
    assert base.tests_of(CURSORS, 1) == base.tests_of(CURSORS, 3)  # the top of a module is everybody's
    finding = ask_tests(mutation, sources(mutation), base)
    assert finding.outcome is Outcome.FOUND
    assert finding.by.startswith("tests/model/")
    assert finding.state == "now"
    assert ask_tests(mutation, {}, base).outcome is Outcome.SURVIVED
    assert ask_tests(mutation, {}, base._replace(tests=[])).outcome is Outcome.UNREACHED


def test_a_statement_is_executed_on_any_of_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "A = 1\ndef f(a):\n    if (a\n            and a):\n        return g(\n            a)\n    return 0\n"
    )
    monkeypatch.setattr(baselines, "source_of", lambda file: source)
    baselines._statements.cache_clear()
    assert statement_at("a.py", 1) == (1, 0)
    assert statement_at("a.py", 4) == (3, 4)
    assert statement_at("a.py", 6) == (5, 6)
    assert statement_at("a.py", 7) == (7, 7)
    baselines._statements.cache_clear()


def test_what_is_known_and_still_holds_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = planted(*LOST)
    tried_again: list[str] = []

    def finding(name: str, outcome: Outcome) -> Callable[..., Finding]:
        def find(*arguments: object) -> Finding:
            tried_again.append(name)
            return Finding(outcome, state=getattr(base, name))

        return find

    monkeypatch.setattr(trial, "simulate", finding("product", Outcome.SURVIVED))
    monkeypatch.setattr(trial, "ask_tests", finding("suite", Outcome.FOUND))
    base = Baseline([], [], "product 1", "suite 1")
    row = tried(mutation, base, "c0ffee", None, "none")
    assert (tried_again, row.tested) == (["product"], None)
    row = tried(mutation, base, "c0ffee", row, "survivors")
    assert tried_again == ["product", "suite"]
    row = tried(mutation, base, "c0ffee", row, "all")
    assert tried_again == ["product", "suite"]
    base = base._replace(suite="suite 2")
    row = tried(mutation, base, "c0ffee", row, "survivors")
    assert tried_again == ["product", "suite", "suite"]
    base = base._replace(product="product 2", suite="suite 3")
    row = tried(mutation, base, "cafe", row, "survivors", keep_found=True)
    assert tried_again == ["product", "suite", "suite", "product"]
    assert row.tested is not None
    assert (row.simulated.commit, row.tested.commit) == ("cafe", "c0ffee")


def test_tests_are_run_where_simulations_found_nothing_unless_all_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial, "simulate", lambda *_: Finding(Outcome.HUNG))
    monkeypatch.setattr(trial, "ask_tests", lambda *_: Finding(Outcome.FOUND))
    base = Baseline([], [], "", "now")
    assert tried(planted(*LOST), base, "", None, "survivors").tested is None
    assert tried(planted(*LOST), base, "", None, "all").tested == Finding(Outcome.FOUND)


def test_the_command_tries_goes_on_and_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "BATTERY", BATTERY[:1])
    told_of = tried_from(tmp_path)
    assert told_of.count("model/cursors.py:") >= 3
    assert "| cursors | 3 |" in told_of
    rows = (tmp_path / "rows.jsonl").read_bytes()
    assert len(rows.splitlines()) == 3
    began: list[object] = []
    monkeypatch.setattr(trial, "simulate", began.append)
    assert "| cursors | 3 |" in tried_from(tmp_path)
    assert began == []
    key = Journal(tmp_path).rows.popitem()[0]
    shown = tried_from(tmp_path, "--show", key)
    assert shown.startswith("--- model/cursors.py\n+++ model/cursors.py\n@@")


def tried_from(folder: Path, *more: str) -> str:
    arguments = ["--area", "cursors", "--sample", "3", "--tests", "none", "--out", str(folder), *more]
    arguments += ["--explore", "none"]
    done = invoked(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


def invoked(*arguments: str) -> Result:
    program = typer.Typer(add_completion=False)
    program.command()(command.main)
    return CliRunner().invoke(program, arguments)


@pytest.mark.parametrize(
    "arguments", [["--area", "nowhere"], ["--kind", "x"], ["--show", "0"], ["--sample", "0"]]
)
def test_what_cannot_be_meant_is_refused(arguments: list[str]) -> None:
    done = invoked(*arguments, "--area", "cursors")
    assert done.exit_code == 2
    assert arguments[0] in done.output


@pytest.mark.parametrize(
    ("outcomes", "gone", "code"),
    [
        ([Outcome.FOUND, Outcome.HUNG], 0, 0),
        ([Outcome.FOUND], 5, 0),
        ([Outcome.FOUND], 6, 1),
        ([Outcome.FOUND, Outcome.SURVIVED], 0, 1),
        ([Outcome.CRASHED], 0, 1),
        ([], 0, 1),
    ],
)
def test_known_ones_must_be_found(
    monkeypatch: pytest.MonkeyPatch, outcomes: list[Outcome], gone: int, code: int
) -> None:
    source = source_of(CURSORS)
    there = [
        Listed(mutation.file, mutation.function, *change_of(mutation))
        for mutation in mutations(CURSORS, source)[: len(outcomes)]
    ]
    findings = [Finding(outcome) for outcome in outcomes]
    monkeypatch.setattr(command, "known", lambda: [*there, *[Listed(CURSORS, "f", "a", "b")] * gone])
    monkeypatch.setattr(command, "simulate", lambda *_: findings.pop())
    assert invoked("--known").exit_code == code
