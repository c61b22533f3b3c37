"""The one record format of everything that is judged: simulator, live runs, load runs, other editors.

A history is a stream of frozen records in the order in which things happened. Times are integer microseconds
in the clock that the :class:`Header` names (D19). An edit is identified by ``(site, sequence)`` everywhere.
``model.history_file`` writes and reads it, ``docs/history.md`` is for who writes one for another editor.
A fingerprint of 0 is not known.

The records of replicas without a server stand in :mod:`model.replica_records`; all others are here, since who
reads a history wants to see them side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from model.crdt.replicas.port import Element, Version, spoken
from model.identity import NO_EDIT, DocumentId, Revision, SequenceNumber, SiteId
from model.raised import frames_of, is_of_harness, problem_of
from model.record import RecordBase
from model.replica_records import FIRST as FIRST
from model.replica_records import Examined as Examined
from model.replica_records import FinalElements as FinalElements
from model.replica_records import FinalVersion as FinalVersion
from model.replica_records import Generated as Generated
from model.replica_records import Integrated as Integrated
from model.replica_records import Preserved as Preserved
from model.replica_records import Reloaded as Reloaded
from model.replica_records import Span as Span
from model.replica_records import Traffic as Traffic
from model.replica_records import spans_of as spans_of
from model.text import Operation

HISTORY_VERSION: Final = 1

SETUP_KIND: Final = "setup"
"""The kind of the edit that gives a document its first text; nobody made it by hand."""

CHAIN_UNKNOWN: Final = "?"
"""Stands for :func:`chain` where whoever wrote a history did not keep the log."""


class Header(RecordBase, frozen=True, tag="history"):
    """First record: who wrote this, in which clock, of what."""

    version: int
    producer: str  # "simulator", "live" or "load", or the name of another editor
    clock: str  # "virtual", "server" or "client"
    run: dict[str, Any]  # seed, scenario, cell, engine …


class DocumentCreated(RecordBase, frozen=True, tag="document"):
    """A document exists with this text at revision 0.

    ``unique`` says that no character ever occurs twice in it, so that characters are identities and the
    list specifications apply; ``displayed`` that every displayed text is recorded (a sampled document).
    """

    time_us: int
    document: DocumentId
    text: str
    unique: bool
    displayed: bool


class Online(RecordBase, frozen=True, tag="online"):
    """A client wants to be connected from now on (opened the laptop, started)."""

    time_us: int
    site: SiteId
    document: DocumentId


class Offline(RecordBase, frozen=True, tag="offline"):
    """A client does not want to be connected from now on (closed the laptop, left, crashed)."""

    time_us: int
    site: SiteId
    document: DocumentId
    cause: str  # "closed", "left", "crashed"


class Connected(RecordBase, frozen=True, tag="connected"):
    """A connection was opened, authenticated; times of asking and of the two answers.

    ``network_us`` is what the modelled network took of the time since the client had no connection: while its
    path was cut, to open this one, and to carry the greeting.
    """

    time_us: int  # when `welcome` arrived
    site: SiteId
    document: DocumentId
    requested_us: int  # when the client started to connect
    authenticate_us: int  # duration of the token check at the server
    network_us: int = 0


class Joined(RecordBase, frozen=True, tag="joined"):
    """The client got `joined`: ``how`` is "fresh", "resume" or "branch"; its revision and text now.

    ``network_us`` is how long the modelled network carried the request and the answer.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    how: str
    fingerprint: int  # of the displayed text if nothing is pending, else 0
    network_us: int = 0


class Disconnected(RecordBase, frozen=True, tag="disconnected"):
    """The client's connection ended, for whatever reason; the revision it had reached.

    ``network_us`` is for how long the modelled network had been cut when it did.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    cause: str
    network_us: int = 0


class Restarted(RecordBase, frozen=True, tag="restarted"):
    """A crashed client came back with its saved state: the revision and the last edit it remembers."""

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    last: SequenceNumber


class Stranded(RecordBase, frozen=True, tag="stranded"):
    """The server refused the base as too old; the edits after ``acknowledged`` are kept by the client."""

    time_us: int
    site: SiteId
    document: DocumentId
    acknowledged: SequenceNumber
    last: SequenceNumber


class Raised(RecordBase, frozen=True, tag="raised"):
    """What is under test raised an exception while it did ``what``, a verb in the past tense and its object.

    ``part`` is "server", "store", "client" or "replica"; the last two have a ``site``. ``frames`` are the
    calls that the exception came through, the innermost last.
    """

    time_us: int
    part: str
    site: SiteId
    document: DocumentId
    what: str
    problem: str
    frames: tuple[str, ...]


class Accused(RecordBase, frozen=True, tag="accused"):
    """A client holds something the server said against the protocol, or its host something that it did.

    ``kind`` is "message", "error" or "close", and the code of it; or "client", and what of it: "connection",
    "pause", "token", "record", "person". ``problem`` is what is wrong, as the end of a sentence that begins
    with the site.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    kind: str
    problem: str


class Garbled(RecordBase, frozen=True, tag="garbled"):
    """The network flipped a bit of a message on a client's connection, so that it is none any more.

    ``direction`` is "up", to the server, or "down", to the client. Whoever gets it has to end the connection.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    direction: str


class Edited(RecordBase, frozen=True, tag="edit"):
    """A person changed the text of one replica; ``operation`` is based on what that replica displayed.

    ``kind`` is what the person did: type, backspace, delete, paste, replace, cut, undo, redo; or
    :data:`SETUP_KIND`.
    ``revision`` is the newest revision the replica knew; ``client_us`` is the client's own clock.
    ``planned_us`` is when the person wanted to, if whoever moves its hands was late; else 0.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    sequence: SequenceNumber
    kind: str
    revision: Revision
    operation: Operation
    client_us: int
    planned_us: int = 0

    @property
    def keystroke_us(self) -> int:
        """When the person wanted to make it: whoever is late with the key hides nothing."""
        return self.planned_us or self.time_us


class Sent(RecordBase, frozen=True, tag="sent"):
    """The client handed edits to its connection; ``how`` is "submit", "resend" or "branch"."""

    time_us: int
    site: SiteId
    document: DocumentId
    base: Revision
    first: SequenceNumber
    last: SequenceNumber
    how: str


class Arrived(RecordBase, frozen=True, tag="arrived"):
    """Edits came to the machine of the server, the last chunk of a branch included.

    ``network_us`` is how long the modelled network carried it. Where no network is modelled nobody knows the
    moment, and there is no such record.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    first: SequenceNumber
    last: SequenceNumber
    network_us: int


class Stored(RecordBase, frozen=True, tag="stored"):
    """A revision became durable. ``original`` is what the client sent, on the text of revision ``base``.

    ``edits`` are the operations that a branch is made of, each on the text after the one before; empty for
    anything else, and where they are not known.
    """

    time_us: int
    document: DocumentId
    revision: Revision
    site: SiteId
    first: SequenceNumber
    last: SequenceNumber
    base: Revision
    branch: bool
    original: Operation
    operation: Operation
    edits: tuple[Operation, ...] = ()


class Broadcast(RecordBase, frozen=True, tag="broadcast"):
    """The server handed a revision to its connections.

    ``received_us`` is when the core began with the submit; over real sockets, when the kernel had its last
    byte (0 if the server learnt of the revision from the store),
    ``audience`` the number of other live connections, ``fingerprint`` that of the server's text.
    ``turn_us`` is when it had waited for its turn and was handed to the store; 0 if that is not known.
    """

    time_us: int
    document: DocumentId
    revision: Revision
    site: SiteId
    first: SequenceNumber
    last: SequenceNumber
    received_us: int
    audience: int
    fingerprint: int
    turn_us: int = 0


class Delivered(RecordBase, frozen=True, tag="delivered"):
    """A replica applied a revision of another site.

    ``network_us`` is how long the modelled network carried it.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    fingerprint: int  # of the displayed text if nothing is pending, else 0
    network_us: int = 0


class Acknowledged(RecordBase, frozen=True, tag="acknowledged"):
    """A replica learnt that its own edits ``first..last`` are durable as ``revision``.

    ``network_us`` is how long the modelled network carried the answer.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    first: SequenceNumber
    last: SequenceNumber
    fingerprint: int
    network_us: int = 0


class Merged(RecordBase, frozen=True, tag="merged"):
    """A replica's branch is durable as ``revision``; all revisions after ``base`` were applied at once.

    ``network_us`` is how long the modelled network carried the answer.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    base: Revision
    revision: Revision
    first: SequenceNumber
    last: SequenceNumber
    fingerprint: int
    network_us: int = 0


class Displayed(RecordBase, frozen=True, tag="displayed"):
    """What a replica of a sampled document shows after a change; ``sequence`` if it was its own edit."""

    time_us: int
    site: SiteId
    document: DocumentId
    text: str
    sequence: SequenceNumber = NO_EDIT


class Pointed(RecordBase, frozen=True, tag="pointed"):
    """A client told the server where its cursor is (sampled).

    By a presence (``sequence`` 0), ``position`` is in the text of ``revision``. By a submit of edits up to
    ``sequence``, it is in the text that the submitted operation makes of that of its base ``revision``.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    position: int
    sequence: SequenceNumber = NO_EDIT


class Placed(RecordBase, frozen=True, tag="placed"):
    """A worker knows that a site's cursor is at ``position`` in the text of ``revision`` (sampled).

    ``received_us`` is when its client's word arrived, 0 if the worker has it from another one, perhaps late.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    position: int
    received_us: int


class Caret(RecordBase, frozen=True, tag="caret"):
    """A replica shows its own person's caret at ``position`` of its text (sampled).

    ``moved`` if the person put it there just now; else it went along with an edit, or with what others did.
    """

    time_us: int
    site: SiteId
    document: DocumentId
    position: int
    moved: bool


class Seen(RecordBase, frozen=True, tag="seen"):
    """A replica shows a peer's cursor at ``position`` of its text, which is of ``revision`` (sampled).

    ``placed_revision`` tells which :class:`Placed` of the peer the cursor comes from; ``fresh`` is
    true for the sighting at the arrival of the presence message itself. ``pending`` says that the text has
    edits of its own person that are not part of the revision.
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
    pending: bool = False


class Held(RecordBase, frozen=True, tag="held"):
    """How much of something the server holds for a document, and how much its limits allow.

    ``what`` is a plural noun. The most of it that was seen while the run went on, or what there was when it
    had come to rest.
    """

    time_us: int
    document: DocumentId
    what: str
    amount: int
    amount_max: int


class FaultBegan(RecordBase, frozen=True, tag="fault_began"):
    """A fault started; ``lane`` groups its occurrences, ``concerned`` counts whom it is meant for here."""

    time_us: int
    lane: str
    name: str
    concerned: int


class FaultEnded(RecordBase, frozen=True, tag="fault_ended"):
    """A fault healed. ``affected`` counts what it was seen to do (broken connections, delayed commits …)."""

    time_us: int
    lane: str
    name: str
    affected: int


class Healed(RecordBase, frozen=True, tag="healed"):
    """No fault acts and nobody edits from now on; everything has to converge within ``bound_us``."""

    time_us: int
    bound_us: int


class FinalReplica(RecordBase, frozen=True, tag="final_replica"):
    """The state of a replica when the run ended."""

    time_us: int
    site: SiteId
    document: DocumentId
    revision: Revision
    fingerprint: int  # of the displayed text, whether or not something is pending
    unacknowledged: int  # edits in flight or pending
    online: bool


class FinalProgress(RecordBase, frozen=True, tag="final_progress"):
    """What the store holds of one site when the run ended, read back from the durable state."""

    time_us: int
    site: SiteId
    document: DocumentId
    last: SequenceNumber


class FinalDocument(RecordBase, frozen=True, tag="final_document"):
    """What the store holds of one document when the run ended, read back from the durable state.

    ``chain`` is :func:`chain` over all revisions since the document was created, or :data:`CHAIN_UNKNOWN`.
    """

    time_us: int
    document: DocumentId
    revision: Revision
    fingerprint: int
    chain: str


class Snapshotted(RecordBase, frozen=True, tag="snapshotted"):
    """The store holds a snapshot of this text as that of a revision."""

    time_us: int
    document: DocumentId
    revision: Revision
    fingerprint: int


class Finished(RecordBase, frozen=True, tag="finished"):
    """Last record: the history is whole."""

    time_us: int


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
    | Raised
    | Accused
    | Garbled
    | Edited
    | Sent
    | Arrived
    | Stored
    | Broadcast
    | Delivered
    | Acknowledged
    | Merged
    | Displayed
    | Pointed
    | Placed
    | Caret
    | Seen
    | Held
    | FaultBegan
    | FaultEnded
    | Healed
    | FinalReplica
    | FinalProgress
    | FinalDocument
    | Snapshotted
    | Finished
    | Generated
    | Integrated
    | Reloaded
    | Preserved
    | Examined
    | FinalVersion
    | FinalElements
    | Traffic
)


def raised(time_us: int, part: str, site: str, document: str, what: str, error: Exception) -> Raised:
    """The record of an exception of what is under test; one of the harness is raised again."""
    if is_of_harness(error):
        raise error
    return Raised(
        time_us, part, SiteId(site), DocumentId(document), what, problem_of(error), frames_of(error)
    )


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


def chain(previous: str, revision: Revision, site: SiteId, last: SequenceNumber, operation: Operation) -> str:
    """The digest of a log with one more revision; the empty log has the digest ``""``."""
    row = repr((previous, revision, site, last, operation.base_length, operation.components))
    return hashlib.blake2b(row.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
