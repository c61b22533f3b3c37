"""Schedules: those of the named scenarios, and random ones of people who type, come and go.

What people do is drawn on a *rehearsal*: plain FugueMax replicas that show them a text to work on. Only what
they mean is kept: behind which character they type, and which characters they delete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Final

from model.crdt import scripts
from model.crdt.replicas import FugueMax
from model.identity import SiteId
from simulator.algorithms.arena.engines.plain import PlainEngine
from simulator.algorithms.arena.schedule import Erase, Exchange, Leave, Return, Schedule, Step, Type

CODE_POINTS: Final = ((0x61, 0x7B), (0x41, 0x5B), (0x30, 0x3A), (0xC0, 0xD7), (0xD8, 0xF7), (0xF8, 0x180),
                  (0x391, 0x3A2), (0x3A3, 0x3CA), (0x400, 0x460), (0x4E00, 0xD800))  # fmt: skip
"""Code points that are handed out, from and to (exclusive): what is easy to tell apart comes first."""


class Rehearsal:
    """A schedule that is being drawn.

    Attributes:
        agents: who takes part.
        steps: what happened so far.
        shown: how characters are written for people, where not as themselves.
    """

    def __init__(self, agents: tuple[SiteId, ...], length: int = 0) -> None:
        """Everybody is online and sees a text of ``length`` unused characters."""
        self._unused: Iterator[str] = map(chr, chain.from_iterable(range(*bounds) for bounds in CODE_POINTS))
        self.agents = agents
        self.start = self.take(length)
        self.steps: list[Step] = []
        self.shown: dict[str, str] = {}
        self._engine = PlainEngine(agents, self.start, algorithm=FugueMax)
        self._online = dict.fromkeys(agents, True)

    def take(self, count: int) -> str:
        """Unused characters."""
        return "".join(next(self._unused) for _ in range(count))

    def text(self, agent: SiteId) -> str:
        """What a person sees."""
        return self._engine.text(agent)

    def type(self, agent: SiteId, at: int, text: str) -> None:
        """Type ``text``, no character of which was typed before."""
        behind = self.text(agent)[at - 1] if at else ""
        self._do(Type(agent, behind, text))

    def type_as(self, agent: SiteId, at: int, text: str) -> None:
        """Type as many unused characters as ``text`` has, which is what people read in their place."""
        new = self.take(len(text))
        self.shown |= dict(zip(new, text, strict=True))
        self.type(agent, at, new)

    def read(self, agent: SiteId) -> str:
        """What a person reads."""
        return "".join(self.shown.get(character, character) for character in self.text(agent))

    def erase(self, agent: SiteId, at: int, count: int) -> None:
        """Delete ``count`` characters from ``at`` on."""
        if characters := self.text(agent)[at : at + count]:
            self._do(Erase(agent, characters))

    def _do(self, step: Type | Erase) -> None:
        self.steps.append(step)
        self._engine.edit(step.agent, step.on(self.text(step.agent)))

    def offline(self, agent: SiteId) -> None:
        """The person is gone, if it was there."""
        if self._online[agent]:
            self._online[agent] = False
            self.steps.append(Leave(agent))

    def exchange(self, agent: SiteId) -> bool:
        """The person meets the server, coming back for it if need be; whether the server learnt anything.

        Nothing is noted if both know the same already.
        """
        replica, server = self._engine.replicas[agent], self._engine.server
        is_back, self._online[agent] = not self._online[agent], True
        if is_back:
            self.steps.append(Return(agent))
        elif replica.version == server.version:
            return False
        self.steps.append(Exchange(agent))
        before = server.version
        self._engine.exchange(agent)
        return server.version != before

    def finished(self, name: str) -> Schedule:
        """The schedule, after everybody has met the server until everybody knows everything."""
        for agent in self.agents * 2:
            self.exchange(agent)
        return Schedule(name, self.agents, self.start, tuple(self.steps), self.shown)


NAMED: Final = {re.sub("[,']", "", s.name).replace(" ", "-"): s for s in scripts.SCENARIOS}
"""The named scenarios by what they are called on a command line."""


def named_schedule(name: str) -> Schedule:
    """A named scenario, by way of a server: everybody is offline but for an exchange now and then.

    To take over what another one knows is to let that one meet the server first. In these scenarios the
    server then knows nothing that the other one does not.
    """
    script = NAMED[name].script
    rehearsal = Rehearsal(script.agents)
    for agent in script.agents:
        rehearsal.offline(agent)
    exchange = partial(_exchange_once, rehearsal)
    for step in script.steps:
        match step:
            case scripts.Insert(agent, at, text):
                rehearsal.type(agent, at % (len(rehearsal.text(agent)) + 1), text)
            case scripts.Delete(agent, at, count):
                rehearsal.erase(agent, at % max(1, len(rehearsal.text(agent))), count)
            case scripts.Sync(agent, source):
                exchange(source)
                exchange(agent)
    return rehearsal.finished(name)


def _exchange_once(rehearsal: Rehearsal, agent: SiteId) -> None:
    rehearsal.exchange(agent)
    rehearsal.offline(agent)
