"""Virtual time: a SimPy environment whose clock is an integer of microseconds.

Most events of a run are messages that arrive: a function to call at a time, which nobody waits for and
nobody cancels. They travel in SimPy's own queue as plain calls, without the list of callbacks, the value
and the state of a full event; processes and timeouts are SimPy's as usual, in one order with them.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL


class Clock(simpy.Environment):
    """SimPy's environment, with the time as an int and calls as cheap as possible."""

    @property
    def now_us(self) -> int:
        """Virtual time in microseconds."""
        return self._now  # type: ignore[return-value]  # it starts as an int and only ints are added

    def call(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> None:
        """Call ``function(*arguments)`` after ``delay_us``."""
        at = self._now + delay_us
        heappush(self._queue, (at, NORMAL, next(self._eid), (function, arguments)))  # type: ignore[misc]

    def step(self) -> None:
        """Perform the next event, be it a call or one of SimPy's.

        Raises:
            EmptySchedule: nothing is left to happen.
        """
        try:
            self._now, _, _, event = heappop(self._queue)
        except IndexError:
            raise EmptySchedule from None
        self._perform(event)

    def _perform(self, event: Any) -> None:
        if type(event) is tuple:
            function, arguments = event
            function(*arguments)
            return
        callbacks, event.callbacks = event.callbacks, None
        for callback in callbacks:
            callback(event)
        if not event._ok and not event.defused:
            raise event._value  # what went wrong in a process ends the run

    def run_until(self, until_us: int, *, inclusive: bool = False) -> None:
        """Perform everything that happens before ``until_us``, or at it too, and leave the clock there."""
        queue: list[Any] = self._queue
        end_us = until_us + inclusive
        while queue and queue[0][0] < end_us:
            self._now, _, _, event = heappop(queue)
            if type(event) is tuple:  # nearly all of them; see `_perform`
                event[0](*event[1])
            else:
                self._perform(event)
        self._now = until_us
