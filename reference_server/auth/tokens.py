"""JSON Web Tokens: issued, and believed only after everything about them was looked at.

PyJWT verifies the signature. The claims are checked here, because time is an argument and because PyJWT
accepts numbers in forms that we do not.
"""

from __future__ import annotations

import enum
import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

import msgspec
from jwt.exceptions import InvalidSignatureError, InvalidTokenError
from msgspec import UNSET, Meta, UnsetType

from reference_server.auth.claims import Claims, UserRole
from reference_server.auth.keys import Keys
from reference_server.auth.revocations import Revocations
from reference_server.auth.rights import is_pattern
from reference_server.core.effects import Role

TOKEN_BYTES_MAX: Final = 8_192  # the usual limit of a whole request head
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")

_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
_Time: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Reason(enum.StrEnum):
    """Why a token is refused."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    MISSING_CLAIM = "missing_claim"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    REVOKED = "revoked"


class TokenRefused(ValueError):  # noqa: N818 - an answer, not a fault
    """A token is not believed.

    Attributes:
        reason: why; says nothing of the token's contents.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class NoSigningKeyError(ValueError):
    """None of the keys can sign: the server verifies tokens that somebody else issues."""


class _Payload(msgspec.Struct):
    """The claims as they are written; other claims are ignored (RFC 7519, section 4)."""

    sub: _Name | UnsetType = UNSET
    jti: _Name | UnsetType = UNSET
    exp: _Time | UnsetType = UNSET
    nbf: _Time | UnsetType = UNSET
    iat: _Time | UnsetType = UNSET
    aud: str | list[str] | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=256)] = ""
    role: UserRole = "user"
    documents: dict[str, Role] = {}


_payload: Final = msgspec.json.Decoder(_Payload)


class Tokens:
    """Issues and verifies the tokens of one set of keys.

    A reload makes a new object, with the same revocations.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        audience: str = "",
        leeway_seconds: int = 0,
        revocations: Revocations | None = None,
    ) -> None:
        self.keys = keys
        self.revocations = revocations if revocations is not None else Revocations()
        self._audience = audience
        self._leeway_seconds = leeway_seconds

    def issue(
        self,
        user: str,
        *,
        name: str = "",
        role: UserRole = "user",
        documents: Mapping[str, Role] | None = None,
        lifetime_seconds: int,
        now: float,
    ) -> str:
        """A new token, valid from ``now`` (seconds since 1970) on.

        Raises:
            NoSigningKeyError: there is no key to sign with.
            ValueError: it would be refused: a name of the wrong length, a wrong pattern, too many patterns.
        """
        signer = self.keys.signer
        if signer is None or signer.signing is None:
            raise NoSigningKeyError("none of the keys can sign: there is no private key")
        if not 0 < len(user) <= 128:
            raise ValueError("a user id has 1 to 128 signs")
        if len(name) > 256:
            raise ValueError("a name has at most 256 signs")
        if role not in ("user", "admin"):
            raise ValueError(f"a role is user or admin, not {role!r}")
        for pattern in documents or {}:
            if not is_pattern(pattern):
                raise ValueError(f"{pattern!r} is neither a document nor a prefix that ends in *")
        if lifetime_seconds < 1:
            raise ValueError("a lifetime is at least 1 second")
        claims: dict[str, object] = {"sub": user, "jti": secrets.token_hex(16), "iat": int(now)}
        claims |= {"exp": int(now) + lifetime_seconds, "role": role}
        optional = {"name": name, "aud": self._audience, "documents": dict(documents or {})}
        claims |= {key: value for key, value in optional.items() if value}
        token = self.keys.jws.encode(
            msgspec.json.encode(claims),
            signer.signing,
            self.keys.algorithm,
            headers={"kid": signer.kid} if signer.kid is not None else None,
        )
        if len(token) > TOKEN_BYTES_MAX:
            raise ValueError(f"the token would be larger than {TOKEN_BYTES_MAX} bytes: too many documents")
        return token

    def verify(self, token: str, now: float) -> Claims:
        """What a token says, if it is to be believed at ``now`` (seconds since 1970).

        Raises:
            TokenRefused: it is not.
        """
        payload = self._payload_of(self._signed(token))
        if payload.sub is UNSET or payload.jti is UNSET or payload.exp is UNSET:
            raise TokenRefused(Reason.MISSING_CLAIM)
        if not all(is_pattern(pattern) for pattern in payload.documents):
            raise TokenRefused(Reason.MALFORMED)
        self._check_audience(payload.aud)
        if now >= payload.exp + self._leeway_seconds:
            raise TokenRefused(Reason.EXPIRED)
        for begin in (payload.nbf, payload.iat):
            if begin is not UNSET and now < begin - self._leeway_seconds:
                raise TokenRefused(Reason.NOT_YET)
        if self.revocations.is_revoked(payload.jti):
            raise TokenRefused(Reason.REVOKED)
        return Claims(
            user=payload.sub,
            jti=payload.jti,
            exp=payload.exp,
            iat=None if payload.iat is UNSET else payload.iat,
            name=payload.name,
            role=payload.role,
            documents=payload.documents,
        )

    def _signed(self, token: str) -> bytes:
        """The payload of a token whose signature is right."""
        # Sizes and signs first: nothing large or strange reaches a parser.
        if len(token) > TOKEN_BYTES_MAX:
            raise TokenRefused(Reason.TOO_LARGE)
        if not _COMPACT.fullmatch(token):
            raise TokenRefused(Reason.MALFORMED)
        jws = self.keys.jws
        try:
            header = jws.get_unverified_header(token)
            if header.get("alg") != self.keys.algorithm:
                raise TokenRefused(Reason.ALGORITHM)
            key = self.keys.find(header.get("kid"))
            if key is None:
                raise TokenRefused(Reason.UNKNOWN_KEY)
            decoded = jws.decode_complete(token, key.verifying, [self.keys.algorithm])
        except InvalidSignatureError:
            raise TokenRefused(Reason.SIGNATURE) from None
        except InvalidTokenError:
            raise TokenRefused(Reason.MALFORMED) from None
        payload = decoded["payload"]
        assert isinstance(payload, bytes)
        return payload

    def _payload_of(self, data: bytes) -> _Payload:
        try:
            return _payload.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise TokenRefused(Reason.MALFORMED) from None

    def _check_audience(self, aud: str | list[str] | UnsetType) -> None:
        """RFC 7519, section 4.1.3: a token for somebody else is refused, also by a server without a name."""
        named = [] if aud is UNSET else [aud] if isinstance(aud, str) else aud
        if self._audience not in named if self._audience else named:
            raise TokenRefused(Reason.AUDIENCE)
