"""Faults of what clients may do: rights that are lessened or withdrawn for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model.protocol import ErrorCode
from reference_server.core.effects import RightsChanged, Role
from simulator.faults.fault import ClientsFault
from simulator.virtual.cell import Cell
from simulator.virtual.client import SimulatedClient
from simulator.virtual.witness import Shows, Symptom

ASKED_EVERY_US: Final = 500_000
"""How often somebody who was sent away looks whether he may come back."""

LESSENED: Final = (Role.VIEWER, None)
"""What is left of a right."""


class RightLoss(ClientsFault):
    """Some clients may only read for a while, and some of them not even that, be they connected or away.

    Who is sent away opens the document again when the right is back, with all that was written meanwhile.
    """

    kind = "right_loss"
    shows = Shows((Symptom.FORBIDDEN,))
    host: Cell
    clients: Sequence[SimulatedClient]

    def begin(self) -> None:
        """Take the rights away, and say so."""
        for client in self.clients:
            self.host.roles[client.plan.site] = self.random.choice(LESSENED)
        self._tell()
        self._ask()

    def end(self) -> None:
        """Give them back."""
        for client in self.clients:
            self.host.roles.pop(client.plan.site, None)
        self._tell()

    def _tell(self) -> None:
        for document in dict.fromkeys(client.document.document for client in self.clients):
            self.host.gateway_handles(RightsChanged(document))

    def _ask(self) -> None:
        """Whoever may come back opens the document again; a refusal that was held up may come late."""
        for client in self.clients:
            if client.gave_up == ErrorCode.FORBIDDEN.value and client.plan.site not in self.host.roles:
                client.go_offline("forbidden")
                client.go_online()
        if self.clients:
            self.host.clock.call(ASKED_EVERY_US, self._ask)
