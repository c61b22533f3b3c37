"""What a client of Concord's protocol tells whoever runs it."""

from __future__ import annotations

from typing import Protocol

from model.identity import Revision, SequenceNumber, SiteId
from model.outgoing import Sent
from model.protocol import Failure, Presence, Submit
from model.text import Operation


class NoticeListener(Protocol):
    """Whoever is told what a client hears and does, at the moment it does.

    Notices are calls, not objects: there are as many as messages.
    """

    def connected(self, requested_us: int, authenticate_us: int) -> None:
        """The client was let in; it asked for the connection at ``requested_us``."""

    def joined(self, how: str) -> None:
        """The client follows the document: "fresh", as "resume" or with a "branch"."""

    def disconnected(self, cause: str) -> None:
        """The connection is gone; the engine is still in the phase it was in."""

    def stranded(self) -> None:
        """The client gives its identity up; what it did and nobody has is kept for the person."""

    def delivered(self, revision: Revision, moved: SiteId | None = None) -> None:
        """A revision of somebody else was applied; ``moved`` is who, if the cursor came with it."""

    def acknowledged(self, revision: Revision, first: SequenceNumber, last: SequenceNumber) -> None:
        """Own edits are durable."""

    def merged(self, base: Revision, revision: Revision, first: SequenceNumber, last: SequenceNumber) -> None:
        """The own branch is durable."""

    def seen(self, peer: SiteId, *, fresh: bool) -> None:
        """A peer's cursor moved."""

    def edited(self, kind: str, op: Operation, revision: Revision) -> None:
        """The person changed the text."""

    def looked(self) -> None:
        """The person moved the cursor, and looks where the others are."""

    def sent(self, base: Revision, sent: Sent) -> None:
        """What is in flight is handed to the connection."""

    def pointed(self, message: Submit | Presence) -> None:
        """The own cursor is told to the server."""

    def failed(self, failure: Failure) -> None:
        """The server says that something is wrong."""

    def broke_protocol(self, kind: str, problem: str) -> None:
        """The server broke the protocol; what of it, and how, as of :class:`model.history.Accused`."""

    def not_renewed(self) -> None:
        """The token is about to expire and no other one is to be had."""
