"""A user in real time: one greenlet acts for the person, another one reads each connection.

gevent is used here, but nothing is patched; in a process that is not patched the sockets block.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

import gevent  # type: ignore[import-untyped]

from loadgen.connection import ConnectionEnded, Opener, WebSocket, handshake
from loadgen.health import WorkerHealth
from loadgen.pacing import Pacing
from loadgen.state import WorkerState
from loadgen.user import User
from model.client.address import Address
from model.client.client import Host
from model.client.health import LOCAL_ERRORS
from model.client.websocket import CLOSE_ABNORMAL

ACTIONS_MAX: Final = 8
"""In the open model every planned time is an edit; so many cursor moves may come before it."""

ABRUPT_SHARE: Final = 0.5
"""Of the people who drop a connection, how many do so without a close frame."""

LEAVE_RETRY_SECONDS: Final = 0.5
"""Somebody who wants to leave with edits on their way looks again after this long."""


class UserDriver:
    """Runs one user: its :class:`~model.client.client.Host`, and its hands."""

    __slots__ = (
        "_address",
        "_delay_seconds",
        "_health",
        "_open",
        "_pacing",
        "_rng",
        "_state",
        "user",
    )

    def __init__(
        self,
        state: WorkerState,
        user: Callable[[Host[WebSocket]], User],
        pacing: Pacing,
        health: WorkerHealth,
        rng: random.Random,
        opener: Opener,
        address: Address,
        delay_seconds: float,
    ) -> None:
        """A user who comes after ``delay_seconds``; ``rng`` decides how it drops connections."""
        self._state = state
        self._pacing = pacing
        self._health = health
        self._rng = rng
        self._open = opener
        self._address = address
        self._delay_seconds = delay_seconds
        self.user = user(self)

    def run(self) -> None:
        """Act until the run ends or the greenlet is killed."""
        state, pacing, user = self._state, self._pacing, self.user
        gevent.sleep(self._delay_seconds)
        if not state.is_ending:
            user.go_online()
        while not state.is_ending and not user.has_left:
            wait_us = pacing.next.at_us - state.now
            if wait_us > 0:
                gevent.sleep(wait_us / 1_000_000)
                continue  # the run may be over
            step = pacing.take(state.now)
            match step.do:
                case "act":
                    self._act(step.at_us)
                case "drop":
                    silent = self._rng.random() >= state.plan.offline_editing_share
                    abrupt = self._rng.random() < ABRUPT_SHARE
                    user.go_offline("closed", silent=silent, abrupt=abrupt)
                case "come back":
                    user.go_online()

    def _act(self, planned_us: int) -> None:
        self._health.planned(self._state.now - planned_us)
        actions = ACTIONS_MAX if self._state.plan.model == "open" else 1
        for _ in range(actions):
            if self.user.act(planned_us):
                return

    def leave_when_durable(self) -> None:
        """Close the document for good, once everything is durable; until then keep trying."""
        if not (self._state.is_ending or self.user.has_left or self.user.leave()):
            gevent.spawn_later(LEAVE_RETRY_SECONDS, self.leave_when_durable)

    # --- the client's host --------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Microseconds since the run began."""
        return self._state.now

    def call_after(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> None:
        """Call something later, in a greenlet of its own."""
        gevent.spawn_later(delay_us / 1_000_000, function, *arguments)

    def connect(self) -> None:
        """Open a connection, in a greenlet of its own."""
        gevent.spawn(self._connect)

    def send(self, link: WebSocket, frame: bytes) -> None:
        """Send one message; what goes wrong is noticed by who reads."""
        link.send(frame)

    def close(self, link: WebSocket, *, abrupt: bool = False) -> None:
        """Close it; its reader ends."""
        link.close(abrupt=abrupt)

    def _connect(self) -> None:
        """One attempt and, if it succeeds, all that arrives over the connection."""
        link = self._handshake()
        if link is None:
            self.user.broken(None, CLOSE_ABNORMAL)
            return
        self.user.opened(link)
        code = self._read(link)
        if self.user.link is link:
            self._state.count(f"closed_{code}")
            self.user.broken(link, code)

    def _handshake(self) -> WebSocket | None:
        state, health = self._state, self._health
        health.attempts += 1
        try:
            link = handshake(self._open, self._address)
        except ConnectionRefusedError:
            if state.was_served:  # a server that was there has died; otherwise it is another address
                health.down += 1
            else:
                health.refused += 1
            state.count("refused")
        except ConnectionEnded:
            state.count("handshake_failed")
        except OSError as error:
            health.exhausted += error.errno in LOCAL_ERRORS
            state.count(f"connect_{type(error).__name__}")
        else:
            state.was_served = self.user.was_served = True
            return link
        return None

    def _read(self, link: WebSocket) -> int:
        """Hand over what arrives until the client or the server ends it; the code it ended with."""
        try:
            for data in link.messages():
                self.user.received(link, data)
                if self.user.link is not link:
                    break
        except ConnectionEnded as lost:
            return lost.code
        finally:
            link.close()
        return CLOSE_ABNORMAL
