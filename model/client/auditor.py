"""Reading a document back over the protocol when nobody edits it any more, sans-IO.

An auditor joins like any client: first as one who knows nothing, for the text, then as one who knows
revision 0, for the whole log. A log that was trimmed is asked for again from nearer to its end. It needs
several connections one after another; on each of them its user sends what :meth:`Auditor.opened` gives, hands
over what arrives and sends the answers until :attr:`Auditor.is_through`.
"""

from __future__ import annotations

from typing import Final, assert_never

from model.audit import Audited
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.protocol import (
    PROTOCOL_VERSION,
    Ack,
    CatchUp,
    Committed,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Joined,
    Merged,
    PeerLeft,
    PeerPresence,
    ProtocolError,
    Renewed,
    Row,
    Welcome,
    decode_server,
    encode,
)

ANSWER_SECONDS_MAX: Final = 20.0
"""An auditor waits for so long for the next message."""

STEPS_BACK: Final = (8_192, 1_024, 128)
"""Where the log is not kept from its begin on, so many revisions before the newest one are tried in turn."""

ATTEMPTS_MAX: Final = 3
"""A document that is edited meanwhile is read so many times."""


class AuditError(Exception):
    """A document could not be read back; what happened to it, without its name."""


class Auditor:
    """Reads one document.

    Attributes:
        site: its identity, which no client has.
        is_through: whether the present connection has given what it can; it is to be closed then.
        result: what was read; None until then.
    """

    def __init__(self, document: DocumentId, site: SiteId) -> None:
        self.site = site
        self.is_through = False
        self.result: Audited | None = None
        self._document = document
        self._epoch = 0
        self._attempts = 1
        self._text: Joined | None = None
        self._joined: Joined | None = None
        self._rows: list[Row] = []
        self._bases: list[Revision] = []  # from which the log is still to be asked for

    def opened(self, token: str) -> bytes:
        """A connection is open: what to send first."""
        self.is_through = False
        self._joined = None
        self._rows.clear()
        return encode(Hello(PROTOCOL_VERSION, self.site, token))

    def received(self, data: bytes) -> tuple[bytes, ...]:
        """A message arrived: what to send.

        Raises:
            AuditError: the document cannot be read.
        """
        try:
            message = decode_server(data)
        except ProtocolError as error:
            raise AuditError(f"could not be read: {error.code.value}: {error.detail}") from None
        match message:
            case Welcome():
                self._epoch += 1
                return (encode(Join(self._document, self._epoch, self._base)),)
            case Joined():
                self._joined = message
            case CatchUp():
                self._rows += message.rows
            case Committed():
                self._begin_again()
                return ()
            case Failure():
                self._failed(message)
                return ()
            case Ack() | Merged() | Renewed() | PeerPresence() | PeerLeft():
                pass
            case _:
                assert_never(message)
        if self._joined is not None:
            self._read(self._joined)
        return ()

    @property
    def _base(self) -> Revision | None:
        return None if self._text is None else self._bases[0]

    def _read(self, joined: Joined) -> None:
        """Go on if everything is there that this join brings."""
        if self._text is None:
            if joined.snapshot is None:
                raise AuditError("could not be read: a newcomer was given no text")
            self._text = joined
            head = joined.revision
            self._bases = [EMPTY_LOG, *(Revision(head - back) for back in STEPS_BACK if back < head)]
            self.is_through = True
            if not head:
                self._finish()
        elif joined.revision != self._text.revision:
            self._begin_again()
        elif self._bases[0] + len(self._rows) >= joined.revision:
            self.is_through = True
            self._finish()

    def _finish(self) -> None:
        assert self._text is not None
        assert self._text.snapshot is not None
        self.result = Audited(self._document, tuple(self._rows), self._text.revision, self._text.snapshot)

    def _failed(self, failure: Failure) -> None:
        if failure.code is not ErrorCode.BASE_TOO_OLD or not self._bases:
            raise AuditError(f"could not be read: {failure.code.value}: {failure.detail}")
        del self._bases[0]
        self.is_through = True
        if not self._bases:
            raise AuditError("does not keep its log, not even the newest revisions")

    def _begin_again(self) -> None:
        """Text and log have to be those of one moment."""
        if self._attempts == ATTEMPTS_MAX:
            raise AuditError("was edited while it was read back")
        self._attempts += 1
        self._text = None
        self.is_through = True
