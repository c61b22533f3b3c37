"""A second dialect: a whole text travels in every message, the last writer wins, and there is no engine.

It shows what a dialect has to bring, and that a client needs no more. Messages of the client: ``iam NAME``,
``text NUMBER TEXT``. Messages of the server: ``text TEXT``, ``ok NUMBER``, ``go away``.
"""

from __future__ import annotations

from typing import NamedTuple

from model.client.answers import Answer
from model.client.dialect import Controls, Frames
from model.people.actions import Action, Edit, clamped, operation_of
from model.text import apply

PING_US = 1_000_000
GONE = 4000


class Saved(NamedTuple):
    text: str | None
    number: int
    acknowledged: int


class Lines:
    """One document in that protocol."""

    def __init__(self, controls: Controls, name: str) -> None:
        self._controls = controls
        self._name = name
        self._text: str | None = None
        self._number = self._acknowledged = 0
        self._is_open = False
        self.opens = 0

    @property
    def text(self) -> str:
        return self._text or ""

    @property
    def caret(self) -> int:
        return len(self.text)

    @property
    def is_editable(self) -> bool:
        return self._text is not None

    @property
    def pending(self) -> int:
        return self._number - self._acknowledged

    @property
    def is_settled(self) -> bool:
        return self._is_open and not self.pending

    def open(self) -> None:
        self.opens += 1

    def opened(self) -> Frames:
        self._is_open = True
        self._controls.wake(PING_US)
        return (f"iam {self._name}".encode(), *self.resend())

    def received(self, frame: bytes) -> Frames:
        match frame.decode().split(" ", 1):
            case ["text", text]:
                self._controls.joined()
                if not self.pending:
                    self._text = text
            case ["ok", number]:
                self._acknowledged = int(number)
            case ["new"]:
                self._controls.turned_away(Answer.NEW_SITE, "new")
            case _:
                self._controls.turned_away(Answer.LATER, "nonsense")
        return ()

    def described(self, frame: bytes) -> str:
        return frame.decode()

    def edit(self, action: Action) -> Frames | None:
        if not isinstance(action, Edit):
            return None
        self._text = apply(self.text, operation_of(clamped(action, len(self.text)), len(self.text)))
        self._number += 1
        return self.resend()

    def resend(self) -> Frames:
        return (f"text {self._number} {self.text}".encode(),) if self._is_open and self.pending else ()

    def tick(self) -> Frames:
        self._controls.wake(PING_US)
        return (b"ping",)

    def broken(self, code: int) -> tuple[Answer, str]:
        self._is_open = False
        return {GONE: Answer.GIVE_UP, 1001: Answer.AT_ONCE, 4400: Answer.ONCE}.get(code, Answer.LATER), str(
            code
        )

    def close(self, cause: str) -> None:
        del cause
        self._is_open = False

    def start_anew(self) -> None:
        self._name += "'"
        self._text, self._number, self._acknowledged = None, 0, 0

    def save(self) -> Saved:
        return Saved(self._text, self._number, self._acknowledged)

    def restore(self, saved: Saved) -> None:
        self._text, self._number, self._acknowledged = saved
