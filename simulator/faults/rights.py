"""Faults of what clients may do: rights and tokens that are withdrawn, or not given, for a while."""

from __future__ import annotations

from typing import Final

from model.protocol import ErrorCode
from reference_server.core.effects import Revoked, RightsChanged, Role
from simulator.faults.fault import ClientsFault, SentAwayFault
from simulator.virtual.cell import Cell
from simulator.virtual.client import SimulatedClient
from simulator.virtual.witness import Shows, Symptom

LESSENED: Final = (Role.VIEWER, None)
"""What is left of a right."""


class RightLoss(SentAwayFault):
    """Some clients may only read for a while, and some of them not even that, be they connected or away."""

    kind = "right_loss"
    shows = Shows((Symptom.FORBIDDEN,))
    why = ErrorCode.FORBIDDEN
    host: Cell

    def begin(self) -> None:
        """Take the rights away, and say so."""
        for client in self.clients:
            self.hold(self.host.roles[client.plan.site], self.random.choice(LESSENED))
        self._tell()
        super().begin()

    def end(self) -> None:
        """Give them back."""
        super().end()
        self._tell()

    def _may_come(self, client: SimulatedClient) -> bool:
        return not self.host.roles[client.plan.site]

    def _tell(self) -> None:
        for document in dict.fromkeys(client.document.document for client in self.clients):
            self.host.gateway_handles(RightsChanged(document))


class SignOut(SentAwayFault):
    """The tokens of some clients are revoked, be they connected or away; later they sign in again."""

    kind = "sign_out"
    shows = Shows((Symptom.SIGNED_OUT,))
    why = ErrorCode.TOKEN_REVOKED
    host: Cell

    def begin(self) -> None:
        """Revoke them."""
        for client in self.clients:
            self.hold(self.host.tokens.withheld[client.plan.site], None)
            if token := self.host.tokens.revoke(client.plan.site):
                self.host.gateway_handles(Revoked(token))
        super().begin()

    def _may_come(self, client: SimulatedClient) -> bool:
        return not self.host.tokens.withheld[client.plan.site]


class TokenOutage(ClientsFault):
    """Some clients get no new token; when the old one has expired they are warned, closed and refused."""

    kind = "token_outage"
    shows = Shows((Symptom.NOT_RENEWED, Symptom.TOKEN_REFUSED))
    host: Cell

    def begin(self) -> None:
        """Give them none."""
        for client in self.clients:
            self.hold(self.host.tokens.withheld[client.plan.site], None)
