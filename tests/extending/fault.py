"""A fault: the gateway's process is replaced, as by a deployment."""

from __future__ import annotations

from typing import Final

from simulator.faults.fault import ServerFault
from simulator.planning.faultspec import FaultKind


class Deployment(ServerFault):
    """Another process takes over at once: all connections break, and nothing is down."""

    kind = "deployment"

    def begin(self) -> int:
        """Replace the process; how many connections it had."""
        self._hit = self.host.crash_gateway()
        self.host.restart_gateway()
        return self._hit

    def end(self) -> int:
        """Nothing is left to heal."""
        return self._hit


KIND: Final = FaultKind(lane="gateway", duration_us=1_000_000, parameters={"cells": 1}, where="server")
