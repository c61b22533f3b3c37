"""Numbers and lists as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """A list in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def counted(count: int, noun: str) -> str:
    """A number with its noun: ``1 edit``, ``1,024 edits``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
