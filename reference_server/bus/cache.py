"""What the platform's operators look up in Redis, as commands for ``Bus.write``; never read by the server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from reference_server.bus.port import Command

OPERATIONS_MAX: Final = 100  # newest operations kept of each document
OPERATIONS_SECONDS: Final = 86_400  # a document nobody edits leaves the cache after a day
REVOKED_KEY: Final = "auth:revoked_tokens"


def operations_written(document: str, lines: Sequence[bytes]) -> list[Command]:
    """New operations of a document, JSON texts, the oldest first; the list in Redis has the newest first."""
    if not lines:
        return []
    key = f"operations:{document}"
    return [
        ("LPUSH", key, *lines[-OPERATIONS_MAX:]),
        ("LTRIM", key, 0, OPERATIONS_MAX - 1),
        ("EXPIRE", key, OPERATIONS_SECONDS),
    ]


def tokens_revoked(ids: Iterable[str]) -> list[Command]:
    """Tokens, by their ``jti``, that are valid no more."""
    found = tuple(ids)
    return [("SADD", REVOKED_KEY, *found)] if found else []


def tokens_expired(ids: Iterable[str]) -> list[Command]:
    """Revoked tokens that have expired since, so that the set does not grow for ever."""
    found = tuple(ids)
    return [("SREM", REVOKED_KEY, *found)] if found else []


def presence_written(document: str, users: Mapping[str, bytes], seconds: int) -> list[Command]:
    """The presence of users in a document, as JSON texts; the whole hash goes ``seconds`` after the last."""
    if not users:
        return []
    key = f"presence:{document}"
    fields = tuple(part for user, state in users.items() for part in (user, state))
    return [("HSET", key, *fields), ("EXPIRE", key, seconds)]


def presence_left(document: str, users: Iterable[str]) -> list[Command]:
    """Users who left a document."""
    found = tuple(users)
    return [("HDEL", f"presence:{document}", *found)] if found else []
