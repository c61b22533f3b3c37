"""What a client does about every error and every close code of the protocol, as data.

The two tables are ``docs/protocol.md``, section 11, column by column; :mod:`model.client.concord` reads them
and nothing else decides about an error.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from model.protocol import ErrorCode


class Answer(enum.Enum):
    """What a client does when it was turned away, or warned."""

    SEND_AGAIN = "sends the same again, after the time that the server names"
    RENEW = "brings another token over the same connection"
    AT_ONCE = "comes back at once; later, if that is in vain"
    LATER = "comes back after a pause that grows and has some chance in it"
    ONCE = "comes back once; the next time it gives up"
    NEW_SITE = "keeps its text for the person and comes back as a new site"
    GIVE_UP = "keeps its text for the person and does not come back by itself"


class ErrorRule(NamedTuple):
    """What to do about one error.

    Attributes:
        fatal: when the connection ends after it.
        warning: when the connection goes on; None where no server sends it so.
        close: the code that the connection ends with after it.
        accuses_server: a client that keeps the protocol is told so only by a server that forgot or mixed up
            something.
    """

    fatal: Answer
    warning: Answer | None = None
    accuses_server: bool = False
    close: int = 4400


ERRORS: Final[dict[ErrorCode, ErrorRule]] = {
    ErrorCode.MALFORMED: ErrorRule(Answer.GIVE_UP, accuses_server=True),
    ErrorCode.TOO_LARGE: ErrorRule(Answer.GIVE_UP),
    ErrorCode.UNSUPPORTED_VERSION: ErrorRule(Answer.GIVE_UP),
    ErrorCode.OUT_OF_ORDER: ErrorRule(Answer.ONCE, accuses_server=True),
    ErrorCode.UNAUTHENTICATED: ErrorRule(Answer.LATER, close=4401),  # every connection shows a new token
    ErrorCode.TOKEN_EXPIRED: ErrorRule(Answer.LATER, Answer.RENEW, close=4411),
    ErrorCode.TOKEN_REVOKED: ErrorRule(Answer.GIVE_UP, close=4412),
    ErrorCode.FORBIDDEN: ErrorRule(Answer.GIVE_UP, close=4403),
    ErrorCode.STALE_EPOCH: ErrorRule(Answer.NEW_SITE),
    ErrorCode.SUPERSEDED: ErrorRule(Answer.GIVE_UP, close=4409),
    ErrorCode.UNKNOWN_REVISION: ErrorRule(Answer.NEW_SITE, accuses_server=True),
    ErrorCode.BASE_TOO_OLD: ErrorRule(Answer.NEW_SITE),
    ErrorCode.BASE_LENGTH: ErrorRule(Answer.GIVE_UP, accuses_server=True),
    ErrorCode.SEQUENCE_GAP: ErrorRule(Answer.GIVE_UP, accuses_server=True),
    ErrorCode.SEQUENCE_REUSED: ErrorRule(Answer.NEW_SITE, accuses_server=True),
    ErrorCode.BUSY: ErrorRule(Answer.LATER, Answer.SEND_AGAIN, close=1013),
    ErrorCode.UNAVAILABLE: ErrorRule(Answer.LATER, close=1013),
}

CLOSES: Final[dict[int, Answer]] = {
    1001: Answer.AT_ONCE,
    1013: Answer.LATER,
    4400: Answer.ONCE,
    4401: Answer.LATER,
    4403: Answer.GIVE_UP,
    4408: Answer.LATER,
    4409: Answer.GIVE_UP,
    4411: Answer.LATER,
    4412: Answer.GIVE_UP,
}
"""What to do about a close code that no error came before."""


WITHOUT_ERROR: Final = frozenset({1001, 1013, 4408})
"""The close codes of a server that owes no error before them: it says all there is to say."""

LOST: Final = 1006
"""Not sent by anybody: the connection was lost without a word (RFC 6455, section 7.4.1)."""


def objection_to_close(code: int, error: ErrorCode | None) -> str:
    """What is wrong with a close code after this fatal error, or after none; empty if nothing is."""
    if code == LOST or code in WITHOUT_ERROR:
        return ""
    if code not in CLOSES:
        return "which no server closes with"
    if error is None:
        return "without an error that says why"
    due = ERRORS[error].close
    return "" if code == due else f"after {error.value}, which ends with {due}"


def answer_to_close(code: int) -> Answer:
    """What to do when a connection ended with this code and without an error before it."""
    return CLOSES.get(code, Answer.LATER)
