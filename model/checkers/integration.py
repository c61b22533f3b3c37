"""How events reach a replica: each once, after everything it needs, under an id that is nobody else's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check
from model.crdt.replicas.port import Deletion, ElementId, Event, Version, covers, spoken
from model.identity import DocumentId, SiteId

EVENTS_FOLLOWED_MAX: Final = 200_000
"""Events of one document whose needs are remembered; a larger document is followed no further."""


class _Document:
    """The events of one document, and what each replica knows."""

    __slots__ = ("known", "needs")

    def __init__(self) -> None:
        self.needs: dict[tuple[SiteId, int], tuple[ElementId, ...]] = {}
        self.known: dict[SiteId, dict[SiteId, int]] = {}


class CausalIntegration(Check):
    """A replica takes over each event once, in the order of its site, with its origins or target present.

    Both origins count: an element integrated before its right origin may land elsewhere than on other
    replicas. What a replica claims to know at the end is what it took over.
    """

    name = "causal_integration"
    detail = "events taken over with everything they need, and final versions"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._documents: dict[DocumentId, _Document] = {}
        self._first: dict[DocumentId, dict[SiteId, int]] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Everything that changes what a replica knows."""
        return {
            history.Generated: self._generated,
            history.Integrated: self._integrated,
            history.Reloaded: self._reloaded,
            history.FinalVersion: self._final,
        }

    def _known(self, document: DocumentId, site: SiteId) -> tuple[_Document, dict[SiteId, int]]:
        room = self._documents.get(document)
        if room is None:
            room = self._documents[document] = _Document()
        known = room.known.get(site)
        if known is None:
            known = room.known[site] = dict(self._first.get(document, {}))
        return room, known

    def _generated(self, record: history.Generated) -> None:
        room, known = self._known(record.document, record.site)
        for event in record.events:
            if len(room.needs) >= EVENTS_FOLLOWED_MAX:
                return
            room.needs[event.id] = needs = event.dependencies
            self._take(record, known, event.id.site, event.id.counter, needs)
        if record.site == history.FIRST:
            self._first[record.document] = known  # the text to start with is everybody's

    def _integrated(self, record: history.Integrated) -> None:
        room, known = self._known(record.document, record.site)
        needs_of = room.needs
        if len(needs_of) >= EVENTS_FOLLOWED_MAX:
            return
        for site, first, last in record.spans:
            for counter in range(first, last + 1):
                needs = needs_of.get((site, counter))
                if needs is None:
                    self._violate(record, site, counter, "which nobody made")
                else:
                    self._take(record, known, site, counter, needs)

    def _take(
        self,
        record: history.Generated | history.Integrated,
        known: dict[SiteId, int],
        site: SiteId,
        counter: int,
        needs: tuple[ElementId, ...],
    ) -> None:
        """One event reaches a replica that knows ``known``."""
        self.checked += 1
        before = known.get(site, 0)
        if counter != before + 1:
            self._violate(record, site, counter, "again" if counter <= before else f"right after #{before}")
        known[site] = max(before, counter)
        for author, counter_needed in needs:
            if known.get(author, 0) < counter_needed:
                self._violate(record, site, counter, f"without {author}#{counter_needed}")

    def _reloaded(self, record: history.Reloaded) -> None:
        room, known = self._known(record.document, record.site)
        self.checked += 1
        for site, counter in record.version.items():
            if counter > known.get(site, 0):
                self.violate(
                    record.time_us,
                    record.document,
                    f"{record.site} came back knowing {site}#{counter}, which it had never taken over",
                    site=record.site,
                    version=record.version,
                )
        room.known[record.site] = dict(record.version)

    def _final(self, record: history.FinalVersion) -> None:
        room, known = self._known(record.document, record.site)
        if len(room.needs) >= EVENTS_FOLLOWED_MAX:
            return
        self.checked += 1
        claimed = {site: counter for site, counter in record.version.items() if counter}
        if claimed != known:
            self.violate(
                record.time_us,
                record.document,
                f"{record.site} claims to know other events than it took over",
                site=record.site,
                claimed=claimed,
                taken=known,
            )

    def _violate(
        self, record: history.Generated | history.Integrated, site: SiteId, counter: int, how: str
    ) -> None:
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} took over {site}#{counter} {how}",
            site=record.site,
            event=f"{site}#{counter}",
        )


class UniqueIds(Check):
    """No id is given out twice, over saving and loading too; each site counts its events without a gap."""

    name = "unique_ids"
    detail = "ids of events given out for the first time"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._last: dict[DocumentId, dict[SiteId, int]] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """What was made."""
        return {history.Generated: self._generated}

    def _generated(self, record: history.Generated) -> None:
        last = self._last.setdefault(record.document, {})
        for event in record.events:
            self.checked += 1
            problem = _problem(event, record.site, last)
            if problem:
                self.violate(
                    record.time_us,
                    record.document,
                    f"{record.site} made {_what(event)} {problem}",
                    site=record.site,
                    event=spoken(event.id),
                    last=last.get(record.site, 0),
                )
            last[record.site] = max(event.id.counter, last.get(record.site, 0))


def _problem(event: Event, site: SiteId, last: Version) -> str:
    """What is wrong with an id, as the end of a sentence; empty if nothing."""
    if event.id.site != site:
        return f"under the id {spoken(event.id)} of another site"
    if covers(last, event.id):
        return f"under the id {spoken(event.id)}, which was given out before"
    if event.id.counter != last.get(site, 0) + 1:
        return f"under the id {spoken(event.id)}, right after #{last.get(site, 0)}"
    return ""


def _what(event: Event) -> str:
    return "a deletion" if isinstance(event, Deletion) else f"{event.character!r}"
