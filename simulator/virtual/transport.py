"""The simulated network and clock as one client has them, who is watched in what it does with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from simulator.virtual.clock import Clock
from simulator.virtual.conduct import Conduct
from simulator.virtual.connection import Connection
from simulator.virtual.network import Network
from simulator.virtual.testimony import Testimony


class TransportHost(Protocol):
    """The run that the client is part of."""

    network: Network

    @property
    def now(self) -> int:
        """Microseconds."""
        ...

    @property
    def clock(self) -> Clock:
        """The time, and what happens when."""
        ...


class Transport:
    """The host of a client, as it is called by that: time and transport."""

    __slots__ = ("_conduct", "_due", "_host", "_open", "_testimony")

    def __init__(
        self,
        host: TransportHost,
        conduct: Conduct,
        testimony: Testimony | None,
        due: Callable[..., None],
        connect: Callable[[], None],
    ) -> None:
        """``due`` is called when a timer fires, with what is to be called; ``connect`` opens a connection."""
        self._host = host
        self._conduct = conduct
        self._testimony = testimony
        self._due = due
        self._open = connect

    @property
    def now(self) -> int:
        """Microseconds."""
        return self._host.now

    def call_after(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> None:
        """Call something later."""
        if delay_us < 0:
            self._conduct.accuse("pause", f"wants to be woken {-delay_us / 1e6:.3f} s ago")
            delay_us = 0
        self._host.clock.call(delay_us, self._due, function, *arguments)

    def connect(self) -> None:
        """Begin to open a connection."""
        self._conduct.connects()
        if self._testimony is not None:
            self._testimony.is_left()
        self._open()

    def send(self, link: Connection, frame: bytes) -> None:
        """Send one message."""
        message = self._conduct.sends(link, frame)
        if self._testimony is not None:
            self._testimony.sends(message)
        self._host.network.send_up(link, frame)

    def close(self, link: Connection, *, abrupt: bool = False) -> None:
        """Leave a connection."""
        del abrupt  # a bridge to real sockets draws the way to leave by itself
        self._conduct.closes(link)
        self._host.network.close_from_client(link)
