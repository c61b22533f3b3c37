"""The one record format of everything that is judged: simulator, live runs and load runs.

A history is a stream of frozen records in the order in which things happened, one JSON array per line,
gzipped on disk: the first
element is the record's tag, the rest are its fields in the order below. It is written and read as a
stream; nobody needs the whole run in memory. Times are integer microseconds in the clock that the
:class:`Header` names (D19). An edit is identified by ``(site, sequence)`` everywhere.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, TypeAlias

import msgspec

from model.crdt.replicas.port import Element, Event, Version, spoken
from model.identity import DocumentId, Revision, Sequence, SiteId
from model.protocol import operation_from_plain, operation_to_plain
from model.text import Operation

HISTORY_VERSION: Final = 1


class _Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What all records share: frozen, written as an array that starts with the tag."""


class Header(_Record, frozen=True, tag="history"):
    """First record: who wrote this, in which clock, of what."""

    version: int
    producer: str  # "simulator", "live" or "load"
    clock: str  # "virtual", "server" or "client"
    run: dict[str, Any]  # seed, scenario, cell, engine …


class DocumentCreated(_Record, frozen=True, tag="document"):
    """A document exists with this text at revision 0.

    ``unique`` says that no character ever occurs twice in it, so that characters are identities and the
    list specifications apply; ``displayed`` that every displayed text is recorded (a sampled document).
    """

    time_us: int
    document: DocumentId
    text: str
    unique: bool
    displayed: bool


class Online(_Record, frozen=True, tag="online"):
    """A client wants to be connected from now on (opened the laptop, started)."""

    time_us: int
    site: SiteId
    document: DocumentId


class Offline(_Record, frozen=True, tag="offline"):
    """A client does not want to be connected from now on (closed the laptop, left, crashed)."""

    time_us: int
    site: SiteId
    document: DocumentId
    cause: str  # "closed", "left", "crashed"


class Connected(_Record, frozen=True, tag="connected"):
    """A connection was opened, authenticated; times of asking and of the two answers."""

    time_us: int  # when `welcome` arrived
    site: SiteId
    document: DocumentId
    requested_us: int  # when the client started to connect
    authenticate_us: int  # duration of the token check at the server


class Joined(_Record, frozen=True, tag="joined"):
    """The client got `joined`: ``how`` is "fresh", "resume" or "branch"; its revision and text now."""

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    how: str
    fingerprint: int  # of the displayed text if nothing is pending, else 0


class Disconnected(_Record, frozen=True, tag="disconnected"):
    """The client's connection ended, for whatever reason; the revision it had reached."""

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    cause: str


class Restarted(_Record, frozen=True, tag="restarted"):
    """A crashed client came back with its saved state: the revision and the last edit it remembers."""

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    last: Sequence


class Stranded(_Record, frozen=True, tag="stranded"):
    """The server refused the base as too old; the edits after ``acknowledged`` are kept by the client."""

    time_us: int
    site: SiteId
    document: DocumentId
    acknowledged: Sequence
    last: Sequence


class Edited(_Record, frozen=True, tag="edit"):
    """A person changed the text of one replica; ``operation`` is based on what that replica displayed.

    ``kind`` is what the person did: type, backspace, paste, replace, undo, redo, cut.
    ``revision`` is the newest revision the replica knew; ``client_us`` is the client's own clock.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    sequence: Sequence
    kind: str
    revision: Revision
    operation: Operation
    client_us: int


class Sent(_Record, frozen=True, tag="sent"):
    """The client handed edits to its connection; ``how`` is "submit", "resend" or "branch"."""

    time_us: int
    site: SiteId
    document: DocumentId
    base: Revision
    first: Sequence
    last: Sequence
    how: str


class Stored(_Record, frozen=True, tag="stored"):
    """A revision became durable. ``original`` is what the client sent, on the text of revision ``base``.

    ``edits`` are the operations that a branch is made of, each on the text after the one before; empty for
    anything else, and where they are not known.
    """

    time_us: int
    document: DocumentId
    revision: Revision
    site: SiteId
    first: Sequence
    last: Sequence
    base: Revision
    branch: bool
    original: Operation
    operation: Operation
    edits: tuple[Operation, ...] = ()


class Broadcast(_Record, frozen=True, tag="broadcast"):
    """The server handed a revision to its connections.

    ``received_us`` is when the submit arrived (0 if the server learnt of the revision from the store),
    ``audience`` the number of other live connections, ``fingerprint`` that of the server's text.
    """

    time_us: int
    document: DocumentId
    revision: Revision
    site: SiteId
    first: Sequence
    last: Sequence
    received_us: int
    audience: int
    fingerprint: int


class Delivered(_Record, frozen=True, tag="delivered"):
    """A replica applied a revision of another site."""

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    fingerprint: int  # of the displayed text if nothing is pending, else 0


class Acknowledged(_Record, frozen=True, tag="acknowledged"):
    """A replica learnt that its own edits ``first..last`` are durable as ``revision``."""

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    first: Sequence
    last: Sequence
    fingerprint: int


class Merged(_Record, frozen=True, tag="merged"):
    """A replica's branch is durable as ``revision``; all revisions after ``base`` were applied at once."""

    time_us: int
    site: SiteId
    document: DocumentId
    base: Revision
    revision: Revision
    first: Sequence
    last: Sequence
    fingerprint: int


class Displayed(_Record, frozen=True, tag="displayed"):
    """What a replica of a sampled document shows after a change; ``sequence`` if it was its own edit."""

    time_us: int
    site: SiteId
    document: DocumentId
    text: str
    sequence: Sequence = 0


class Pointed(_Record, frozen=True, tag="pointed"):
    """A client told the server where its cursor is (sampled).

    By a presence (``sequence`` 0), ``position`` is in the text of ``revision``. By a submit of edits up to
    ``sequence``, it is in the text that the submitted operation makes of that of its base ``revision``.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    position: int
    sequence: Sequence = 0


class Placed(_Record, frozen=True, tag="placed"):
    """The server knows that a site's cursor is at ``position`` in the text of ``revision`` (sampled)."""

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    position: int
    received_us: int


class Seen(_Record, frozen=True, tag="seen"):
    """A replica with nothing pending shows a peer's cursor at ``position`` of ``revision`` (sampled).

    ``placed_revision`` tells which :class:`Placed` of the peer the cursor comes from; ``fresh`` is
    true for the sighting at the arrival of the presence message itself.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    peer: SiteId
    revision: Revision
    position: int
    length: int
    placed_revision: Revision
    fresh: bool


class FaultBegan(_Record, frozen=True, tag="fault_began"):
    """A fault started; ``lane`` groups its occurrences, ``affected`` counts what it hits in this cell."""

    time_us: int
    lane: str
    name: str
    affected: int


class FaultEnded(_Record, frozen=True, tag="fault_ended"):
    """A fault healed. ``affected`` counts what it really hit (broken connections, delayed commits …)."""

    time_us: int
    lane: str
    name: str
    affected: int


class Healed(_Record, frozen=True, tag="healed"):
    """No fault acts and nobody edits from now on; everything has to converge within ``bound_us``."""

    time_us: int
    bound_us: int


class FinalReplica(_Record, frozen=True, tag="final_replica"):
    """The state of a replica when the run ended."""

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    fingerprint: int  # of the displayed text, whether or not something is pending
    unacknowledged: int  # edits in flight or pending
    online: bool


class FinalProgress(_Record, frozen=True, tag="final_progress"):
    """What the store holds of one site when the run ended, read back from the durable state."""

    time_us: int
    site: SiteId
    document: DocumentId
    last: Sequence


class FinalDocument(_Record, frozen=True, tag="final_document"):
    """What the store holds of one document when the run ended, read back from the durable state.

    ``chain`` is :func:`chain` over all revisions since the document was created.
    """

    time_us: int
    document: DocumentId
    revision: Revision
    fingerprint: int
    chain: str


class Finished(_Record, frozen=True, tag="finished"):
    """Last record: the history is whole."""

    time_us: int


# --- replicas without a server ----------------------------------------------------------------------------
#
# Where replicas exchange events among themselves there are no revisions: `revision` in the records above is
# how many events a replica knows. The text a document starts with is generated by the site FIRST at time 0,
# with sequence 0, and known to every replica.

FIRST: Final = SiteId("")
"""The author of the text that a document without a server starts with."""


class Span(NamedTuple):
    """Events ``first..last`` of one site, counters inclusive."""

    site: SiteId
    first: int
    last: int


class Generated(_Record, frozen=True, tag="generated"):
    """A replica made events of its own edit ``sequence``.

    ``version`` and ``fingerprint`` are those of the replica afterwards (:func:`version_fingerprint`,
    :func:`fingerprint`); both are 0 where nobody looked.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    sequence: Sequence
    events: tuple[Event, ...]
    version: int = 0
    fingerprint: int = 0


class Integrated(_Record, frozen=True, tag="integrated"):
    """A replica took over events of others, in this order; the rest as in :class:`Generated`."""

    time_us: int
    site: SiteId
    document: DocumentId
    spans: tuple[Span, ...]
    version: int = 0
    fingerprint: int = 0


class Reloaded(_Record, frozen=True, tag="reloaded"):
    """A replica was made anew from what it had saved.

    ``version`` is what it knows now; the fingerprints are those of the text that was saved, and of the text
    after loading.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    version: dict[SiteId, int]
    saved: int
    loaded: int


class Preserved(_Record, frozen=True, tag="preserved"):
    """Something that must not change a replica was done to it: ``how`` is "saved" or "compacted".

    ``dropped`` counts the tombstones that went; the fingerprints are those of the text.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    how: str
    dropped: int
    before: int
    after: int


class Examined(_Record, frozen=True, tag="examined"):
    """A law of replicated types was tried on states that some replicas had reached.

    ``problem`` says how it was broken, with evidence; empty if it holds.
    """

    time_us: int
    document: DocumentId
    law: str
    sites: tuple[SiteId, ...]
    problem: str = ""
    evidence: dict[str, Any] = {}


class Refused(_Record, frozen=True, tag="refused"):
    """A replica could not do what every replica can: ``what`` it was to do, and the exception.

    The events concerned, if there are any, count as not taken over.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    what: str
    error: str


class FinalVersion(_Record, frozen=True, tag="final_version"):
    """The state of a replica without a server when the run ended.

    ``order`` is :func:`order_fingerprint` of its elements, ``waiting`` counts the events it holds back
    because something they need has not come.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    version: dict[SiteId, int]
    fingerprint: int
    order: int
    waiting: int
    online: bool


class FinalElements(_Record, frozen=True, tag="final_elements"):
    """The elements of one replica of a document when the run ended, in order, tombstones counted."""

    time_us: int
    site: SiteId
    document: DocumentId
    elements: tuple[Element, ...]


class Traffic(_Record, frozen=True, tag="traffic"):
    """What became of the datagrams of a cell, by name, from the beginning on."""

    time_us: int
    counts: dict[str, int]


Record: TypeAlias = (
    Header
    | DocumentCreated
    | Online
    | Offline
    | Connected
    | Joined
    | Disconnected
    | Restarted
    | Stranded
    | Edited
    | Sent
    | Stored
    | Broadcast
    | Delivered
    | Acknowledged
    | Merged
    | Displayed
    | Pointed
    | Placed
    | Seen
    | FaultBegan
    | FaultEnded
    | Healed
    | FinalReplica
    | FinalProgress
    | FinalDocument
    | Finished
    | Generated
    | Integrated
    | Reloaded
    | Preserved
    | Examined
    | Refused
    | FinalVersion
    | FinalElements
    | Traffic
)


class HistoryError(ValueError):
    """A history file is truncated or not a history."""


def fingerprint(text: str) -> int:
    """A 63-bit digest of a text, never 0, equal in every process and on every machine."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


def version_fingerprint(version: Version) -> int:
    """A digest of a version vector like :func:`fingerprint`; a site with counter 0 does not count."""
    return fingerprint(" ".join(f"{site}#{version[site]}" for site in sorted(version) if version[site]))


def order_fingerprint(elements: Iterable[Element]) -> int:
    """A digest of which visible elements there are, and in which order."""
    return fingerprint(" ".join(spoken(element.id) for element in elements if not element.deleted))


def spans_of(events: Iterable[Event]) -> tuple[Span, ...]:
    """The ids of events in their order, those that follow each other in one span."""
    spans: list[Span] = []
    site, first, last = FIRST, 0, -1
    for event in events:
        author, counter = event.id
        if author == site and counter == last + 1:
            last = counter
            continue
        if first:
            spans.append(Span(site, first, last))
        site, first, last = author, counter, counter
    if first:
        spans.append(Span(site, first, last))
    return tuple(spans)


def chain(previous: str, revision: Revision, site: SiteId, last: Sequence, operation: Operation) -> str:
    """The digest of a log with one more revision; the empty log has the digest ``""``."""
    row = repr((previous, revision, site, last, operation.base_length, operation.components))
    return hashlib.blake2b(row.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


_encoder = msgspec.json.Encoder(enc_hook=operation_to_plain)
_decoder = msgspec.json.Decoder(Record, dec_hook=operation_from_plain)


class HistoryWriter:
    """Writes records as gzipped JSON lines and keeps the digest of the uncompressed stream.

    The gzip stream carries no time and no name, so equal histories are equal files.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
        self._digest = hashlib.blake2b(digest_size=16)

    def write(self, records: Iterable[Record]) -> None:
        """Append records, in the order given."""
        data = _encoder.encode_lines(records)
        self._digest.update(data)
        self._file.write(self._gzip.compress(data))

    def close(self) -> str:
        """Finish the file and return the digest of everything written, in hexadecimal."""
        self._file.write(self._gzip.flush())
        self._file.close()
        return self._digest.hexdigest()


def read_history(path: Path) -> Iterator[Record]:
    """The records of a history file, one after another.

    Raises:
        HistoryError: the file is truncated, not gzip, or a line is no record; names the line.
    """
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                yield _decoder.decode(line)
                number += 1
            if not number:
                raise EOFError("no records")  # gzip reads an empty file without complaint
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HistoryError(f"{path}: line {number + 1}: {error}") from None
