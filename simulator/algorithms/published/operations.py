"""Operations on single characters, as the papers have them: insert one, delete one, do nothing."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from model.identity import SiteId


class PositionError(ValueError):
    """An operation points outside the text that it is applied to."""


class Ins(msgspec.Struct, frozen=True):
    """``Ins(p, c, u)``: put a character before the one at a position.

    Attributes:
        position: 0-based, in code points, from 0 to the length of the text.
        character: one code point.
        site: who inserted it; compared as code points where a function breaks ties by site.
    """

    position: int
    character: str
    site: SiteId

    def __str__(self) -> str:
        return f"Ins {self.position} {self.character}"


class Del(msgspec.Struct, frozen=True):
    """``Del(p)``: take the character at a position away.

    Attributes:
        position: 0-based, in code points, below the length of the text.
        number: its identity in the history; only a function that remembers deletions looks at it.
    """

    position: int
    number: int

    def __str__(self) -> str:
        return f"Del {self.position}"


class Nop(msgspec.Struct, frozen=True):
    """``Nop``: what is left of an operation whose effect is there already."""

    def __str__(self) -> str:
        return "Nop"


NOP: Final = Nop()

Operation: TypeAlias = Ins | Del | Nop


def moved(operation: Ins, by: int) -> Ins:
    """The insertion further right by ``by``; whatever else it carries stays."""
    return msgspec.structs.replace(operation, position=operation.position + by)


def apply(text: str, operation: Operation) -> str:
    """The text after the operation.

    Raises:
        PositionError: the position is outside the text. A slice of Python's would hide it.
    """
    if isinstance(operation, Nop):
        return text
    at = operation.position
    inserts = isinstance(operation, Ins)
    if not 0 <= at < len(text) + inserts:
        raise PositionError(f"{operation} on a text of {len(text)}")
    if isinstance(operation, Ins):
        return text[:at] + operation.character + text[at:]
    return text[:at] + text[at + 1 :]
