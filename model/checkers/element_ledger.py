"""Nothing lost, doubled or resurrected: the final elements against everything that was ever made."""

from __future__ import annotations

from collections.abc import Mapping

from model import history
from model.checkers import Handler
from model.checkers.check import Check
from model.crdt.replicas.port import Deletion, Element, ElementId, spoken
from model.identity import DocumentId


class _Document:
    """What was made of one document."""

    __slots__ = ("deleted", "inserted")

    def __init__(self) -> None:
        self.inserted: dict[ElementId, str] = {}
        self.deleted: dict[ElementId, ElementId] = {}  # the element to the first event that deletes it


class ElementLedger(Check):
    """At the end every inserted element is visible exactly once, unless a deletion names it, and no other.

    Looks at one replica of each document; that the others show the same is :class:`Agreement`'s to say.
    """

    name = "element_ledger"
    detail = "inserted elements found again, or their deletion"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._documents: dict[DocumentId, _Document] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """What was made, and what is there at the end."""
        return {history.Generated: self._generated, history.FinalElements: self._final}

    def _generated(self, record: history.Generated) -> None:
        document = self._documents.get(record.document)
        if document is None:
            document = self._documents[record.document] = _Document()
        for event in record.events:
            if isinstance(event, Deletion):
                document.deleted.setdefault(event.target, event.id)
            else:
                document.inserted[event.id] = event.character

    def _final(self, record: history.FinalElements) -> None:
        document = self._documents.pop(record.document, None) or _Document()
        seen: dict[ElementId, Element] = {}
        for element in record.elements:
            if element.deleted:
                continue
            if element.id in seen:
                self._violate(record, element.id, element.character, "twice")
            seen[element.id] = element
        for identity, character in document.inserted.items():
            self.checked += 1
            found = seen.get(identity)
            if found is None:
                if identity not in document.deleted:
                    self._violate(record, identity, character, "not, and nobody deleted it")
            elif identity in document.deleted:
                by = spoken(document.deleted[identity])
                self._violate(record, identity, character, f"although {by} deleted it")
            elif found.character != character:
                self._violate(record, identity, character, f"as {found.character!r}")
        for identity, element in seen.items():
            if identity not in document.inserted:
                self._violate(record, identity, element.character, "although nobody inserted it")

    def _violate(self, record: history.FinalElements, element: ElementId, character: str, how: str) -> None:
        self.violate(
            record.time_us,
            record.document,
            f"when the run ended {record.site} showed {character!r} ({spoken(element)}) {how}",
            site=record.site,
            element=spoken(element),
            character=character,
        )
