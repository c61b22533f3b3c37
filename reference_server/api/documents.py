"""``/api/documents``: create, list, read, retitle, delete."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from model.identity import DocumentId
from model.protocol import NAME_LENGTH_MAX
from reference_server.api.access import AsChanger, AsOwner, AsViewer, Bearer, Caller, Server
from reference_server.api.errors import BODY, DOCUMENT, ApiError, problems
from reference_server.api.fields import (
    PAGE_DEFAULT,
    PAGE_MAX,
    PERMITTED_MAX,
    AfterQuery,
    AnswerBody,
    AnyText,
    AnyTitle,
    Body,
    DocumentName,
    Natural,
    NewDocumentName,
    PageLimit,
    RoleName,
    Stamp,
    Text,
    Time,
    Title,
    User,
    UserName,
    UserQuery,
)
from reference_server.api.strict import StrictRoute
from reference_server.core.effects import Role
from reference_server.store.port import Catalogue, DocumentExists, DocumentInfo, DocumentMissing

router = APIRouter(route_class=StrictRoute, tags=["documents"])


_Users = Annotated[list[User], Field(max_length=PERMITTED_MAX)]


class NewPermissions(Body):
    """Who may do what with a new document; the owner is the caller unless an admin says otherwise."""

    owner: User | None = None
    editors: _Users = Field(default_factory=list)
    viewers: _Users = Field(default_factory=list)


class NewDocument(Body):
    """A document to be made; without an id it gets one."""

    title: Title = ""
    content: Text = ""
    permissions: NewPermissions = NewPermissions()
    id: NewDocumentName | None = None


class Retitle(Body):
    """A new title. The stamp orders changes made offline (D16); without it, this is the newest one."""

    title: Title
    lamport: Stamp | None = None
    replica: Annotated[str, Field(max_length=NAME_LENGTH_MAX, pattern=r"^[A-Za-z0-9._~-]*$")] = ""


class Metadata(AnswerBody):
    """A document without its text."""

    id: DocumentName
    title: AnyTitle
    owner: UserName
    revision: Natural
    created_at: Time
    updated_at: Time


class WholeDocument(Metadata):
    """A document with its text at ``revision``; ``role`` is what the caller may do with it."""

    content: AnyText
    role: RoleName


class Documents(AnswerBody):
    """One page, by id; ``next`` is what to pass as ``after`` for the following one, null if there is none."""

    documents: Annotated[list[Metadata], Field(max_length=PAGE_MAX)]
    next: DocumentName | None


def _metadata(info: DocumentInfo) -> Metadata:
    return Metadata(
        id=info.id,
        title=info.title,
        owner=info.owner,
        revision=info.revision,
        created_at=info.created_at,
        updated_at=info.updated_at,
    )


@router.post("/api/documents", status_code=201, responses=problems(401, 403, 409, 503, *BODY))
async def create_document(
    body: NewDocument, caller: Bearer, services: Server, response: Response
) -> Metadata:
    """Make a document with a text at revision 0."""
    claims = caller.claims
    owner = body.permissions.owner or claims.user
    if owner != claims.user and not claims.is_admin:
        raise ApiError(403, "only an admin makes documents for somebody else")
    document = DocumentId(body.id or f"doc-{secrets.token_hex(8)}")
    roles = dict.fromkeys(body.permissions.viewers, Role.VIEWER)
    roles |= dict.fromkeys(body.permissions.editors, Role.EDITOR)
    roles.pop(owner, None)
    catalogue = services.catalogue
    try:
        info = await services.call(catalogue.create, document, body.title, owner, body.content, roles)
    except DocumentExists:
        raise ApiError(409, "there is a document of this id") from None
    response.headers["Location"] = f"/api/documents/{document}"
    return _metadata(info)


@router.get("/api/documents", responses=problems(401, 403, 503))
async def list_documents(
    caller: Bearer,
    services: Server,
    user_id: UserQuery | None = None,
    limit: PageLimit = PAGE_DEFAULT,
    after: AfterQuery = "",
) -> Documents:
    """The documents that a user owns or was given a right on; for an admin without ``user_id`` all of them.

    What a token grants by a pattern is not listed.
    """
    user = _listed_user(caller, user_id)
    found = await services.call(services.catalogue.list, user, limit, after)
    following = found[-1].id if len(found) == limit else None
    return Documents(documents=[_metadata(info) for info in found], next=following)


def _listed_user(caller: Caller, user_id: str | None) -> str | None:
    claims = caller.claims
    if claims.is_admin:
        return user_id
    if user_id not in (None, claims.user):
        raise ApiError(403, "only an admin lists the documents of somebody else")
    return claims.user


@router.get("/api/documents/{document}", responses=problems(*DOCUMENT))
async def read_document(access: AsViewer, services: Server) -> WholeDocument:
    """The document as it is durable now."""
    found = await services.call(_read, services.catalogue, access.document.id)
    if found is None:
        raise ApiError(404, "there is no such document")
    info, revision, text = found
    assert access.role is not None
    metadata = _metadata(info).model_dump() | {"revision": revision}
    return WholeDocument(**metadata, content=text, role=access.role.value)


def _read(catalogue: Catalogue, document: DocumentId) -> tuple[DocumentInfo, int, str] | None:
    """Metadata, revision and text; None if it was deleted meanwhile."""
    info, contents = catalogue.get(document), catalogue.contents(document)
    return None if info is None or contents is None else (info, *contents)


@router.patch("/api/documents/{document}", responses=problems(*DOCUMENT, *BODY))
async def retitle_document(body: Retitle, access: AsOwner, services: Server) -> Metadata:
    """Change the title; answers what holds now, which is another title if that has a newer stamp."""
    document = access.document.id
    if body.lamport is not None:
        stamp = (body.lamport, body.replica)
    else:
        newest = await services.call(services.catalogue.title_stamp, document)
        stamp = (newest.lamport + 1, body.replica or f"rest-{secrets.token_hex(8)}")
    try:
        return _metadata(await services.call(services.catalogue.retitle, document, body.title, stamp))
    except DocumentMissing:
        raise ApiError(404, "there is no such document") from None


@router.delete("/api/documents/{document}", status_code=204, responses=problems(*DOCUMENT))
async def delete_document(access: AsChanger, services: Server) -> None:
    """Delete the document with its log; whoever is in it is sent away."""
    if not await services.delete(access.document.id):
        raise ApiError(404, "there is no such document")
