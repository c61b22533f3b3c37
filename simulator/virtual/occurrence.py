"""One fault of a plan as it happens: it begins, lasts as long as its window, and heals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from simpy.events import ProcessGenerator

from model import history
from model.history import Record
from simulator.planning.plan import FaultWindow
from simulator.virtual.clock import Clock


class Occurrence(Protocol):
    """A fault that happens once, as the run sees it; both numbers say how much was hit."""

    def begin(self) -> int:
        """Start; how much is hit at once."""
        ...

    def end(self) -> int:
        """Heal; how much was hit in all."""
        ...

    def realised(self) -> FaultWindow:
        """The window with everything drawn written down."""
        ...


FaultOf: TypeAlias = Callable[[str], Callable[[Any, FaultWindow], Occurrence]]
"""From the name of a fault to what makes an occurrence of it, given its host and its window."""


class OccurrenceHost(Protocol):
    """A history that is written as time passes."""

    record: Callable[[Record], None]

    @property
    def now(self) -> int:
        """Microseconds."""
        ...

    @property
    def clock(self) -> Clock:
        """The time, and what happens when."""
        ...


def occur(
    host: OccurrenceHost, window: FaultWindow, fault_of: FaultOf, began: Callable[[FaultWindow], None]
) -> ProcessGenerator:
    """The process of one fault from now on.

    Args:
        host: of what it happens to.
        window: how long, and with which parameters.
        fault_of: the faults that this host can have.
        began: told of the window with everything drawn, once it has begun.
    """
    fault = fault_of(window.kind)(host, window)
    hit = fault.begin()
    began(fault.realised())
    host.record(history.FaultBegan(host.now, window.lane, window.kind, hit))
    yield host.clock.timeout(window.end_us - window.begin_us)
    affected = fault.end()
    host.record(history.FaultEnded(host.now, window.lane, window.kind, affected))
