"""Where a person's cursor stands in a text that others change."""

from __future__ import annotations


class Caret:
    """A cursor, carried along when somebody looks."""

    __slots__ = ("_position", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._position = 0

    def put(self, text: str, position: int) -> None:
        """It stands at ``position`` of ``text`` now."""
        self._text, self._position = text, position

    def position(self, text: str) -> int:
        """Where it stands in the text of now."""
        return carried(self._position, self._text, text)


def carried(caret: int, before: str, after: str) -> int:
    """Where a cursor of one text stands in another one: it keeps to the side of it that did not change.

    If both sides changed it stays where it was, within the text.
    """
    if before[:caret] == after[:caret]:
        return min(caret, len(after))
    behind = len(before) - caret
    if behind <= len(after) and before[caret:] == after[len(after) - behind :]:
        return len(after) - behind
    return min(caret, len(after))
