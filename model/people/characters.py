"""Where inserted characters come from: prose by letter frequency, or a supply that never repeats one."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Final

# Relative frequencies of English letters (per mille, rounded); word and line ends count as letters.
_FREQUENCIES: Final = {
    " ": 170, "\n": 8, ".": 9, ",": 9,
    "e": 102, "t": 73, "a": 66, "o": 60, "i": 56, "n": 56, "s": 51, "h": 49, "r": 48, "d": 34, "l": 32,
    "c": 22, "u": 22, "m": 20, "w": 19, "f": 18, "g": 16, "y": 16, "p": 15, "b": 12, "v": 8, "k": 6,
    "j": 1, "x": 1, "q": 1, "z": 1,
    # Some that need two or more bytes of UTF-8, combine, or need two units of UTF-16: units get confused.
    "é": 2, "ß": 1, "ж": 1, "語": 1, "\u0301": 1, "\u200d": 1, "😀": 10, "👩": 5, "🏽": 5, "𝒳": 5,
}  # fmt: skip
_ASTRAL: Final = tuple(letter for letter in _FREQUENCIES if ord(letter) > 0xFFFF)
_LETTERS: Final = tuple(_FREQUENCIES)
_CUMULATED: Final = tuple(itertools.accumulate(_FREQUENCIES.values()))
_PLAIN: Final = sum(letter.isascii() for letter in _LETTERS)  # the ASCII letters come first

PLAIN_SHARE: Final = 0.5
"""Of the documents, how many have nothing but ASCII; who writes in them keeps to it."""


def prose(rng: random.Random, length: int, *, plain: bool = False) -> str:
    """A text of ``length`` code points that looks like words; if ``plain``, of ASCII only."""
    known = _PLAIN if plain else len(_LETTERS)
    letters = rng.choices(_LETTERS[:known], cum_weights=_CUMULATED[:known], k=length)
    # Two spaces in a row are rare in prose; a letter in between keeps the length.
    return "".join(letters).replace("  ", " e")


def opening(rng: random.Random, length: int, *, plain: bool = False) -> str:
    """The prose a document begins with; unless ``plain``, no position but the first is the same in UTF-16."""
    text = prose(rng, length, plain=plain)
    return text if plain or not text else rng.choice(_ASTRAL) + text[1:]


class SupplyExhausted(RuntimeError):  # noqa: N818  # reads as what happened, like StopIteration
    """A document has used every character there is."""


class Supply:
    """The unused characters of one document, each handed out once, so that a character is an identity.

    One of the supplementary planes (two units of UTF-16, four bytes of UTF-8) is followed by one from U+4E00
    on (one unit, three bytes), from the first one on and as long as there are any; so a mistake of units
    shows at once. There are neither surrogates nor noncharacters. A document that uses it uses it for all its
    text, from the initial one on.
    """

    _SHORT: Final = range(0x4E00, 0xD800)
    # The last two code points of every plane are noncharacters.
    _LONG: Final = tuple(range(plane << 16, (plane << 16) + 0xFFFE) for plane in range(2, 17))
    size: Final = len(_SHORT) + sum(map(len, _LONG))

    def __init__(self) -> None:
        long = itertools.chain.from_iterable(self._LONG)
        pairs = zip(itertools.islice(long, len(self._SHORT)), self._SHORT, strict=True)
        self._characters: Iterator[int] = itertools.chain(itertools.chain.from_iterable(pairs), long)

    def take(self, count: int) -> str:
        """``count`` characters nobody had before.

        Raises:
            SupplyExhausted: fewer are left.
        """
        taken = "".join(map(chr, itertools.islice(self._characters, count)))
        if len(taken) < count:
            raise SupplyExhausted(f"a document can have {self.size} different characters, all are used")
        return taken
