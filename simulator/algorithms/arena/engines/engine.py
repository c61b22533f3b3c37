"""What an engine has to be able to do to take part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from model.identity import SiteId
from model.text import Operation


class BytesSent(NamedTuple):
    """Bytes between the people and the server, as JSON; what is needed to begin is not counted."""

    up: int
    down: int


class Footprint(NamedTuple):
    """What one replica keeps at the end, and what all of them did to get there.

    Attributes:
        elements: characters in the document's state, deleted ones counted where they stay.
        tombstones: the deleted ones among them.
        log: entries that have to be kept to merge what comes later: revisions of the server's log, runs of
            events, or events.
        state_bytes: one person's state as it is saved.
        transformations: pairs of operations that were carried over each other, by the server or by a person;
            None for an engine that has none.
        branches: offline phases that were merged as a branch; None likewise.
    """

    elements: int
    tombstones: int
    log: int
    state_bytes: int
    transformations: int | None = None
    branches: int | None = None


class ArenaEngine(ABC):
    """The replicas of all people and the server between them, under one algorithm."""

    @abstractmethod
    def __init__(self, agents: Sequence[SiteId], text: str) -> None:
        """Everybody is online and sees ``text``."""

    @abstractmethod
    def text(self, agent: SiteId) -> str:
        """What a person sees."""

    @property
    @abstractmethod
    def server_text(self) -> str:
        """What the server has."""

    @abstractmethod
    def edit(self, agent: SiteId, operation: Operation) -> None:
        """A person changes what it sees."""

    @abstractmethod
    def exchange(self, agent: SiteId) -> None:
        """See :class:`~simulator.algorithms.arena.schedule.Exchange`."""

    @abstractmethod
    def offline(self, agent: SiteId) -> None:
        """A person's connection is gone; only an engine that has connections needs to know."""

    @abstractmethod
    def online(self, agent: SiteId) -> None:
        """A person is back; an exchange follows."""

    @property
    @abstractmethod
    def traffic(self) -> BytesSent:
        """What was sent so far."""

    @abstractmethod
    def footprint(self) -> Footprint:
        """What is kept now."""


MakeEngine: TypeAlias = Callable[[Sequence[SiteId], str], ArenaEngine]
"""An engine's class, or something that calls it."""
