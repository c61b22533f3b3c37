"""Messages between a client and the server, their JSON codec and their limits.

The specification for people is ``docs/protocol.md``; this file is its executable half, whole and in the same
order. Every message is a frozen struct; ``ClientMessage`` and ``ServerMessage`` are closed unions, tagged by
the JSON key ``type``.
One connection serves one document. Positions and lengths are Unicode code points (D1).

Whatever cannot be decoded raises :class:`ProtocolError` with a code of the closed set :class:`ErrorCode`;
nothing is silently repaired.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from model.identity import DocumentId, Revision, SequenceNumber, SiteId
from model.text import Operation, OperationError, Selection

PROTOCOL_VERSION: Final = 1

# Limits. The names appear in `Welcome.limits`, so that a client needs no copy of the numbers.
MESSAGE_BYTES_MAX: Final = 1_048_576  # the platform's runbook: websocket.max_message_size
DOCUMENT_LENGTH_MAX: Final = 170_000  # code points; JSON may need six bytes for each, in one message
OPERATION_BYTES_MAX: Final = 1_000_000  # by `operation_bytes`; leaves room for the rest of a message
NAME_LENGTH_MAX: Final = 128  # site ids and document ids
BRANCH_CHUNK_OPERATIONS_MAX: Final = 256
BRANCH_OPERATIONS_MAX: Final = 131_072
CATCH_UP_ROWS_MAX: Final = 256
CATCH_UP_BYTES_MAX: Final = 524_288  # a chunk of several rows stays below this; half a message
BLIP_EDITS_MAX: Final = 8
BLIP_REVISIONS_MAX: Final = 32
DETAIL_LENGTH_MAX: Final = 200  # an error quotes the peer's bytes, which may be as long as a message


NATURAL_MAX: Final = 2**53 - 1
_NATURAL: Final = msgspec.Meta(ge=0, le=NATURAL_MAX)
Natural: TypeAlias = Annotated[int, _NATURAL]
"""Epochs and counts, like revisions and edit numbers: what every JSON implementation can hold exactly."""

_Revision: TypeAlias = Annotated[Revision, _NATURAL]
_Number: TypeAlias = Annotated[SequenceNumber, _NATURAL]


class ErrorCode(enum.StrEnum):
    """Everything that can be wrong with what a client sent, or with sending it now."""

    MALFORMED = "malformed"  # not JSON, not a known type, a wrong field
    TOO_LARGE = "too_large"  # a limit of this module
    UNSUPPORTED_VERSION = "unsupported_version"
    OUT_OF_ORDER = "out_of_order"  # a known message in a state that does not allow it
    UNAUTHENTICATED = "unauthenticated"
    TOKEN_EXPIRED = "token_expired"  # first as a warning: `renew` within `retry_after_ms`
    TOKEN_REVOKED = "token_revoked"
    FORBIDDEN = "forbidden"
    STALE_EPOCH = "stale_epoch"  # the epoch is not newer than the last one (D11)
    SUPERSEDED = "superseded"  # a newer connection of the same client took over (D11)
    UNKNOWN_REVISION = "unknown_revision"  # a base the document has not reached
    BASE_TOO_OLD = "base_too_old"  # behind the offline horizon (D12)
    BASE_LENGTH = "base_length"  # the operation does not fit the text of its base
    SEQUENCE_GAP = "sequence_gap"  # edits are missing before `first`
    SEQUENCE_REUSED = "sequence_reused"  # a known sequence with other content (D10)
    BUSY = "busy"  # the document's queue is full; send the same bytes again later
    UNAVAILABLE = "unavailable"  # the store does not answer


class ProtocolError(Exception):
    """A message is undecodable, out of order or outside a limit.

    Attributes:
        code: what is wrong, from the closed set.
        detail: one sentence for a person.
    """

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(f"{code.value}: {detail}")
        self.code = code
        self.detail = detail


class LocalProtocolError(ProtocolError):
    """Our own caller used a state machine in a way its state does not allow."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something its state does not allow."""


class _Message(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True, gc=False):
    """What all messages share: frozen, tagged, strict."""


class Edits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The edits ``first..last`` (inclusive sequences) and the operation they compose to."""

    first: _Number
    last: _Number
    operation: Operation


class InFlight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What the client had sent and not seen acknowledged when its connection broke."""

    first: _Number
    last: _Number
    branch: bool = False


class Peer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Another connected site and its selection at the revision of the enclosing message."""

    site: SiteId
    selection: Selection | None = None


class Fate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Whether the operation in flight was applied, and as which revision."""

    applied: bool
    revision: _Revision = Revision(0)


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One committed revision as clients see it."""

    revision: _Revision
    site: SiteId
    first: _Number
    last: _Number
    operation: Operation


# --- client to server -------------------------------------------------------------------------------------


class Hello(_Message, frozen=True, tag="hello"):
    """First message of a connection: who is there, with which right, and which compression it can take."""

    version: Natural
    site: SiteId
    token: str
    compression: list[str] = []


class Renew(_Message, frozen=True, tag="renew"):
    """Another token of the same user, in place of the one that is about to expire."""

    token: str


class Join(_Message, frozen=True, tag="join"):
    """Enter the document: with nothing (``revision`` null) or with what is known from before (D15.1)."""

    document: DocumentId
    epoch: Natural
    revision: _Revision | None = None
    in_flight: InFlight | None = None
    pending: Natural = 0


class Submit(_Message, frozen=True, tag="submit"):
    """Edits ``first..last`` as one operation on the text of revision ``base``."""

    base: _Revision
    first: _Number
    last: _Number
    operation: Operation
    selection: Selection | None = None


class Branch(_Message, frozen=True, tag="branch"):
    """What was done offline since ``base``, each operation based on the one before (D15.3)."""

    base: _Revision
    edits: list[Edits]
    more: bool = False


class Presence(_Message, frozen=True, tag="presence"):
    """Where the sender's selection is, in the text of ``revision``; null withdraws it."""

    revision: _Revision
    selection: Selection | None


# --- server to client -------------------------------------------------------------------------------------


class Welcome(_Message, frozen=True, tag="welcome"):
    """The answer to ``hello``: authenticated, until the token expires, and these are the limits.

    ``compression`` is what the server chose of what was offered; empty for none.
    """

    version: int
    limits: dict[str, int]
    expires_in_ms: int | None = None
    compression: str = ""


class Renewed(_Message, frozen=True, tag="renewed"):
    """The answer to ``renew``: authenticated for so much longer; null for ever."""

    expires_in_ms: int | None = None


class Joined(_Message, frozen=True, tag="joined"):
    """The answer to ``join``.

    ``snapshot`` is the text at ``revision`` for a client that knew nothing; otherwise catch-up follows.
    ``branch`` tells the client to hand in its offline work as a branch (D15.3).
    """

    revision: _Revision
    snapshot: str | None = None
    fate: Fate | None = None
    branch: bool = False
    peers: list[Peer] = []


class CatchUp(_Message, frozen=True, tag="catch_up"):
    """Missed revisions, in order, never composed (D5); rows of the receiver's own site acknowledge."""

    rows: list[Row]


class Committed(_Message, frozen=True, tag="committed"):
    """One new revision of another site, durable; ``selection`` is that site's after it."""

    revision: _Revision
    site: SiteId
    first: _Number
    last: _Number
    operation: Operation
    selection: Selection | None = None


class Ack(_Message, frozen=True, tag="ack"):
    """Edits ``first..last`` of the receiver are durable as ``revision``."""

    revision: _Revision
    first: _Number
    last: _Number


class Merged(_Message, frozen=True, tag="merged"):
    """The branch is durable as ``revision``; ``operation`` brings the sender's branch text there (D15.5)."""

    revision: _Revision
    first: _Number
    last: _Number
    operation: Operation


class PeerPresence(_Message, frozen=True, tag="peer"):
    """The selection of another site in the text of ``revision``."""

    revision: _Revision
    site: SiteId
    selection: Selection | None


class PeerLeft(_Message, frozen=True, tag="left"):
    """Another site is no longer connected."""

    site: SiteId


class Failure(_Message, frozen=True, tag="error"):
    """Something was wrong; if ``fatal`` the server closes the connection after this message.

    For ``busy``, ``retry_after_ms`` says when to send the same bytes again.
    """

    code: ErrorCode
    detail: str
    fatal: bool = True
    retry_after_ms: int = 0


ClientMessage: TypeAlias = Hello | Renew | Join | Submit | Branch | Presence
ServerMessage: TypeAlias = (
    Welcome | Renewed | Joined | CatchUp | Committed | Ack | Merged | PeerPresence | PeerLeft | Failure
)

LIMITS: Final[dict[str, int]] = {
    "message_bytes_max": MESSAGE_BYTES_MAX,
    "document_length_max": DOCUMENT_LENGTH_MAX,
    "operation_bytes_max": OPERATION_BYTES_MAX,
    "name_length_max": NAME_LENGTH_MAX,
    "branch_chunk_operations_max": BRANCH_CHUNK_OPERATIONS_MAX,
    "branch_operations_max": BRANCH_OPERATIONS_MAX,
    "catch_up_rows_max": CATCH_UP_ROWS_MAX,
    "blip_edits_max": BLIP_EDITS_MAX,
    "blip_revisions_max": BLIP_REVISIONS_MAX,
}


# --- codec ------------------------------------------------------------------------------------------------


def operation_to_plain(value: Any) -> Any:
    """The ``enc_hook`` of every encoder that meets an :class:`Operation`."""
    if isinstance(value, Operation):
        return {"length": value.base_length, "ops": value.to_json()}
    raise NotImplementedError(f"cannot encode {type(value)}")


def operation_from_plain(kind: type, value: Any) -> Any:
    """The ``dec_hook`` of every decoder that meets an :class:`Operation`.

    Raises:
        OperationError: (reported by msgspec as a ValidationError) the form is not that of an operation.
    """
    if kind is not Operation:
        raise NotImplementedError(f"cannot decode {kind}")
    if type(value) is dict and len(value) == 2:
        length, ops = value.get("length"), value.get("ops")
        if type(length) is int and type(ops) is list:
            return Operation.from_json(length, ops)
    raise OperationError("an operation is an object of 'length' and 'ops'")


_encoder = msgspec.json.Encoder(enc_hook=operation_to_plain)
_client_decoder = msgspec.json.Decoder(ClientMessage, dec_hook=operation_from_plain)
_server_decoder = msgspec.json.Decoder(ServerMessage, dec_hook=operation_from_plain)


def encode(message: ClientMessage | ServerMessage) -> bytes:
    """The message as one JSON text in UTF-8; equal messages give equal bytes."""
    return _encoder.encode(message)


def _decode(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    if len(data) > MESSAGE_BYTES_MAX:
        raise ProtocolError(ErrorCode.TOO_LARGE, f"{len(data)} bytes, the limit is {MESSAGE_BYTES_MAX}")
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(ErrorCode.MALFORMED, str(error)[:DETAIL_LENGTH_MAX]) from None
    except RecursionError:
        raise ProtocolError(ErrorCode.MALFORMED, "nested too deeply") from None


def decode_client(data: bytes) -> ClientMessage:
    """The message of a client, checked against the limits that need no state.

    Raises:
        ProtocolError: ``malformed`` or ``too_large``.
    """
    message: ClientMessage = _decode(_client_decoder, data)
    check_limits(message)
    return message


def decode_server(data: bytes) -> ServerMessage:
    """The message of a server.

    Raises:
        ProtocolError: ``malformed`` or ``too_large``.
    """
    message: ServerMessage = _decode(_server_decoder, data)
    return message


def _require(condition: bool, code: ErrorCode, detail: str) -> None:
    if not condition:
        raise ProtocolError(code, detail)


def _check_edits(first: SequenceNumber, last: SequenceNumber, operation: Operation) -> None:
    if not 1 <= first <= last:
        raise ProtocolError(ErrorCode.MALFORMED, f"edits {first}..{last} are no range")
    length = max(operation.base_length, operation.target_length)
    if length > DOCUMENT_LENGTH_MAX:
        raise ProtocolError(
            ErrorCode.TOO_LARGE, f"a text of {length} code points, the limit is {DOCUMENT_LENGTH_MAX}"
        )
    size = operation_bytes(operation)
    if size > OPERATION_BYTES_MAX:
        raise ProtocolError(
            ErrorCode.TOO_LARGE, f"an operation of up to {size} bytes, the limit is {OPERATION_BYTES_MAX}"
        )


def operation_bytes(op: Operation) -> int:
    """A bound on the bytes of an operation in a message.

    JSON escapes a control character to six bytes; a delete of the longest text takes 13.
    """
    return 64 + 6 * op.inserted + 13 * len(op.components)


def _check_selection(selection: Selection | None) -> None:
    if selection is not None and min(selection) < 0:
        raise ProtocolError(ErrorCode.MALFORMED, f"selection {selection} is negative")


def check_limits(message: ClientMessage) -> None:
    """Check what can be checked without knowing any state.

    Raises:
        ProtocolError: ``malformed`` or ``too_large``, with the field and the limit.
    """
    match message:  # the usual ones first
        case Submit():
            _require(message.base >= 0, ErrorCode.MALFORMED, "base is negative")
            _check_edits(message.first, message.last, message.operation)
            _check_selection(message.selection)
        case Presence():
            _require(message.revision >= 0, ErrorCode.MALFORMED, "revision is negative")
            _check_selection(message.selection)
        case Hello():
            _require(
                0 < len(message.site) <= NAME_LENGTH_MAX, ErrorCode.MALFORMED, "site id is empty or too long"
            )
            _require(len(message.compression) <= 8, ErrorCode.MALFORMED, "too many compressions")
        case Join():
            name = message.document
            _require(
                0 < len(name) <= NAME_LENGTH_MAX, ErrorCode.MALFORMED, "document id is empty or too long"
            )
            _require(message.epoch >= 1, ErrorCode.MALFORMED, "epochs count from 1")
            _require(message.pending >= 0, ErrorCode.MALFORMED, "pending is negative")
            _require((message.revision or 0) >= 0, ErrorCode.MALFORMED, "revision is negative")
            if message.in_flight is not None:
                first, last = message.in_flight.first, message.in_flight.last
                _require(1 <= first <= last, ErrorCode.MALFORMED, f"edits {first}..{last} are no range")
                _require(message.revision is not None, ErrorCode.MALFORMED, "in flight without a revision")
        case Branch():
            _check_branch(message)
        case Renew():
            pass  # whoever looks at tokens judges it


def _check_branch(message: Branch) -> None:
    _require(message.base >= 0, ErrorCode.MALFORMED, "base is negative")
    _require(bool(message.edits), ErrorCode.MALFORMED, "a branch without operations")
    _require(
        len(message.edits) <= BRANCH_CHUNK_OPERATIONS_MAX,
        ErrorCode.TOO_LARGE,
        f"{len(message.edits)} operations in a chunk, the limit is {BRANCH_CHUNK_OPERATIONS_MAX}",
    )
    before: Edits | None = None
    for edits in message.edits:
        _check_edits(edits.first, edits.last, edits.operation)
        if before is not None:
            _require(
                edits.first == before.last + 1
                and edits.operation.base_length == before.operation.target_length,
                ErrorCode.MALFORMED,
                f"edits {edits.first}..{edits.last} do not follow the ones before them",
            )
        before = edits
