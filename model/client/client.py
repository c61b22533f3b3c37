"""A client of a collaborative server: when to connect, when to come back, when to give up. Sans-IO.

Frames, ends of connections and the person's actions come in by calls. Connections and frames go out through
the :class:`Host`, which also brings the time; what happens goes to the :class:`Listener`. The client knows
neither which protocol it speaks nor which algorithm keeps its text: both belong to its
:class:`~model.client.dialect.Dialect`.

Rules::

    wants nothing   go_online()              -> connecting
    connecting      opened()                 -> connected     what the dialect says first
    connecting      broken()                 -> waiting       a pause that grows (Backoff)
    connected       broken(), turned_away()  -> waiting       or gives up, as the dialect answers
    waiting         the pause is over        -> connecting
    any             go_offline(), crash()    -> wants nothing

A dialect that raises is a process that died of it: the client is down, and may be restarted with what it had
saved.

State is saved before anything is sent, so that a crash never forgets what the server may know.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic, Protocol, TypeVar

from model.client.answers import Answer
from model.client.backoff import Backoff
from model.client.dialect import Controls, Dialect, Frames
from model.marks import Mechanism, mark
from model.people.actions import Action, Edit, Move, Redo, Undo

RAISED: Final = "raised"
"""Why a client goes offline whose dialect raised an exception."""

_PERFORMED: Final[dict[type[Action], str]] = {
    Edit: "made an edit",
    Undo: "undid an edit",
    Redo: "redid an edit",
    Move: "moved its cursor",
}

Link = TypeVar("Link")
"""Whatever the host calls an open connection; the client only compares it and gives it back."""

D = TypeVar("D", bound=Dialect)

_Link = TypeVar("_Link", contravariant=True)


class Host(Protocol[_Link]):
    """What a client needs of whoever runs it: time and transport."""

    @property
    def now(self) -> int:
        """Microseconds."""
        ...

    def call_after(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> object:
        """Call something later."""
        ...

    def connect(self) -> None:
        """Begin to open a connection; :meth:`Client.opened` or :meth:`Client.broken` is called in the end."""

    def send(self, link: _Link, frame: bytes) -> None:
        """Send one message."""

    def close(self, link: _Link, *, abrupt: bool = False) -> None:
        """Leave a connection; ``abrupt`` without a word to the server. Nothing is heard of it any more."""


class Listener(Protocol):
    """Whoever is told what becomes of a client."""

    def online(self) -> None:
        """The client wants to be connected."""

    def offline(self, cause: str) -> None:
        """The client does not want to be connected any more."""

    def restarted(self) -> None:
        """The client came back with what it had saved."""

    def gave_up(self, cause: str) -> None:
        """The client wants to be connected and will not try again; its text is still there."""

    def raised(self, what: str, error: Exception) -> None:
        """The dialect, or the engine behind it, raised an exception while it did ``what``."""


class Client(Generic[Link, D]):
    """One client of one document.

    Attributes:
        dialect: the protocol it speaks, with its copy of the document.
        link: the open connection.
        saved: what a new process would find on the disk.
        wants_connection: whether it would like to be connected.
        gave_up: why it does not try any more although it would like to be connected; empty if it does.
        has_started: whether it ever wanted a connection.
        has_left: whether it closed the document for good.
        is_down: whether its process crashed and has not come back.
    """

    __slots__ = (
        "_backoff",
        "_came_back_once",
        "_host",
        "_is_connecting",
        "_is_silent",
        "_listener",
        "_pauses",
        "dialect",
        "gave_up",
        "has_left",
        "has_started",
        "is_down",
        "link",
        "saved",
        "wants_connection",
    )

    def __init__(
        self,
        host: Host[Link],
        listener: Listener,
        backoff: Backoff,
        dialect: Callable[[Controls], D],
    ) -> None:
        """A client that wants nothing yet; ``dialect`` makes the one it speaks."""
        self._host = host
        self._listener = listener
        self._backoff = backoff
        self._is_silent = False
        self._came_back_once = self._is_connecting = False
        self._pauses = 0  # counts them: the end of one that is over by other means means nothing
        self.link: Link | None = None
        self.wants_connection = False
        self.gave_up = ""
        self.has_started = self.has_left = self.is_down = False
        self.dialect = dialect(self)
        self.saved: Any = self.dialect.save()

    @property
    def now(self) -> int:
        """Microseconds of the host's clock."""
        return self._host.now

    @property
    def text(self) -> str:
        """What the person sees."""
        return self.dialect.text

    @property
    def is_editable(self) -> bool:
        """Whether there is a text that it could edit now."""
        return self.dialect.is_editable and not self.is_down

    @property
    def is_settled(self) -> bool:
        """Whether it is live and everything it did is durable."""
        return self.dialect.is_settled

    @property
    def may_type(self) -> bool:
        """Whether somebody sits in front of it, with a text to edit."""
        return not (self._is_silent or self.has_left) and self.is_editable

    # --- coming and going ---------------------------------------------------------------------------------

    def go_online(self) -> None:
        """Open the laptop."""
        if self.wants_connection or self.is_down or self.has_left:
            return
        self.has_started = self.wants_connection = True
        self._is_silent = self._came_back_once = False
        self.gave_up = ""
        self._pauses += 1
        self._backoff.reset()
        self._listener.online()
        self._connect()

    def go_offline(self, cause: str, *, silent: bool = True, abrupt: bool = False) -> None:
        """Stop wanting a connection; ``silent`` clients do not type either (the laptop is closed)."""
        if not self.wants_connection:
            return
        self.wants_connection = False
        self._is_silent = silent
        self._listener.offline(cause)
        self._drop(cause, abrupt=abrupt)

    def leave(self) -> bool:
        """Close the document for good, if everything is durable; whether it was."""
        if self.dialect.pending:
            return False
        self.go_offline("left")
        self.has_left = True
        return True

    def crash(self) -> None:
        """The client's process dies: what was not saved is gone."""
        if not self.is_down:
            self.go_offline("crashed")
            self.is_down = True

    def restart(self) -> None:
        """The client's process comes back with what it saved."""
        if self.is_down:
            self.is_down = False
            try:
                self.dialect.restore(self.saved)
            except Exception as error:
                self._raised("loaded what it had saved", error)
                return
            self._listener.restarted()
            self.go_online()

    def reconnect(self, cause: str) -> None:
        """Forget the connection without a word to anybody, and open another one."""
        if self.link is not None:
            mark(Mechanism.CAME_ANOTHER_WAY)
            self.link = None
            self._close(cause)
            self._connect()

    def _connect(self) -> None:
        if self.wants_connection and self.link is None and not self.gave_up and not self._is_connecting:
            self._is_connecting = True
            self.dialect.open()
            self._host.connect()

    def _drop(self, cause: str, *, abrupt: bool = False) -> None:
        link, self.link = self.link, None
        if link is not None:
            self._host.close(link, abrupt=abrupt)
        self._close(cause)

    def _close(self, cause: str) -> None:
        try:
            self.dialect.close(cause)
        except Exception as error:
            self._raised("left its connection", error)

    def _raised(self, what: str, error: Exception) -> None:
        """The process dies of it."""
        self._listener.raised(what, error)
        self.is_down = True
        link, self.link = self.link, None
        if link is not None:
            self._host.close(link, abrupt=True)
        if self.wants_connection:
            self.wants_connection = False
            self._listener.offline(RAISED)
        with suppress(Exception):  # it is broken already
            self.dialect.close(RAISED)

    def _come_back(self, answer: Answer, cause: str) -> None:
        if answer is Answer.GIVE_UP or (answer is Answer.ONCE and self._came_back_once):
            self.gave_up = cause
            self._listener.gave_up(cause)
            return
        self._came_back_once |= answer is Answer.ONCE
        at_once = answer is Answer.AT_ONCE and self._backoff.is_fresh
        pause_us = self._backoff.pause_us()  # counts as an attempt: the next one comes later
        self._pauses += 1
        self._host.call_after(0 if at_once else pause_us, self._connect_again, self._pauses)

    def _connect_again(self, pause: int) -> None:
        """A pause is over, and perhaps others have begun since, or the person has come back."""
        if pause == self._pauses:
            self._connect()

    # --- the host's side ----------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """A connection is open; it is closed again if it is not wanted any more."""
        self._is_connecting = False
        if not self.wants_connection or self.link is not None:
            mark(Mechanism.OPENED_IN_VAIN)
            self._host.close(link)
            return
        self.link = link
        try:
            frames = self.dialect.opened()
        except Exception as error:
            self._raised("greeted the server", error)
            return
        self._transmit(link, frames)

    def received(self, link: Link, frame: bytes) -> None:
        """A message of the server; one of another connection is not looked at."""
        if link is self.link:
            try:
                frames = self.dialect.received(frame)
            except Exception as error:
                self._raised(f"received {self.dialect.described(frame)}", error)
                return
            if frames:  # nearly never
                self._transmit(link, frames)
        else:
            mark(Mechanism.LATE_MESSAGE)

    def broken(self, link: Link | None, code: int) -> None:
        """The connection is gone, or (None) could not be opened; one that the client left does not matter."""
        if link is not None and link is self.link:
            self.link = None
            try:
                answer, cause = self.dialect.broken(code)
            except Exception as error:
                self._raised("lost its connection", error)
                return
            self._come_back(answer, cause)
        elif link is None:
            mark(Mechanism.NO_CONNECTION)
            self._is_connecting = False
            self._come_back(Answer.LATER, str(code))

    # --- the dialect's side -------------------------------------------------------------------------------

    def wake(self, delay_us: int) -> None:
        """As :meth:`model.client.dialect.Controls.wake`."""
        self._host.call_after(delay_us, self._tick, self.link)

    def _tick(self, link: Link | None) -> None:
        if link is not None and link is self.link:
            try:
                frames = self.dialect.tick()
            except Exception as error:
                self._raised("did what was due", error)
                return
            self._transmit(link, frames)

    def joined(self) -> None:
        """As :meth:`model.client.dialect.Controls.joined`."""
        self._backoff.reset()

    def turned_away(self, answer: Answer, cause: str) -> None:
        """As :meth:`model.client.dialect.Controls.turned_away`."""
        is_anew = answer is Answer.NEW_SITE
        if is_anew:
            self._listener.offline(cause)  # nobody waits for the old identity any more
        self._drop(cause)
        if is_anew:
            self.dialect.start_anew()
            self.saved = self.dialect.save()
            self._listener.online()
        self._come_back(answer, cause)

    # --- the person ---------------------------------------------------------------------------------------

    def perform(self, action: Action) -> bool:
        """The person does something to the text that is displayed; whether that changed it."""
        try:
            frames = self.dialect.edit(action)
            if frames is None:
                return False
            self.saved = self.dialect.save()
        except Exception as error:
            self._raised(_PERFORMED[type(action)], error)
            return False
        self._send(frames)
        return not isinstance(action, Move)

    def resend(self) -> bool:
        """Send what is in flight again; whether there was anything."""
        try:
            frames = self.dialect.resend()
        except Exception as error:
            self._raised("sent again what was in flight", error)
            return False
        if self.link is not None:
            self._transmit(self.link, frames)
        return bool(frames)

    def _transmit(self, link: Link, frames: Frames) -> None:
        """Save, then send, if it is still the connection that this was meant for."""
        if frames and link is self.link:
            try:
                self.saved = self.dialect.save()
            except Exception as error:
                self._raised("saved its state", error)
                return
            self._send(frames)

    def _send(self, frames: Frames) -> None:
        link = self.link
        if link is not None:
            for frame in frames:
                self._host.send(link, frame)
