"""What was typed next to what, as its author saw it: how interleaving is measured alike for every engine.

An engine without elements has no origins to look at, and origins of several kinds cannot be compared. So
everywhere the origins of a character are the neighbours that its author saw when it was typed. A deleted
character stands behind the left one of these; where it stands does not matter to what is visible.
"""

from __future__ import annotations

from model.crdt.interleaving import Interleaving, interleaving
from model.crdt.replicas import Element, ElementId
from model.identity import SiteId
from model.text import Operation

NOBODY = SiteId("")
"""The author of the first text, which is nobody's run."""


class Typed:
    """Every character that was typed.

    Attributes:
        ids: of the characters, in the order in which they were typed.
    """

    def __init__(self, text: str) -> None:
        self.ids: dict[str, ElementId] = {}
        self._origins: dict[str, tuple[ElementId | None, ElementId | None]] = {}
        self._counters: dict[SiteId, int] = {}
        self._note(NOBODY, text, None, None)

    def edited(self, agent: SiteId, operation: Operation, before: str) -> None:
        """Somebody who saw ``before`` edited it; deletions count like in a replica, one each."""
        at = 0
        for c in operation.components:
            if isinstance(c, str):
                left = self.ids[before[at - 1]] if at else None
                right = self.ids[before[at]] if at < len(before) else None
                self._note(agent, c, left, right)
            elif c > 0:
                at += c
            else:
                at -= c
                self._counters[agent] = self._counters.get(agent, 0) - c

    def _note(self, agent: SiteId, text: str, left: ElementId | None, right: ElementId | None) -> None:
        for character in text:
            counter = self._counters[agent] = self._counters.get(agent, 0) + 1
            self._origins[character] = (left, right)
            left = self.ids[character] = ElementId(agent, counter)

    def elements(self, text: str) -> list[Element]:
        """All characters as they stand if ``text`` is what is visible of them."""
        line = list(text)
        characters = {element: character for character, element in self.ids.items()}
        visible = set(text)
        for character, (left, _) in self._origins.items():  # what a character stands behind was typed before
            if character not in visible:
                line.insert(line.index(characters[left]) + 1 if left is not None else 0, character)
        return [
            Element(self.ids[character], character, character not in visible, *self._origins[character])
            for character in line
        ]

    def interleaving(self, text: str) -> Interleaving:
        """How many runs there are, and how many of them are split."""
        return interleaving(self.elements(text), _author)


def _author(element: ElementId) -> str:
    return f"nobody's {element.counter}" if element.site == NOBODY else element.site
