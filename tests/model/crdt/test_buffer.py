from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.crdt.replicas.port import CausalBuffer, Deletion, ElementId, Event, Insertion, first_missing
from model.identity import SiteId

A, B = SiteId("A"), SiteId("B")


def insertion(
    site: SiteId, counter: int, left: ElementId | None = None, right: ElementId | None = None
) -> Event:
    return Insertion(ElementId(site, counter), "x", left, right, counter)


A1 = insertion(A, 1)
A2 = insertion(A, 2, left=A1.id)
B1 = insertion(B, 1, left=A1.id, right=A2.id)
B2 = Deletion(ElementId(B, 2), A2.id)


def test_what_is_ready_is_given_out_at_once() -> None:
    buffer = CausalBuffer()
    assert [buffer.add(event) for event in (A1, A2, B1, B2)] == [[A1], [A2], [B1], [B2]]
    assert buffer.waiting == 0


def test_an_event_waits_for_its_right_origin_too() -> None:
    buffer = CausalBuffer()
    assert buffer.add(A1) == [A1]
    assert buffer.add(B1) == []
    assert buffer.add(A2) == [A2, B1]


def test_an_event_waits_for_earlier_events_of_its_site() -> None:
    buffer = CausalBuffer()
    assert [buffer.add(event) for event in (A1, B2, A2)] == [[A1], [], [A2]]
    assert buffer.waiting == 1
    assert buffer.add(B1) == [B1, B2]


def test_repeats_are_swallowed_whether_held_or_given_out() -> None:
    buffer = CausalBuffer()
    assert [buffer.add(event) for event in (A2, A2, A1, A1, A2)] == [[], [], [A1, A2], [], []]
    assert buffer.waiting == 0


def test_what_was_known_before_is_neither_given_out_nor_waited_for() -> None:
    buffer = CausalBuffer({A: 2})
    assert buffer.add(A1) == []
    assert buffer.add(B1) == [B1]
    assert buffer.version == {A: 2, B: 1}


@given(st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_everything_out_once_with_dependencies_first(rng: random.Random) -> None:
    events = [A1, A2, B1, B2, *(insertion(A, n, left=ElementId(A, n - 1)) for n in range(3, 9))]
    arriving = events + rng.sample(events, 4)
    rng.shuffle(arriving)
    buffer, known = CausalBuffer(), CausalBuffer()
    given_out = [ready for event in arriving for ready in buffer.add(event)]
    assert sorted(given_out, key=lambda event: event.id) == sorted(events, key=lambda event: event.id)
    for event in given_out:
        assert first_missing(event, known.version) is None
        known.add(event)


@pytest.mark.parametrize("event", [A1, B1, B2])
def test_events_travel_as_json(event: Event) -> None:
    kind: type[Event] = Insertion | Deletion  # type: ignore[assignment]
    assert msgspec.json.decode(msgspec.json.encode(event), type=kind) == event
