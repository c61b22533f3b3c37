"""The core with a store in memory, in one process and without waiting: its smallest host.

A worker carries out the core's effects in real time, a cell of the simulator in virtual time. Here time
stands still: what the core asks for is done at once, and what comes of it as well, until nothing is left to
do. A subclass says where messages go, and does by itself what is to happen later or otherwise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Final

from model.identity import ConnectionId
from reference_server.core.document import Document
from reference_server.core.effects import (
    Append,
    Authenticate,
    Authenticated,
    Authorize,
    Authorized,
    Close,
    Compress,
    CursorPlaced,
    Effect,
    Event,
    Identity,
    Load,
    Published,
    Read,
    Resume,
    Resumed,
    Role,
    Send,
    SetTimer,
    Snapshot,
    Whisper,
)
from reference_server.core.gateway import Gateway
from reference_server.core.limits import Limits
from reference_server.store.memory import MemoryStore

_SOMEBODY: Final = Identity("somebody")


class InProcessServer(ABC):
    """A gateway and its store; everybody may edit, unless a subclass looks at tokens.

    Attributes:
        gateway: the core.
        store: what is durable, which outlives the gateway.
        timers: those that were set, in this order.
    """

    def __init__(
        self, store: MemoryStore, limits: Limits | None = None, *, document: type[Document] = Document
    ) -> None:
        """A server over ``store``; ``document`` is the state machine of each document."""
        self.store = store
        self._limits = limits or Limits()
        self._document = document
        self._events: deque[Event] = deque()
        self._is_handling = False
        self.timers: list[SetTimer] = []
        self.gateway = self._new_gateway()

    def _new_gateway(self, first_request: int = 0) -> Gateway:
        """A gateway that knows nothing; ``first_request`` is beyond all numbers of those before it."""
        return Gateway(self._limits, document=self._document, first_request=first_request)

    def handle(self, event: Event) -> None:
        """Give the core an event, and carry out what comes of it until nothing is left to do."""
        self._events.append(event)
        if self._is_handling:
            return  # whoever is handling the event that this one came of goes on with it
        self._is_handling = True
        try:
            while self._events:
                for effect in self.gateway.handle(self._events.popleft(), self._time_us()):
                    self._perform(effect)
        finally:
            self._is_handling = False
            self._events.clear()  # what is left if the core, or a subclass, failed

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Send():
                for connection in effect.connections:
                    self._send(connection, effect.data)
            case Close():
                self._close(effect)
            case Authenticate():
                self._events.append(self._authenticated(effect))
            case Authorize():
                self._events.append(Authorized(effect.connection, self._role(effect)))
            case Resume():
                self._resume(effect)
            case Load() | Read() | Append() | Snapshot():
                self._request(effect)
            case SetTimer():
                self._set_timer(effect)
            case Compress() | CursorPlaced() | Published() | Whisper():
                pass  # for real connections, for measurements, for other workers; the rows are in the store

    # --- what a subclass has to say, or may ---------------------------------------------------------------

    @abstractmethod
    def _send(self, connection: ConnectionId, data: bytes) -> None:
        """A message for a connection, which may be gone."""

    @abstractmethod
    def _close(self, effect: Close) -> None:
        """The gateway closes a connection; it hears of it with :class:`Closed` when it is gone."""

    def _time_us(self) -> int:
        """The time of the gateway's clock."""
        return 0

    def _authenticated(self, effect: Authenticate) -> Authenticated:
        """Who shows a token: everybody is the same user."""
        return Authenticated(effect.connection, _SOMEBODY)

    def _role(self, effect: Authorize) -> Role | None:  # noqa: ARG002  # whoever it is
        """What somebody may do with a document: everybody may edit."""
        return Role.EDITOR

    def _resume(self, effect: Resume) -> None:
        """The next slice of a branch may be merged: at once."""
        self._events.append(Resumed(effect.document))

    def _request(self, request: Load | Read | Append | Snapshot) -> None:
        """The store is asked for something: a commit of its own, durable at once."""
        self.store.request(request)
        self.store.write()
        self._events.extend(self.store.sync())

    def _set_timer(self, effect: SetTimer) -> None:
        """A timer is set: it is kept, and fires when somebody says so."""
        self.timers.append(effect)
