"""What a seeded bug is: parts of the product replaced from outside, and the scenario that must find it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from simulator.engines.engine import AnyParts, SimulatedEngine
from simulator.engines.gossip import GossipEngine
from simulator.engines.known import WITH_SERVER

ZOO_MODULES: Final = "simulator.zoo."
"""Where the classes with mistakes are."""


class Kind(enum.Enum):
    """What a mistake is about; a kind that is found in one place only is not found.

    Attributes:
        meaning: what goes wrong, in a sentence.
    """

    meaning: str

    def __new__(cls, name: str, meaning: str) -> Kind:
        """A member as it stands below."""
        member = object.__new__(cls)
        member._value_ = name
        member.meaning = meaning
        return member

    ORDER = ("order", "Of two inserts at one place the wrong one comes first.")
    IDENTITY = ("identity", "An edit has the number of another one, or counts twice.")
    DURABILITY = ("durability", "What was promised to be kept is lost.")
    UNITS = ("units", "Something is counted or cut in other units than code points.")
    TRIMMING = ("trimming", "More is forgotten than nobody needs any more, or it is needed and not there.")
    UNDO = ("undo", "An undo or a redo does something else than taking back or repeating one edit.")
    PRESENCE = ("presence", "A cursor is shown where its owner is not.")
    BRANCH = ("branch", "What was typed without a connection is merged wrongly.")
    RESOURCES = ("resources", "More is held than anybody needs.")
    EXCEPTION = ("exception", "Something raises that has to go on.")
    PROTOCOL = ("protocol", "Something is said that the protocol does not allow.")
    TRANSFORMATION = ("transformation", "An edit is transformed or applied wrongly.")
    BUS = ("bus", "What another worker did or said is missed, or taken for something else.")
    DELIVERY = ("delivery", "What everybody has to get does not reach everybody as it was.")


class Bug(NamedTuple):
    """A mistake that somebody could make, or made.

    Attributes:
        name: for command lines.
        kind: what it is about.
        title: one sentence of what is wrong.
        source: where it really happened, or which decision it breaks.
        parts: the classes a cell is built from, with the mistake in them.
        expected: the checks that may be the first to see it.
        scenario: the shipped scenario that must find it, at the size of :mod:`simulator.zoo.plain`.
        rule: the list rule of the replicas that have it; empty if it is in client or server.
    """

    name: str
    kind: Kind
    title: str
    source: str
    parts: Callable[[], AnyParts]
    expected: tuple[str, ...]
    scenario: str = "default"
    rule: str = ""

    @property
    def engine(self) -> SimulatedEngine:
        """The engine that it is put into."""
        return GossipEngine(self.rule, "mesh") if self.rule else WITH_SERVER

    @property
    def places(self) -> tuple[str, ...]:
        """The methods of the product that are replaced, as ``Replica.undo``."""
        found: list[str] = []
        for part, healthy in zip(self.parts(), self.engine.healthy, strict=True):
            if part is not healthy and isinstance(part, type):
                found += _replaced(part)
        return tuple(dict.fromkeys(found))


def _replaced(broken: type) -> Iterator[str]:
    """The methods that a class of the zoo replaces, and those that the classes it names replace."""
    ours = [c for c in broken.__mro__ if c.__module__.startswith(ZOO_MODULES)]
    product = next(c for c in broken.__mro__ if c not in ours)
    for one in ours:
        for name, value in vars(one).items():
            if isinstance(value, type) and name.endswith("_type"):
                yield from _replaced(value)
            elif (
                (callable(value) or isinstance(value, property))
                and hasattr(product, name)
                and name != "__init__"
            ):
                yield f"{product.__name__}.{name}"
