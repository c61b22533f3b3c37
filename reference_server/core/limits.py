"""Named limits of the server; each says what happens when it is reached."""

from __future__ import annotations

from typing import Final

import msgspec

from model.protocol import ErrorCode

CLOSE_GOING_AWAY = 1001  # RFC 6455: the server shuts down
CLOSE_TRY_AGAIN = 1013  # IANA registry: overload; come back later
CLOSE_PROTOCOL_ERROR = 4400
CLOSE_UNAUTHENTICATED = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_TIMEOUT = 4408
CLOSE_SUPERSEDED = 4409
CLOSE_TOKEN_EXPIRED = 4411
CLOSE_TOKEN_REVOKED = 4412

_CLOSE_CODES: Final = {
    ErrorCode.UNAUTHENTICATED: CLOSE_UNAUTHENTICATED,
    ErrorCode.FORBIDDEN: CLOSE_FORBIDDEN,
    ErrorCode.TOKEN_EXPIRED: CLOSE_TOKEN_EXPIRED,
    ErrorCode.TOKEN_REVOKED: CLOSE_TOKEN_REVOKED,
    ErrorCode.UNAVAILABLE: CLOSE_TRY_AGAIN,
}


def close_code(error: ErrorCode) -> int:
    """What a connection is closed with after an error in what it sent."""
    return _CLOSE_CODES.get(error, CLOSE_PROTOCOL_ERROR)


class Limits(msgspec.Struct, frozen=True):
    """What one worker allows.

    Attributes:
        hello_timeout_us: a connection that has not joined by then is closed (4408).
        renew_grace_us: an expired token may be renewed for this long before its connection is closed (4411).
        queue_items_max: operations waiting for one document; further ones are answered ``busy``.
        busy_answers_max: ``busy`` answers to one connection in a row before it is closed (1013).
        busy_retry_ms: when to send again after ``busy``.
        batch_items_max: operations of one document in one append; the rest waits for the next.
        merge_elements_max: elements of a branch that are merged before others get their turn.
        outbox_bytes_max: bytes waiting for one connection; a slower reader is closed (1013).
        read_attempts_max: reads of the store without an answer before a document's connections are closed.
        conflicts_max: conflicts of a document in a row, with nothing new in the store, before its connections
            are closed.
        snapshot_every_revisions: revisions between two snapshots of a document.
        offline_horizon_revisions: revisions a client may lag behind and still be merged (D12).
    """

    hello_timeout_us: int = 10_000_000
    renew_grace_us: int = 30_000_000
    queue_items_max: int = 1_000  # the platform's runbook: operational_transform.max_queue_size
    busy_answers_max: int = 16
    busy_retry_ms: int = 250
    batch_items_max: int = 64
    merge_elements_max: int = 500
    outbox_bytes_max: int = 1_048_576
    read_attempts_max: int = 8
    conflicts_max: int = 8
    snapshot_every_revisions: int = 512
    offline_horizon_revisions: int = 16_384
