"""What is held against a server that refuses without a reason, or stores what it should have refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from model import history
from model.checkers.check import edit_name
from model.client.answers import ERRORS
from model.history import Record
from model.identity import EMPTY_LOG, ConnectionId, DocumentId, Revision, SiteId
from model.protocol import ErrorCode
from reference_server.core.effects import Append, Authenticated, Role, Snapshot
from simulator.planning.plan import CellPlan
from simulator.virtual.client import SimulatedClient
from simulator.virtual.connection import Connection
from simulator.virtual.holds import Holds
from simulator.virtual.storage import Storage
from simulator.virtual.tokens import Tokens
from simulator.virtual.witness import Symptom, Witness

_UNAUTHENTICATED = ERRORS[ErrorCode.UNAUTHENTICATED].close
_FORBIDDEN = ERRORS[ErrorCode.FORBIDDEN].close
_EXPIRED = ERRORS[ErrorCode.TOKEN_EXPIRED].close
_REVOKED = ERRORS[ErrorCode.TOKEN_REVOKED].close


class GrievanceHost(Protocol):
    """The run of the server that it is about.

    Attributes:
        roles: by client, what is left of its right while some of it is withheld.
        tokens: what clients show.
    """

    plan: CellPlan
    roles: defaultdict[SiteId, Holds[Role | None]]
    tokens: Tokens
    witness: Witness
    storage: Storage
    record: Callable[[Record], None]

    @property
    def now(self) -> int:
        """Microseconds."""
        ...


class Grievances:
    """Knows what was taken from whom, so as to tell a refusal that has a reason from one that has none."""

    def __init__(self, host: GrievanceHost) -> None:
        self._host = host
        self._refused: dict[ConnectionId, ErrorCode] = {}
        self._trimmed: dict[DocumentId, Revision] = {}
        self._expires_us: dict[ConnectionId, int | None] = {}

    def decided(self, answer: Authenticated, connection: Connection | None) -> None:
        """This was said about the token of a connection."""
        if answer.identity is not None:
            self._expires_us[answer.connection] = answer.identity.expires_us
        elif connection is not None:
            self._refused[answer.connection] = answer.reason
            if answer.reason is ErrorCode.UNAUTHENTICATED:
                self._host.witness.notice(Symptom.TOKEN_REFUSED, connection.path.owner)

    def over_close(self, connection: Connection, code: int) -> None:
        """The server sends somebody away; whoever keeps the protocol may only be for a reason."""
        host, client = self._host, connection.client
        refused = self._refused.pop(connection.id, None)
        if not isinstance(client, SimulatedClient):
            host.witness.notice(Symptom.SENT_AWAY, connection.path.owner)
            return
        person = client.plan.site
        is_fair = {
            _UNAUTHENTICATED: refused is ErrorCode.UNAUTHENTICATED,
            _FORBIDDEN: bool(host.roles.get(person)),
            _EXPIRED: self._has_expired(connection),
            _REVOKED: refused is ErrorCode.TOKEN_REVOKED or host.tokens.was_revoked(person),
        }
        if not is_fair.get(code, True):
            nothing = "its token was good" if code == _EXPIRED else "nothing was taken from its person"
            problem = f"was closed with {code}, but {nothing}"
            self._accuse(client.document.document, client.site, client.revision, "close", problem)

    def _has_expired(self, connection: Connection) -> bool:
        """Whether the token that was shown last is over, and the time to bring another one nearly, too."""
        expires_us = self._expires_us.get(connection.id)
        grace_us = self._host.plan.server.renew_grace_us
        return expires_us is not None and self._host.now >= expires_us + grace_us - grace_us // 4

    def trims(self, request: Snapshot) -> None:
        """From now on a server may say that what lies before is too old."""
        known = self._trimmed.get(request.document, EMPTY_LOG)
        self._trimmed[request.document] = max(known, request.trim)

    def over_error(self, client: SimulatedClient, code: ErrorCode) -> None:
        """A client was told that it cannot go on as it is; that has to be so."""
        document, site = client.document.document, client.site
        revision = client.base
        progress = self._host.storage.store.durable(document).progress.get(site)
        match code:
            case ErrorCode.BASE_TOO_OLD if revision >= self._trimmed.get(document, EMPTY_LOG):
                problem = f"was told that revision {revision} is too old, but all since then are kept"
            case ErrorCode.STALE_EPOCH if progress is None or progress.epoch < client.epoch:
                problem = "was told that it came again since, but it did not"
            case ErrorCode.SUPERSEDED:
                problem = "was told that it came again since, but this is its newest connection"
            case _:
                return
        self._accuse(document, site, revision, "error", problem)

    def over_append(self, request: Append) -> None:
        """Edits are about to be stored; nobody's may be whose right was gone before."""
        for row in request.rows:
            if self._host.roles.get(SiteId(row.user)):
                name = edit_name(row.site, row.first, row.last)
                problem = f"had {name} taken after the right to edit was gone"
                self._accuse(request.document, row.site, row.revision, "message", problem)

    def _accuse(
        self, document: DocumentId, site: SiteId, revision: Revision, kind: str, problem: str
    ) -> None:
        self._host.record(history.Accused(self._host.now, site, document, revision, kind, problem))
