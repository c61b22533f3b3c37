from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.crdt.types import (
    JOINABLE,
    CausalContext,
    Dot,
    LwwMap,
    LwwRegister,
    MvRegister,
    OrSet,
    PnCounter,
)
from model.identity import SiteId
from tests.model.crdt.type_laws import broken_laws
from tests.model.crdt.types.histories import MUTATORS, Done, Play, acts

KINDS = list(MUTATORS)
every_type = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@pytest.mark.slow
@every_type
@given(data=st.data())
def test_the_laws_hold_on_states_and_deltas_which_travel_as_json(
    kind: type[Any], data: st.DataObject
) -> None:
    play = Play(kind, data.draw(acts(kind)))
    deltas = [update.delta for update in play.updates if update.delta is not None]
    assert broken_laws([*play.states, *deltas[:2]], play.updates, JOINABLE) == []
    for state in [*play.states, *deltas]:
        assert msgspec.json.decode(msgspec.json.encode(state), type=kind) == state


@pytest.mark.slow
@every_type
@given(data=st.data(), rng=st.randoms(use_true_random=False))
def test_deltas_joined_in_any_order_are_the_joined_states(
    kind: type[Any], data: st.DataObject, rng: Random
) -> None:
    play = Play(kind, data.draw(acts(kind)))
    everything = kind()
    for state in play.states:
        everything = everything.join(state)
    deltas = [update.delta for update in play.updates if update.delta is not None]
    deltas += rng.sample(deltas, len(deltas) // 2)
    rng.shuffle(deltas)
    joined = kind()
    for delta in deltas:
        joined = joined.join(delta)
    assert joined == everything


def latest(done: list[Done], key: str | None = None) -> int | None:
    """What last writer wins says, from the whole history: stamps of a naive clock over everything known."""
    stamps: dict[int, int] = {}
    for update in done:
        stamps[update.number] = 1 + max((stamps[n] for n in update.past if n in stamps), default=0)
    candidates = [update for update in done if key in (None, update.act.key)]
    if not candidates:
        return None
    last = max(candidates, key=lambda update: (stamps[update.number], f"r{update.act.who}"))
    return last.act.number if last.act.what == "assign" else None


@pytest.mark.slow
@given(data=st.data())
def test_a_register_holds_the_last_assignment(data: st.DataObject) -> None:
    play = Play(LwwRegister, data.draw(acts(LwwRegister)))
    assert [state.value for state in play.states] == [latest(play.known_by(n)) for n in range(4)]


@pytest.mark.slow
@given(data=st.data())
def test_a_map_holds_the_last_assignment_of_each_key(data: st.DataObject) -> None:
    play = Play(LwwMap, data.draw(acts(LwwMap)))
    for who, state in enumerate(play.states):
        expected = {key: latest(play.known_by(who), key) for key in "abc"}
        assert state.entries == {key: value for key, value in expected.items() if value is not None}
        assert [key in state for key in "abc"] == [expected[key] is not None for key in "abc"]


@pytest.mark.slow
@given(data=st.data())
def test_a_multi_value_register_holds_what_nobody_has_replaced(data: st.DataObject) -> None:
    play = Play(MvRegister, data.draw(acts(MvRegister)))
    for who, state in enumerate(play.states):
        known = play.known_by(who)
        alive = [d for d in known if d.act.what == "assign" and not any(d.number in o.past for o in known)]
        assert sorted(state.values) == sorted(update.act.number for update in alive)


@given(data=st.data())
def test_an_addition_wins_over_what_did_not_know_it(data: st.DataObject) -> None:
    play = Play(OrSet, data.draw(acts(OrSet)))
    for who, state in enumerate(play.states):
        known = play.known_by(who)
        expected = set()
        for update in known:
            removals = [
                other
                for other in known
                if update.number in other.past
                and (other.act.what == "clear" or other.act[1:3] == ("remove", update.act.key))
            ]
            if update.act.what == "add" and not removals:
                expected.add(update.act.key)
        assert list(state) == sorted(expected)
        assert (len(state), [key in state for key in "abc"]) == (
            len(expected),
            [key in expected for key in "abc"],
        )


@given(data=st.data())
def test_a_counter_counts_everything_once(data: st.DataObject) -> None:
    play = Play(PnCounter, data.draw(acts(PnCounter)))
    expected = [sum(update.act.number for update in play.known_by(who)) for who in range(4)]
    assert [state.value for state in play.states] == expected


dots = st.builds(Dot, st.sampled_from([SiteId("a"), SiteId("b")]), st.integers(1, 4))


@given(st.sets(dots), st.sets(dots))
def test_a_context_is_a_set_of_dots_in_normal_form(one: set[Dot], other: set[Dot]) -> None:
    a, b = CausalContext.of(one), CausalContext.of(other)
    everything = [Dot(SiteId(name), n) for name in "ab" for n in range(1, 6)]
    assert [dot for dot in everything if dot in a] == sorted(one)
    assert a.join(b) == CausalContext.of(one | other)
    assert (a == b) is (one == other)
    assert a.is_below(b) is (one <= other)


def test_ties_are_broken_by_the_replica_and_not_by_who_merges() -> None:
    one, other = LwwRegister().assign(SiteId("a"), 1), LwwRegister().assign(SiteId("b"), 2)
    assert one.join(other).value == other.join(one).value == 2


def test_an_addition_survives_a_concurrent_removal_and_not_a_later_one() -> None:
    added = OrSet().join(OrSet().add(SiteId("a"), "x"))
    again = added.join(added.add(SiteId("b"), "x"))
    assert list(again.join(added.remove("x"))) == ["x"]
    assert list(again.join(again.remove("x"))) == []


def test_adding_again_replaces_earlier_additions() -> None:
    once = OrSet().add(SiteId("a"), "x")
    twice = once.join(once.add(SiteId("b"), "x"))
    assert twice.dots == {"x": (Dot(SiteId("b"), 1),)}
