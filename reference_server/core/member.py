"""One connection that was let into a document."""

from __future__ import annotations

from model.identity import NO_EDIT, ConnectionId, Revision, SequenceNumber, SiteId
from model.marks import Mechanism, mark
from model.protocol import (
    BRANCH_OPERATIONS_MAX,
    Branch,
    Edits,
    ErrorCode,
    RemoteProtocolError,
    Submit,
)
from model.text import OperationError, Selection
from reference_server.core.effects import Role
from reference_server.core.items import EditsItem
from reference_server.core.merge import Merge


class Member:
    """A connection that was let in.

    Attributes:
        live: whether it gets broadcasts; not while it hands in a branch.
        submitted: what it sent and has no answer to.
        busy_answers: how often it was told to come back later, in a row.
        merged_last: the last edit of the branch that was merged on this connection; 0 for none.
        answered_last: the last edit that became durable during this connection; 0 for none.
        cursor: its selection and the revision that refers to; None if it has none.
        token_id: of the token that lets it in now.
    """

    __slots__ = (
        "_chunks",
        "answered_last",
        "busy_answers",
        "connection",
        "cursor",
        "epoch",
        "live",
        "merged_last",
        "role",
        "site",
        "submitted",
        "token_id",
        "user",
    )

    def __init__(
        self,
        connection: ConnectionId,
        site: SiteId,
        role: Role,
        epoch: int,
        user: str = "",
        token_id: str = "",
    ) -> None:
        """A member that is not live yet."""
        self.connection = connection
        self.site = site
        self.user = user
        self.token_id = token_id
        self.role = role
        self.epoch = epoch
        self.live = False
        self.submitted: Submit | Branch | None = None
        self.busy_answers = 0
        self.merged_last: SequenceNumber = NO_EDIT
        self.answered_last: SequenceNumber = NO_EDIT
        self.cursor: tuple[Selection, Revision] | None = None
        self._chunks: list[Branch] = []

    @property
    def chunk_edits(self) -> int:
        """Edits of a branch whose last part has not come."""
        return sum(len(chunk.edits) for chunk in self._chunks)

    def is_new(self, message: Submit | Branch) -> bool:
        """Whether the message is to be queued; not if it is what was submitted, sent once more.

        Raises:
            ProtocolError: the connection may not send this, or not now.
        """
        self.require_editor()
        if isinstance(message, Branch):
            if not self.live:
                if self.submitted is not None:
                    mark(Mechanism.REPEATED_WAITING)
                return self.submitted is None
            if message.edits[-1].last <= self.merged_last:
                mark(Mechanism.BRANCH_REPEATED_LIVE)
                return False  # sent again while its answer was on the way
            raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "a branch from a live connection")
        if self.submitted == message:
            mark(Mechanism.REPEATED_WAITING)
            return False
        if self.submitted is not None:
            if not self._is_repeat(self.submitted):
                raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "a second operation in flight")
            mark(Mechanism.NEXT_BEFORE_REPEATED)
        return True

    def _is_repeat(self, submitted: Submit | Branch) -> bool:
        """Whether what waits is durable already, and was sent again before the answer arrived."""
        return isinstance(submitted, Submit) and submitted.last <= self.answered_last

    def require_editor(self) -> None:
        """Check that it may edit.

        Raises:
            ProtocolError: it may not.
        """
        if self.role is Role.VIEWER:
            raise RemoteProtocolError(ErrorCode.FORBIDDEN, "a viewer cannot edit")

    def item(
        self,
        base: Revision,
        edits: tuple[Edits, ...],
        selection: Selection | None,
        now_us: int,
        *,
        branch: bool,
    ) -> EditsItem:
        """What it sent, as it waits for its turn.

        Raises:
            ProtocolError: the edits of a branch do not fit each other.
        """
        try:
            merge = Merge(base, edits, self.site) if branch else None
        except OperationError as error:
            raise RemoteProtocolError(ErrorCode.BASE_LENGTH, str(error)) from None
        return EditsItem(
            self.connection,
            self.site,
            self.epoch,
            base,
            edits,
            selection,
            merge,
            now_us,
            self.user,
            self.token_id,
        )

    def add_chunk(self, chunk: Branch) -> tuple[Edits, ...] | None:
        """Take one chunk of a branch; the edits of the whole branch if it was the last one, else None.

        Raises:
            ProtocolError: the chunk does not follow the one before, or the branch is too long.
        """
        if self._chunks:
            before = self._chunks[-1]
            if before.base != chunk.base or before.edits[-1].last + 1 != chunk.edits[0].first:
                raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "the chunk does not follow the last one")
        self._chunks.append(chunk)
        if sum(len(c.edits) for c in self._chunks) > BRANCH_OPERATIONS_MAX:
            raise RemoteProtocolError(
                ErrorCode.TOO_LARGE, f"a branch of more than {BRANCH_OPERATIONS_MAX} operations"
            )
        if chunk.more:
            mark(Mechanism.BRANCH_IN_CHUNKS)
            return None
        edits = tuple(e for c in self._chunks for e in c.edits)
        self._chunks = []
        return edits
