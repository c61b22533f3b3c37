"""The page of the faults says what there is."""

from __future__ import annotations

import re

import pytest

from model.settings.durations import key_of
from simulator.faults import FAULTS
from simulator.gossip.faults import GOSSIP_FAULTS
from simulator.live.faults import LIVE_FAULTS
from simulator.planning.faultspec import FAULT_KINDS
from simulator.virtual.witness import Symptom
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = {
    row[0].strip("` "): [cell.strip() for cell in row[1:]]
    for line in re.findall(r"^\| `.*$", PAGE, re.MULTILINE)
    if (row := line.strip("|").split("|"))
}


def named(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def test_every_kind_has_its_row() -> None:
    assert list(ROWS) == list(FAULT_KINDS)


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_row_says_where_a_fault_is_what_it_takes_and_what_it_must_show(kind: str) -> None:
    where, takes, _, shows = ROWS[kind]
    assert where == FAULT_KINDS[kind].where
    assert named(takes) == {key_of(name) for name in FAULT_KINDS[kind].parameters}
    if kind == "partition_one_way":  # which depends on the direction
        return
    classes = [found[kind] for found in (FAULTS, GOSSIP_FAULTS, LIVE_FAULTS) if kind in found]
    symptoms = {s.name for fault in classes for s in (*fault.shows.counted, *fault.shows.needed)}
    assert named(shows) == symptoms


def test_the_page_names_no_symptom_that_is_none() -> None:
    known = {symptom.name for symptom in Symptom} | {"up", "down"}
    assert {name for row in ROWS.values() for name in named(row[3])} <= known
