"""What every fault is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Protocol, TypeVar

import msgspec

from model.protocol import ErrorCode
from simulator.planning.plan import FaultWindow
from simulator.virtual.cell import Cell
from simulator.virtual.client import SimulatedClient
from simulator.virtual.holds import Holds
from simulator.virtual.host import ServerHost
from simulator.virtual.occurrence import OccurrenceHost
from simulator.virtual.sessions import Participant, SessionHost
from simulator.virtual.witness import GATEWAY, STORE, Shows

PAUSE_US_MIN: Final = 50_000
"""What comes and goes stays as it is for at least this long."""

ASKED_EVERY_US: Final = 500_000
"""How often somebody who was sent away looks whether he may come back."""


_V = TypeVar("_V")


class FaultHost(OccurrenceHost, SessionHost, Protocol):
    """What every fault needs of the run it happens in."""


class Fault:
    """One occurrence of a fault in one cell or live run.

    How much it hits is not for it to say: the run watches whether it ``shows`` what it has to. What it takes
    away it only ever holds, so that faults may overlap in every way.

    Attributes:
        shows: what must be seen to happen to those it concerns.
        has_healed: whether everything is as before, once it has ended.
    """

    kind: ClassVar[str]
    shows: Shows
    has_healed = True

    def __init__(self, host: Any, window: FaultWindow) -> None:
        """``host`` is of the kind that the fault's class says; every one is a :class:`FaultHost`."""
        self.host: FaultHost = host
        self.window = window
        self.random = host.seeds.stream("fault", window.index, host.plan.index)
        self._holds: list[Holds[Any]] = []

    @property
    def concerned(self) -> Iterable[str]:
        """Whom it is meant for: sites of clients, or a part of the server."""
        raise NotImplementedError

    def begin(self) -> None:
        """Start."""
        raise NotImplementedError

    def end(self) -> None:
        """Heal: let go of all that it holds, which is back unless another one holds it, too."""
        holds, self._holds = self._holds, []
        for hold in holds:
            hold.let_go(self)

    def hold(self, holds: Holds[_V], value: _V) -> None:
        """Withhold something until the end of this fault."""
        holds.take(self, value)
        self._holds.append(holds)

    def param(self, name: str, default: Any) -> Any:
        """A parameter of the window; those of a schedule have them all, one written by hand need not."""
        return self.window.params.get(name, default)

    @property
    def duration_us(self) -> int:
        """How long it lasts."""
        return self.window.end_us - self.window.begin_us

    def realised(self) -> FaultWindow:
        """The window with everything drawn written down."""
        return self.window


class ServerFault(Fault):
    """A fault of the gateway, simulated or live."""

    host: ServerHost
    concerned = (GATEWAY,)


class CellFault(Fault):
    """A fault of something that only a simulated cell has, its store above all."""

    host: Cell
    concerned = (STORE,)


class ClientsFault(Fault):
    """A fault of some clients; ``share`` of them, but at least one, or those the window names."""

    share_default: ClassVar[float] = 0.1

    def __init__(self, host: Any, window: FaultWindow) -> None:
        super().__init__(host, window)
        self.clients: Sequence[Participant] = self._choose()

    @property
    def concerned(self) -> Iterable[str]:
        """The clients that were drawn."""
        return [client.plan.site for client in self.clients]

    def _choose(self) -> list[Participant]:
        if self.window.sites is not None:
            named = set(self.window.sites)
            return [c for c in self.host.clients if c.plan.site in named]
        candidates = self._candidates()
        drawn = [c for c in candidates if self.random.random() < self._share]
        if drawn or not candidates:
            return drawn
        # Of few clients a share is often nobody, and a fault of nobody is none.
        return [self.random.choice([c for c in candidates if c.wants_connection] or candidates)]

    @property
    def _share(self) -> float:
        return float(self.param("share", self.share_default))

    def _candidates(self) -> Sequence[Participant]:
        return self.host.clients

    def realised(self) -> FaultWindow:
        """The window with the clients it hit by name."""
        return msgspec.structs.replace(self.window, sites=tuple(c.plan.site for c in self.clients))


class RegionFault(ClientsFault):
    """A fault of everybody in a region, the last one unless the window names another."""

    kind = "partition_region"

    def _candidates(self) -> Sequence[Participant]:
        names = [r.name for r in self.host.plan.network.regions]
        region = names.index(self.param("region", names[-1]))
        return [c for c in self.host.clients if c.plan.region == region]

    @property
    def _share(self) -> float:
        return 1.0


class SentAwayFault(ClientsFault):
    """A fault for which the server sends some clients away for good.

    Their people open the document again when they may, with all that was written meanwhile. The error that
    sends a client away may be held up, and come long after the fault is over.

    Attributes:
        why: the error they are sent away with.
    """

    host: ServerHost
    clients: Sequence[SimulatedClient]
    why: ClassVar[ErrorCode]

    def begin(self) -> None:
        """Look now and then whether somebody may come back."""
        if self.clients:
            self.host.clock.call(ASKED_EVERY_US, self._ask)

    def _may_come(self, client: SimulatedClient) -> bool:
        """Whether neither this fault nor another one of its kind keeps the client away."""
        raise NotImplementedError

    def _ask(self) -> None:
        for client in self.clients:
            if client.gave_up == self.why.value and self._may_come(client):
                client.reopen()
        self.host.clock.call(ASKED_EVERY_US, self._ask)


class IntermittentFault(ClientsFault):
    """A fault that comes and goes within its window.

    Attributes:
        acts: whether it is there at present.
    """

    def begin(self) -> None:
        """Be there, and keep changing until the end."""
        super().begin()
        self.acts = True
        self._is_over = False
        self._turn()

    def _turn(self) -> None:
        period_us = int(self.param("period_us", 1_000_000))
        self.host.clock.call(max(PAUSE_US_MIN, int(self.random.expovariate(1 / period_us))), self._flip)

    def _flip(self) -> None:
        if not self._is_over:
            self.acts = not self.acts
            self._switch()
            self._turn()

    def _switch(self) -> None:
        """It has come or gone just now."""

    def end(self) -> None:
        """Stop changing."""
        self._is_over = True
        super().end()
