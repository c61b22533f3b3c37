"""Session guarantees and causality, for every site by itself.

Source: Terry et al., "Session guarantees for weakly consistent replicated data" (PDIS 1994), §3. A session
is the life of one replica's state: it goes on over broken connections and begins anew when a crashed client
comes back with what it had saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.identity import EMPTY_LOG, NO_EDIT, DocumentId, Revision, SequenceNumber, SiteId, edits_from

EDITS_KEPT_MAX: Final = 65_536
"""Edits of one site remembered until they are durable; what depends on further ones is not checked."""


class _Session:
    """One site in one document."""

    __slots__ = ("known", "reached", "read", "stored", "stored_revision", "written")

    def __init__(self) -> None:
        self.read: Revision = Revision(-1)  # newest revision displayed in this session; -1 for none
        self.written: Revision = EMPTY_LOG  # newest revision of its own that it has seen in this session
        self.reached: Revision = Revision(-1)  # newest revision displayed in earlier sessions
        self.stored: SequenceNumber = NO_EDIT  # its newest durable edit
        self.stored_revision: Revision = EMPTY_LOG  # the revision of that edit
        self.known: dict[SequenceNumber, Revision] = {}  # edits not durable yet: the revision known when made


class SessionGuarantees(Check):
    """Read your writes, monotonic reads, monotonic writes, writes follow reads, and causality of bases."""

    name = "session_guarantees"
    detail = "reads and durable writes compared with what their site had read and written before"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._documents: dict[DocumentId, dict[SiteId, _Session]] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Everything that a site reads or writes."""
        return {
            history.Edited: self._edited,
            history.Stored: self._stored,
            history.Delivered: self._read,
            history.Joined: self._read,
            history.Acknowledged: self._written,
            history.Merged: self._written,
            history.Restarted: self._restarted,
            history.Stranded: self._stranded,
        }

    def _session(self, document: DocumentId, site: SiteId) -> _Session:
        sessions = self._documents.setdefault(document, {})
        session = sessions.get(site)
        if session is None:
            session = sessions[site] = _Session()
        return session

    # --- reads --------------------------------------------------------------------------------------------

    def _read(
        self, record: history.Delivered | history.Joined | history.Acknowledged | history.Merged
    ) -> None:
        # Among them the most frequent record of all.
        sessions = self._documents.get(record.document)
        session = sessions.get(record.site) if sessions is not None else None
        if session is None:
            session = self._session(record.document, record.site)
        revision = record.revision
        self.checked += 1
        if revision < session.read:
            self._violate_read(record, session)
        session.read = revision

    def _violate_read(
        self,
        record: history.Delivered | history.Joined | history.Acknowledged | history.Merged,
        session: _Session,
    ) -> None:
        if record.revision < session.written:
            guarantee = "read your writes"
            seen = f"its own edits up to {record.site}#{session.stored} are in revision {session.written}"
        else:
            guarantee = "monotonic reads"
            seen = f"it had shown revision {session.read}"
        session.reached = max(session.reached, session.read)
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} shows revision {record.revision}, although {seen}",
            guarantee=guarantee,
            site=record.site,
            revision=record.revision,
            read=session.read,
            written=session.written,
        )

    def _written(self, record: history.Acknowledged | history.Merged) -> None:
        self._read(record)
        session = self._session(record.document, record.site)
        session.written = max(session.written, record.revision)

    def _restarted(self, record: history.Restarted) -> None:
        session = self._session(record.document, record.site)
        session.reached = max(session.reached, session.read)
        session.read, session.written = record.revision, EMPTY_LOG
        for sequence in [s for s in session.known if s > record.last]:
            del session.known[sequence]  # these were never saved, so never sent

    def _stranded(self, record: history.Stranded) -> None:
        self._session(record.document, record.site).known.clear()

    # --- writes -------------------------------------------------------------------------------------------

    def _edited(self, record: history.Edited) -> None:
        known = self._session(record.document, record.site).known
        if len(known) < EDITS_KEPT_MAX:
            known[record.sequence] = record.revision

    def _stored(self, record: history.Stored) -> None:
        session = self._session(record.document, record.site)
        self.checked += 1
        reached = max(session.reached, session.read)
        edits = edit_name(record.site, record.first, record.last)
        known = [session.known.pop(s, EMPTY_LOG) for s in edits_from(record.first, record.last)]
        newest = max(known, default=EMPTY_LOG)
        if record.first <= session.stored:
            guarantee = "monotonic writes"
            why = f"came after {record.site}#{session.stored} in revision {session.stored_revision}"
        elif record.base >= record.revision:
            guarantee, why = "causality", f"is revision {record.revision} but based on revision {record.base}"
        elif record.base < newest:
            guarantee = "writes follow reads"
            why = f"is based on revision {record.base}, although its author knew revision {newest}"
        elif record.base < session.stored_revision:
            guarantee = "causality"
            why = (
                f"is based on revision {record.base}, before its author's own revision "
                f"{session.stored_revision}"
            )
        elif record.base > reached >= 0:  # below 0 its author is no client that reads, like one of REST
            guarantee = "causality"
            why = f"is based on revision {record.base}, but its author had seen {reached} only"
        else:
            guarantee = why = ""
        if guarantee:
            self.violate(
                record.time_us,
                record.document,
                f"{edits} {why}",
                guarantee=guarantee,
                site=record.site,
                first=record.first,
                last=record.last,
                base=record.base,
                revision=record.revision,
                known=newest,
                reached=reached,
                before=session.stored_revision,
            )
        session.stored = max(session.stored, record.last)
        session.stored_revision = record.revision
