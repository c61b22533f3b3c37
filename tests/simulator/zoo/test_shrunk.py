"""Cases of seeded bugs become small, replay exactly, and fill the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.failures.case import load_case, save_case
from simulator.failures.shrink import Shrinker
from simulator.failures.trial import attempt
from simulator.virtual.cell import HEALTHY
from simulator.zoo.catalogue import ZOO, bug_of
from simulator.zoo.hunt import hunt
from simulator.zoo.table import ZooRow, row_of, run_zoo

pytestmark = pytest.mark.slow

ATTEMPTS_MAX = 1_000
CLIENTS_MAX = 3
EDITS_MAX = 6


@pytest.mark.parametrize("name", ["dopt", "group-commit", "undo-uncarried", "cursor-frozen"])
def test_a_case_becomes_small_and_replays(name: str, tmp_path: Path) -> None:
    bug = bug_of(name)
    finding = hunt(bug, range(40))
    assert finding is not None
    assert finding.case is not None
    shrinker = Shrinker(finding.case, bug.parts(), out_of_time=lambda: shrinker.attempts >= ATTEMPTS_MAX)
    small = shrinker.shrink()
    assert small.clients <= CLIENTS_MAX
    assert small.operations <= EDITS_MAX
    assert small.shrunk
    assert small.bug == name

    save_case(small, tmp_path / "case.json")
    loaded = load_case(tmp_path / "case.json")
    assert loaded == small
    again = attempt(loaded.plan, bug.parts())
    assert again.digest == small.digest
    assert again.violated(small.check)
    assert not any(r.claimed and r.violated for r in attempt(loaded.plan, HEALTHY).results)


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    bug = bug_of("dopt")._replace(parts=lambda: HEALTHY)
    assert hunt(bug, range(5)) is None


def test_a_hunt_ends_when_its_time_is_up() -> None:
    assert hunt(bug_of("dopt"), range(5), lambda: True) is None


def test_the_table_has_a_row_for_each_bug_in_the_order_asked_for() -> None:
    told: list[ZooRow] = []
    rows = run_zoo(["tie-reversed", "early-answer"], 6.0, 1, told.append)
    assert [row.bug for row in rows] == ["tie-reversed", "early-answer"]
    assert sorted(told) == sorted(rows)
    for row in rows:
        assert row.check in bug_of(row.bug).expected
        assert row.operations >= 1
        assert row.runs >= 1
        assert 1 <= row.clients <= CLIENTS_MAX
        assert 1 <= row.edits <= EDITS_MAX
        assert row.attempts > 1
        assert row.seconds > 0.0


def test_a_bug_that_nobody_finds_has_a_row_without_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ZOO, "dopt", bug_of("dopt")._replace(parts=lambda: HEALTHY))
    row = row_of("dopt", 0.5)
    assert row.check == ""
    assert row.clients == 0


def test_an_unknown_bug_is_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="unknown bug 'gremlin'"):
        run_zoo(["dopt", "gremlin"], 1.0, 1, lambda row: None)
