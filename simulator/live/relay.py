"""What goes over one link, passed on and noted: who talks, what was submitted, what was seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from model.assembly import Assembly
from model.client.answers import ERRORS
from model.compression import deflate, inflate
from model.identity import DocumentId, SiteId
from model.memo import Memo
from model.protocol import (
    Ack,
    Branch,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Merged,
    Presence,
    ProtocolError,
    Renew,
    Renewed,
    ServerMessage,
    Submit,
    Welcome,
    decode_client,
    encode,
)
from reference_server.core.limits import CLOSE_TRY_AGAIN, CLOSE_UNAUTHENTICATED
from simulator.virtual.clock import Clock
from simulator.virtual.holds import Holds
from simulator.virtual.witness import STORE, Symptom, Witness

COMPRESSED_BYTES_MIN: Final = 1_024
"""Smaller messages travel as they are."""

_PRESENCE: Final = b'{"type":"presence"'


class RelayContext:
    """What all relays of a run share.

    Attributes:
        errors: how often what went wrong, by kind.
        renewals: tokens that were renewed in band.
        interceptions: the oldest one is called when a submit or a branch has been handed to the kernel.
        answered_us: when the server last answered one.
        witness: sees what really happens.
    """

    def __init__(
        self,
        assembly: Assembly,
        memo: Memo,
        clock: Clock,
        elapsed_us: Callable[[], int],
        witness: Witness,
    ) -> None:
        """What they share; ``clock`` follows ``elapsed_us``, the time since the run began."""
        self.assembly = assembly
        self.memo = memo
        self.clock = clock
        self.elapsed_us = elapsed_us
        self.errors: dict[str, int] = {}
        self.renewals = 0
        self.interceptions: Holds[Callable[[], None]] = Holds()
        self.answered_us = 0
        self.witness = witness

    def count(self, kind: str) -> None:
        """One more error of a kind."""
        self.errors[kind] = self.errors.get(kind, 0) + 1


class MessageRelay:
    """Passes the messages of one link on, compressed if both sides agreed to it, and notes what they say.

    Attributes:
        site, document, epoch: as the client said.
        authenticate_us: from ``hello`` to ``welcome``; 0 before that.
        unanswered: submits and branches that the kernel has and the server has not answered.
    """

    def __init__(
        self,
        shared: RelayContext,
        send: Callable[[bytes, Callable[[], None] | None, bool], None],
        *,
        offers_compression: bool,
    ) -> None:
        """A relay of a link that is not open yet.

        Args:
            shared: what all relays share.
            send: takes a message, what to call when the kernel has it, and whether it is compressed.
            offers_compression: whether ``hello`` says that compressed messages are understood.
        """
        self.site = SiteId("")
        self.document = DocumentId("")
        self.epoch = 0
        self.authenticate_us = 0
        self.unanswered = 0
        self._shared = shared
        self._send = send
        self._offers_compression = offers_compression
        self._compresses = False
        self._hello_us = 0
        self._chunks: list[Branch] = []

    # --- to the server ------------------------------------------------------------------------------------

    def to_server(self, data: bytes) -> None:
        """Send a message of the client."""
        try:
            if data.startswith(_PRESENCE):
                data.decode()
                self._transmit(data, None)
                return
            message = decode_client(data)
        except (ProtocolError, UnicodeDecodeError):
            self._transmit_garbled(data)
            return
        handed: Callable[[], None] | None = None
        match message:
            case Hello():
                self.site = message.site
                if self._offers_compression:
                    data = encode(msgspec.structs.replace(message, compression=["deflate"]))
                handed = self._greeted
            case Join():
                self.document, self.epoch = message.document, message.epoch
            case Submit():
                handed = self._submission([message])
            case Branch():
                self._chunks.append(message)
                if not message.more:
                    handed = self._submission([*self._chunks])
                    self._chunks.clear()
            case Presence() | Renew():
                pass
        self._transmit(data, handed)

    def _transmit_garbled(self, data: bytes) -> None:
        """Send what is no message; what is not even text has to go as a binary one."""
        try:
            data.decode()
        except UnicodeDecodeError:
            self._send(data, None, True)
        else:
            self._send(data, None, False)

    def _transmit(self, data: bytes, handed: Callable[[], None] | None) -> None:
        if self._compresses and len(data) >= COMPRESSED_BYTES_MIN:
            self._send(deflate(data), handed, True)
        else:
            self._send(data, handed, False)

    def _greeted(self) -> None:
        self._hello_us = self._shared.elapsed_us()

    def _submission(self, messages: list[Submit] | list[Branch]) -> Callable[[], None]:
        """What to do when the last byte of a submit, or of a whole branch, was handed to the kernel."""

        def handed() -> None:
            shared = self._shared
            self.unanswered += 1
            shared.assembly.submitted(self.document, self.site, self.epoch, messages, shared.elapsed_us())
            if shared.interceptions:
                shared.interceptions.values[0]()

        return handed

    # --- from the server ----------------------------------------------------------------------------------

    def from_server(self, data: bytes, is_binary: bool) -> bytes:
        """Take note of a message of the server; the message as JSON.

        Raises:
            ProtocolError: it is no message of the protocol.
        """
        if is_binary:
            if not self._compresses:
                raise ProtocolError(ErrorCode.MALFORMED, "a binary message, and no compression agreed on")
            data = inflate(data)
        message = self._shared.memo.decode(data)
        match message:
            case Welcome():
                self.authenticate_us = self._shared.elapsed_us() - self._hello_us
                self._compresses = self._offers_compression and message.compression == "deflate"
            case Renewed():
                self._shared.renewals += 1
            case Failure():
                self._shared.count(message.code.value)
                close = ERRORS[message.code].close if message.fatal else 0
                if close == CLOSE_UNAUTHENTICATED:
                    user = self.site.partition(".")[0]
                    self._shared.witness.notice(Symptom.TOKEN_REFUSED, user)
                elif close == CLOSE_TRY_AGAIN:
                    self._shared.witness.notice(Symptom.TURNED_AWAY, STORE)
            case _:
                if isinstance(message, Ack | Merged) and self.unanswered:
                    self.unanswered -= 1
                    self._shared.answered_us = self._shared.clock.now_us
                self._saw(message)
        return data

    def _saw(self, message: ServerMessage) -> None:
        shared = self._shared
        shared.assembly.saw(self.document, self.site, message, shared.clock.now_us)
