"""What a user may do with a document: the greatest of what is stored and what the token grants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from model.identity import DocumentId
from reference_server.auth.claims import Claims
from reference_server.core.effects import Role

_RANK: Final = {Role.VIEWER: 1, Role.EDITOR: 2, Role.OWNER: 3}

PATTERN_LENGTH_MAX: Final = 129  # a document id of the greatest length, and the star


class Undecided:
    """The store did not answer, so nobody knows which right somebody has."""


Decided: TypeAlias = Callable[[Role | Undecided | None], None]
"""Takes the right that was found, None for none at all."""


def is_pattern(pattern: str) -> bool:
    """Whether a text can name documents in a token: an id, or a prefix that ends in ``*``."""
    return 0 < len(pattern) <= PATTERN_LENGTH_MAX and "*" not in pattern[:-1]


def greatest(*roles: Role | None) -> Role | None:
    """The role that allows most; None is no right at all."""
    return max((role for role in roles if role is not None), key=_RANK.__getitem__, default=None)


def granted(claims: Claims, document: DocumentId) -> Role | None:
    """What the patterns of a token grant for a document; the greatest role counts, not the closest."""
    return greatest(*(role for pattern, role in claims.documents.items() if _fits(pattern, document)))


def role_for(claims: Claims, document: DocumentId, stored: Role | None) -> Role | None:
    """The right on a document; None for nobody else gets in.

    Args:
        claims: of a token that was verified.
        document: its id.
        stored: the permission kept with the document, None if there is none.
    """
    return greatest(stored, granted(claims, document))


def may_create(claims: Claims, document: DocumentId) -> bool:
    """Whether a join may begin a document that does not exist: the token lets its bearer edit it."""
    return granted(claims, document) in (Role.EDITOR, Role.OWNER)


def _fits(pattern: str, document: str) -> bool:
    return document.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == document
