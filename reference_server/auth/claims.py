"""What a token says, once it is believed."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from reference_server.core.effects import Role

UserRole: TypeAlias = Literal["user", "admin"]


class Claims(msgspec.Struct, frozen=True):
    """What a token says, all of it believed.

    Attributes:
        user: id of the user (``sub``).
        jti: id of the token, by which it can be revoked.
        exp: seconds since 1970 when it expires; iat when it was issued, None if it does not say.
        name: for display, may be empty.
        role: on the whole server.
        documents: pattern to role, see :mod:`reference_server.auth.rights`.
    """

    user: str
    jti: str
    exp: int
    iat: int | None = None
    name: str = ""
    role: UserRole = "user"
    documents: dict[str, Role] = {}

    @property
    def is_admin(self) -> bool:
        """Whether the bearer may use the administration; it gives no right on any document."""
        return self.role == "admin"

    def expires_in_ms(self, now: float) -> int:
        """Milliseconds until it expires, 0 if it has."""
        return max(0, round((self.exp - now) * 1_000))
