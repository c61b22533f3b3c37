"""The virtual clock held to the real one: what is due happens, and nothing happens before it is due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import trio

from model.histogram import Histogram
from simulator.virtual.clock import Clock

BEAT_SECONDS: Final = 0.05


class PacedClock(Clock):
    """A clock that says when something becomes due earlier than :attr:`target_us`."""

    def __init__(self) -> None:
        super().__init__()
        self.target_us: float = 0  # nobody waits
        self.earlier: Callable[[], None] = lambda: None

    def call(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> None:
        """As :meth:`Clock.call`."""
        super().call(delay_us, function, *arguments)
        if self.now_us + delay_us < self.target_us:
            self.earlier()


class Pace:
    """Runs a clock along with trio's; until :meth:`begin` it stands at 0.

    Attributes:
        lag: how late a sleep of :data:`BEAT_SECONDS` ended, in microseconds: how long the loop was busy.
    """

    def __init__(self, clock: PacedClock) -> None:
        self.lag = Histogram()
        self._clock = clock
        self._origin: float | None = None
        self._is_advancing = False
        self._is_over = False
        self._wake = trio.Event()
        clock.earlier = lambda: self._wake.set()

    def begin(self) -> None:
        """The clock runs from now on."""
        self._origin = trio.current_time()

    def stop(self) -> None:
        """Nothing happens any more."""
        self._is_over = True

    def elapsed_us(self) -> int:
        """Real microseconds since the beginning."""
        if self._origin is None:
            return 0
        return int((trio.current_time() - self._origin) * 1_000_000)

    def advance(self) -> None:
        """Let everything happen that is due by now, in its order."""
        if self._origin is None or self._is_advancing or self._is_over:
            return
        self._is_advancing = True
        try:
            self._clock.run_until(max(self._clock.now_us, self.elapsed_us()), inclusive=True)
        finally:
            self._is_advancing = False

    async def run(self) -> None:
        """Keep the clock running, for ever."""
        while True:
            self.advance()
            self._wake = trio.Event()
            self._clock.target_us = self._clock.peek()
            delay = (self._clock.target_us - self.elapsed_us()) / 1_000_000
            with trio.move_on_after(max(0.0, delay)):
                await self._wake.wait()
            self._clock.target_us = 0

    async def beat(self) -> None:
        """Measure how busy the loop is, for ever."""
        while True:
            wanted = trio.current_time() + BEAT_SECONDS
            await trio.sleep_until(wanted)
            self.lag.record(int((trio.current_time() - wanted) * 1_000_000))

    async def until(self, time_us: int) -> None:
        """Sleep until this time of the clock, and let everything happen before it."""
        await trio.sleep(max(0.0, (time_us - self.elapsed_us()) / 1_000_000))
        self.advance()
