"""Faults of the clients themselves: long absences, herds, slow readers, repeated sends, wrong clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from simulator.faults.fault import ClientsFault
from simulator.virtual.client import SimulatedClient
from simulator.virtual.host import ServerHost
from simulator.virtual.sessions import work_away
from simulator.virtual.witness import Shows, Symptom

READ_EVERY_US: Final = 100_000
"""How often a slow reader reads."""


class LongOffline(ClientsFault):
    """Some clients are away for the whole window and keep typing."""

    kind = "long_offline"
    shows = Shows((Symptom.LEFT,))

    def begin(self) -> None:
        """Take those offline who are there, and keep those away who are not."""
        for client in self.clients:
            if client.has_started and not client.has_left:
                work_away(self.host, client, self)
                self._holds.append(client.absences)


class Herd(LongOffline):
    """The whole fleet loses its connections at one moment, and comes back in the same instant."""

    kind = "herd"
    shows = Shows((Symptom.RETURNED,), needed=(Symptom.LEFT,))
    share_default = 1.0


class ClientCrash(ClientsFault):
    """Some clients die with pending edits, and restart from what they had saved."""

    kind = "client_crash"
    shows = Shows((Symptom.RESTARTED,))

    def begin(self) -> None:
        """Kill them, those that are offline as well."""
        for client in self.clients:
            if client.has_started and not client.has_left:
                self.hold(client.deaths, None)


class SlowReader(ClientsFault):
    """Some clients read so slowly that the server's queue for them fills (1013)."""

    kind = "slow_reader"
    shows = Shows((Symptom.WAITED,))
    host: ServerHost
    clients: Sequence[SimulatedClient]

    def begin(self) -> None:
        """Slow them down."""
        self._credit_bytes = [0.0] * len(self.clients)
        self._is_over = False
        for client in self.clients:
            self.hold(client.hindrances, None)
        self.host.clock.call(READ_EVERY_US, self._read)

    def _read(self) -> None:
        if self._is_over:
            return
        rate = float(self.param("bytes_per_second", 200)) * READ_EVERY_US / 1_000_000
        for i, client in enumerate(self.clients):
            self._credit_bytes[i] += rate
            if client.link is not None and not client.is_stopped:
                self._credit_bytes[i] -= self.host.network.read(client.link, int(self._credit_bytes[i]))
        self.host.clock.call(READ_EVERY_US, self._read)

    def end(self) -> None:
        """Let them read all that waits."""
        self._is_over = True
        super().end()


class ClientPause(ClientsFault):
    """The processes of some clients are stopped, as by SIGSTOP, and go on later as if nothing had been."""

    kind = "client_pause"
    shows = Shows((Symptom.WAITED, Symptom.LATE))
    clients: Sequence[SimulatedClient]

    def begin(self) -> None:
        """Stop them."""
        for client in self.clients:
            if client.has_started:
                self.hold(client.pauses, None)


class DuplicateResend(ClientsFault):
    """Some clients send what is in flight again and again, although nothing was lost."""

    kind = "duplicate_resend"
    shows = Shows((Symptom.REPEATED,))

    def begin(self) -> None:
        """Start to repeat."""
        self._is_over = False
        for client in self.clients:
            self._repeat(client.resend)

    def end(self) -> None:
        """Stop."""
        self._is_over = True

    def _repeat(self, resend: Callable[[], bool]) -> None:
        period_us = int(self.param("period_us", 50_000))

        def again() -> None:
            if not self._is_over:
                resend()
                self.host.clock.call(int(period_us * (0.5 + self.random.random())), again)

        self.host.clock.call(int(period_us * self.random.random()), again)


class ClockSkew(ClientsFault):
    """Where the tokens of some clients come from, the clock is wrong, by up to ``skew_us`` either way.

    A token is the one thing that has a time on it which somebody else compares with his own. One that is not
    good yet, or not any more, is refused; nothing else may come of it.
    """

    kind = "clock_skew"
    shows = Shows((Symptom.TOKEN_REFUSED,))
    clients: Sequence[SimulatedClient]

    def begin(self) -> None:
        """Set them wrong."""
        bound = int(self.param("skew_us", 3_600_000_000))
        for client in self.clients:
            self.hold(client.skews, self.random.randint(-bound, bound))
