"""What is held against a client: how it comes and goes, and what it shows to be let in.

The host of a client sees what the client asks of it and what it is told by the server, and that is all that
is used here: no state of the client's own. What it ought to do is section 11 of the protocol, with the pauses
that the plan of the run has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from model import history
from model.client.answers import ERRORS, Answer, answer_to_close
from model.client.backoff import PAUSE_SHARE_MAX
from model.history import Record
from model.identity import Revision, SiteId
from model.protocol import (
    ClientMessage,
    Committed,
    ErrorCode,
    Failure,
    Hello,
    Joined,
    ProtocolError,
    Renew,
    Renewed,
    ServerMessage,
    Welcome,
    decode_client,
)
from simulator.planning.plan import CellPlan, DocumentPlan
from simulator.virtual.connection import Connection

ASKED_SHARE_MIN: Final = 0.5
ASKED_SHARE_MAX: Final = 0.75
"""Of the time that a token has left, what may be over when the client looks for another one."""

ASKED_US_MIN: Final = 2_000_000
"""A token with less time than this is not looked after: the server will warn."""


class Watched(Protocol):
    """The client that is watched."""

    document: DocumentPlan
    has_left: bool

    @property
    def site(self) -> SiteId:
        """Its identity at present."""
        ...

    @property
    def revision(self) -> Revision:
        """The newest revision it knows."""
        ...

    @property
    def is_editable(self) -> bool:
        """Whether there is a text that it could edit now."""
        ...


class ConductHost(Protocol):
    """What is needed of the run that the client is part of."""

    plan: CellPlan
    record: Callable[[Record], None]

    @property
    def now(self) -> int:
        """Microseconds."""
        ...


class _Due(NamedTuple):
    """When a client that lost its connection may ask for another one."""

    since_us: int
    min_us: int
    max_us: int


class Conduct:
    """Watches one client for its host.

    Attributes:
        link: the connection that it has.
        is_joined: whether it was let into the document over that.
        was_stopped: whether its process was, since a pause of its began.
        is_broken: whether it raised something: then nothing more is held against it.
    """

    def __init__(self, host: ConductHost, client: Watched) -> None:
        self._host = host
        self._client = client
        self.link: Connection | None = None
        self.is_joined = False
        self.was_stopped = False
        self.is_broken = False
        self._is_wanted = self._is_opening = False
        self._gave_up = self._came_back_once = False
        self._attempts = 0  # pauses since it was let in, or came
        self._due: _Due | None = None
        self._failure: ErrorCode | None = None
        self._offered = self._shown = ""
        self._token: tuple[int, int] | None = None  # since when it is good, and how long; None if for ever
        self._owes_renewal = False

    def accuse(self, kind: str, problem: str) -> None:
        """Hold something against the client; ``problem`` is the end of a sentence that its site begins."""
        if self.is_broken:
            return
        client, host = self._client, self._host
        record = history.Accused(
            host.now, client.site, client.document.document, client.revision, f"client {kind}", problem
        )
        host.record(record)

    # --- the person ---------------------------------------------------------------------------------------

    def comes(self) -> None:
        """The person opens the laptop."""
        self._is_wanted = True
        self._gave_up = self._came_back_once = False
        self._attempts = 0
        self._due = None

    def goes(self) -> None:
        """The person closes it, or the process dies."""
        self._is_wanted = False
        self._due = None

    def types(self) -> None:
        """The person would like to do something, and may not."""
        client = self._client
        if self._is_wanted and client.is_editable and not client.has_left:
            self.accuse("person", "does not let its person type, who is there")

    # --- connections --------------------------------------------------------------------------------------

    def connects(self) -> None:
        """It asks for a connection."""
        due, self._due = self._due, None
        if not self._is_wanted:
            self.accuse("connection", "asked for a connection that its person does not want")
        elif self._gave_up:
            self.accuse("connection", "came back by itself, although it was told not to")
        elif self._is_opening or self.link is not None:
            self.accuse("connection", "asked for a connection while it had one, or was opening one")
        elif due is not None:
            waited_us = self._host.now - due.since_us
            if waited_us < due.min_us or (waited_us > due.max_us and not self.was_stopped):
                wanted = f"{due.min_us / 1e6:.2f} to {due.max_us / 1e6:.2f} s"
                self.accuse("pause", f"came back after {waited_us / 1e6:.2f} s, where the pause is {wanted}")
        self._is_opening = True

    def opened(self, link: Connection) -> None:
        """A connection is open."""
        self._is_opening = False
        if self._is_wanted and self.link is None:
            self.link = link
            self._failure = None

    def keeps(self, link: Connection) -> None:
        """It was told of an open connection, and has done with it what it wants."""
        if link is not self.link and link.client_open:
            self.accuse("connection", "kept a connection that nobody wants")

    def broken(self, link: Connection | None, code: int) -> None:
        """A connection is gone, or could not be opened."""
        if link is None:
            self._is_opening = False
            self._loses(Answer.LATER)
        elif link is self.link:
            self._leaves_link()
            failure = self._failure
            self._loses(answer_to_close(code) if failure is None else ERRORS[failure].fatal)

    def closes(self, link: Connection) -> None:
        """It leaves a connection; while one is wanted, only because of what the server said."""
        if link is self.link:
            self._leaves_link()
            self._loses(Answer.LATER)

    def leaves(self) -> None:
        """It is told to forget its connection, and to open another one at once."""
        self._leaves_link()
        self._due = None

    def left(self) -> None:
        """It was told that."""
        if self._is_wanted and not self._is_opening:
            self.accuse("connection", "kept its connection when it was told to come another way")

    def _leaves_link(self) -> None:
        self._looks_after_token()
        self.link = None
        self.is_joined = False
        self._token = None
        self._owes_renewal = False

    def _loses(self, answer: Answer) -> None:
        """No connection any more, or none yet; what it does next is the answer."""
        if not self._is_wanted:
            return
        if answer is Answer.GIVE_UP or (answer is Answer.ONCE and self._came_back_once):
            self._gave_up = True
            return
        self._came_back_once |= answer is Answer.ONCE
        network = self._host.plan.network
        pause_us = min(network.retry_us << min(self._attempts, 32), network.retry_max_us)
        shortest = longest = 0
        if answer is not Answer.AT_ONCE or self._attempts:
            shortest, longest = int(pause_us * (PAUSE_SHARE_MAX - 1)), int(pause_us * PAUSE_SHARE_MAX) + 1
        self._due = _Due(self._host.now, shortest, longest)
        self._attempts += 1
        self.was_stopped = False

    # --- messages -----------------------------------------------------------------------------------------

    def hears(self, message: ServerMessage) -> ServerMessage:
        """It takes a message of the server, which is handed on."""
        if type(message) is Committed:  # nearly all of them
            return message
        match message:
            case Joined():
                self.is_joined = True
                self._attempts = 0
            case Welcome() | Renewed():
                lasts_ms = message.expires_in_ms
                self._token = None if lasts_ms is None else (self._host.now, lasts_ms * 1_000)
                self.was_stopped = False
            case Failure():
                self._looks_after_token()
                self._token = None  # from here on the server says what is to be done
                if message.fatal:
                    self._failure = message.code
            case _:
                pass  # they are the business of its replica
        return message

    def sends(self, link: Connection, frame: bytes) -> ClientMessage | None:
        """It sends a message; what it is, None if it is none."""
        if link is not self.link:
            self.accuse("connection", "sent something over a connection that it does not have")
        try:
            message = decode_client(frame)
        except ProtocolError as error:
            self.accuse("message", f"sent what is no message: {error.detail}")
            return None
        if isinstance(message, Hello | Renew):
            self._shows(message.token, is_renewal=isinstance(message, Renew))
        return message

    # --- tokens -------------------------------------------------------------------------------------------

    def offers(self, token: str) -> str:
        """It asks what to show, and gets this token."""
        self._looks_after_token()
        if self._token is not None:
            since_us, lasts_us = self._token
            over_us = self._host.now - since_us
            if over_us < lasts_us * ASKED_SHARE_MIN:
                self.accuse("token", f"looked for another token after {over_us / lasts_us:.0%} of its time")
            self._token = (self._host.now, lasts_us - over_us)
            if token != self._shown:
                self._token, self._owes_renewal = None, True
        self._offered = token
        return token

    def _shows(self, token: str, *, is_renewal: bool) -> None:
        self._owes_renewal = False
        if token != self._offered:
            self.accuse("token", "shows another token than the newest that there is for it")
        elif is_renewal and token == self._shown:
            self.accuse("token", "renews with the token that it has shown already")
        self._shown = token

    def _looks_after_token(self) -> None:
        """Whether it has looked for another token in time, and shown what it got."""
        if self.link is None or self.was_stopped:
            return
        if self._owes_renewal:
            self._owes_renewal = False
            self.accuse("token", "had another token and did not show it")
        elif self._token is not None:
            since_us, lasts_us = self._token
            over_us = self._host.now - since_us
            if lasts_us >= ASKED_US_MIN and over_us > lasts_us * ASKED_SHARE_MAX:
                self._token = None
                self.accuse(
                    "token", f"had not looked for another token after {over_us / lasts_us:.0%} of its time"
                )
