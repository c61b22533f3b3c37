"""What a simulated client tells of itself, on its way to the history, to the witness and to who counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from model.client.answers import ERRORS, Answer
from model.client.recorder import ClientRecorder, RecordSink
from model.identity import NO_EDIT, Revision
from model.outgoing import Sent
from model.protocol import ErrorCode, Failure
from simulator.planning.plan import ClientPlan, DocumentPlan
from simulator.virtual.conduct import Conduct
from simulator.virtual.connection import Connection, Path
from simulator.virtual.testimony import Testimony
from simulator.virtual.ways import Ways
from simulator.virtual.witness import Symptom, Witness

_NOTICED: Final = {
    ErrorCode.FORBIDDEN: Symptom.FORBIDDEN,
    ErrorCode.TOKEN_REVOKED: Symptom.SIGNED_OUT,
}


class Noticed(Protocol):
    """The client."""

    plan: ClientPlan
    document: DocumentPlan
    path: Path
    link: Connection | None
    conduct: Conduct
    testimony: Testimony | None


class NoticesHost(RecordSink, Protocol):
    """The run that it is part of."""

    witness: Witness

    def authentication_us(self, connection: Connection) -> int:
        """How long the gateway took for the token of a connection."""
        ...

    def count(self, kind: str) -> None:
        """Something went wrong that leaves no record."""


class ClientNotices(ClientRecorder):
    """Also counts what went wrong, tells the witness, and knows how long gateway and network took."""

    __slots__ = ("_client", "_host", "_is_asked", "_refused", "_sent_here", "_ways")

    def __init__(self, host: NoticesHost, client: Noticed, refused: Callable[[ErrorCode], None]) -> None:
        """``refused`` is told of each error that the client was told of."""
        document = client.document
        super().__init__(client.testimony or host, document.document, displayed=document.displayed)
        self._host = host
        self._client = client
        self._refused = refused
        self._sent_here = NO_EDIT  # the last edit sent over this connection
        self._is_asked = False  # the server wants to be sent it again
        self._ways = Ways()

    def online(self) -> None:
        """It wants to be connected."""
        super().online()
        self._notice(Symptom.RETURNED)

    def offline(self, cause: str) -> None:
        """It does not."""
        super().offline(cause)
        self._notice(Symptom.LEFT)

    def restarted(self) -> None:
        """Its process came back."""
        super().restarted()
        self._notice(Symptom.RESTARTED)

    def sent(self, base: Revision, sent: Sent) -> None:
        """It sent edits, perhaps once more."""
        super().sent(base, sent)
        if sent.last <= self._sent_here and not self._is_asked:
            self._notice(Symptom.REPEATED)
        self._sent_here, self._is_asked = sent.last, False

    def failed(self, failure: Failure) -> None:
        """It was told that something is wrong."""
        self._is_asked = ERRORS[failure.code].warning is Answer.SEND_AGAIN
        if failure.code in _NOTICED:
            self._notice(_NOTICED[failure.code])
        self._refused(failure.code)

    def disconnected(self, cause: str) -> None:
        """Its connection is gone."""
        self.network_us = self._ways.cut_us
        super().disconnected(cause)
        self._sent_here = NO_EDIT
        self._ways.lost(self._client.path)

    def _notice(self, symptom: Symptom) -> None:
        self._host.witness.notice(symptom, self._client.plan.site)

    def connected(self, requested_us: int, authenticate_us: int) -> None:
        """It was let in."""
        del authenticate_us  # it includes the way to the gateway and back
        link = self._client.link
        assert link is not None
        self.network_us = self._ways.found(link)
        super().connected(requested_us, self._host.authentication_us(link))

    def joined(self, how: str) -> None:
        """It follows the document."""
        assert self._client.link is not None
        self.network_us += self._client.link.up_us
        super().joined(how)

    def raised(self, what: str, error: Exception) -> None:
        """It died of an exception; nothing more is held against it."""
        self._client.conduct.is_broken = True
        super().raised(what, error)

    def gave_up(self, cause: str) -> None:
        """It does not try again."""
        self._host.count(f"gave up: {cause}")

    def not_renewed(self) -> None:
        """There is no other token."""
        self._host.count("token could not be renewed")
        self._notice(Symptom.NOT_RENEWED)
