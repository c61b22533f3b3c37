"""How well one colour can be told from another."""

from __future__ import annotations


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours such as `#3d8bbf`, as WCAG 2.1 defines it: from 1 to 21."""
    low, high = sorted([_luminance(first), _luminance(second)])
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
