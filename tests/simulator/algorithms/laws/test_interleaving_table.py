"""The table of who interleaves what comes out as published, and says so when it does not."""

from __future__ import annotations

import pytest

from model.crdt.replicas import ALGORITHMS, FugueMax, Logoot, Rga
from model.crdt.scripts import Insert, play
from simulator.algorithms.laws.interleaving import (
    EXPECTED,
    Expected,
    InterleavingRow,
    Kind,
    interleaving_table,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table() -> list[InterleavingRow]:
    return interleaving_table(seed=1, runs=80)


def test_the_table_comes_out_as_published(table: list[InterleavingRow]) -> None:
    assert [row for row in table if not row.agrees] == []
    assert [(row.algorithm, row.kind) for row in table] == [
        (name, kind) for name in ALGORITHMS for kind in Kind
    ]
    assert {row.scenarios for row in table} == {80}


def test_fugue_breaks_the_maximal_rule_but_rarely(table: list[InterleavingRow]) -> None:
    (row,) = [row for row in table if row.expected is Expected.RARELY]
    assert (row.algorithm, row.kind) == ("fugue", Kind.MAXIMAL)
    assert 0 < row.broken < 8


def test_the_evidence_is_a_smallest_scenario_that_shows_it(table: list[InterleavingRow]) -> None:
    for row in table:
        assert (row.evidence is None) is (row.broken == 0)
    (row,) = [row for row in table if (row.algorithm, row.kind) == ("rga", Kind.BACKWARD)]
    assert row.evidence is not None
    assert len([step for step in row.evidence.script.steps if isinstance(step, Insert)]) == 3
    final = play(row.evidence.script, Rga)[row.evidence.script.agents[0]]
    assert row.evidence.text == final.text
    assert "is split by" in row.evidence.message


def test_the_table_is_a_function_of_its_seed(table: list[InterleavingRow]) -> None:
    again = interleaving_table(seed=1, runs=80, algorithms={"rga": Rga, "logoot": Logoot})
    assert again == [row for row in table if row.algorithm in ("rga", "logoot")]
    assert again != interleaving_table(seed=2, runs=80, algorithms={"rga": Rga, "logoot": Logoot})


def test_an_algorithm_that_does_not_do_as_expected_does_not_agree() -> None:
    rows = interleaving_table(seed=1, runs=40, algorithms={"fuguemax": Rga, "rga": FugueMax})
    assert [row.agrees for row in rows] == [True, False, False, False, True, False, False, False]


def test_something_is_expected_of_every_algorithm() -> None:
    assert EXPECTED.keys() == ALGORITHMS.keys()
