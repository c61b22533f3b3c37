from __future__ import annotations

import pytest
import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL, ProcessGenerator

from simulator.virtual.clock import Clock


def test_calls_and_events_of_one_time_happen_in_the_order_they_were_asked_for() -> None:
    clock = Clock()
    said: list[str] = []

    def note(event: simpy.Event) -> None:
        said.append("timeout")

    clock.call(5, said.append, "first")
    clock.timeout(5).callbacks.append(note)
    clock.call(5, said.append, "second")
    clock.call(4, said.append, "earlier")
    clock.run_until(6)
    assert said == ["earlier", "first", "timeout", "second"]


def test_a_call_made_by_a_call_comes_after_those_made_before() -> None:
    clock = Clock()
    said: list[str] = []
    clock.call(1, lambda: clock.call(0, said.append, "made at 1"))
    clock.call(1, said.append, "made at 0")
    clock.run_until(2)
    assert said == ["made at 0", "made at 1"]


def test_run_until_leaves_what_happens_at_its_end_for_the_next_time() -> None:
    clock = Clock()
    times: list[int] = []
    for at_us in (0, 9, 10, 11):
        clock.call(at_us, lambda: times.append(clock.now_us))
    clock.run_until(10)
    assert (times, clock.now_us) == ([0, 9], 10)
    clock.run_until(10, inclusive=True)
    assert (times, clock.now_us) == ([0, 9, 10], 10)
    clock.run_until(11)
    assert (times, clock.now_us) == ([0, 9, 10], 11)
    clock.run_until(1_000)
    assert (times, clock.now_us) == ([0, 9, 10, 11], 1_000)


def test_arguments_reach_the_function() -> None:
    clock = Clock()
    got: list[tuple[int, str]] = []
    clock.call(1, lambda *arguments: got.append(arguments), 7, "x")
    clock.run_until(2)
    assert got == [(7, "x")]


def test_processes_and_calls_share_one_time() -> None:
    clock = Clock()
    seen: list[tuple[str, int]] = []

    def process() -> ProcessGenerator:
        yield clock.timeout(3)
        seen.append(("process", clock.now_us))
        clock.call(2, lambda: seen.append(("call", clock.now_us)))
        yield clock.timeout(4)
        seen.append(("process", clock.now_us))

    clock.process(process())
    clock.run_until(100)
    assert seen == [("process", 3), ("call", 5), ("process", 7)]


def test_an_exception_of_a_process_ends_the_run() -> None:
    clock = Clock()

    def process() -> ProcessGenerator:
        yield clock.timeout(1)
        raise LookupError("lost")

    clock.process(process())
    with pytest.raises(LookupError, match="lost"):
        clock.run_until(10)


def test_an_exception_of_a_call_ends_the_run() -> None:
    clock = Clock()
    clock.call(1, int, "no number")
    with pytest.raises(ValueError, match="no number"):
        clock.run_until(10)


def test_an_exception_that_a_process_waits_for_is_its_own_affair() -> None:
    clock = Clock()
    caught: list[str] = []

    def failing() -> ProcessGenerator:
        yield clock.timeout(1)
        raise LookupError("lost")

    def waiting() -> ProcessGenerator:
        try:
            yield clock.process(failing())
        except LookupError as error:
            caught.append(str(error))

    clock.process(waiting())
    clock.run_until(10)
    assert caught == ["lost"]


def test_nothing_left_to_happen() -> None:
    with pytest.raises(EmptySchedule):
        Clock().step()


def test_simpy_keeps_its_queue_as_the_clock_expects() -> None:
    # The clock puts calls into SimPy's own queue and performs its events itself. If this fails, SimPy has
    # changed within: read `Clock` beside the new version before the bound in pyproject.toml is raised.
    plain = simpy.Environment(initial_time=3)
    event = plain.timeout(4, value="done")
    assert type(plain._now) is int
    assert plain._queue == [(7, NORMAL, 0, event)]
    assert next(plain._eid) == 1  # the numbers that keep events of one time in order
    assert event.callbacks == []
    assert (event._ok, event._value, event.defused) == (True, "done", False)
    plain.run(until=8)
    assert event.callbacks is None
