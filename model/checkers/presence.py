"""Presence: a cursor stays within the text and keeps to its neighbours (D7), on sampled documents.

Three steps are compared: where its owner sees it, through own edits and those of others; from what a client
says of it to where the server places it; and from there to where its peers show it, their own pending edits
included. When all is at rest, peers show it where its owner sees it, and nobody shows that of somebody who
has left. That a presence gets lost is no violation: it is neither stored nor acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from model import history
from model.checkers import Handler
from model.checkers.check import Check
from model.checkers.cursors import SampledDocument, misplaced
from model.checkers.elements import Element
from model.checkers.pointers import Place, place_of
from model.identity import DocumentId, SiteId

_Doing: TypeAlias = (
    history.Edited
    | history.Sent
    | history.Delivered
    | history.Acknowledged
    | history.Merged
    | history.Restarted
    | history.Displayed
)


class Presence(Check):
    """Cursors lie within their text; a place agrees with what its owner said, a sighting with its place.

    At the revision it belongs to, a cursor is placed and seen exactly there; later, behind its left neighbour
    and before its right one, as long as these are visible.
    """

    name = "presence"
    detail = "carets of their owners, cursors as sent, as placed and as seen by peers, in sampled documents"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._documents: dict[DocumentId, SampledDocument] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Cursors, and what the text under them consists of."""
        return {
            history.DocumentCreated: self._created,
            history.Stored: self._stored,
            history.Joined: self._joined,
            history.Pointed: self._pointed,
            history.Placed: self._placed,
            history.Seen: self._seen,
            history.Caret: self._caret,
            history.Edited: self._followed,
            history.Sent: self._followed,
            history.Delivered: self._followed,
            history.Acknowledged: self._followed,
            history.Merged: self._followed,
            history.Restarted: self._followed,
            history.Displayed: self._followed,
            history.Offline: self._departed,
            history.Disconnected: self._departed,
            history.Stranded: self._departed,
            history.Healed: self._healed,
            history.FinalReplica: self._final,
        }

    def _created(self, record: history.DocumentCreated) -> None:
        if record.displayed:
            self._documents[record.document] = SampledDocument(record.text)

    def _stored(self, record: history.Stored) -> None:
        document = self._documents.get(record.document)
        if document is not None:
            document.stored(record)

    def _joined(self, record: history.Joined) -> None:
        document = self._documents.get(record.document)
        if document is not None:
            document.carets.followers.of(record.site).joined(record)
            document.carets.joined(record)
            if record.site in document.places:
                document.distrusted[record.site] = document.head
            document.places[record.site] = []
            document.pointers.joined(record.site)

    def _pointed(self, record: history.Pointed) -> None:
        document = self._documents.get(record.document)
        if document is None:
            return
        document.pointers.pointed(record)
        shown = document.carets.shown_when_said(record)
        if shown is None:
            return
        self.checked += 1
        if shown != record.position:
            self.violate(
                record.time_us,
                record.document,
                f"{record.site} says that its caret is at {record.position}, and shows it at {shown}",
                site=record.site,
                position=record.position,
                shown=shown,
            )

    def _placed(self, record: history.Placed) -> None:
        document = self._documents.get(record.document)
        if document is None:
            return
        pointed = document.pointers.answered(record) if record.received_us else None
        document.carets.placed(record)
        elements = document.snapshots.get(record.revision)
        if elements is None:
            return
        self.checked += 1
        position = record.position
        if not 0 <= position <= len(elements):
            self.violate(
                record.time_us,
                record.document,
                f"{record.site} has its cursor at {position} in the {len(elements)} code points "
                f"of revision {record.revision}",
                site=record.site,
                position=position,
                length=len(elements),
                revision=record.revision,
            )
            return
        places = document.places.setdefault(record.site, [])
        if not record.received_us:
            document.relayed.add(record.site)
            self._compare_with_places(record, places, document, elements)
        document.put(record.site, place_of(record.revision, position, elements))
        if pointed is not None:
            self._compare_with_said(record, pointed, document, elements)

    def _compare_with_places(
        self, record: history.Placed, places: list[Place], document: SampledDocument, elements: list[Element]
    ) -> None:
        """Where another worker has a cursor against where the first one had it, now or before."""
        known = [place for place in places if place.revision <= record.revision]
        if len(known) < len(places) or document.forgets(places) or not known:
            return  # it may come from what is not remembered
        if document.distrusted.get(record.site, -1) >= record.revision:
            return
        problems = [
            misplaced(document, elements, place, record.position)
            for place in known
            if place.revision < record.revision or place.position != record.position
        ]
        self.checked += 1
        if len(problems) == len(known) and all(problems):
            self.violate(
                record.time_us,
                record.document,
                f"a worker was told of the cursor of {record.site} at {record.position} of revision "
                f"{record.revision}, {problems[-1]}",
                site=record.site,
                revision=record.revision,
                position=record.position,
            )

    def _compare_with_said(
        self,
        record: history.Placed,
        pointed: history.Pointed,
        document: SampledDocument,
        elements: list[Element],
    ) -> None:
        """Where the server placed a cursor against where its owner said it is."""
        said = document.pointers.said(pointed, record, document.snapshots)
        if said is None:
            return
        self.checked += 1
        if said.revision == record.revision:
            problem = "" if said.position == record.position else f"but its owner said {said.position}"
        else:
            problem = misplaced(document, elements, said, record.position)
        if not problem:
            return
        how = f"a submit up to #{pointed.sequence}" if pointed.sequence else "a presence"
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} has its cursor at {record.position} of revision {record.revision}, {problem} "
            f"({how} based on {pointed.revision} put it at {pointed.position})",
            site=record.site,
            revision=record.revision,
            position=record.position,
            base=pointed.revision,
            said=pointed.position,
            sequence=pointed.sequence,
        )

    # --- owners -------------------------------------------------------------------------------------------

    def _followed(self, record: _Doing) -> None:
        """What a replica shows, or what of it is pending, changes."""
        document = self._documents.get(record.document)
        if document is None:
            return
        carets = document.carets
        match record:
            case history.Delivered():
                carets.delivered(record)
            case history.Displayed():
                carets.displayed(record)
            case history.Edited():
                carets.edited(record)
            case history.Sent():
                carets.followers.of(record.site).sent(record)
            case history.Acknowledged():
                carets.followers.of(record.site).acknowledged(record)
            case history.Merged():
                carets.merged(record)
            case history.Restarted():
                carets.restarted(record.site)

    def _caret(self, record: history.Caret) -> None:
        document = self._documents.get(record.document)
        problem = None if document is None else document.carets.problem_of(record)
        if problem is None:
            return
        self.checked += 1
        if problem:
            self.violate(
                record.time_us,
                record.document,
                f"{record.site} shows its own caret at {record.position}, {problem}",
                site=record.site,
                position=record.position,
            )

    # --- peers --------------------------------------------------------------------------------------------

    def _departed(self, record: history.Offline | history.Disconnected | history.Stranded) -> None:
        document = self._documents.get(record.document)
        if document is not None:
            document.carets.departed(record.site, record.time_us)

    def _healed(self, record: history.Healed) -> None:
        for document in self._documents.values():
            document.carets.deadline_us = record.time_us + record.bound_us

    def _final(self, record: history.FinalReplica) -> None:
        document = self._documents.get(record.document)
        if document is not None:
            document.finals.append(record)

    def _finish(self) -> None:
        for name, document in self._documents.items():
            for final, peer in document.carets.lingering(document.finals):
                self._violate_final(name, final, peer, "when all had come to rest, although it is gone")
            for final, peer in document.carets.unseen(document.finals, document.head):
                if not document.relayed:  # else the hint that it is there may have been lost
                    self._violate_final(name, final, peer, "nowhere, although the server has told it of one")
            for found in document.carets.at_rest(document.finals):
                between = document.between(found)
                if between is None:
                    continue
                self.checked += 1
                if between:
                    self._violate_final(
                        name,
                        found.final,
                        found.peer,
                        f"at {found.shown} of revision {found.final.revision}, but {found.peer} sees it at "
                        f"{found.owned}, on the other side of {document.elements.spoken(between[0])}",
                    )

    def _violate_final(
        self, name: DocumentId, final: history.FinalReplica, peer: SiteId, problem: str
    ) -> None:
        self.violate(
            final.time_us,
            name,
            f"{final.site} shows the cursor of {peer} {problem}",
            site=final.site,
            peer=peer,
            revision=final.revision,
        )

    def _seen(self, record: history.Seen) -> None:
        self.checked += 1
        if not 0 <= record.position <= record.length:
            self._violate(record, f"in a text of {record.length} code points")
            return
        document = self._documents.get(record.document)
        if document is None:
            return
        problem = document.carets.seen(record)
        if problem:
            self._violate(record, problem)
            return
        candidates = document.candidates(record)
        if record.pending:
            self._compare_with_own(record, document, candidates)
        if record.pending or not candidates:
            return
        elements = document.snapshots.get(record.revision)
        problem = ""
        for place in candidates:
            if place.revision == record.revision:
                problem = "" if place.position == record.position else f"but it was put at {place.position}"
            elif elements is None:
                return  # older than what is remembered
            else:
                problem = misplaced(document, elements, place, record.position)
            if not problem:
                return
        self._violate(record, problem)

    def _compare_with_own(
        self, record: history.Seen, document: SampledDocument, candidates: list[Place]
    ) -> None:
        """A cursor that has just arrived at a replica with edits of its own."""
        places = [p for p in candidates if p.revision == record.revision]
        wanted = [document.carets.with_own(record.site, p.position) for p in places]
        if record.fresh and wanted and None not in wanted and record.position not in wanted:
            own = " or ".join(str(position) for position in wanted)
            self._violate(record, f"but with its own edits it belongs at {own}")

    def _violate(self, record: history.Seen, problem: str) -> None:
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} shows the cursor of {record.peer} at {record.position} of revision "
            f"{record.revision}, {problem}",
            site=record.site,
            peer=record.peer,
            revision=record.revision,
            position=record.position,
            length=record.length,
            placed_revision=record.placed_revision,
            fresh=record.fresh,
        )
