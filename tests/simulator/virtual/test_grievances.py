"""Servers that do not care who may do what, and somebody who does what nobody may."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from model import history
from model.identity import ConnectionId
from model.protocol import ErrorCode, RemoteProtocolError, Submit
from reference_server.core.document import Document
from reference_server.core.effects import Effect, Event, Published, Role, TimerFired
from reference_server.core.gateway import Gateway
from simulator.failures.trial import Trial, attempt
from simulator.planning.plan import CellPlan
from simulator.virtual.cell import HEALTHY, Parts
from simulator.virtual.intruder import MISDEEDS
from tests.simulator.plans import SECOND, STAYING, fault, of, plan, problems

RESTLESS = msgspec.structs.replace(STAYING, offline_mean_count=2.0, offline_mean_us=1_000_000)


def guarded(*faults: Any, seed: int = 1, **server: Any) -> CellPlan:
    base = plan(*faults, seconds=9, edits_per_second=2.0, seed=seed, sessions=RESTLESS)
    return msgspec.structs.replace(base, server=msgspec.structs.replace(base.server, **server))


# --- servers that do not care -----------------------------------------------------------------------------


class Forgetful(Document):
    """Does not hear that a right was withdrawn."""

    def set_role(self, connection: ConnectionId, role: Role) -> None:
        """Nothing."""

    def bar(self, connection: ConnectionId) -> None:
        """Nothing."""


class Lenient(Gateway):
    """Goes on with whom it should send away."""

    def _refuse(self, connection: ConnectionId, code: ErrorCode, detail: str) -> None:
        if code is not ErrorCode.OUT_OF_ORDER:
            super()._refuse(connection, code, detail)


class Curt(Gateway):
    """Closes without a word."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Leave the errors out."""
        return [e for e in super().handle(event, now_us) if b'"error"' not in getattr(e, "data", b"")]


class Suspicious(Gateway):
    """Sends away whoever renews a token."""

    def _revoked(self, token_id: str) -> None:
        for connection, session in list(self._sessions.items()):
            self._send_away(connection, session, ErrorCode.TOKEN_REVOKED, "all tokens were revoked")


class Hasty(Gateway):
    """Takes a token for expired before it is."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Timers go off as if it were later."""
        early_us = 2 * self.limits.renew_grace_us if isinstance(event, TimerFired) else 0
        return super().handle(event, now_us + early_us)


class Backdating(Gateway):
    """Says that it received everything earlier than it did."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """A second earlier."""
        effects = super().handle(event, now_us)
        return [
            e._replace(received_us=max(1, e.received_us - SECOND))
            if isinstance(e, Published) and e.received_us
            else e
            for e in effects
        ]


class Amnesiac(Document):
    """Says of some edits that their base is too old."""

    def submit(self, connection: ConnectionId, message: Submit, now_us: int) -> None:
        """Now and then."""
        if message.base % 7 == 5:
            raise RemoteProtocolError(ErrorCode.BASE_TOO_OLD, "the log starts elsewhere")
        super().submit(connection, message, now_us)


class Impatient(Gateway):
    """Takes the third join of a document for a second coming."""

    joins = 0

    def _join(self, connection: ConnectionId, session: Any, *rest: Any) -> None:
        self.joins += 1
        if self.joins % 3:
            super()._join(connection, session, *rest)
        else:
            self._refuse(connection, self.code, "somebody came again")

    code = ErrorCode.STALE_EPOCH


class Jealous(Impatient):
    """The same, with another word for it."""

    code = ErrorCode.SUPERSEDED


BROKEN = {
    "right withdrawn, and nobody told": (Parts(document=Forgetful), "right_loss"),
    "out of order, and served": (Parts(gateway=Lenient), "intrusion"),
    "refused without a word": (Parts(gateway=Curt), "intrusion"),
    "too old, says who": (Parts(document=Amnesiac), "long_offline"),
    "stale, says who": (Parts(gateway=Impatient), "long_offline"),
    "superseded, says who": (Parts(gateway=Jealous), "long_offline"),
    "one revoked, all sent away": (Parts(gateway=Suspicious), "sign_out"),
}


@pytest.mark.slow
def test_a_token_is_good_until_it_has_expired() -> None:
    what = guarded(token_lifetime_us=4 * SECOND)
    trial = attempt(what, Parts(gateway=Hasty), keep=True)
    assert any("was closed with 4411, but its token was good" in problem for problem in accusations(trial))
    assert not accusations(attempt(what, keep=True))


@pytest.mark.slow
def test_nothing_is_received_before_it_is_sent() -> None:
    trial = attempt(guarded(), Parts(gateway=Backdating))
    violation = trial.shown("protocol", "received")
    assert violation is not None
    assert "the server says that it received" in violation.message


def accusations(trial: Trial) -> list[str]:
    return [r.problem for r in of(history.Accused, trial)]


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_server_that_does_not_care_breaks_the_protocol(name: str) -> None:
    parts, kind = BROKEN[name]
    parameters: dict[str, Any] = {} if kind == "intrusion" else {"share": 0.5}
    what = guarded(fault(kind, 2, 6, **parameters))
    assert not accusations(attempt(what, keep=True))
    trial = attempt(what, parts, keep=True)
    assert accusations(trial)
    assert "protocol" in {r.name for r in trial.results if r.claimed and r.violated}


@pytest.mark.slow
def test_every_misdeed_is_refused_with_its_own_error() -> None:
    said: set[ErrorCode] = set()

    class Listening(Gateway):
        def _refuse(self, connection: ConnectionId, code: ErrorCode, detail: str) -> None:
            said.add(code)
            super()._refuse(connection, code, detail)

    trial = attempt(
        guarded(fault("intrusion", 2, 8, period_us=50_000)), HEALTHY._replace(gateway=Listening), keep=True
    )
    assert not problems(trial)
    (ended,) = of(history.FaultEnded, trial)
    assert ended.affected >= 2 * len(MISDEEDS)
    assert {ErrorCode.MALFORMED, ErrorCode.OUT_OF_ORDER, ErrorCode.UNAUTHENTICATED} <= said
