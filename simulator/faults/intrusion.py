"""Somebody who means harm."""

from __future__ import annotations

from typing import Final

from model.identity import SiteId
from simulator.faults.fault import ServerFault
from simulator.virtual.cell import Cell
from simulator.virtual.intruder import INTRUDER, MISDEEDS, Intruder
from simulator.virtual.witness import Shows, Symptom

ACCOMPLICE: Final = "accomplice"
"""Whose token the intruder has besides its own."""


class Intrusion(ServerFault):
    """Somebody with a good token does what the protocol does not allow, again and again."""

    kind = "intrusion"
    shows = Shows((Symptom.SENT_AWAY,))
    concerned = (INTRUDER,)
    host: Cell

    def begin(self) -> None:
        """Come."""
        self._is_over = False
        self._came = 0
        self._next()

    def end(self) -> None:
        """Come no more."""
        self._is_over = True

    def _next(self) -> None:
        if self._is_over:
            return
        host, plan = self.host, self.host.plan
        document = self.random.choice(plan.documents).document
        tokens = self._token(INTRUDER), self._token(ACCOMPLICE)
        misdeed = MISDEEDS[self._came % len(MISDEEDS)]
        site = SiteId(f"{INTRUDER}-{self.window.index}-{self._came}")
        intruder = Intruder(host, site, document, misdeed, tokens)
        host.network.open(intruder, 0, self.random, self.random.choice(host.workers))
        self._came += 1
        period_us = int(self.param("period_us", 200_000))
        host.clock.call(int(period_us * (0.5 + self.random.random())), self._next)

    def _token(self, user: str) -> str:
        lifetime_us = self.host.plan.server.token_lifetime_us
        return self.host.tokens.shown(SiteId(user), self.host.now, lifetime_us)
