"""A schedule that every algorithm can play: who types what behind which character, and when people meet.

Every character is typed once, so a character is an identity, and edits name characters instead of places: two
algorithms that order concurrent text differently still type behind the same character and delete the same
ones. So all of them hold the same characters at every moment, and nothing but their order can differ.

Everybody talks to one server, which is how an algorithm with a server and one without can know the same:
after an exchange, a person knows everything that any exchange before it brought to the server.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from model.identity import SiteId
from model.text import Operation, insert


class LostCharacter(ValueError):  # noqa: N818  # reads as what happened
    """Somebody does not see a character that it must see."""


def place(character: str, text: str) -> int:
    """Where a character is.

    Raises:
        LostCharacter: it is not there.
    """
    at = text.find(character)
    if at < 0:
        raise LostCharacter(f"does not see {character!r}")
    return at


class Type(msgspec.Struct, frozen=True, tag="type"):
    """The agent types ``text`` right behind a character that it sees; at the beginning if that is empty."""

    agent: SiteId
    behind: str
    text: str

    def on(self, text: str) -> Operation:
        """The operation on what the agent sees; raises :class:`LostCharacter`."""
        return insert(len(text), place(self.behind, text) + 1 if self.behind else 0, self.text)


class Erase(msgspec.Struct, frozen=True, tag="erase"):
    """The agent deletes characters that it sees, at once."""

    agent: SiteId
    characters: str

    def on(self, text: str) -> Operation:
        """The operation on what the agent sees; raises :class:`LostCharacter`."""
        components = []
        at = 0
        for found in sorted(place(character, text) for character in self.characters):
            components += [found - at, -1]
            at = found + 1
        return Operation(len(text), components)


class Exchange(msgspec.Struct, frozen=True, tag="exchange"):
    """The agent hands in what it did and takes over what others handed in."""

    agent: SiteId


class Leave(msgspec.Struct, frozen=True, tag="offline"):
    """The agent's connection is gone until the next :class:`Return`."""

    agent: SiteId


class Return(msgspec.Struct, frozen=True, tag="online"):
    """The agent is back; an exchange follows."""

    agent: SiteId


Step: TypeAlias = Type | Erase | Exchange | Leave | Return


class Schedule(msgspec.Struct, frozen=True):
    """What happens, in one order.

    Attributes:
        name: where it comes from.
        agents: who takes part; all begin online, with ``text``.
        text: what is there before everything.
        steps: at the end of which everybody knows everything.
        shown: how characters are written for people, where not as themselves.
    """

    name: str
    agents: tuple[SiteId, ...]
    text: str
    steps: tuple[Step, ...]
    shown: dict[str, str] = {}

    @property
    def edits(self) -> int:
        """Number of steps that change the text."""
        return sum(isinstance(step, Type | Erase) for step in self.steps)

    @property
    def anchors(self) -> dict[str, str]:
        """For each character that was typed the one it was typed behind; empty at the beginning."""
        anchors: dict[str, str] = {}
        for step in self.steps:
            if isinstance(step, Type):
                anchors |= zip(step.text, [step.behind, *step.text], strict=False)
        return anchors

    @property
    def authors(self) -> dict[str, SiteId]:
        """Whose each character is, in the order in which they were typed; the first text is nobody's."""
        authors = dict.fromkeys(self.text, SiteId(""))
        for step in self.steps:
            if isinstance(step, Type):
                authors |= dict.fromkeys(step.text, step.agent)
        return authors
