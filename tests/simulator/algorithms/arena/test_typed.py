"""Interleaving measured from what people saw, against the origins that replicas keep."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from model.crdt.interleaving import Interleaving, interleaving
from model.crdt.replicas import ALGORITHMS, Element, ElementId
from model.identity import SiteId
from model.text import Operation, delete, insert
from simulator.algorithms.arena.contenders import CONTENDERS
from simulator.algorithms.arena.engines.plain import PlainEngine
from simulator.algorithms.arena.engines.replicas import SERVER
from simulator.algorithms.arena.play import play
from simulator.algorithms.arena.rehearsal import named_schedule
from simulator.algorithms.arena.schedule import Schedule
from simulator.algorithms.arena.typed import NOBODY, Typed
from tests.simulator.algorithms.arena.strategies import schedules

A, B = SiteId("A"), SiteId("B")


@pytest.mark.slow
@given(schedules(steps_min=8, deletes=False))
def test_without_deletion_the_origins_are_those_of_the_replicas(schedule: Schedule) -> None:
    for name in ALGORITHMS:
        played = play(schedule, CONTENDERS[name].make, time.perf_counter)
        assert isinstance(played.engine, PlainEngine)
        kept = [_as_nobody(element) for element in played.engine.server.elements()]
        assert played.typed.elements(played.server_text) == kept


def _as_nobody(element: Element) -> Element:
    """The element, the first text being nobody's."""
    ids = (element.id, element.left, element.right)
    renamed = [i._replace(site=NOBODY) if i is not None and i.site == SERVER else i for i in ids]
    assert renamed[0] is not None
    return Element(renamed[0], element.character, element.deleted, renamed[1], renamed[2])


def test_a_deleted_character_stands_behind_its_left_neighbour() -> None:
    typed = Typed("ab")
    typed.edited(A, insert(2, 1, "xy"), "ab")
    typed.edited(A, delete(4, 1, 1), "axyb")
    typed.edited(A, Operation(3, (2, "z", -1, "w")), "ayb")
    line = typed.elements("ayzw")
    assert [(e.character, e.deleted) for e in line] == [
        ("a", False),
        ("x", True),
        ("b", True),
        ("y", False),
        ("z", False),
        ("w", False),
    ]
    by_character = {e.character: e for e in line}
    assert by_character["z"].id == ElementId(A, 4), "a deletion counts"
    assert (by_character["z"].left, by_character["z"].right) == (typed.ids["y"], typed.ids["b"])
    assert by_character["w"].id == ElementId(A, 6)
    assert (by_character["w"].left, by_character["w"].right) == (typed.ids["b"], None)


def test_runs_that_are_split() -> None:
    for algorithm, expected in (("fuguemax", (0, 0, 2, 0)), ("rga", (0, 0, 2, 2))):
        played = play(named_schedule("backward-runs"), CONTENDERS[algorithm].make, time.perf_counter)
        assert played.typed.interleaving(played.server_text) == expected
    typed = Typed("")
    typed.edited(A, insert(0, 0, "ab"), "")
    typed.edited(B, insert(0, 0, "xy"), "")
    assert typed.interleaving("abxy") == Interleaving(2, 0, 0, 0)
    assert typed.interleaving("axby") == Interleaving(2, 2, 0, 0)
    assert typed.interleaving("axyb") == Interleaving(2, 1, 0, 0)


def test_the_first_text_is_nobodys_run() -> None:
    typed = Typed("abc")
    assert typed.interleaving("abc") == interleaving([]) == Interleaving(0, 0, 0, 0)
