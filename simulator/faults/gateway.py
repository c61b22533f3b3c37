"""Deaths of the gateway's process, and pauses."""

from __future__ import annotations

from reference_server.core.effects import Answer
from simulator.faults.fault import CellFault, ServerFault
from simulator.virtual.witness import GATEWAY, Shows, Symptom


class GatewayDeath(ServerFault):
    """A process dies and another one starts from the store."""

    @property
    def has_healed(self) -> bool:  # type: ignore[override]  # a real process takes a while to start
        """Whether a process serves again."""
        return self.host.is_gateway_up


class GatewayCrash(GatewayDeath):
    """The process dies with everything in its memory, and another one starts from the store."""

    kind = "gateway_crash"
    shows = Shows((Symptom.RESET,), needed=(Symptom.STARTED,))

    def begin(self) -> None:
        """Kill it."""
        self.host.crash_gateway(self)

    def end(self) -> None:
        """Start a new one."""
        self.host.restart_gateway(self)


class GatewayPause(ServerFault):
    """The process is stopped, as by SIGSTOP: sockets and the store go on, and its timers fire late."""

    kind = "gateway_pause"
    shows = Shows((Symptom.LATE,))

    def begin(self) -> None:
        """Stop it."""
        self.host.pause_gateway(self)

    def end(self) -> None:
        """Let it go on."""
        self.host.resume_gateway(self)


class CrashBeforeAck(CellFault):
    """The process dies between persist and acknowledgement: a commit is durable and nobody was told."""

    kind = "crash_before_ack"
    concerned = (GATEWAY,)
    shows = Shows((Symptom.UNTOLD,), needed=(Symptom.STARTED,))

    def begin(self) -> None:
        """Wait for the next commit that makes revisions durable."""
        self.hold(self.host.storage.interceptions, self._crash)

    def _crash(self, answer: Answer) -> None:
        self.host.storage.interceptions.let_go(self)
        self.host.crash_before_answer(answer, self)
        self.host.clock.call(int(self.param("restart_us", 1_000_000)), self.host.restart_gateway, self)

    def end(self) -> None:
        """Start a new process if the old one died."""
        super().end()
        self.host.restart_gateway(self)
