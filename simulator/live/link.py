"""One real connection to the server: TCP, WebSocket, and the ways in which it may end."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Protocol, assert_never

import trio

from model.client.address import Address
from model.client.health import LOCAL_ERRORS
from model.client.websocket import (
    CLOSE_ABNORMAL,
    CLOSE_NORMAL,
    Accepted,
    ClientSocket,
    Closed,
    Message,
    Rejected,
)
from simulator.live.transport import Transport

FAREWELL_SECONDS: Final = 2.0
"""The server may take this long to answer a close before the socket is closed all the same."""


_NEVER_WHOLE: Final = b'{"type":"presence","revision":0,"selection":null}'


class Disconnection(enum.Enum):
    """How a client leaves a connection."""

    CLOSE = "close frame"
    RESET = "reset"
    CUT = "cut in a frame"


class LinkUser(Protocol):
    """Whoever talks over a link."""

    def opened(self, link: Link) -> None:
        """Messages may be sent."""
        ...

    def arrived(self, link: Link, data: bytes, is_binary: bool) -> None:
        """A whole message of the server."""
        ...

    def over(self, link: Link, code: int, cause: str) -> None:
        """Nothing comes any more; called once.

        ``code`` is a close code. ``cause`` is ``closed`` (by a close frame), ``lost`` (broken), ``timeout``
        or ``refused`` (no connection), ``rejected STATUS`` (no WebSocket), ``local`` (this machine has no
        more sockets), or ``left`` if this side ended it.
        """
        ...


class Link:
    """One connection; :meth:`run` is its life."""

    def __init__(self, address: Address, user: LinkUser, *, connect_seconds: float) -> None:
        self.transport: Transport | None = None
        self.is_open = False
        self._address = address
        self._user = user
        self._connect_seconds = connect_seconds
        self._socket = ClientSocket(address)
        self._has_left = False
        self._code = CLOSE_ABNORMAL
        self._cause = "lost"
        self._scope = trio.CancelScope()

    # --- talking ------------------------------------------------------------------------------------------

    def send(
        self, data: bytes, handed: Callable[[], None] | None = None, *, compressed: bool = False
    ) -> None:
        """Send a message; ``handed`` is called when the kernel has its last byte."""
        if not self.is_open or self._has_left or self.transport is None:
            return
        frame = self._socket.message(data, compressed=compressed)
        if frame:  # otherwise the server has just closed
            self.transport.write(frame, handed)

    def end(self, how: Disconnection, code: int = CLOSE_NORMAL) -> None:
        """Leave; what the server still sends is ignored."""
        if self._has_left:
            return
        self._has_left = True
        transport = self.transport
        if transport is None or not self.is_open:
            self._scope.cancel()
        elif transport.is_abandoned:
            pass  # closed with the run
        elif how is Disconnection.RESET:
            transport.reset()
        else:
            self._scope.deadline = trio.current_time() + FAREWELL_SECONDS
            if how is Disconnection.CUT:
                transport.cut(self._socket.message(_NEVER_WHOLE))
            else:
                transport.write(self._socket.closing(code))

    # --- its life -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, talk until either side ends it, and clean up."""
        try:
            with self._scope:
                await self._talk()
        finally:
            self.is_open = False
            if self.transport is not None:
                self.transport.close()
        if self._has_left:
            self._cause = "left"
        self._user.over(self, self._code, self._cause)

    async def _talk(self) -> None:
        with trio.move_on_after(self._connect_seconds) as patience:
            if not await self._connect():
                return
            async with trio.open_nursery() as nursery:
                assert self.transport is not None
                nursery.start_soon(self.transport.deliver)
                await self._read(patience)
                nursery.cancel_scope.cancel()
        if patience.cancelled_caught:
            self._cause = "timeout"

    async def _connect(self) -> bool:
        try:
            family, kind, proto, _, where = (
                await trio.socket.getaddrinfo(
                    self._address.host, self._address.port, type=trio.socket.SOCK_STREAM
                )
            )[0]
            socket = trio.socket.socket(family, kind, proto)
        except OSError:
            self._cause = "local"
            return False
        try:
            await socket.connect(where)
        except OSError as error:
            socket.close()
            self._cause = "local" if error.errno in LOCAL_ERRORS else "refused"
            return False
        except BaseException:
            socket.close()
            raise
        self.transport = Transport(socket)
        return True

    async def _read(self, patience: trio.CancelScope) -> None:
        transport = self.transport
        assert transport is not None
        while True:
            if self._socket.to_send:
                transport.write(self._socket.take_to_send())
            try:
                data = await transport.receive()
            except (OSError, trio.ClosedResourceError):
                return
            if not data:
                return
            for event in self._socket.received(data):
                match event:
                    case Message():
                        if not self._has_left:
                            self._user.arrived(self, event.data, event.is_binary)
                    case Accepted():
                        patience.deadline = float("inf")
                        self.is_open = True
                        self._user.opened(self)
                    case Rejected():
                        self._cause = f"rejected {event.status}"
                        return
                    case Closed():
                        self._code, self._cause = event.code, "closed"
                        if self._socket.to_send:
                            transport.write(self._socket.take_to_send())
                        return
                    case _:
                        assert_never(event)
