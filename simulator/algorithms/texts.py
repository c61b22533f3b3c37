"""Final texts beside each other: which of them are equal, and where two of them part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def group_letters(texts: Iterable[str | None]) -> list[str]:
    """A letter for each text, equal for equal ones, in the order in which they appear; empty for None."""
    known: dict[str, str] = {}
    return ["" if text is None else known.setdefault(text, chr(ord("A") + len(known))) for text in texts]


def first_difference(one: Sequence[str], other: Sequence[str]) -> int:
    """The first place at which two texts differ; the length of the shorter one if it begins the other."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)
