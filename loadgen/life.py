"""A user in real time: one greenlet acts for the person, another one reads each connection.

gevent is used here, but nothing is patched; in a process that is not patched the sockets block.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import gevent  # type: ignore[import-untyped]

from loadgen.connection import ConnectionLost, Opener, WebSocket, handshake
from loadgen.health import WorkerHealth
from loadgen.pacing import Pacing
from loadgen.user import User
from loadgen.world import World
from model.client.address import Address
from model.client.health import LOCAL_ERRORS
from model.client.websocket import CLOSE_ABNORMAL

RETRY_SECONDS: Final = 0.2
RETRY_SECONDS_MAX: Final = 10.0
CLOSED_SUPERSEDED: Final = 4409
ACTIONS_MAX: Final = 8
"""In the open model every planned time is an edit; so many cursor moves may come before it."""

ABRUPT_SHARE: Final = 0.5
"""Of the people who drop a connection, how many do so without a close frame."""


def after_us(delay_us: int, call: Callable[[], object]) -> object:
    """Call something later, in a greenlet of its own."""
    return gevent.spawn_later(delay_us / 1_000_000, call)


class Life:
    """Runs one user."""

    __slots__ = (
        "_address",
        "_delay_seconds",
        "_generation",
        "_health",
        "_open",
        "_pacing",
        "_rng",
        "_world",
        "user",
    )

    def __init__(
        self,
        world: World,
        user: User,
        pacing: Pacing,
        health: WorkerHealth,
        rng: random.Random,
        opener: Opener,
        address: Address,
        delay_seconds: float,
    ) -> None:
        """A user who comes after ``delay_seconds``; ``rng`` decides how it drops connections."""
        self.user = user
        self._world = world
        self._pacing = pacing
        self._health = health
        self._rng = rng
        self._open = opener
        self._address = address
        self._delay_seconds = delay_seconds
        self._generation = 0  # of attempts to be connected; only the newest one goes on

    def run(self) -> None:
        """Act until the run ends or the greenlet is killed."""
        world, pacing = self._world, self._pacing
        gevent.sleep(self._delay_seconds)
        if not world.is_ending:
            self.come()
        while not world.is_ending and not self.user.has_left:
            wait_us = pacing.next.at_us - world.now
            if wait_us > 0:
                gevent.sleep(wait_us / 1_000_000)
                continue  # the run may be over
            step = pacing.take(world.now)
            match step.do:
                case "act":
                    self._act(step.at_us)
                case "drop":
                    editing = self._rng.random() < world.plan.offline_editing_share
                    abrupt = self._rng.random() < ABRUPT_SHARE
                    self.user.go_offline("closed", editing=editing, abrupt=abrupt)
                case _:
                    self.come()

    def _act(self, planned_us: int) -> None:
        self._health.planned(self._world.now - planned_us)
        actions = ACTIONS_MAX if self._world.plan.model == "open" else 1
        for _ in range(actions):
            if self.user.act(planned_us):
                return

    def come(self) -> None:
        """Want a connection and open it."""
        self.user.go_online()
        if self.user.wants and self.user.link is None:
            self._generation += 1
            gevent.spawn(self._connect, self._generation)

    def _connect(self, generation: int) -> None:
        """One attempt and, if it succeeds, the life of the connection; then the next attempt."""
        user = self.user
        if generation != self._generation or not user.wants or user.link is not None:
            return
        user.requested()
        self._health.attempts += 1
        link: WebSocket | None = None
        code = CLOSE_ABNORMAL
        try:
            link = handshake(self._open, self._address)
            if user.opened(link):
                for data in link.messages():
                    if user.link is not link:
                        break
                    user.received(data)
        except ConnectionRefusedError:
            self._health.refused += 1
            self._world.count("refused")
        except ConnectionLost as lost:
            code = lost.code
            if link is None:
                self._world.count("handshake_failed")
        except OSError as error:
            self._health.exhausted += error.errno in LOCAL_ERRORS
            self._world.count(f"connect_{type(error).__name__}")
        finally:
            if link is not None:
                link.close()
        user.broken(link, code)
        if user.wants and user.link is None and generation == self._generation and code != CLOSED_SUPERSEDED:
            pause = min(RETRY_SECONDS * 2 ** min(user.attempts, 16), RETRY_SECONDS_MAX)
            gevent.spawn_later(pause * (0.5 + self._rng.random()), self._connect, generation)
