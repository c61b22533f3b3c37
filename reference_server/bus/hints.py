"""What workers tell each other over the bus, as messages: hints, since the store is the truth.

One topic for each document (where it stands, where cursors are), and one for everything that concerns a
worker as a whole (tokens, permissions, deleted documents).
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec

from model.identity import DocumentId, Revision, SiteId

TOPIC_ALL: Final = "workers"


def topic_of(document: DocumentId) -> str:
    """The topic of a document."""
    return f"document:{document}"


def document_of(topic: str) -> DocumentId | None:
    """The document of a topic; None for the one about all of them."""
    return None if topic == TOPIC_ALL else DocumentId(topic.removeprefix(topic_of(DocumentId(""))))


class _Hint(msgspec.Struct, frozen=True, tag_field="type", array_like=True):
    """What all hints share."""


class NewHead(_Hint, frozen=True, tag="head"):
    """A document has reached a revision."""

    document: DocumentId
    revision: Revision


class CursorMoved(_Hint, frozen=True, tag="cursor"):
    """Where a site's cursor is, see :class:`reference_server.core.effects.Whispered`."""

    document: DocumentId
    site: SiteId
    revision: Revision
    selection: tuple[int, int] | None
    left: bool
    again: bool = False


class TokenRevoked(_Hint, frozen=True, tag="revoked"):
    """A token is valid no more; ``expires_at`` in seconds since 1970."""

    jti: Annotated[str, msgspec.Meta(max_length=128)]
    expires_at: int


class PermissionsChanged(_Hint, frozen=True, tag="permissions"):
    """What a user may do with a document has changed; None concerns everybody."""

    document: DocumentId
    user: str | None


class DocumentGone(_Hint, frozen=True, tag="gone"):
    """A document was deleted."""

    document: DocumentId


Hint: TypeAlias = NewHead | CursorMoved | TokenRevoked | PermissionsChanged | DocumentGone

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Hint)


def encode_hint(hint: Hint) -> bytes:
    """The hint as it travels."""
    return _encoder.encode(hint)


def decode_hint(data: bytes) -> Hint | None:
    """The hint; None for what this version does not know, which may be ignored like any lost one."""
    try:
        hint: Hint = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return hint
