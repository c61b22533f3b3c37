"""The other workers that serve the same documents: told and heard by hints, which may all be lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from model.identity import DocumentId, Revision
from reference_server.bus import cache
from reference_server.bus.hints import (
    TOPIC_ALL,
    CursorMoved,
    DocumentGone,
    Hint,
    NewHead,
    PermissionsChanged,
    TokenRevoked,
    decode_hint,
    document_of,
    encode_hint,
    topic_of,
)
from reference_server.bus.port import Bus, BusCounters
from reference_server.core.effects import Whisper
from reference_server.logs import Logger

_LOG = Logger("peers")


class HintHandler(Protocol):
    """Who takes what the others say."""

    def heard(self, hint: Hint) -> None:
        """Another worker says this."""
        ...

    def missed(self, document: DocumentId | None) -> None:
        """Hints about a document may have been lost, or, if None, those about all of them."""
        ...

    def unheard(self) -> None:
        """What this worker said lately may have reached nobody."""
        ...


class Peers:
    """This worker's end of the bus.

    Attributes:
        shared: whether there are other workers at all; otherwise nothing is told.
    """

    def __init__(self, bus: Bus, *, shared: bool) -> None:
        """Nothing is heard before :meth:`start`."""
        self.shared = shared
        self._bus = bus
        self._followed: set[DocumentId] = set()
        self._handler: HintHandler

    def start(self, handler: HintHandler) -> None:
        """Begin to hear."""
        self._handler = handler
        self._bus.start(self._heard, self._connected, self._missed)
        self._bus.subscribe(TOPIC_ALL)

    async def stop(self) -> None:
        """Send what waits, and end."""
        await self._bus.stop()

    @property
    def are_connected(self) -> bool:
        """Whether they can be told and heard now."""
        return self._bus.is_connected

    @property
    def counters(self) -> BusCounters:
        """What happened so far."""
        return self._bus.counters

    # --- what this worker says ----------------------------------------------------------------------------

    def follow(self, document: DocumentId) -> None:
        """Hear of a document from now on."""
        if self.shared and document not in self._followed:
            self._followed.add(document)
            self._bus.subscribe(topic_of(document))

    def follow_only(self, documents: Iterable[DocumentId]) -> None:
        """Hear of no others any more."""
        for document in self._followed.difference(documents):
            self._followed.discard(document)
            self._bus.unsubscribe(topic_of(document))

    def appended(self, revisions: dict[DocumentId, Revision]) -> None:
        """Documents have reached these revisions."""
        for document, revision in revisions.items():
            self._bus.publish(topic_of(document), encode_hint(NewHead(document, revision)))

    def whisper(self, whisper: Whisper) -> None:
        """Where a cursor is."""
        self._bus.publish(topic_of(whisper.document), encode_hint(CursorMoved(*whisper)))

    def permissions_changed(self, document: DocumentId, user: str) -> None:
        """What a user may do with a document has changed."""
        self._tell(PermissionsChanged(document, user))

    def document_deleted(self, document: DocumentId) -> None:
        """A document is gone."""
        self._tell(DocumentGone(document))

    def token_revoked(self, jti: str, expires_at: int) -> None:
        """A token is valid no more; ``expires_at`` in seconds since 1970."""
        self._tell(TokenRevoked(jti, expires_at))
        self._bus.write(cache.tokens_revoked([jti]))

    def _tell(self, hint: Hint) -> None:
        self._bus.publish(TOPIC_ALL, encode_hint(hint))

    # --- what the others say ------------------------------------------------------------------------------

    def _heard(self, topic: str, data: bytes) -> None:
        hint = decode_hint(data)
        if hint is None:
            _LOG.warning("a hint that is not known", topic=topic)
        else:
            self._handler.heard(hint)

    def _connected(self, connected: bool) -> None:
        (_LOG.info if connected else _LOG.warning)("bus connected" if connected else "bus lost")
        if connected and self.shared:
            self._handler.unheard()

    def _missed(self, topic: str) -> None:
        if self.shared:
            self._handler.missed(document_of(topic))
