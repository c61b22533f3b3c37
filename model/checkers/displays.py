"""What replicas of one document with unique characters displayed, in bounded memory.

A character is inserted at most once in such a document, so it is an element, and a displayed text is a list
in the sense of the list specifications.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from model import history
from model.checkers.check import edit_name
from model.identity import SequenceNumber, SiteId
from model.text import Operation

ELEMENTS_TRACKED_MAX: Final = 256
"""Elements of one document whose order is followed: the first ones that were displayed."""

TEXTS_KEPT_MAX: Final = 4_096
"""Different texts of one document remembered, to compare each once and as evidence."""

CHARACTERS_MAX: Final = 100_000
"""Characters of one document whose author is remembered; beyond that, strangers are not noticed."""


class Sighting(NamedTuple):
    """Who displayed something first, and when."""

    time_us: int
    site: SiteId


class Displays:
    """The displayed texts of one document.

    Attributes:
        characters: the tracked elements; their place in this list is their number.
        is_unique: false once a character was inserted twice, by an undo for example; then the document says
            nothing about lists.
    """

    __slots__ = ("_authors", "_edits", "_numbers", "_texts", "characters", "is_unique")

    def __init__(self, text: str) -> None:
        self.characters: list[str] = []
        self.is_unique = len(set(text)) == len(text)
        self._numbers: dict[str, int] = {}
        self._authors: dict[str, str] = dict.fromkeys(text, "")
        self._edits: dict[SiteId, tuple[SequenceNumber, Operation]] = {}
        self._texts: dict[str, Sighting] = {}

    # --- edits --------------------------------------------------------------------------------------------

    def edited(self, record: history.Edited) -> None:
        """Note who inserts which characters; the text that shows them follows as the next display."""
        self._edits[record.site] = (record.sequence, record.operation)
        name = edit_name(record.site, record.sequence, record.sequence)
        for c in record.operation.components:
            if isinstance(c, str):
                for character in c:
                    if character in self._authors:
                        self.is_unique = False
                    elif len(self._authors) < CHARACTERS_MAX:
                        self._authors[character] = name

    def edit_of(self, site: SiteId, sequence: SequenceNumber) -> Operation | None:
        """The operation of a site's newest edit, if that is the one asked for."""
        known = self._edits.get(site)
        return known[1] if known is not None and known[0] == sequence else None

    def stranger(self, text: str) -> str:
        """The first character of the text that nobody inserted; empty if there is none."""
        if len(self._authors) >= CHARACTERS_MAX or self._authors.keys() >= set(text):
            return ""
        return next(c for c in text if c not in self._authors)

    def spoken(self, character: str) -> str:
        """The character for a sentence: ``'x' of c3#5``."""
        author = self._authors.get(character)
        if author is None:
            return f"{character!r} of nobody"
        return f"{character!r} of {author or 'the first text'}"

    # --- texts --------------------------------------------------------------------------------------------

    def is_new(self, record: history.Displayed) -> bool:
        """Whether this text was not compared before; it counts as compared from now on."""
        texts = self._texts
        if record.text in texts:
            return False
        texts[record.text] = Sighting(record.time_us, record.site)
        if len(texts) > TEXTS_KEPT_MAX:
            del texts[next(iter(texts))]
        return True

    def projected(self, text: str) -> list[int]:
        """The numbers of the tracked elements of the text, in its order."""
        numbers = self._numbers
        found: list[int] = []
        for character in text:
            number = numbers.get(character)
            if number is None:
                if len(numbers) >= ELEMENTS_TRACKED_MAX:
                    continue
                number = numbers[character] = len(numbers)
                self.characters.append(character)
            found.append(number)
        return found

    def witness(self, first: str, second: str, *, neighbours: bool = False) -> tuple[str, Sighting] | None:
        """The first text, still remembered, that shows ``first`` before ``second``.

        ``neighbours`` asks for a text with no other tracked element between them.
        """
        for text, sighting in self._texts.items():
            begin, end = text.find(first), text.find(second)
            if 0 <= begin < end and not (neighbours and self.projected(text[begin + 1 : end])):
                return text, sighting
        return None
