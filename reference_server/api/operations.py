"""``/api/documents/{document}/operations``: edit without a WebSocket, and read the log."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from fastapi import APIRouter
from pydantic import Field

from model.protocol import DOCUMENT_LENGTH_MAX, NATURAL_MAX
from model.text import Operation, delete, insert, replace
from reference_server.api.access import AsEditor, AsViewer, Server
from reference_server.api.editing import edit
from reference_server.api.errors import BODY, DOCUMENT, problems
from reference_server.api.fields import (
    PAGE_DEFAULT,
    PAGE_MAX,
    TEXT_PATTERN,
    AnswerBody,
    AnyText,
    Body,
    DocumentName,
    Natural,
    PageLimit,
    Position,
    RevisionQuery,
    SiteName,
    Text,
    Time,
    UserName,
)
from reference_server.api.strict import StrictRoute
from reference_server.store.port import StoredOperation

router = APIRouter(route_class=StrictRoute, tags=["operations"])

OPERATIONS_MAX: Final = 100

Kind: TypeAlias = Literal["insert", "delete", "replace", "nothing"]
_SomeText = Annotated[str, Field(min_length=1, max_length=DOCUMENT_LENGTH_MAX, pattern=TEXT_PATTERN)]
_Count = Annotated[int, Field(ge=1, le=DOCUMENT_LENGTH_MAX)]
_Any = Annotated[int, Field(ge=1, le=NATURAL_MAX)]


class Insert(Body):
    """Insert ``text`` before the code point ``position``."""

    type: Literal["insert"]
    position: Position
    text: _SomeText

    def on(self, length: int) -> Operation:
        """The operation on a text of ``length`` code points."""
        return insert(length, self.position, self.text)


class Delete(Body):
    """Delete ``length`` code points from ``position`` on."""

    type: Literal["delete"]
    position: Position
    length: _Count

    def on(self, length: int) -> Operation:
        """The operation on a text of ``length`` code points."""
        return delete(length, self.position, self.length)


class Replace(Body):
    """Delete ``length`` code points at ``position`` and insert ``text`` there."""

    type: Literal["replace"]
    position: Position
    length: _Count
    text: Text

    def on(self, length: int) -> Operation:
        """The operation on a text of ``length`` code points."""
        return replace(length, self.position, self.length, self.text)


class Operations(Body):
    """Changes, each of the text that the one before leaves (D16)."""

    operations: Annotated[
        list[Annotated[Insert | Delete | Replace, Field(discriminator="type")]],
        Field(min_length=1, max_length=OPERATIONS_MAX),
    ]


class AppliedOperation(AnswerBody):
    """One change as it is durable: its revision, and its identity together with the site."""

    revision: Natural
    first: Natural
    last: Natural


class AppliedOperations(AnswerBody):
    """What became of the changes, in their order; ``revision`` is that of the last one."""

    document_id: DocumentName
    site: SiteName
    revision: Natural
    operations: Annotated[list[AppliedOperation], Field(max_length=OPERATIONS_MAX)]


class Removal(AnswerBody):
    """The component of an operation that deletes ``d`` code points."""

    d: _Any


class PlainOperation(AnswerBody):
    """An operation as in the protocol: skips, inserts and deletes, on a text of ``length``."""

    length: Natural
    ops: Annotated[list[_Any | AnyText | Removal], Field(max_length=1_000_000)]


class LoggedOperation(AnswerBody):
    """One revision; ``content`` is all text that it inserted, ``deleted`` counts what it took away."""

    timestamp: Time
    user: UserName
    operation_type: Kind
    content: AnyText
    deleted: Natural
    revision: Natural
    site: SiteName
    first: Natural
    last: Natural
    base: Natural
    branch: bool
    operation: PlainOperation


class LoggedOperations(AnswerBody):
    """Revisions in order; ``next`` is what to pass as ``after`` for those that follow, null if none do."""

    operations: Annotated[list[LoggedOperation], Field(max_length=PAGE_MAX)]
    next: Natural | None


@router.post("/api/documents/{document}/operations", responses=problems(*DOCUMENT, *BODY))
async def apply_operations(body: Operations, access: AsEditor, services: Server) -> AppliedOperations:
    """Edit the document; positions and lengths count code points of the newest text.

    All of them have to fit, or none is done (422). After 503 the first ones may be durable; the answer says
    how many were known to be.
    """
    document = access.document.id
    edited = await edit(services.host, document, access.caller.token, body.operations)
    return AppliedOperations(
        document_id=document,
        site=edited.site,
        revision=edited.applied[-1].revision,
        operations=[AppliedOperation(**applied._asdict()) for applied in edited.applied],
    )


@router.get("/api/documents/{document}/operations", responses=problems(*DOCUMENT))
async def read_operations(
    access: AsViewer,
    services: Server,
    limit: PageLimit = PAGE_DEFAULT,
    after: RevisionQuery | None = None,
) -> LoggedOperations:
    """The revisions after ``after``, or the newest ones without it; trimmed ones are left out."""
    document = access.document
    start = max(0, document.revision - limit) if after is None else after
    found = await services.call(services.catalogue.operations, document.id, start, limit)
    following = found[-1].row.revision if len(found) == limit else None
    if following is not None and following >= document.revision:
        following = None
    return LoggedOperations(operations=[_logged(stored) for stored in found], next=following)


def _logged(stored: StoredOperation) -> LoggedOperation:
    row = stored.row
    operation = row.operation
    inserted = "".join(c for c in operation.components if isinstance(c, str))
    kind: Kind = "nothing"
    if inserted:
        kind = "replace" if operation.deleted else "insert"
    elif operation.deleted:
        kind = "delete"
    return LoggedOperation(
        timestamp=stored.created_at,
        user=row.user,
        operation_type=kind,
        content=inserted,
        deleted=operation.deleted,
        revision=row.revision,
        site=row.site,
        first=row.first,
        last=row.last,
        base=row.base,
        branch=row.branch,
        operation=PlainOperation(
            length=operation.base_length,
            ops=[Removal(**c) if isinstance(c, dict) else c for c in operation.to_json()],
        ),
    )
