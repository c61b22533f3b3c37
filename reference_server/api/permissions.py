"""``…/permissions`` and ``…/owner``: who may do what with a document."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from model.identity import DocumentId
from reference_server.api.access import AsChanger, AsOwner, Server
from reference_server.api.errors import BODY, DOCUMENT, ApiError, problems
from reference_server.api.fields import ROLES, AnswerBody, Body, DocumentName, User, UserName, UserPath
from reference_server.api.services import Services
from reference_server.api.strict import StrictRoute
from reference_server.core.effects import Role
from reference_server.store.port import Catalogue, DocumentMissing

router = APIRouter(route_class=StrictRoute, tags=["permissions"])

_Users = Annotated[list[UserName], Field(max_length=1_000_000)]


class Grant(Body):
    """A right for one user, in place of the one that user had."""

    user_id: User
    role: Literal["viewer", "editor"]


class NewOwner(Body):
    """Who is to own the document; the former owner may still edit it."""

    new_owner: User


class Permissions(AnswerBody):
    """Who may do what with a document, apart from what tokens grant; ``owner`` is empty if nobody owns it."""

    document_id: DocumentName
    owner: UserName
    editors: _Users
    viewers: _Users


async def _permissions(services: Services, document: DocumentId) -> Permissions:
    roles = await services.call(services.catalogue.permissions, document)
    by_role: dict[Role, list[str]] = {role: [] for role in Role}
    for user in sorted(roles):
        by_role[roles[user]].append(user)
    return Permissions(
        document_id=document,
        owner=next(iter(by_role[Role.OWNER]), ""),
        editors=by_role[Role.EDITOR],
        viewers=by_role[Role.VIEWER],
    )


@router.get("/api/documents/{document}/permissions", responses=problems(*DOCUMENT))
async def read_permissions(access: AsOwner, services: Server) -> Permissions:
    """Who may do what."""
    return await _permissions(services, access.document.id)


@router.post("/api/documents/{document}/permissions", responses=problems(*DOCUMENT, 409, *BODY))
async def grant_permission(body: Grant, access: AsChanger, services: Server) -> Permissions:
    """Let a user view or edit."""
    document = access.document
    if body.user_id == document.owner:
        raise ApiError(409, "the owner's right changes with the owner", "owner")
    try:
        await services.call(services.catalogue.grant, document.id, body.user_id, ROLES[body.role])
    except DocumentMissing:
        raise ApiError(404, "there is no such document") from None
    await services.permissions_changed(document.id, body.user_id)
    return await _permissions(services, document.id)


@router.delete(
    "/api/documents/{document}/permissions/{user}", status_code=204, responses=problems(*DOCUMENT, 409)
)
async def withdraw_permission(user: UserPath, access: AsChanger, services: Server) -> None:
    """Take a user's right back; 404 if there was none."""
    document = access.document
    if user == document.owner:
        raise ApiError(409, "the owner's right changes with the owner", "owner")
    if not await services.call(services.catalogue.withdraw, document.id, user):
        raise ApiError(404, "this user has no right on the document")
    await services.permissions_changed(document.id, user)


@router.put("/api/documents/{document}/owner", responses=problems(*DOCUMENT, *BODY))
async def change_owner(body: NewOwner, access: AsChanger, services: Server) -> Permissions:
    """Make the document somebody else's."""
    document = access.document
    former = document.owner
    try:
        await services.call(_hand_over, services.catalogue, document.id, former, body.new_owner)
    except DocumentMissing:
        raise ApiError(404, "there is no such document") from None
    await services.permissions_changed(document.id, *filter(None, (former, body.new_owner)))
    return await _permissions(services, document.id)


def _hand_over(catalogue: Catalogue, document: DocumentId, former: str, owner: str) -> None:
    catalogue.set_owner(document, owner)
    if former and former != owner:
        catalogue.grant(document, former, Role.EDITOR)
