"""Deaths of the gateway's process."""

from __future__ import annotations

from simulator.faults.fault import CellFault, ServerFault


class GatewayCrash(ServerFault):
    """The process dies with everything in its memory, and another one starts from the store."""

    kind = "gateway_crash"

    def begin(self) -> int:
        """Kill it."""
        self._hit = self.host.crash_gateway()
        return self._hit

    def end(self) -> int:
        """Start a new one."""
        self.host.restart_gateway()
        return self._hit


class CrashBeforeAck(CellFault):
    """The process dies between persist and acknowledgement: a commit is durable and nobody was told."""

    kind = "crash_before_ack"

    def begin(self) -> int:
        """Wait for the next commit that makes revisions durable."""
        self._hit = 0
        self.host.storage.before_answer = self._crash
        return 0

    def _crash(self) -> bool:
        self.host.storage.before_answer = None
        self._hit = self.host.crash_gateway()
        self.host.clock.call(int(self.param("restart_us", 1_000_000)), self.host.restart_gateway)
        return True

    def end(self) -> int:
        """Start a new process if the old one died."""
        self.host.storage.before_answer = None
        self.host.restart_gateway()
        return self._hit
