"""One engine plays a schedule: what everybody sees after each step, and what has to hold of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from model import history
from model.checkers import Judge
from model.checkers.lists import StrongList, WeakList
from model.identity import EMPTY_LOG, NO_EDIT, DocumentId, SequenceNumber, SiteId
from model.protocol import ProtocolError
from model.text import Operation, OperationError, apply
from model.verdict import CheckResult
from simulator.algorithms.arena.engines.engine import ArenaEngine, MakeEngine
from simulator.algorithms.arena.schedule import Erase, Exchange, Leave, Return, Schedule, Type
from simulator.algorithms.arena.typed import Typed

_DOCUMENT = DocumentId("arena")


class Played(NamedTuple):
    """What came of it.

    Attributes:
        engine: with everything it holds at the end.
        displays: after each step, what the person who took it sees.
        texts: at the end, of every person.
        server_text: at the end.
        typed: what was typed next to what.
        weak: the weak list specification, on everything that was seen.
        strong: the strong one.
        problem: why the schedule could not be played to its end; empty if it could.
        seconds: wall time of the engine alone.
    """

    engine: ArenaEngine
    displays: list[str]
    texts: dict[SiteId, str]
    server_text: str
    typed: Typed
    weak: CheckResult
    strong: CheckResult
    problem: str
    seconds: float

    @property
    def converged(self) -> bool:
        """Whether all people and the server have one text at the end, and no character twice."""
        text = self.server_text
        return not self.problem and len(set(text)) == len(text) and set(self.texts.values()) == {text}


class _JudgedEngine:
    """An engine at work, with everybody who watches."""

    def __init__(self, schedule: Schedule, make: MakeEngine, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.seconds = 0.0
        self.displays: list[str] = []
        self.typed = Typed(schedule.text)
        self.weak, self.strong = WeakList(), StrongList()
        self._judge = Judge([self.weak, self.strong])
        self._judge.feed([history.DocumentCreated(0, _DOCUMENT, schedule.text, unique=True, displayed=True)])
        self._sequences = dict.fromkeys(schedule.agents, NO_EDIT)
        begin = clock()
        self.engine = make(schedule.agents, schedule.text)
        self.seconds += clock() - begin

    def _timed(self, act: Callable[[], object]) -> None:
        begin = self._clock()
        act()
        self.seconds += self._clock() - begin

    def take(self, number: int, step: Type | Erase | Exchange | Leave | Return) -> None:
        """Let the engine take a step.

        Raises:
            LostCharacter: the person does not see what it is to type behind, or to delete.
            OperationError: its edit is not where it made it.
            ValueError, IndexError, ProtocolError: the engine objects to what it was given.
        """
        agent, engine = step.agent, self.engine
        match step:
            case Type() | Erase():
                before = engine.text(agent)
                operation = step.on(before)
                self._timed(lambda: engine.edit(agent, operation))
                self.typed.edited(agent, operation, before)
                self._edited(number, agent, operation, before)
            case Exchange():
                self._timed(lambda: engine.exchange(agent))
                self._show(number, agent)
            case Leave():
                self._timed(lambda: engine.offline(agent))
            case Return():
                self._timed(lambda: engine.online(agent))
        self.displays.append(engine.text(agent))

    def _edited(self, number: int, agent: SiteId, operation: Operation, before: str) -> None:
        if self.engine.text(agent) != apply(before, operation):
            raise OperationError("does not see its own edit where it made it")
        sequence = self._sequences[agent] = SequenceNumber(self._sequences[agent] + 1)
        edited = history.Edited(number, agent, _DOCUMENT, sequence, "type", EMPTY_LOG, operation, number)
        self._judge.feed([edited])
        self._show(number, agent, sequence)

    def _show(self, number: int, agent: SiteId, sequence: SequenceNumber = NO_EDIT) -> None:
        self._judge.feed([history.Displayed(number, agent, _DOCUMENT, self.engine.text(agent), sequence)])


def play(schedule: Schedule, make: MakeEngine, clock: Callable[[], float]) -> Played:
    """Let an engine play a schedule.

    Args:
        schedule: what happens.
        make: the engine.
        clock: wall time in seconds.
    """
    judged = _JudgedEngine(schedule, make, clock)
    problem = ""
    for number, step in enumerate(schedule.steps, 1):
        try:
            judged.take(number, step)
        except (ValueError, IndexError, ProtocolError) as error:  # what engines object with
            problem = f"step {number}, {step.agent}: {error}"
            break
    engine = judged.engine
    return Played(
        engine,
        judged.displays,
        {agent: engine.text(agent) for agent in schedule.agents},
        engine.server_text,
        judged.typed,
        judged.weak.result(),
        judged.strong.result(),
        problem,
        judged.seconds,
    )


def perform(schedule: Schedule, engine: ArenaEngine) -> None:
    """Let an engine that is at the beginning play a schedule that it has played before; nobody watches."""
    for step in schedule.steps:
        match step:
            case Type() | Erase():
                engine.edit(step.agent, step.on(engine.text(step.agent)))
            case Exchange():
                engine.exchange(step.agent)
            case Leave():
                engine.offline(step.agent)
            case Return():
                engine.online(step.agent)
