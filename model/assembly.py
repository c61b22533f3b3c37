"""The whole history of documents that a foreign server kept, put together from what its clients saw.

In a simulation the store says when a revision becomes durable. Over real sockets nobody does: clients know
what they sent and what they were told, and an auditor reads the log back when it is over. An assembly takes
records and messages as they come and in the end gives the records in order: every ``stored`` before the first
record that mentions its revision, every ``broadcast`` at the first sight of a revision by any socket.

What was seen live and what the log holds in the end ought to be the same. Where they differ, both become
``stored`` records, and the checks find the contradiction: an assembly hides nothing and repairs nothing. What
it could not find out is said by :meth:`Assembly.audit`, which is *unknown* then, and by
:func:`model.audit.as_judgable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as Items
from typing import NamedTuple

from model import history
from model.audit import Audited, audit_result
from model.history import Record
from model.identity import EMPTY_LOG, NO_EDIT, DocumentId, Revision, SequenceNumber, SiteId
from model.protocol import (
    Ack,
    Branch,
    CatchUp,
    Committed,
    Failure,
    Joined,
    Merged,
    PeerLeft,
    PeerPresence,
    Renewed,
    Row,
    ServerMessage,
    Submit,
    Welcome,
)
from model.text import Operation, OperationError, apply, compose_all
from model.verdict import CheckResult


class _Handed(NamedTuple):
    """Edits handed to a connection; ``epoch`` is its number (D11)."""

    epoch: int
    time_us: int
    base: Revision
    branch: bool
    original: Operation
    edits: tuple[Operation, ...] = ()


class _Variant:
    """One content of a revision as it was seen; ``operation`` None as long as only its author heard of it."""

    __slots__ = ("first", "last", "operation", "revision", "site")

    def __init__(
        self,
        revision: Revision,
        site: SiteId,
        first: SequenceNumber,
        last: SequenceNumber,
        operation: Operation | None,
    ) -> None:
        self.revision = revision
        self.site = site
        self.first = first
        self.last = last
        self.operation = operation

    def takes(self, other: _Variant) -> bool:
        """Whether the other one may be the same content; it is then the same from now on."""
        if (self.site, self.first, self.last) != (other.site, other.first, other.last):
            return False
        if self.operation is None:
            self.operation = other.operation
        return other.operation is None or self.operation == other.operation


class _Sighting(NamedTuple):
    """A content of a revision was seen for the first time."""

    time_us: int
    document: DocumentId
    variant: _Variant


class _Document:
    """One document while its records are put together.

    ``rows`` are those of the log; ``placed`` of them have been given out. ``text`` is that of the last placed
    one, None once a row did not fit the text before it. ``unseen`` are fingerprints of revisions that were
    placed and have no broadcast yet. ``missing`` says what is not known, as the end of a sentence, and
    ``is_whole`` whether enough is known to be judged.
    """

    __slots__ = (
        "chain",
        "final",
        "handed",
        "is_whole",
        "live",
        "missing",
        "placed",
        "progress",
        "rows",
        "seen",
        "text",
        "unseen",
    )

    def __init__(self, text: str) -> None:
        self.text: str | None = text
        self.seen: dict[Revision, list[_Variant]] = {}
        self.handed: dict[tuple[SiteId, SequenceNumber, SequenceNumber], list[_Handed]] = {}
        self.live: set[SiteId] = set()  # only counted
        self.final: Audited | None = None
        self.rows: tuple[Row, ...] = ()
        self.unseen: dict[Revision, int] = {}
        self.missing = ""
        self.is_whole = True
        self.placed = 0
        self.chain = ""
        self.progress: dict[SiteId, SequenceNumber] = {}

    def sent_of(
        self, site: SiteId, first: SequenceNumber, last: SequenceNumber, until_us: int
    ) -> _Handed | None:
        """What became a revision that was seen at ``until_us``: the last time it was handed over before."""
        handed = self.handed.get((site, first, last))
        if not handed:
            return None
        return next((sent for sent in reversed(handed) if sent.time_us <= until_us), handed[0])

    def close(self) -> None:
        """Find out which rows there are: those of the log, in front of them those that were seen."""
        final = self.final
        if final is None:
            self.rows = self._seen_rows(None)
            self.missing = "could not be read in the end"
            self.is_whole = len(self.rows) == max(self.seen, default=0)
            return
        kept_from = final.rows[0].revision if final.rows else Revision(final.revision + 1)
        self.rows = (*self._seen_rows(kept_from), *final.rows)
        if len(self.rows) - len(final.rows) != kept_from - 1:
            self.missing = f"keeps its log from revision {kept_from} on only"
            self.is_whole = False

    def _seen_rows(self, before: Revision | None) -> tuple[Row, ...]:
        """The rows from revision 1 on that were seen with their operation, up to the first gap."""
        rows: list[Row] = []
        while (before is None or len(rows) + 1 < before) and (
            found := self.seen.get(Revision(len(rows) + 1))
        ):
            known = [(v, v.operation) for v in found if v.operation is not None]
            if not known:
                break
            variant, operation = known[0]
            rows.append(Row(variant.revision, variant.site, variant.first, variant.last, operation))
        return tuple(rows)


class Assembly:
    """Takes what the clients of one process saw, in the order of time, and gives their whole history.

    The caller hands over every record of its clients (``record`` is that of a
    :class:`model.client.recorder.RecordSink`), every :class:`Submit` and :class:`Branch` before its first
    answer can arrive, and every message of the server *before* the record that comes of it. When nobody
    edits any more it reads each document and calls :meth:`finish`.
    """

    def __init__(self, fingerprint: Callable[[str], int] = history.fingerprint) -> None:
        """An empty assembly; ``fingerprint`` may be a remembering :func:`model.history.fingerprint`."""
        self._fingerprint = fingerprint
        self._documents: dict[DocumentId, _Document] = {}
        self._buffer: list[Record | _Sighting] = []
        self.record: Callable[[Record], None] = self._buffer.append

    # --- while the run goes on ----------------------------------------------------------------------------

    def create(self, time_us: int, document: DocumentId, text: str, *, unique: bool, displayed: bool) -> None:
        """A document begins with ``text`` at revision 0; the flags are those of ``DocumentCreated``."""
        self._documents[document] = _Document(text)
        self.record(history.DocumentCreated(time_us, document, text, unique, displayed))

    def submitted(
        self,
        document: DocumentId,
        site: SiteId,
        epoch: int,
        messages: Items[Submit | Branch],
        time_us: int,
    ) -> None:
        """A site hands one submit, or all chunks of one branch, to its connection number ``epoch``.

        Of the same edits on the same connection the first time counts: a repetition after ``busy`` is not
        another submit. ``time_us`` becomes ``received_us`` of the broadcast.
        """
        first, last = messages[0], messages[-1]
        if isinstance(first, Submit):
            sent = _Handed(epoch, time_us, first.base, False, first.operation)
            key = (site, first.first, first.last)
        else:
            assert isinstance(last, Branch)
            edits = [e for message in messages if isinstance(message, Branch) for e in message.edits]
            operations = tuple(e.operation for e in edits)
            sent = _Handed(epoch, time_us, first.base, True, compose_all(operations), operations)
            key = (site, edits[0].first, edits[-1].last)
        handed = self._documents[document].handed.setdefault(key, [])
        if not handed or handed[-1].epoch != epoch:
            handed.append(sent)

    def saw(self, document: DocumentId, site: SiteId, message: ServerMessage, time_us: int) -> None:
        """The connection of ``site`` received a message; only those that name revisions matter."""
        match message:
            case Committed():
                row = _Variant(message.revision, message.site, message.first, message.last, message.operation)
                self._saw(document, row, time_us)
            case Ack() | Merged():
                row = _Variant(message.revision, site, message.first, message.last, None)
                self._saw(document, row, time_us)
            case CatchUp():
                for r in message.rows:
                    row = _Variant(r.revision, r.site, r.first, r.last, r.operation)
                    self._saw(document, row, time_us)
            case Failure() | Joined() | PeerLeft() | PeerPresence() | Renewed() | Welcome():
                pass

    def _saw(self, document: DocumentId, variant: _Variant, time_us: int) -> None:
        variants = self._documents[document].seen.setdefault(variant.revision, [])
        if not any(known.takes(variant) for known in variants):
            variants.append(variant)
            self._buffer.append(_Sighting(time_us, document, variant))

    # --- the end ------------------------------------------------------------------------------------------

    def finish(self, finals: Iterable[Audited], time_us: int) -> Iterator[Record]:
        """All records in order, up to and including the last one; callable once.

        A document without a final state is judged by the rows that were seen, if there is no gap in them.
        Where not even that is known, its records are left out, and :meth:`audit` says so.
        """
        for final in finals:
            self._documents[final.document].final = final
        for document in self._documents.values():
            document.close()
        for item in self._buffer:
            name = getattr(item, "document", None)
            if isinstance(item, history.Raised | history.Accused | history.Garbled):
                yield item  # says enough by itself
                continue
            if name is not None and not self._documents[name].is_whole:
                continue
            yield from self._sighted(item) if isinstance(item, _Sighting) else self._recorded(item)
        for name, document in self._documents.items():
            if document.is_whole:
                yield from self._ended(name, document, time_us)
        yield history.Finished(time_us)

    def _sighted(self, sighting: _Sighting) -> Iterator[Record]:
        """The rows up to what was seen; another one if what was seen is not what the log holds."""
        time_us, name, variant = sighting
        document = self._documents[name]
        yield from self._place(name, document, Revision(variant.revision - 1), time_us)
        at = document.placed
        if at < len(document.rows) and _agree(document.rows[at], variant):
            yield from self._place(name, document, variant.revision, time_us)
        elif not any(_agree(row, variant) for row in document.rows[:at]):  # nobody joined behind it either
            yield from self._stray(name, document, variant, time_us)
            return
        fingerprint = document.unseen.pop(variant.revision, None)
        if fingerprint is None:
            return
        sent = document.sent_of(variant.site, variant.first, variant.last, time_us)
        received_us = sent.time_us if sent is not None and sent.time_us <= time_us else 0
        yield history.Broadcast(
            time_us,
            name,
            variant.revision,
            variant.site,
            variant.first,
            variant.last,
            received_us,
            len(document.live) - (variant.site in document.live),
            fingerprint,
        )

    def _stray(
        self, name: DocumentId, document: _Document, variant: _Variant, time_us: int
    ) -> Iterator[Record]:
        """A revision that clients were told of and that the log does not hold."""
        sent = document.sent_of(variant.site, variant.first, variant.last, time_us)
        operation = variant.operation or (None if sent is None else sent.original)
        if operation is not None:
            yield _stored(time_us, name, document, variant, operation)

    def _recorded(self, record: Record) -> Iterator[Record]:
        """A client's record, after the rows that it stands on."""
        match record:
            case history.Joined():
                document = self._documents[record.document]
                yield from self._place(record.document, document, record.revision, record.time_us)
                document.live.add(record.site)
            case history.Disconnected() | history.Offline():
                self._documents[record.document].live.discard(record.site)
            case _:
                pass
        yield record

    def _place(
        self, name: DocumentId, document: _Document, up_to: Revision, time_us: int
    ) -> Iterator[Record]:
        """The rows of the log that were not given out yet, up to and including a revision."""
        rows = document.rows
        while document.placed < len(rows) and rows[document.placed].revision <= up_to:
            row = rows[document.placed]
            document.placed += 1
            variant = _Variant(row.revision, row.site, row.first, row.last, row.operation)
            yield _stored(time_us, name, document, variant, row.operation)
            document.chain = history.chain(document.chain, row.revision, row.site, row.last, row.operation)
            document.progress[row.site] = max(document.progress.get(row.site, NO_EDIT), row.last)
            if document.text is not None:
                try:
                    document.text = apply(document.text, row.operation)
                except OperationError:
                    document.text = None  # the checks say so, from the lengths of the rows
                else:
                    document.unseen[row.revision] = self._fingerprint(document.text)

    def _ended(self, name: DocumentId, document: _Document, time_us: int) -> Iterator[Record]:
        """What the log holds that nobody saw, and the final state."""
        yield from self._place(
            name, document, max((r.revision for r in document.rows), default=EMPTY_LOG), time_us
        )
        final = document.final
        if final is None:
            return
        for site, last in document.progress.items():
            yield history.FinalProgress(time_us, site, name, last)
        fingerprint = self._fingerprint(final.text)
        yield history.FinalDocument(time_us, name, final.revision, fingerprint, document.chain)

    # --- what is not known --------------------------------------------------------------------------------

    @property
    def missing(self) -> list[str]:
        """What could not be found out, in sentences; complete after :meth:`finish`."""
        return [f"{name} {d.missing}" for name, d in self._documents.items() if d.missing]

    def audit(self) -> CheckResult:
        """Whether every document could be read whole; *unknown* if not. After :meth:`finish`."""
        return audit_result(len(self._documents), self.missing)


def _agree(row: Row, variant: _Variant) -> bool:
    """Whether a row of the log is what was seen."""
    seen = (variant.revision, variant.site, variant.first, variant.last)
    return (row.revision, row.site, row.first, row.last) == seen and variant.operation in (
        None,
        row.operation,
    )


def _stored(
    time_us: int, name: DocumentId, document: _Document, variant: _Variant, operation: Operation
) -> Record:
    """A durable revision with what its author sent.

    Edits that none of our clients sent (over REST, say) count as made on the revision before.
    """
    sent = document.sent_of(variant.site, variant.first, variant.last, time_us)
    if sent is None:
        sent = _Handed(0, 0, Revision(variant.revision - 1), False, operation)
    return history.Stored(
        time_us,
        name,
        variant.revision,
        variant.site,
        variant.first,
        variant.last,
        sent.base,
        sent.branch,
        sent.original,
        operation,
        sent.edits,
    )
