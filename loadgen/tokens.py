"""The tokens of a load run, and how a fixed one is refreshed."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from typing import Final

from loadgen.connection import ask
from loadgen.plan import LoadPlan, PlanError
from model.client.http import HttpRequest
from model.client.tokens import REFRESH_PATH, FixedToken, SignedTokens, TokenSource

GRANTS: Final = {"load-*": "editor"}
REFRESH_SECONDS_MAX: Final = 10.0


def tokens_of(plan: LoadPlan) -> TokenSource:
    """Where the tokens of a run come from.

    Raises:
        PlanError: there is neither a token nor a secret.
    """
    if plan.token:
        address = plan.address

        def refresh(token: FixedToken) -> bytes:
            request = HttpRequest(address, REFRESH_PATH, method="POST", headers=token.headers)
            return ask(address, request, REFRESH_SECONDS_MAX)

        return RefreshedToken(plan.token, refresh)
    secret = os.environ.get(plan.secret_env, "")
    if not secret:
        raise PlanError(f"no token: set {plan.secret_env} to the server's secret, or give a --token")
    return SignedTokens(
        secret,
        grants=GRANTS,
        lifetime_seconds=plan.token_seconds,
        clock=time.time,
        new_id=lambda: secrets.token_hex(16),
    )


class RefreshedToken(FixedToken):
    """A fixed token that is refreshed when somebody needs it and it is due."""

    def __init__(
        self, token: str, refresh: Callable[[FixedToken], bytes], clock: Callable[[], float] = time.time
    ) -> None:
        """``refresh`` gives the server's answer or raises OSError; others may run meanwhile."""
        super().__init__(token, clock())
        self._refresh = refresh
        self._clock = clock
        self._is_refreshing = False

    def token(self, user: str) -> str:
        """The token, a new one if it is due."""
        # While one user waits for the answer, others take the old token.
        if self.due is not None and self._clock() >= self.due and not self._is_refreshing:
            self._is_refreshing = True
            try:
                self.refreshed(self._refresh(self), self._clock())
            except OSError:
                self.refused(self._clock())
            finally:
                self._is_refreshing = False
        return super().token(user)
