"""Texts, edits and times as a person reads them: abbreviated around what matters, always printable."""

from __future__ import annotations

from html import escape
from typing import Final, NamedTuple
from unicodedata import category

from model.text import Operation
from model.wording import listed

QUOTE_LENGTH_MAX: Final = 24
PIECES_MAX: Final = 3
ELLIPSIS: Final = "…"
EMPTY: Final = "∅"
"""The one sign for the empty text, in words, tables and pictures."""

_SIGNS: Final = {0x0A: "⏎", 0x0D: "␍", 0x09: "⇥", 0x7F: "␡"}
_SHOWN: Final = frozenset({"Zs", "Co", "Cn"})  # spaces, and what fonts may have a sign for


class TextSpan(NamedTuple):
    """A part of a text, in code points."""

    begin: int
    end: int


class Excerpt(NamedTuple):
    """A text abbreviated around a part of it: what comes before, the part, what comes after."""

    left: str
    focus: str
    right: str

    @property
    def whole(self) -> str:
        """All three together."""
        return self.left + self.focus + self.right


def visible(text: str) -> str:
    """The text with a sign for everything that cannot be shown or may not stand in XML."""
    return "".join(map(_sign, text))


def safe(text: str, *, lines: bool = False) -> str:
    """The visible text, escaped for HTML and XML; ``lines`` keeps line breaks."""
    return escape("\n".join(map(visible, text.split("\n"))) if lines else visible(text), quote=True)


def _sign(character: str) -> str:
    code = ord(character)
    if code in _SIGNS:
        return _SIGNS[code]
    if code < 0x20:
        return chr(0x2400 + code)  # the pictures of the control characters
    is_sign = character.isprintable() or category(character) in _SHOWN
    return character if is_sign and code & 0xFFFE != 0xFFFE else "\ufffd"


def difference(before: str, after: str) -> tuple[TextSpan, TextSpan]:
    """The smallest parts of two texts outside of which they are equal."""
    shorter = min(len(before), len(after))
    begin = 0
    while begin < shorter and before[begin] == after[begin]:
        begin += 1
    tail = 0
    while tail < shorter - begin and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return TextSpan(begin, len(before) - tail), TextSpan(begin, len(after) - tail)


def excerpt(text: str, span: TextSpan, length_max: int) -> Excerpt:
    """The text around ``span``, at most ``length_max`` code points of it, with ``…`` for what is left out."""
    if len(text) <= length_max:
        return Excerpt(
            visible(text[: span.begin]), visible(text[span.begin : span.end]), visible(text[span.end :])
        )
    focus = text[span.begin : span.end]
    room = length_max - 2  # the two signs of what is left out
    if len(focus) > room - 4:
        focus = focus[: max(1, room - 5)] + ELLIPSIS
    left_length = min(span.begin, max((room - len(focus)) // 2, room - len(focus) - (len(text) - span.end)))
    begin = span.begin - left_length
    end = min(len(text), span.end + room - len(focus) - left_length)
    left = (ELLIPSIS if begin else "") + visible(text[begin : span.begin])
    right = visible(text[span.end : end]) + (ELLIPSIS if end < len(text) else "")
    return Excerpt(left, visible(focus), right)


def quoted(text: str, length_max: int = QUOTE_LENGTH_MAX) -> str:
    """A text in quotation marks, its beginning if it is long; ``∅`` for the empty text."""
    return quoted_around(text, TextSpan(0, 0), length_max)


def quoted_around(text: str, span: TextSpan, length_max: int = QUOTE_LENGTH_MAX) -> str:
    """A text in quotation marks, abbreviated around a part of it; ``∅`` for the empty text."""
    return f"'{excerpt(text, span, length_max).whole}'" if text else EMPTY


def edits_text(site: str, first: int, last: int) -> str:
    """The name of edits: ``site#sequence``, or ``site#first..last``."""
    return f"{site}#{first}" if first == last else f"{site}#{first}..{last}"


def operation_text(op: Operation, before: str | None) -> str:
    """What an operation does, with positions in the text it applies to; ``before`` is that text."""
    if before is not None and len(before) != op.base_length:
        before = None
    pieces: list[str] = []
    for at, deleted, inserted in _splices(op):
        gone = (
            f"{deleted} character{'s' * (deleted > 1)}"
            if before is None
            else quoted(before[at : at + deleted])
        )
        if deleted and inserted:
            pieces.append(f"replaces {gone} by {quoted(inserted)} at {at}")
        elif deleted:
            pieces.append(f"deletes {gone} at {at}")
        else:
            pieces.append(f"inserts {quoted(inserted)} at {at}")
    if len(pieces) > PIECES_MAX:
        pieces[PIECES_MAX - 1 :] = [f"{len(pieces) - PIECES_MAX + 1} more changes"]
    return listed(pieces) or "changes nothing"


def _splices(op: Operation) -> list[tuple[int, int, str]]:
    """Position in the old text, deleted code points, inserted text; changes that touch are one."""
    splices: list[tuple[int, int, str]] = []
    at = 0
    touches = False
    for component in op.components:
        if isinstance(component, int) and component > 0:
            at += component
            touches = False
            continue
        begin, deleted, inserted = splices.pop() if touches else (at, 0, "")
        if isinstance(component, str):
            inserted += component
        else:
            deleted -= component
            at -= component
        splices.append((begin, deleted, inserted))
        touches = True
    return splices


def milliseconds(time_us: int) -> str:
    """A moment in milliseconds."""
    return f"{time_us / 1_000:,.3f}"


def seconds(time_us: int) -> str:
    """A time in seconds, without digits that say nothing."""
    return f"{time_us / 1_000_000:.3f}".rstrip("0").rstrip(".") + " s"
