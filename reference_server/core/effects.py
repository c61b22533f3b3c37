"""What goes into the core and what comes out: two closed unions of frozen types.

The trio shell and the simulator are two interpreters of the same effects. Requests to the store carry a
number; the answer carries it back. Times are integer microseconds of the caller's clock.
"""

from __future__ import annotations

import enum
from typing import NamedTuple, TypeAlias

from model.identity import EMPTY_LOG, NO_EDIT, ConnectionId, DocumentId, Revision, SequenceNumber, SiteId
from model.protocol import Edits, ErrorCode
from model.text import Operation, Selection, compose_all


class Role(enum.Enum):
    """What an authenticated client may do with a document."""

    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"


# --- what is stored ---------------------------------------------------------------------------------------


class LogRow(NamedTuple):
    """One revision as stored (D13); what is not kept here cannot be recovered later.

    ``edits`` is what the client sent, on the text of revision ``base``; ``operation`` is the same,
    transformed, on the text of the revision before this one. ``user`` is who made it, as far as a token said.
    """

    revision: Revision
    site: SiteId
    first: SequenceNumber
    last: SequenceNumber
    base: Revision
    branch: bool
    edits: tuple[Edits, ...]
    operation: Operation
    user: str = ""

    @property
    def original(self) -> Operation:
        """The edits as one operation on the text of ``base``."""
        return compose_all([edits.operation for edits in self.edits])


class Progress(NamedTuple):
    """What is durable of one site in one document (D10, D11)."""

    epoch: int
    last: SequenceNumber = NO_EDIT
    revision: Revision = EMPTY_LOG


class Contents(NamedTuple):
    """What the store holds of a document: a snapshot, the revisions after it, every site's progress.

    After :class:`Read`, ``revision`` and ``rows`` start at the revision that was asked for and ``text``
    is empty.
    """

    revision: Revision
    text: str
    rows: tuple[LogRow, ...]
    progress: dict[SiteId, Progress]
    trimmed: Revision


# --- store requests and outcomes --------------------------------------------------------------------------


class Load(NamedTuple):
    """Read everything needed to serve a document."""

    request: int
    document: DocumentId


class Read(NamedTuple):
    """Read the revisions after ``after`` and the progress, to find out what really happened (D9)."""

    request: int
    document: DocumentId
    after: Revision


class Append(NamedTuple):
    """Compare and append (D9): rows and progress, all or nothing, if the head is still ``expected``.

    ``fences`` are progress entries whose epoch must be newer than the stored one; ``progress`` entries
    must have exactly the stored epoch.
    """

    request: int
    document: DocumentId
    expected: Revision
    rows: tuple[LogRow, ...]
    progress: tuple[tuple[SiteId, Progress], ...]
    fences: tuple[tuple[SiteId, int], ...]


class Snapshot(NamedTuple):
    """Keep the text of a revision and forget the rows up to ``trim`` (D12); needs no answer."""

    document: DocumentId
    revision: Revision
    text: str
    trim: Revision


Request: TypeAlias = Load | Read | Append | Snapshot
"""What the store is asked to do."""


class Committed(NamedTuple):
    """The append is durable."""


class Conflict(NamedTuple):
    """The head had moved, or an epoch had; nothing was written."""

    head: Revision


class Unknown(NamedTuple):
    """The store did not answer; the append may or may not have happened."""


Outcome: TypeAlias = Committed | Conflict | Unknown


# --- events -----------------------------------------------------------------------------------------------


class Opened(NamedTuple):
    """A connection was accepted."""

    connection: ConnectionId


class Received(NamedTuple):
    """A whole message arrived on a connection."""

    connection: ConnectionId
    data: bytes


class Closed(NamedTuple):
    """A connection is gone, for whatever reason."""

    connection: ConnectionId


class Identity(NamedTuple):
    """Whom a token stands for; ``expires_us`` is a time of the caller's clock, None for never."""

    user: str
    token_id: str = ""
    expires_us: int | None = None


class Authenticated(NamedTuple):
    """The decision about a token; ``identity`` None means refused, and ``reason`` says why."""

    connection: ConnectionId
    identity: Identity | None
    reason: ErrorCode = ErrorCode.UNAUTHENTICATED


class Authorized(NamedTuple):
    """What a connection may do with the document it asked for.

    ``role`` None means nothing, and ``reason`` says why: ``forbidden``, or ``unavailable`` if nobody knows.
    """

    connection: ConnectionId
    role: Role | None
    reason: ErrorCode = ErrorCode.FORBIDDEN


class Revoked(NamedTuple):
    """A token is not valid any more."""

    token_id: str


class RightsChanged(NamedTuple):
    """Permissions of a document changed, for one user or, if None, perhaps for all."""

    document: DocumentId
    user: str | None = None


class Deleted(NamedTuple):
    """A document is gone for good."""

    document: DocumentId


class Loaded(NamedTuple):
    """The answer to :class:`Load` or :class:`Read`; ``contents`` None if the store did not answer."""

    request: int
    document: DocumentId
    contents: Contents | None


class Appended(NamedTuple):
    """The answer to :class:`Append`."""

    request: int
    document: DocumentId
    outcome: Outcome


Answer: TypeAlias = Loaded | Appended
"""What the store answers; a :class:`Snapshot` needs no answer."""


class TimerFired(NamedTuple):
    """The time of a :class:`SetTimer` has come."""

    connection: ConnectionId


class Announced(NamedTuple):
    """Another worker says that it appended to this document, up to ``revision``; 0 if it may have."""

    document: DocumentId
    revision: Revision = EMPTY_LOG


class Whispered(NamedTuple):
    """Another worker says where the cursor of a site is that is connected there; or that it left.

    It may say ``again`` what it has said before; that is no hint of a revision.
    """

    document: DocumentId
    site: SiteId
    revision: Revision
    selection: Selection | None
    left: bool = False
    again: bool = False


class CursorsDue(NamedTuple):
    """It is time to say again where cursors are, and to forget those that nothing is heard of any more."""

    document: DocumentId


class Resumed(NamedTuple):
    """The time of a :class:`Resume` has come."""

    document: DocumentId


Event: TypeAlias = (
    Opened
    | Received
    | Closed
    | Authenticated
    | Authorized
    | Revoked
    | RightsChanged
    | Deleted
    | Answer
    | Announced
    | Whispered
    | CursorsDue
    | TimerFired
    | Resumed
)


# --- effects ----------------------------------------------------------------------------------------------


class Send(NamedTuple):
    """Send one encoded message to these connections, in this order, after everything sent before."""

    connections: tuple[ConnectionId, ...]
    data: bytes


class Close(NamedTuple):
    """Close a connection after what was sent to it."""

    connection: ConnectionId
    code: int
    reason: str


class Authenticate(NamedTuple):
    """Ask whoever knows whether this token lets this site in."""

    connection: ConnectionId
    site: SiteId
    token: str


class Authorize(NamedTuple):
    """Ask what this connection may do with a document."""

    connection: ConnectionId
    document: DocumentId


class Compress(NamedTuple):
    """From the next message on, what is sent to this connection may be compressed."""

    connection: ConnectionId


class Whisper(NamedTuple):
    """Tell other workers where a cursor is; the fields are those of :class:`Whispered`."""

    document: DocumentId
    site: SiteId
    revision: Revision
    selection: Selection | None
    left: bool = False
    again: bool = False


class SetTimer(NamedTuple):
    """Deliver :class:`TimerFired` for this connection at ``at_us``."""

    connection: ConnectionId
    at_us: int


class Resume(NamedTuple):
    """Deliver :class:`Resumed` for this document once everybody else has had a turn: a merge is under way."""

    document: DocumentId


class Published(NamedTuple):
    """A revision went out to its readers; for histories, logs and metrics.

    ``received_us`` is when the submit arrived, 0 if the revision came from another worker.
    ``audience`` counts the other live connections; ``text`` is the document after the revision. ``spent_us``
    is the CPU time of carrying or merging its edits, if the core has a clock for that.
    """

    document: DocumentId
    row: LogRow
    received_us: int
    audience: int
    text: str
    spent_us: int = 0


class CursorPlaced(NamedTuple):
    """A site's cursor is known to be at ``position`` in the text of ``revision``; for histories.

    ``received_us`` is when that arrived from the site's own client, 0 if another worker told of it.
    """

    document: DocumentId
    site: SiteId
    revision: Revision
    position: int
    received_us: int


Effect: TypeAlias = (
    Send
    | Close
    | Compress
    | Authenticate
    | Authorize
    | SetTimer
    | Request
    | Published
    | CursorPlaced
    | Whisper
    | Resume
)
