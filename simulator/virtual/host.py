"""What faults need of a run that has a server: a simulated cell, or a live run."""

from __future__ import annotations

from typing import Protocol

from simulator.virtual.client import ClientHost, SimulatedClient


class ServerHost(ClientHost, Protocol):
    """The host of a gateway and of its clients."""

    clients: list[SimulatedClient]

    def crash_gateway(self) -> int:
        """The gateway's process dies with everything it holds; returns the connections it had."""
        ...

    def restart_gateway(self) -> None:
        """A new process takes over, if there is none."""
        ...
