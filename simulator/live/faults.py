"""Faults over real sockets: those of the simulator where they work as they are, and the rest made real.

Held messages, long absences, crashed clients, repeated sends and wrong clocks need nothing but the clients.
Partitions leave a part of their connections half open, slow readers leave bytes in the kernel, and deaths of
the gateway and of the store are those of processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from simulator.faults import FAULTS
from simulator.faults.bus import BusDeath
from simulator.faults.clients import ClientPause, SlowReader
from simulator.faults.fault import ClientsFault, Fault
from simulator.faults.gateway import CrashBeforeAck, GatewayDeath, GatewayPause
from simulator.faults.network import (
    Flapping,
    PartitionClients,
    PartitionHalves,
    PartitionRegion,
)
from simulator.live.cell import DEATHS, SERVER_FAULTS, LiveCell
from simulator.live.server import ServerHandle
from simulator.planning.faultspec import BUS_DEATH, CLOCK_SKEW
from simulator.planning.plan import FaultWindow
from simulator.virtual.witness import BUS, STORE, Shows, Symptom

HALF_OPEN_SHARE: Final = 0.3
"""Of the connections that a partition hits, how many are left half open for good."""

PERSIST_US: Final = 3_000
"""A commit takes about this long; a process killed within it may have persisted and not answered."""

_NEEDS: Final = {
    "rival_writer": "it needs another writer inside the server",
    "right_loss": "it needs whoever gives the rights",
    "sign_out": "it needs whoever issues the tokens",
    "intrusion": "it needs another token of the same server",
    "token_outage": "it needs whoever issues the tokens",
}
"""What is missing for the faults that cannot be made over real sockets."""

STORE_FAULTS: Final = ("store_stall", "store_error")


class _HalfOpen(PartitionClients):
    """A partition that some connections never come back from, although nobody closes them."""

    host: LiveCell

    def _block(self) -> None:
        super()._block()
        keep_alive_us = self.host.plan.network.keep_alive_us
        for connection in self._connections():
            if self.random.random() < HALF_OPEN_SHARE:
                patience_us = int(keep_alive_us * (0.5 + self.random.random()))
                self.host.bridge.abandon(connection, patience_us)


class LivePartitionClients(_HalfOpen):
    """Single clients lose their path."""


class LivePartitionRegion(_HalfOpen, PartitionRegion):
    """A whole region is cut off."""


class LivePartitionHalves(_HalfOpen, PartitionHalves):
    """Half of the clients are cut off."""


class LiveFlapping(_HalfOpen, Flapping):
    """Paths come and go."""


class LiveSlowReader(ClientsFault):
    """Some clients leave what the server sends in the kernel, so that its outbox for them fills (1013)."""

    kind = "slow_reader"
    shows = SlowReader.shows
    host: LiveCell

    def begin(self) -> None:
        """Slow them down."""
        for client in self.clients:
            width = int(self.param("bytes_per_second", 200))
            self.hold(self.host.bridge.widths_of(client.plan.site), width)


class LiveClientPause(ClientPause):
    """The processes of some clients are stopped, and leave what the server sends in the kernel."""

    host: LiveCell

    def begin(self) -> None:
        """Stop them."""
        super().begin()
        for client in self.clients:
            self.hold(self.host.bridge.stops_of(client.plan.site), None)


class LiveGatewayPause(GatewayPause):
    """The server's processes are really stopped."""

    shows = Shows((Symptom.SILENT,))


class LiveCrashBeforeAck(GatewayDeath):
    """The server's process is killed while a submit is with it: perhaps persisted, nobody told."""

    kind = "crash_before_ack"
    shows = CrashBeforeAck.shows
    host: LiveCell

    def begin(self) -> None:
        """Wait for the next submit that the kernel takes."""
        self.hold(self.host.shared.interceptions, self._submitted)

    def _submitted(self) -> None:
        self.host.shared.interceptions.let_go(self)
        self.host.clock.call(int(self.random.random() * PERSIST_US), self._crash)

    def _crash(self) -> None:
        self.host.crash_gateway(self)
        self.host.clock.call(int(self.param("restart_us", 1_000_000)), self.host.restart_gateway, self)

    def end(self) -> None:
        """Start the process if it died."""
        super().end()
        self.host.restart_gateway(self)


class LiveStoreDeath(Fault):
    """The store's process is killed, and comes back when the fault is over."""

    kind = "store_stall"
    concerned = (STORE,)
    shows = Shows((Symptom.SILENT, Symptom.TURNED_AWAY))
    host: LiveCell

    def begin(self) -> None:
        """Kill it."""
        self.hold(self.host.store_deaths, None)


class LiveBusDeath(Fault):
    """The process of the bus is killed, and comes back empty when the fault is over."""

    kind = BUS_DEATH
    concerned = (BUS,)
    shows = BusDeath.shows
    host: LiveCell

    @property
    def has_healed(self) -> bool:  # type: ignore[override]  # a process takes a while to start
        """Whether it is back."""
        return not self.host.is_bus_down

    def begin(self) -> None:
        """Kill it."""
        self.hold(self.host.bus_deaths, None)


LIVE_FAULTS: Final[dict[str, type[Fault]]] = {
    **{kind: fault for kind, fault in FAULTS.items() if kind not in _NEEDS},
    **{
        fault.kind: fault
        for fault in (
            LivePartitionClients,
            LivePartitionRegion,
            LivePartitionHalves,
            LiveFlapping,
            LiveSlowReader,
            LiveClientPause,
            LiveGatewayPause,
            LiveCrashBeforeAck,
            LiveBusDeath,
        )
    },
    **dict.fromkeys(STORE_FAULTS, LiveStoreDeath),
}
"""All faults that can be made over real sockets, by the name scenarios use."""


def live_fault_of(kind: str) -> type[Fault]:
    """The fault of this name.

    Raises:
        KeyError: it cannot be made here; :func:`playable` leaves such ones out.
    """
    return LIVE_FAULTS[kind]


def playable(
    windows: Iterable[FaultWindow], server: ServerHandle | None, *, dates_tokens: bool = True
) -> tuple[tuple[FaultWindow, ...], list[str]]:
    """The windows that can be made against this server (None: somebody else's), and why the others cannot.

    ``dates_tokens`` says whether the tokens that clients show are issued here.
    """
    kept: list[FaultWindow] = []
    left_out: dict[str, str] = {}
    for window in windows:
        why = ""
        if window.kind not in LIVE_FAULTS:
            why = _NEEDS.get(window.kind, "there is a server")
        elif window.kind in SERVER_FAULTS and server is None:
            why = "the server is not ours"
        elif window.kind == BUS_DEATH and not (server is not None and server.has_bus_control):
            why = "its bus is not ours to kill"
        elif window.kind == CLOCK_SKEW and not dates_tokens:
            why = "the one token that there is was dated elsewhere"
        elif window.kind in STORE_FAULTS and not (server is not None and server.has_store_control):
            why = "its store is not ours to kill"
        if why:
            left_out[window.kind] = why
        else:
            kept.append(window)
    return tuple(kept), [f"Fault {kind} was left out: {why}." for kind, why in left_out.items()]


def with_a_kill(windows: tuple[FaultWindow, ...], duration_us: int) -> tuple[FaultWindow, ...]:
    """The windows, with at least one death of the server among them."""
    if any(window.kind in DEATHS for window in windows):
        return windows
    begin_us, end_us = int(duration_us * 0.5), int(duration_us * 0.55)
    kill = FaultWindow(len(windows), "gateway_crash", "gateway", begin_us, end_us, {}, 0)
    return tuple(
        msgspec.structs.replace(window, index=index)
        for index, window in enumerate(sorted((*windows, kill), key=lambda w: w.begin_us))
    )
