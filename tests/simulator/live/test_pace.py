from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from simulator.live.pace import Pace, PacedClock


def paced(
    test: Callable[[PacedClock, Pace, list[tuple[str, int]]], Awaitable[None]],
) -> list[tuple[str, int]]:
    """Run a test with a clock under trio's own virtual time."""
    done: list[tuple[str, int]] = []

    async def run() -> None:
        clock = PacedClock()
        pace = Pace(clock)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pace.run)
            await test(clock, pace, done)
            nursery.cancel_scope.cancel()

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0.0))
    return done


def noting(clock: PacedClock, done: list[tuple[str, int]], name: str) -> Callable[[], None]:
    return lambda: done.append((name, clock.now_us))


def test_nothing_happens_before_its_time_and_everything_at_it() -> None:
    async def test(clock: PacedClock, pace: Pace, done: list[tuple[str, int]]) -> None:
        clock.call(2_000_000, noting(clock, done, "b"))
        clock.call(1_000_000, noting(clock, done, "a"))
        pace.begin()
        await pace.until(1_500_000)
        assert [name for name, _ in done] == ["a"]
        await pace.until(2_500_000)

    assert paced(test) == [("a", 1_000_000), ("b", 2_000_000)]


@pytest.mark.slow
def test_the_clock_stands_until_it_is_begun() -> None:
    async def test(clock: PacedClock, pace: Pace, done: list[tuple[str, int]]) -> None:
        clock.call(1_000, noting(clock, done, "early"))
        await trio.sleep(5.0)
        pace.advance()
        assert (pace.elapsed_us(), clock.now_us, done) == (0, 0, [])
        pace.begin()
        await trio.sleep(1.0)
        assert [name for name, _ in done] == ["early"]

    paced(test)


def test_what_becomes_due_earlier_than_anything_else_is_not_waited_out() -> None:
    """A message from a socket is due long before the next thing that somebody wanted to do."""

    async def test(clock: PacedClock, pace: Pace, done: list[tuple[str, int]]) -> None:
        clock.call(60_000_000, noting(clock, done, "late"))
        pace.begin()
        await trio.sleep(1.0)
        pace.advance()
        clock.call(500_000, noting(clock, done, "soon"))
        await trio.sleep(1.0)

    assert paced(test) == [("soon", 1_500_000)]


def test_what_is_late_has_the_time_when_it_was_due() -> None:
    async def test(clock: PacedClock, pace: Pace, done: list[tuple[str, int]]) -> None:
        clock.call(1_000_000, noting(clock, done, "planned"))
        pace.begin()
        trio.lowlevel.current_clock().jump(3.0)  # type: ignore[attr-defined]  # the loop was busy
        pace.advance()
        assert clock.now_us == 3_000_000

    assert paced(test) == [("planned", 1_000_000)]


def test_after_the_stop_nothing_happens() -> None:
    async def test(clock: PacedClock, pace: Pace, done: list[tuple[str, int]]) -> None:
        clock.call(1_000_000, noting(clock, done, "never"))
        pace.begin()
        pace.stop()
        trio.lowlevel.current_clock().jump(3.0)  # type: ignore[attr-defined]
        pace.advance()

    assert paced(test) == []


def test_a_busy_loop_is_measured() -> None:
    async def test(_: PacedClock, pace: Pace, done: list[tuple[str, int]]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pace.beat)
            await trio.sleep(0.01)
            trio.lowlevel.current_clock().jump(1.0)  # type: ignore[attr-defined]
            await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        assert pace.lag.maximum >= 900_000

    paced(test)
