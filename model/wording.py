"""Names, numbers and lists as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """A list in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def counted(count: int, noun: str) -> str:
    """A number with its noun: ``1 edit``, ``1,024 edits``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def printable(text: str) -> str:
    r"""The text as one line that does nothing but show signs, for names that somebody else chose.

    What moves a cursor, begins a line, turns the direction of writing, is invisible or stands for no sign is
    written as in Python: ``\n``, ``\x1b``, ``\u202e``, ``\udcff``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
