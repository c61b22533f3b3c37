"""``/api/auth``: tokens are looked at, renewed, revoked and issued.

A refreshed token has an id of its own: to revoke the old one does not revoke it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeAlias

from fastapi import APIRouter, Depends
from pydantic import Field

from reference_server.api.access import Bearer, Revoker, Server, only_admin
from reference_server.api.errors import BODY, ApiError, problems
from reference_server.api.fields import (
    GRANTS_MAX,
    NAME_PATTERN,
    ROLES,
    TOKEN_LENGTH_MAX,
    AnswerBody,
    Body,
    RoleName,
    Time,
    Token,
    User,
    UserName,
)
from reference_server.api.services import Services
from reference_server.api.strict import StrictRoute
from reference_server.auth.claims import Claims, UserRole
from reference_server.auth.rights import PATTERN_LENGTH_MAX
from reference_server.auth.tokens import NoSigningKeyError, Reason, TokenRefused
from reference_server.core.effects import Role

router = APIRouter(route_class=StrictRoute, tags=["auth"])

LIFETIME_SECONDS_MAX: Final = 31_536_000  # a year

Pattern: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=PATTERN_LENGTH_MAX, pattern=r"^[^*\x00-\x1f\x7f]*\*?$")
]
"""A document id, or a prefix of ids that ends in ``*``."""

_AnyPattern = Annotated[str, Field(max_length=PATTERN_LENGTH_MAX)]


class GivenToken(Body):
    """A token to look at or to revoke."""

    token: Token


class NewToken(Body):
    """A token to be issued; ``documents`` gives rights by document id or prefix."""

    user_id: User
    username: Annotated[str, Field(max_length=256, pattern=NAME_PATTERN)] = ""
    role: UserRole = "user"
    documents: Annotated[
        dict[Pattern, RoleName],
        Field(max_length=GRANTS_MAX, json_schema_extra={"additionalProperties": False}),
    ] = Field(default_factory=dict)
    lifetime_seconds: Annotated[int, Field(ge=1, le=LIFETIME_SECONDS_MAX)] | None = None


class TokenClaims(AnswerBody):
    """What a token says."""

    user_id: UserName
    username: UserName
    role: UserRole
    documents: Annotated[dict[_AnyPattern, RoleName], Field(max_length=TOKEN_LENGTH_MAX)]
    token_id: UserName
    issued_at: Time | None
    expires_at: Time


class Verified(AnswerBody):
    """Whether a token is believed: what it says, or why not."""

    valid: bool
    reason: Reason | None
    claims: TokenClaims | None


class Issued(AnswerBody):
    """A new token; to be sent as ``Authorization: Bearer``."""

    token: Annotated[str, Field(max_length=TOKEN_LENGTH_MAX)]
    token_type: Literal["Bearer"]
    expires_at: Time


class RevokedToken(AnswerBody):
    """The token is refused from now on."""

    revoked: Literal[True]


def _time(seconds: int) -> datetime:
    """Seconds since 1970 as a time; beyond the year 9999, which no `datetime` holds, its last second."""
    return datetime.fromtimestamp(min(seconds, 253_402_300_799), UTC)


def _claims(claims: Claims) -> TokenClaims:
    return TokenClaims(
        user_id=claims.user,
        username=claims.name,
        role=claims.role,
        documents={pattern: role.value for pattern, role in claims.documents.items()},
        token_id=claims.jti,
        issued_at=None if claims.iat is None else _time(claims.iat),
        expires_at=_time(claims.exp),
    )


def _issue(
    services: Services,
    user: str,
    name: str,
    role: UserRole,
    documents: dict[str, Role],
    lifetime_seconds: int | None,
) -> Issued:
    try:
        token = services.issue(
            user, name=name, role=role, documents=documents, lifetime_seconds=lifetime_seconds
        )
    except NoSigningKeyError:
        raise ApiError(501, "this server verifies tokens that somebody else issues", "cannot_sign") from None
    except ValueError as error:
        raise ApiError(422, str(error)) from None
    return Issued(token=token, token_type="Bearer", expires_at=_time(services.verify(token).exp))


@router.post("/api/auth/verify", responses=problems(*BODY))
async def verify_token(body: GivenToken, services: Server) -> Verified:
    """Look at a token; needs no other one."""
    try:
        claims = services.verify(body.token)
    except TokenRefused as error:
        return Verified(valid=False, reason=error.reason, claims=None)
    return Verified(valid=True, reason=None, claims=_claims(claims))


@router.post("/api/auth/refresh", responses=problems(401, 501))
async def refresh_token(caller: Bearer, services: Server) -> Issued:
    """A new token that says the same as the caller's and lives longer; takes no body."""
    claims = caller.claims
    return _issue(services, claims.user, claims.name, claims.role, claims.documents, None)


@router.post("/api/auth/revoke", responses=problems(401, 403, 503, *BODY))
async def revoke_token(body: GivenToken, caller: Revoker, services: Server) -> RevokedToken:
    """Refuse a token from now on: an admin any, everybody else their own; connections with it are closed."""
    try:
        claims = services.verify(body.token)
    except TokenRefused as error:
        if error.reason is Reason.REVOKED and caller.claims.is_admin:
            return RevokedToken(revoked=True)
        raise ApiError(422, f"the token is refused anyway: {error.reason.value}", "token_refused") from None
    if claims.user != caller.claims.user and not caller.claims.is_admin:
        raise ApiError(403, "only an admin revokes the token of somebody else")
    await services.revoke(claims)
    return RevokedToken(revoked=True)


@router.post(
    "/api/auth/token",
    status_code=201,
    responses=problems(401, 403, 501, *BODY),
    dependencies=[Depends(only_admin)],
)
async def issue_token(body: NewToken, services: Server) -> Issued:
    """A token for any user; takes an admin."""
    documents = {pattern: ROLES[role] for pattern, role in body.documents.items()}
    return _issue(services, body.user_id, body.username, body.role, documents, body.lifetime_seconds)
