"""Each law is broken on purpose by a subclass of a type or of a replica, and must be found broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from model.crdt.laws import commutative
from model.crdt.replica_laws import REPLICAS, copied, effects_commute, ids_unique, origins_present
from model.crdt.replicas import ALGORITHMS, ElementId, Event, Fugue, Replica, Rga
from model.crdt.replicas.nodes import ElementNode
from model.crdt.replicas.port import MissingDependency
from model.crdt.replicas.sequence import SavedSequence
from model.crdt.scripts import Script, perform
from model.crdt.types import JOINABLE, CausalContext, Dot, LwwRegister, MvRegister, OrSet, PnCounter
from model.crdt.types.mv import Assigned
from model.crdt.types.pncounter import Counts
from model.identity import SiteId
from tests.model.crdt.strategies import scripts
from tests.model.crdt.type_laws import Update, broken_laws

A, B, C = SiteId("A"), SiteId("B"), SiteId("C")


unsettled = scripts(settled=False, agents_max=3, steps_max=10)


class FirstComes(LwwRegister, frozen=True):
    """Ties go to whoever merges."""

    def join(self, other: LwwRegister) -> LwwRegister:
        return self if other.lamport <= self.lamport else other


class Averaging(PnCounter, frozen=True):
    """Joins by rounded mean: commutative and idempotent."""

    def join(self, other: PnCounter) -> PnCounter:
        mine, theirs = self.counts.get(A, Counts()), other.counts.get(A, Counts())
        return Averaging({A: Counts((mine.up + theirs.up + 1) // 2)})


class Adding(PnCounter, frozen=True):
    """Joins by adding: commutative and associative."""

    def join(self, other: PnCounter) -> PnCounter:
        return Adding({A: Counts(self.value + other.value)})


class Lowest(PnCounter, frozen=True):
    """Joins by minimum, which is as commutative, associative and idempotent as the maximum."""

    def join(self, other: PnCounter) -> PnCounter:
        return Lowest({A: Counts(min(self.value, other.value))})


class RoundingUp(PnCounter, frozen=True):
    """Joins of different states are rounded up to even numbers; only the least upper bound is missed."""

    def join(self, other: PnCounter) -> PnCounter:
        most = max(self.value, other.value)
        return self if self.value == other.value else RoundingUp({A: Counts(most + most % 2)})


def counters(kind: type[PnCounter]) -> list[PnCounter]:
    return [kind({A: Counts(n)}) for n in (400, 1, 2, 3)]


@pytest.mark.parametrize(
    ("law", "states", "smallest"),
    [
        ("commutative", [FirstComes(value, 1, site) for value, site in ((1, A), (2, B))], {}),
        ("associative", counters(Averaging), {"a": 1, "b": 2, "c": 3}),
        ("idempotent", counters(Adding), {"a": 1, "aa": 2}),
        ("upper_bound", counters(Lowest), {"a": 1, "b": 2, "ab": 1}),
        ("least", counters(RoundingUp), {"a": 1, "b": 3, "c": 3, "ab": 4}),
    ],
)
def test_a_broken_law_is_found_with_the_smallest_evidence(
    law: str, states: Sequence[Any], smallest: dict[str, int]
) -> None:
    found = {finding.law: finding for finding in broken_laws(states, [], JOINABLE)}
    assert law in found
    evidence = found[law].evidence
    for name, value in smallest.items():
        assert evidence[name] == {"counts": {"A": (value, 0)}}


def test_laws_that_are_not_broken_are_not_found() -> None:
    for kind, broken in [
        (Averaging, {"associative", "upper_bound"}),
        (Adding, {"idempotent", "least"}),
        (Lowest, {"upper_bound"}),
        (RoundingUp, {"least"}),
        (PnCounter, set()),
    ]:
        assert {finding.law for finding in broken_laws(counters(kind), [], JOINABLE)} == broken


def test_equal_knowledge_in_different_forms_is_found() -> None:
    # A register that keeps its values in the order in which they came.
    values = [Assigned(Dot(A, 1), 1), Assigned(Dot(B, 1), 2)]
    context = CausalContext({A: 1, B: 1})
    states = [MvRegister(tuple(values), context), MvRegister(tuple(reversed(values)), context)]
    assert "equal_states" in {finding.law for finding in broken_laws(states, [], JOINABLE)}


def test_different_knowledge_that_compares_equal_is_found() -> None:
    shown = JOINABLE._replace(equal=lambda one, other: one.elements == other.elements)
    added = OrSet().add(A, "x")
    states = [OrSet(), added.join(added.remove("x"))]
    assert [finding.law for finding in broken_laws(states, [], shown)] == ["equal_states"]


def test_an_update_that_forgets_is_found() -> None:
    added = OrSet().add(A, "x")
    forgetting = Update(added, OrSet())  # the removal forgets what it removed
    assert [finding.law for finding in broken_laws([], [forgetting], JOINABLE)] == ["inflationary"]


def test_a_delta_that_says_too_little_is_found() -> None:
    before = OrSet().add(A, "x")
    wrong = Update(before, before.join(before.remove("x")), OrSet())
    assert [finding.law for finding in broken_laws([], [wrong], JOINABLE)] == ["delta_joins"]
    assert broken_laws([], [wrong._replace(delta=before.remove("x"))], JOINABLE) == []


class ByArrival(Fugue):
    """Siblings stand in the order in which they came."""

    def _rank(self, node: Any, siblings: Any, is_left: bool) -> int:
        return len(siblings)


class Misplaced(Rga):
    """Everything goes to the beginning."""

    def _place(self, node: ElementNode) -> int:
        return 0


class Reborn(Fugue):
    """Ids begin again after loading."""

    def _restore(self, saved: SavedSequence) -> None:
        super()._restore(saved)
        self._version[self.site] = min(self._version.get(self.site, 0), 1)


class Demanding(Fugue):
    """Takes nothing of others before it has typed something itself."""

    def apply(self, event: Event) -> bool:
        if event.id.site != self.site and not self._version.get(self.site):
            raise MissingDependency(event, ElementId(self.site, 1))
        return super().apply(event)


def test_a_replica_that_depends_on_the_order_of_arrival_is_found() -> None:
    replicas: list[Replica] = [ByArrival(A), ByArrival(B), ByArrival(C)]
    for length, replica in zip((3, 1, 2), replicas, strict=True):
        replica.insert(0, replica.site.lower() * length)
    finding = commutative(replicas, REPLICAS)
    assert finding is not None
    assert {name: state["text"] for name, state in finding.evidence.items()} == {
        "a": "b",
        "b": "cc",
        "ab": "bcc",
        "ba": "ccb",
    }


def test_effects_that_do_not_commute_are_found() -> None:
    replicas = [ByArrival(A), ByArrival(B), ByArrival(C)]
    events = [event for replica in replicas[:2] for event in replica.insert(0, "x")]
    finding = effects_commute(replicas, events)
    assert finding is not None
    assert finding.message == "A#1 and B#1 do not commute."
    assert finding.evidence["before"]["site"] == "C"


def test_an_effect_that_is_not_enabled_everywhere_is_found() -> None:
    finding = effects_commute([Demanding(B)], Fugue(A).insert(0, "x"))
    assert finding is not None
    assert finding.message.startswith("event A#1 needs B#1")


def test_an_element_outside_its_origins_is_found() -> None:
    replica = Misplaced(A)
    replica.insert(0, "ab")
    finding = origins_present([replica])
    assert finding is not None
    assert finding.message == "A#2 does not stand between origins that are present."


def test_an_id_that_was_used_twice_is_found() -> None:
    author, reader = Reborn(A), Reborn(B)
    author.insert(0, "ab")
    reader.merge(author)
    again = Reborn.load(author.save())
    again.insert(0, "c")
    finding = ids_unique([reader, again])
    assert finding is not None
    assert finding.message == "A#2 is two elements: 'b' at B, 'c' at A."


def test_an_element_beyond_its_version_is_found() -> None:
    replica = Fugue(A)
    replica.insert(0, "ab")
    replica._version[A] = 1
    finding = ids_unique([replica])
    assert finding is not None
    assert finding.message.startswith("A#2 is twice")


@pytest.mark.slow
@given(script=unsettled)
def test_the_algorithms_break_no_law(script: Script) -> None:
    for algorithm in ALGORITHMS.values():
        replicas = {agent: algorithm(agent) for agent in script.agents}
        updates: list[Update[Replica]] = []
        events: list[Event] = []
        for step in script.steps:
            before = copied(replicas[step.agent])
            events += perform(step, replicas) or []
            updates.append(Update(before, copied(replicas[step.agent])))
        states = list(replicas.values())
        assert broken_laws(states, updates, REPLICAS) == []
        assert ids_unique(states) is origins_present(states) is effects_commute(states, events) is None
