"""Who asks, and with which right.

Whoever has no right on a document gets 403, whether it exists or not; 404 is for those who would have a
right if it existed. So nobody learns which documents there are. An admin may administer every document
(title, permissions, owner, deletion), and reads or edits only where a right was given.

From being let in until it is done, a request is known to :class:`~reference_server.api.ongoing.Ongoing`, so
that whoever takes a right back can wait for what it let in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, NamedTuple, TypeAlias, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from model.identity import DocumentId
from reference_server.api.errors import ApiError
from reference_server.api.fields import DocumentPath
from reference_server.api.services import Services
from reference_server.auth.claims import Claims
from reference_server.auth.rights import greatest, role_for
from reference_server.auth.tokens import TokenRefused
from reference_server.core.effects import Role
from reference_server.store.port import Catalogue, DocumentInfo

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer")


class Caller(NamedTuple):
    """Who asks: the token, and what it says."""

    token: str
    claims: Claims


class Access(NamedTuple):
    """A document that exists, the caller, and the right that was found (None for an admin without one)."""

    caller: Caller
    document: DocumentInfo
    role: Role | None


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


Server: TypeAlias = Annotated[Services, Depends(_services)]


async def _verified(
    services: Server, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    if credentials is None:
        raise ApiError(401, "a bearer token is needed")
    try:
        claims = services.verify(credentials.credentials)
    except TokenRefused as error:
        raise ApiError(401, f"the token was refused: {error.reason.value}") from None
    if any(sign < " " or sign == "\x7f" for sign in claims.user):
        raise ApiError(401, "the user id has control characters")
    return Caller(credentials.credentials, claims)


async def _caller(services: Server, caller: Annotated[Caller, Depends(_verified)]) -> AsyncIterator[Caller]:
    with services.ongoing.request(("token", caller.claims.jti)):
        services.verify(caller.token)  # it may have been revoked since
        yield caller


Bearer: TypeAlias = Annotated[Caller, Depends(_caller, scope="function")]
Revoker: TypeAlias = Annotated[Caller, Depends(_verified)]
"""Who revokes tokens: not an ongoing request of his own, as he waits for those."""


async def only_admin(caller: Bearer) -> Caller:
    """The dependency of what only an admin may ask.

    Raises:
        ApiError: 401 or 403.
    """
    if not caller.claims.is_admin:
        raise ApiError(403, "this takes an admin")
    return caller


def _look_up(
    catalogue: Catalogue, document: DocumentId, user: str
) -> tuple[Role | None, DocumentInfo | None]:
    return catalogue.role_of(document, user), catalogue.get(document)


async def _access(
    services: Services, caller: Caller, name: str, required: Role, *, admin_too: bool = False
) -> Access:
    document = DocumentId(name)
    claims = caller.claims
    stored, info = await services.call(_look_up, services.catalogue, document, claims.user)
    role = role_for(claims, document, stored)
    if (role is None or greatest(role, required) is not role) and not (admin_too and claims.is_admin):
        raise ApiError(403, f"this takes the right of {required.value} on the document")
    if info is None:
        raise ApiError(404, "there is no such document")
    return Access(caller, info, role)


async def _viewer(services: Server, caller: Bearer, document: DocumentPath) -> AsyncIterator[Access]:
    with services.ongoing.request(("document", document)):
        yield await _access(services, caller, document, Role.VIEWER)


async def _editor(services: Server, caller: Bearer, document: DocumentPath) -> AsyncIterator[Access]:
    with services.ongoing.request(("document", document)):
        yield await _access(services, caller, document, Role.EDITOR)


async def _owner(services: Server, caller: Bearer, document: DocumentPath) -> AsyncIterator[Access]:
    with services.ongoing.request(("document", document)):
        yield await _access(services, caller, document, Role.OWNER, admin_too=True)


async def _changer(services: Server, caller: Bearer, document: DocumentPath) -> AsyncIterator[Access]:
    async with services.ongoing.change(DocumentId(document)):
        yield await _access(services, caller, document, Role.OWNER, admin_too=True)


AsViewer: TypeAlias = Annotated[Access, Depends(_viewer, scope="function")]
AsEditor: TypeAlias = Annotated[Access, Depends(_editor, scope="function")]
AsOwner: TypeAlias = Annotated[Access, Depends(_owner, scope="function")]
"""The owner of the document, or an admin."""
AsChanger: TypeAlias = Annotated[Access, Depends(_changer, scope="function")]
"""The same, to change who may do what with it, or to delete it; one at a time."""
