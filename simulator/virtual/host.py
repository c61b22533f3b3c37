"""What faults need of a run that has a server: a simulated cell, or a live run."""

from __future__ import annotations

from typing import Protocol

from simulator.virtual.client import ClientHost, SimulatedClient


class ServerHost(ClientHost, Protocol):
    """The host of a gateway and of its clients."""

    clients: list[SimulatedClient]

    @property
    def is_gateway_up(self) -> bool:
        """Whether there is a process that serves."""
        ...

    def crash_gateway(self, by: object) -> None:
        """The gateway's process dies with everything it holds, and there is none while anybody wants that."""

    def restart_gateway(self, by: object) -> None:
        """A new process takes over, unless somebody else wants none."""

    def pause_gateway(self, by: object) -> None:
        """The gateway's process is stopped, as by SIGSTOP."""

    def resume_gateway(self, by: object) -> None:
        """It goes on, unless somebody else wants it stopped."""
