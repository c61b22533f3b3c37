"""Keeps the documents that are open at a worker in step with those of the others, without time and store.

Hints make it fast and comparing makes it sure: whatever the bus loses, delays or repeats, the next comparison
of heads finds what other workers appended. Whoever runs a worker asks the store as often as
:attr:`Follower.pause_seconds` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from model.identity import DocumentId, Revision
from model.marks import Mechanism, mark
from reference_server.bus.hints import CursorMoved, Hint, NewHead
from reference_server.core.document import Document
from reference_server.core.effects import Announced, CursorsDue, Event, Whispered
from reference_server.peers import Peers

CATCH_UP_SECONDS: Final = 2.0
"""How often a worker compares heads, rights and revoked tokens with the store, in case a hint of the bus was
lost. So it is, with the time that the store takes, how long an old right may count at another worker."""

CATCH_UP_ALONE_SECONDS: Final = 0.25
"""The same while the bus is gone: then it is the only way to hear of other workers."""


class Follower:
    """What other workers appended, taken over here; see :class:`reference_server.peers.HintHandler`."""

    def __init__(
        self,
        documents: Callable[[], Mapping[DocumentId, Document]],
        handle: Callable[[Event], None],
        peers: Peers,
    ) -> None:
        """A worker that has heard nothing.

        Args:
            documents: those in memory, by name.
            handle: gives the core an event.
            peers: this worker's end of the bus.
        """
        self._documents = documents
        self._handle = handle
        self._peers = peers

    @property
    def pause_seconds(self) -> float:
        """The time until the next comparison."""
        return CATCH_UP_SECONDS if self._peers.are_connected else CATCH_UP_ALONE_SECONDS

    def heard(self, hint: Hint) -> None:
        """Another worker says this; what is not about the log or a cursor is for others to take."""
        match hint:
            case NewHead(document, revision):
                self._handle(Announced(document, revision))
            case CursorMoved(document, site, revision, selection, left, again):
                self._handle(Whispered(document, site, revision, selection, left, again))
            case _:
                pass

    def missed(self, document: DocumentId | None) -> None:
        """Hints about a document may have been lost."""
        if document is not None:
            self._handle(Announced(document))

    def unheard(self) -> None:
        """What this worker said lately may have reached nobody: say it again."""
        self._peers.appended({name: d.log.revision for name, d in self._documents().items()})

    def say_again(self) -> None:
        """Let the others hear where cursors are, and forget where those are that nothing is heard of."""
        if self._peers.shared and self._peers.are_connected:
            for name in [name for name, document in self._documents().items() if document.members]:
                self._handle(CursorsDue(name))

    def to_compare(self) -> list[DocumentId]:
        """The documents whose heads have to be compared; hints about others are not wanted any more."""
        documents = self._documents()
        self._peers.follow_only(documents)
        return [name for name, document in documents.items() if document.members]

    def compared(self, document: DocumentId, head: Revision) -> None:
        """The store has this head."""
        known = self._documents().get(document)
        if known is not None and head > known.log.revision:
            mark(Mechanism.FOUND_BY_COMPARING)
        self._handle(Announced(document, head))
