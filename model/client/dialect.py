"""The seam between a client and the wire protocol it speaks.

A :class:`~model.client.client.Client` knows when to connect, when to come back, when to give up and that it
has to save before it sends. How a document is greeted, joined, edited and followed is the business of its
dialect, and so is the copy of the document. The client never looks into a frame, the dialect never opens a
connection.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from model.client.answers import Answer
from model.people.actions import Action

Frames: TypeAlias = tuple[bytes, ...]
"""Messages to be sent, in order."""


class Controls(Protocol):
    """What a dialect asks of the client that runs it."""

    @property
    def now(self) -> int:
        """Microseconds of the host's clock."""
        ...

    def wake(self, delay_us: int) -> None:
        """Call :meth:`Dialect.tick` after this time, if the connection is still the same."""

    def joined(self) -> None:
        """The connection is good for something: pauses between attempts begin short again."""

    def turned_away(self, answer: Answer, cause: str) -> None:
        """Leave the connection now, without waiting for the server to close it."""


class Dialect(Protocol):
    """One wire protocol, as a client of one document speaks it, and the client's copy of the document.

    What is to be sent is returned; it must be sent in order, after the state was saved.
    """

    @property
    def text(self) -> str:
        """What the person sees."""
        ...

    @property
    def caret(self) -> int:
        """The head of the person's selection."""
        ...

    @property
    def is_editable(self) -> bool:
        """Whether there is a text yet."""
        ...

    @property
    def pending(self) -> int:
        """Number of edits not known to be durable."""
        ...

    @property
    def is_settled(self) -> bool:
        """Whether it follows the document live and everything it did is durable."""
        ...

    def open(self) -> None:
        """A connection is about to be opened."""

    def opened(self) -> Frames:
        """A connection is open."""
        ...

    def received(self, frame: bytes) -> Frames:
        """A message of the server."""
        ...

    def described(self, frame: bytes) -> str:
        """What a message of the server is, for a sentence; of any bytes."""
        ...

    def edit(self, action: Action) -> Frames | None:
        """The person did something; None if that changed nothing that is saved or sent."""
        ...

    def resend(self) -> Frames:
        """What was sent last and may be lost, once more."""
        ...

    def tick(self) -> Frames:
        """The time that :meth:`Controls.wake` was asked for has come."""
        ...

    def broken(self, code: int) -> tuple[Answer, str]:
        """The connection is gone, with this WebSocket close code; what to do, and why."""
        ...

    def close(self, cause: str) -> None:
        """The client leaves the connection; nothing if there is none."""

    def start_anew(self) -> None:
        """Go on under a new identity that knows nothing; what there was is kept for the person."""

    def save(self) -> Any:
        """The state to keep on disk; immutable."""
        ...

    def restore(self, saved: Any) -> None:
        """Become what was saved, without a connection."""
