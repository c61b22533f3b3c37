"""What one person can do to a text, and what every author of such actions looks like.

Positions are code points of the text that the author was shown (D1). An action is valid for that text
by construction: ``0 <= position``, ``position + deleted <= len(text)``.
"""

from __future__ import annotations

from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from model.marks import Mechanism, mark
from model.text import Operation, delete, insert, replace

LARGE: Final = 1_024
"""An edit of more code points than this is a large one."""

EditKind: TypeAlias = Literal["type", "backspace", "delete", "paste", "replace", "cut"]


class Edit(msgspec.Struct, frozen=True, gc=False):
    """Delete ``deleted`` code points at ``position``, then insert ``inserted`` there; never both empty."""

    kind: EditKind
    position: int
    deleted: int
    inserted: str


def mark_unusual(edit: Edit) -> None:
    """Count an edit that is larger than most, or has characters that need two units of UTF-16."""
    if len(edit.inserted) > LARGE:
        mark(Mechanism.LARGE_PASTE)
    if edit.deleted > LARGE:
        mark(Mechanism.LARGE_CUT)
    if edit.inserted and max(edit.inserted) > "\uffff":
        mark(Mechanism.ASTRAL)


def clamped(edit: Edit, length: int) -> Edit:
    """An edit cut to a text of ``length`` code points; perhaps nothing is left of it."""
    position = min(edit.position, length)
    return Edit(edit.kind, position, min(edit.deleted, length - position), edit.inserted)


def operation_of(edit: Edit, length: int) -> Operation:
    """An edit of a text of ``length`` code points as an operation.

    Raises:
        OperationError: it reaches beyond the text.
    """
    if not edit.deleted:
        return insert(length, edit.position, edit.inserted)
    if not edit.inserted:
        return delete(length, edit.position, edit.deleted)
    return replace(length, edit.position, edit.deleted, edit.inserted)


class Undo(msgspec.Struct, frozen=True, gc=False):
    """Undo the newest own edit; the client skips it if there is none."""


class Redo(msgspec.Struct, frozen=True, gc=False):
    """Redo the newest undone edit; the client skips it if there is none."""


class Move(msgspec.Struct, frozen=True, gc=False):
    """Select from ``anchor`` to ``head``; a bare cursor where both are equal."""

    anchor: int
    head: int


Action: TypeAlias = Edit | Undo | Redo | Move


class Author(Protocol):
    """One person at one client.

    The client alternates the two methods: it waits for :meth:`pause_us`, then performs :meth:`act`.
    """

    def pause_us(self) -> int:
        """The time until the next action, at least 1."""

    def act(self, text: str, caret: int) -> Action:
        """The next action on ``text``, the cursor being at ``caret`` (the head of the selection).

        The client carries the cursor along: to :attr:`Move.head`, behind what an :class:`Edit` inserted, and
        through the edits of others.
        """
