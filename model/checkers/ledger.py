"""The ledger of edits by identity: nothing acknowledged is lost, and nothing is applied twice.

Every edit ``site#sequence`` is followed from the keystroke over the durable revision and the acknowledgement
to the state that is read back when the run is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.identity import EMPTY_LOG, NO_EDIT, DocumentId, Revision, SequenceNumber, SiteId

ROWS_KEPT_MAX: Final = 8
"""Durable revisions of one site that acknowledgements are compared with; those of older ones are not."""


class _Account:
    """The edits of one site in one document."""

    __slots__ = ("acknowledged", "edited", "is_client", "rows", "stored", "stranded", "trimmed")

    def __init__(self) -> None:
        self.is_client = False  # whether it joined or edited here; a REST client never does
        self.edited: SequenceNumber = NO_EDIT
        self.stored: SequenceNumber = NO_EDIT
        self.acknowledged: SequenceNumber = NO_EDIT
        self.stranded = False
        self.rows: dict[Revision, tuple[SequenceNumber, SequenceNumber]] = {}
        self.trimmed: Revision = EMPTY_LOG  # rows up to this revision are forgotten


class _Book:
    """One document."""

    __slots__ = ("accounts", "final_last", "final_online")

    def __init__(self) -> None:
        self.accounts: dict[SiteId, _Account] = {}
        self.final_last: dict[SiteId, SequenceNumber] = {}
        self.final_online: set[SiteId] = set()  # never iterated over


class Ledger(Check):
    """Each edit becomes durable once and in order, is acknowledged only then, and is still there at the end.

    Edits of a stranded client after its last acknowledged one are nobody's promise and are left out.
    """

    name = "ledger"
    detail = "edits made, rows stored, acknowledgements and final states compared by identity"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._books: dict[DocumentId, _Book] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Everything that makes, stores, acknowledges or forgets an edit."""
        return {
            history.Joined: self._joined,
            history.Edited: self._edited,
            history.Stored: self._stored,
            history.Acknowledged: self._acknowledged,
            history.Merged: self._acknowledged,
            history.Restarted: self._restarted,
            history.Stranded: self._stranded,
            history.FinalReplica: self._final_replica,
            history.FinalProgress: self._final_progress,
            history.FinalDocument: self._final_document,
        }

    def _book(self, document: DocumentId) -> _Book:
        book = self._books.get(document)
        if book is None:
            book = self._books[document] = _Book()
        return book

    def _account(self, document: DocumentId, site: SiteId) -> _Account:
        accounts = self._book(document).accounts
        account = accounts.get(site)
        if account is None:
            account = accounts[site] = _Account()
        return account

    # --- making and storing -------------------------------------------------------------------------------

    def _joined(self, record: history.Joined) -> None:
        self._account(record.document, record.site).is_client = True

    def _edited(self, record: history.Edited) -> None:
        account = self._account(record.document, record.site)
        account.is_client = True
        self.checked += 1
        if record.sequence != account.edited + 1:
            name = edit_name(record.site, record.sequence, record.sequence)
            self._violate(record, account, f"{name} was made after {record.site}#{account.edited}")
        account.edited = max(account.edited, record.sequence)

    def _stored(self, record: history.Stored) -> None:
        account = self._account(record.document, record.site)
        self.checked += 1
        edits = edit_name(record.site, record.first, record.last)
        if record.first > record.last:
            self._violate(record, account, f"{edits} is stored as revision {record.revision} but is no range")
        elif record.first <= account.stored:
            twice = edit_name(record.site, record.first, min(record.last, account.stored))
            self._violate(record, account, f"{twice} is stored a second time, as revision {record.revision}")
        elif record.first > account.stored + 1:
            lost = edit_name(
                record.site, SequenceNumber(account.stored + 1), SequenceNumber(record.first - 1)
            )
            self._violate(record, account, f"{lost} is missing before {edits}, revision {record.revision}")
        elif account.is_client and record.last > account.edited:
            self._violate(record, account, f"{edits} is stored, but its author made {account.edited} edits")
        account.stored = max(account.stored, record.last)
        account.rows[record.revision] = (record.first, record.last)
        if len(account.rows) > ROWS_KEPT_MAX:
            account.trimmed = next(iter(account.rows))
            del account.rows[account.trimmed]

    def _acknowledged(self, record: history.Acknowledged | history.Merged) -> None:
        account = self._account(record.document, record.site)
        edits = edit_name(record.site, record.first, record.last)
        row = account.rows.get(record.revision)
        if row is not None or record.revision > account.trimmed:
            self.checked += 1
        if row is None and record.revision > account.trimmed:
            problem = f"{edits} was acknowledged as revision {record.revision} without being durable there"
            self._violate(record, account, problem)
        elif row is not None and row != (record.first, record.last):
            problem = f"{edits} was acknowledged as revision {record.revision}, which is"
            self._violate(record, account, f"{problem} {edit_name(record.site, *row)}")
        account.acknowledged = max(account.acknowledged, record.last)

    def _restarted(self, record: history.Restarted) -> None:
        account = self._account(record.document, record.site)
        self.checked += 1
        if record.last < account.acknowledged:
            lost = edit_name(record.site, SequenceNumber(record.last + 1), account.acknowledged)
            self._violate(record, account, f"{record.site} restarted without its acknowledged {lost}")
        account.edited = record.last  # what was not saved was not sent; its numbers are free again

    def _stranded(self, record: history.Stranded) -> None:
        self._account(record.document, record.site).stranded = True

    # --- the end ------------------------------------------------------------------------------------------

    def _final_replica(self, record: history.FinalReplica) -> None:
        if record.online:
            self._book(record.document).final_online.add(record.site)

    def _final_progress(self, record: history.FinalProgress) -> None:
        self._book(record.document).final_last[record.site] = record.last

    def _final_document(self, record: history.FinalDocument) -> None:
        book = self._book(record.document)
        for site, account in book.accounts.items():
            if not (account.stored or account.acknowledged or account.edited):
                continue
            self.checked += 1
            last = book.final_last.get(site, NO_EDIT)
            if last < account.acknowledged:
                lost = edit_name(site, SequenceNumber(last + 1), account.acknowledged)
                self._violate_site(record, site, account, f"acknowledged {lost} is lost at the end", last)
            elif last != account.stored:
                problem = f"{site}#{account.stored} became durable, but the store ended with {site}#{last}"
                self._violate_site(record, site, account, problem, last)
            elif site in book.final_online and not account.stranded and last < account.edited:
                lost = edit_name(site, SequenceNumber(last + 1), account.edited)
                self._violate_site(record, site, account, f"{lost} never became durable", last)

    # --- evidence -----------------------------------------------------------------------------------------

    def _violate(
        self,
        record: history.Edited | history.Stored | history.Acknowledged | history.Merged | history.Restarted,
        account: _Account,
        problem: str,
    ) -> None:
        names = ("sequence", "first", "last", "revision")
        facts: dict[str, Any] = {n: getattr(record, n) for n in names if hasattr(record, n)}
        self._violate_facts(record.time_us, record.document, record.site, account, problem, facts)

    def _violate_site(
        self,
        record: history.FinalDocument,
        site: SiteId,
        account: _Account,
        problem: str,
        last: SequenceNumber,
    ) -> None:
        facts = {"final_last": last, "revision": record.revision}
        self._violate_facts(record.time_us, record.document, site, account, problem, facts)

    def _violate_facts(
        self,
        time_us: int,
        document: DocumentId,
        site: SiteId,
        account: _Account,
        problem: str,
        facts: dict[str, Any],
    ) -> None:
        self.violate(
            time_us,
            document,
            problem,
            site=site,
            **facts,
            edited=account.edited,
            stored=account.stored,
            acknowledged=account.acknowledged,
        )
