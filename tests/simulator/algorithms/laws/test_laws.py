"""`concord laws`: every row as published, a difference is seen, and the form of the JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import msgspec
import pytest

from model.crdt.replicas import ALGORITHMS
from model.crdt.scripts import SCENARIOS, Delete, Insert, Script, Sync
from model.identity import SiteId
from model.verdict import CheckResult, ExitCode
from simulator.algorithms.laws import interleaving, lists, measure, sequences, transformation
from simulator.algorithms.laws.interleaving import Expected
from simulator.algorithms.laws.tables import LawRow, Table, row
from simulator.algorithms.published.catalogue import PUBLISHED, PublishedFunction
from simulator.algorithms.published.puzzles import PUZZLES
from simulator.algorithms.published.ressel import Ressel
from simulator.failures.trial import attempt
from simulator.planning.seeds import Seeds
from tests.terminal import Outcome, Terminal, terminal

pytestmark = pytest.mark.slow

__all__ = ["terminal"]  # a fixture


Laws: TypeAlias = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less of everything, enough to find what there is to find."""
    monkeypatch.setattr(transformation, "SCOPE", ((3, 0), (3, 1), (3, 2), (4, 0), (4, 1)))
    monkeypatch.setattr(transformation, "RANDOM_HISTORIES", 500)
    monkeypatch.setattr(lists, "CONTENDED_RUNS", 20)
    monkeypatch.setattr(sequences, "INTERLEAVING_RUNS", 60)


@pytest.fixture
def laws(terminal: Terminal) -> Laws:
    return partial(terminal, "laws")


def differing(table: Table) -> list[str]:
    return [row.what for row in table.rows if not row.same]


def test_everything_is_as_published_and_the_form_is_stable(laws: Laws) -> None:
    code, out, err = laws("--json", "--seed", "3")
    assert (code, err) == (ExitCode.GOOD, "")
    found = json.loads(out)
    assert list(found) == ["version", "seed", "same", "tables"]
    assert (found["version"], found["seed"], found["same"]) == (1, 3, True)
    assert [table["name"] for table in found["tables"]] == [
        "transformation_functions",
        "puzzles",
        "jupiter",
        "crdt_scenarios",
        "crdt_interleaving",
    ]
    for table in found["tables"]:
        assert list(table) == ["name", "title", "rows"]
        assert len({row["what"] for row in table["rows"]}) == len(table["rows"])
        for line in table["rows"]:
            assert list(line) == ["what", "published", "measured", "same", "evidence"]
            assert line["same"] is True
            assert line["evidence"]
    counts = [len(table["rows"]) for table in found["tables"]]
    assert counts == [4 * len(PUBLISHED), len(PUZZLES), 8, 30, 24]


def test_equal_seeds_give_equal_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformation, "PUBLISHED", PUBLISHED[:1] + PUBLISHED[-1:])
    monkeypatch.setattr(transformation, "SCOPE", ((3, 0), (3, 2)))
    assert measure(4) == measure(4)


def test_the_tables_are_drawn(laws: Laws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformation, "PUBLISHED", PUBLISHED[:2])
    code, out, _ = laws()
    assert code == ExitCode.GOOD
    assert "Ellis & Gibbs: positions within the text" in out
    assert '"a": A: Del 0, B: Ins 0 u; A B → Ins -1 u on a text of 0' in out
    assert "86 of 86 as published" in out


def test_a_difference_is_exit_code_1(laws: Laws, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = PUBLISHED[1]._replace(fresh=True)
    monkeypatch.setattr(transformation, "PUBLISHED", (claimed,))
    code, out, _ = laws("--json")
    assert code == ExitCode.VIOLATED
    found = json.loads(out)
    assert found["same"] is False
    (different,) = [r for table in found["tables"] for r in table["rows"] if not r["same"]]
    assert different["what"] == "Ressel et al.: TP2, three operations of one state"
    assert (different["published"], different["measured"]) == ("holds", "fails")
    assert laws()[0] == ExitCode.VIOLATED


@pytest.mark.parametrize("seed", ["-1", "x"])
def test_a_wrong_seed_is_refused(laws: Laws, seed: str) -> None:
    code, out, err = laws("--seed", seed)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "--seed" in err


@pytest.mark.parametrize("law", ["bounds", "tp1", "fresh", "causal"])
@pytest.mark.parametrize("published", [PUBLISHED[1], PUBLISHED[2]], ids=lambda p: p.function.name)
def test_a_wrong_verdict_of_any_law_is_seen(
    monkeypatch: pytest.MonkeyPatch, published: PublishedFunction, law: str
) -> None:
    changes: dict[str, Any] = {law: not getattr(published, law)}
    wrong = published._replace(**changes)
    monkeypatch.setattr(transformation, "PUBLISHED", (wrong,))
    table = transformation.functions_table(Seeds(1), lambda _: None)
    assert len(differing(table)) == 1


def test_a_failure_that_is_not_found_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformation, "SCOPE", ((3, 0),))
    monkeypatch.setattr(transformation, "RANDOM_HISTORIES", 1)
    (suleiman,) = [p for p in PUBLISHED if p.function.name == "Suleiman et al."]
    assert not transformation.causal_row(suleiman, Seeds(1)).same


def test_a_search_that_left_histories_out_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Astray(Ressel):
        """Leaves the text in causal histories only."""

        def apply(self, state: str, operation: Any) -> str:
            return super().apply(state, operation) if len(state) < 3 else super().apply("", operation)

    monkeypatch.setattr(transformation, "SCOPE", ((3, 3),))
    found = transformation.causal_row(
        PublishedFunction(Astray(), bounds=True, tp1=True, fresh=True, causal=True), Seeds(1)
    )
    assert (found.measured, found.same) == ("unknown", False)
    assert "left out" in found.evidence


def test_a_wrong_puzzle_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = PUZZLES[0]._replace(texts=("bdx",))
    monkeypatch.setattr(transformation, "PUZZLES", (wrong, *PUZZLES[1:]))
    assert differing(transformation.puzzles_table()) == [wrong.name]


def test_a_scenario_that_ends_otherwise_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    # Fugue in FugueMax's place: no scenario tells them apart; RGA in YATA's place: every one does.
    for algorithm, stand_in, different in (("fuguemax", "fugue", 0), ("yata", "rga", len(SCENARIOS))):
        swapped = {**ALGORITHMS, algorithm: ALGORITHMS[stand_in]}
        monkeypatch.setattr(sequences, "ALGORITHMS", swapped)
        assert len(differing(sequences.scenarios_table())) == different


@pytest.mark.parametrize(
    ("algorithm", "stand_in", "different"),
    [
        ("fuguemax", "rga", ["backward, one author per run", "backward, several replicas", "maximal rule"]),
        ("rga", "fuguemax", ["backward, one author per run", "backward, several replicas", "maximal rule"]),
        ("yata", "logoot", ["forward", "backward, one author per run"]),
    ],
)
def test_who_interleaves_otherwise_is_seen(
    monkeypatch: pytest.MonkeyPatch, algorithm: str, stand_in: str, different: list[str]
) -> None:
    monkeypatch.setattr(sequences, "ALGORITHMS", {algorithm: ALGORITHMS[stand_in]})
    table = sequences.interleaving_of_runs(1)
    found = [what.removesuffix(", any history") for what in differing(table)]
    assert found == [f"{algorithm}: {kind}" for kind in different]
    assert all(r.measured != r.published for r in table.rows if not r.same)


def test_a_script_is_told_with_the_places_that_came_of_it() -> None:
    a, b = SiteId("A"), SiteId("B")
    steps = (Insert(a, 5, "xy"), Sync(b, a), Delete(b, 3, 4), Delete(a, 0, 1), Sync(a, b))
    told = sequences.script_text(Script((a, b), steps), ALGORITHMS["fugue"])
    assert told == "A: Ins 0 xy, B hears A, B: Del 1 1, A: Del 0 1"


def test_what_is_rare_may_be_absent_but_not_common() -> None:
    rare = interleaving.InterleavingRow("fugue", interleaving.Kind.MAXIMAL, Expected.RARELY, 100, 0, None)
    for broken, measured, same in ((0, "no", True), (3, "rarely", True), (40, "interleaves", False)):
        found = sequences.measured_row(msgspec.structs.replace(rare, broken=broken))
        assert (found.measured, found.same) == (measured, same)


def test_contended_runs_that_violate_the_weak_specification_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def swapped(seed: Any) -> Any:
        trial = attempt(seed)
        exchanged = {"weak_list": "strong_list", "strong_list": "weak_list"}
        results = [_renamed(r, exchanged.get(r.name, r.name)) for r in trial.results]
        return trial._replace(results=tuple(results))

    monkeypatch.setattr(lists, "attempt", swapped)
    assert differing(lists.lists_table(Seeds(1))) == [
        "weak list specification, contended runs",
        "strong list specification, contended runs",
    ]


def _renamed(result: CheckResult, name: str) -> CheckResult:
    return CheckResult(
        name, result.checked, result.violated, result.detail, result.claimed, result.violations
    )


def test_a_row() -> None:
    assert row("w", "holds", "holds", "e") == LawRow("w", "holds", "holds", True, "e")
    assert not row("w", "holds", "unknown", "e").same
