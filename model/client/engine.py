"""The seam between Concord's dialect and the algorithm that keeps a replica: Jupiter's, or another one's."""

from __future__ import annotations

from collections.abc import Sized
from typing import Protocol

from model.identity import Revision, SequenceNumber, SiteId
from model.outgoing import SavedReplica, Sent
from model.phases import Phase
from model.protocol import ClientMessage, ServerMessage
from model.text import Operation, Selection


class Engine(Protocol):
    """One site's copy of one document, which speaks the messages of the protocol.

    :class:`model.jupiter.Replica` is one; its documentation says what each of these means.
    """

    site: SiteId
    text: str
    revision: Revision | None
    epoch: int
    sequence: SequenceNumber
    acknowledged: SequenceNumber
    in_flight: Sent | None
    phase: Phase

    @property
    def pending(self) -> Sized:
        """The edits that were never sent."""
        ...

    @property
    def is_settled(self) -> bool:
        """Whether the text is exactly that of the revision."""
        ...

    @property
    def unacknowledged(self) -> int:
        """Number of local edits not known to be durable."""
        ...

    @property
    def selection(self) -> Selection:
        """The person's own selection."""
        ...

    @property
    def peers(self) -> tuple[SiteId, ...]:
        """The sites whose cursor is known."""
        ...

    def cursor_of(self, peer: SiteId) -> tuple[Selection, Revision] | None:
        """Where the selection of a peer stands now, and the revision it was placed at."""
        ...

    def connect(self, token: str) -> tuple[ClientMessage, ...]:
        """A connection is open."""
        ...

    def disconnected(self) -> None:
        """The connection is gone."""

    def receive(self, message: ServerMessage) -> tuple[ClientMessage, ...]:
        """Take a message of the server."""
        ...

    def resend(self) -> tuple[ClientMessage, ...]:
        """What is in flight once more, byte for byte."""
        ...

    def edit(self, op: Operation) -> tuple[ClientMessage, ...]:
        """The person changed the text."""
        ...

    def undo(self) -> tuple[Operation, tuple[ClientMessage, ...]] | None:
        """Undo the last own edit."""
        ...

    def redo(self) -> tuple[Operation, tuple[ClientMessage, ...]] | None:
        """Redo what was undone last."""
        ...

    def select(self, selection: Selection) -> tuple[ClientMessage, ...]:
        """The person moved the cursor."""
        ...

    def save(self) -> SavedReplica:
        """The state to keep on disk."""
        ...

    def restore(self, saved: SavedReplica) -> None:
        """Become what was saved."""
