"""One fault of a plan as it happens: it begins, lasts as long as its window, and heals."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from simpy.events import Event

from model import history
from model.history import Record
from simulator.planning.plan import FaultWindow
from simulator.virtual.clock import Clock
from simulator.virtual.witness import Shows, Witness

HEAL_POLL_US: Final = 50_000
"""How often a fault that is over is asked whether it has healed."""


class Occurrence(Protocol):
    """A fault that happens once, as the run sees it."""

    @property
    def shows(self) -> Shows:
        """What it must be seen to do."""
        ...

    @property
    def concerned(self) -> Iterable[str]:
        """Whom it must be seen to do that to: sites of clients, or a part of the server."""
        ...

    @property
    def has_healed(self) -> bool:
        """Whether everything is as before, once it has ended."""
        ...

    def begin(self) -> None:
        """Start."""

    def end(self) -> None:
        """Heal."""

    def realised(self) -> FaultWindow:
        """The window with everything drawn written down."""
        ...


FaultOf: TypeAlias = Callable[[str], Callable[[Any, FaultWindow], Occurrence]]
"""From the name of a fault to what makes an occurrence of it, given its host and its window."""


class OccurrenceHost(Protocol):
    """A history that is written as time passes.

    Attributes:
        witness: sees what really happens.
    """

    record: Callable[[Record], None]
    witness: Witness

    @property
    def now(self) -> int:
        """Microseconds."""
        ...

    @property
    def clock(self) -> Clock:
        """The time, and what happens when."""
        ...


ATTEMPTS_MAX: Final = 4
"""So often a fault is made until it hits something, as far as that fits into the run."""

ATTEMPT: Final = 1 << 20
"""Between the numbers of two attempts; no run has so many windows."""

PAUSE_US: Final = 100_000
"""From one attempt to the next."""


def persist(
    host: OccurrenceHost,
    window: FaultWindow,
    until_us: int,
    fault_of: FaultOf,
    began: Callable[[FaultWindow], None],
) -> Generator[Event, Any, None]:
    """As :func:`occur`; a persistent fault that hit nothing is made again, if it is over by ``until_us``.

    In a small run there may be nobody to hit when a fault is due.
    """
    for number in range(ATTEMPTS_MAX if window.persistent else 1):
        if number:
            yield host.clock.timeout(PAUSE_US)
            if host.now + window.end_us - window.begin_us > until_us:
                return
        # Each attempt draws anew, and is a window of its own to whoever repeats what happened.
        attempt = msgspec.structs.replace(
            window,
            index=window.index + number * ATTEMPT,
            begin_us=host.now,
            end_us=host.now + window.end_us - window.begin_us,
            persistent=False,
        )
        if (yield from occur(host, attempt, fault_of, began)):
            return


def occur(
    host: OccurrenceHost, window: FaultWindow, fault_of: FaultOf, began: Callable[[FaultWindow], None]
) -> Generator[Event, Any, int]:
    """The process of one fault from now on; returns how much it was seen to hit.

    Args:
        host: of what it happens to.
        window: how long, and with which parameters.
        fault_of: the faults that this host can have.
        began: told of the window with everything drawn, once it has begun.
    """
    fault = fault_of(window.kind)(host, window)
    concerned = tuple(fault.concerned)
    duration_us = window.end_us - window.begin_us
    watch = host.witness.watch(fault.shows, concerned, duration_us)
    fault.begin()
    began(fault.realised())
    host.record(history.FaultBegan(host.now, window.lane, window.kind, len(concerned)))
    yield host.clock.timeout(duration_us)
    host.witness.look()
    fault.end()
    while not fault.has_healed:
        yield host.clock.timeout(HEAL_POLL_US)
    affected = host.witness.close(watch)
    host.record(history.FaultEnded(host.now, window.lane, window.kind, affected))
    return affected
