"""A fault: the gateway's process is replaced, as by a deployment."""

from __future__ import annotations

from typing import Final

from simulator.faults.fault import ServerFault
from simulator.planning.faultspec import FaultKind
from simulator.virtual.witness import Shows, Symptom


class Deployment(ServerFault):
    """Another process takes over at once: all connections break, and nothing is down."""

    kind = "deployment"
    shows = Shows((Symptom.RESET,), needed=(Symptom.STARTED,))

    def begin(self) -> None:
        """Replace the process."""
        self.host.crash_gateway(self)
        self.host.restart_gateway(self)

    def end(self) -> None:
        """Nothing is left to heal."""


KIND: Final = FaultKind(lane="gateway", duration_us=1_000_000, parameters={"cells": 1}, where="server")
