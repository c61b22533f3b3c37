"""One way, played: what happens step by step becomes a history like any other one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from model import history
from model.histogram import Histogram
from model.history import Record
from simulator.exploring.state import Move
from simulator.exploring.system import System
from simulator.planning.plan import FaultWindow
from simulator.planning.scope import APPLIED, LATE, Step, Way
from simulator.virtual.cell import Parts
from simulator.virtual.recorder import Recorder

STEP_US: Final = 1_000
"""Time between two steps of a history, so that a reader can tell them apart."""

_replace = msgspec.structs.replace


class WayCell:
    """The clients and the server of a way, to be played.

    Attributes:
        recorder: gets the history.
        realised: no windows; what goes wrong is in the way.
        transform: how long carrying edits took, which nobody measures here.
    """

    def __init__(
        self, way: Way, recorder: Recorder, parts: Parts, progress: Callable[[int], None] | None
    ) -> None:
        """``progress`` is told of the microseconds done, and may raise what :meth:`run` then raises."""
        self.recorder = recorder
        self.realised: list[FaultWindow] = []
        self.transform = Histogram()
        self._way = way
        self._parts = parts
        self._progress = progress

    def run(self) -> str:
        """Go the way; the digest of the history."""
        for at, records in enumerate(follow(self._way, self._parts)):
            for record in records:
                self.recorder.record(record)
            if self._progress is not None:
                self._progress(at * STEP_US)
        return self.recorder.close()

    def stop(self) -> str:
        """End before the time; the digest of the history so far."""
        return self.recorder.close()


def follow(way: Way, parts: Parts) -> Iterator[list[Record]]:
    """The history of a way: what is recorded until everybody has joined, and with each step."""
    system = System(way.scope, parts, reduced=False)
    state = system.first
    crashed: dict[int, str] = {}
    yield list(system.first_records)
    for at, move in taken(system, way.steps):
        state = move.after
        yield [*_began(move.step, way.scope.workers, crashed, at), *timed(move.records, at)]
    if way.is_end and system.is_over(system.moves(state)):
        yield ending(system.ending(state), len(way.steps))


def taken(system: System, steps: Iterable[Step]) -> Iterator[tuple[int, Move]]:
    """One step after another, each with its number from 1 on; those that cannot happen are left out."""
    state = system.first
    for number, step in enumerate(steps, 1):
        move = next((move for move in system.moves(state) if move.step == step), None)
        if move is not None:
            state = move.after
            yield number, move


def _began(step: Step, workers: int, crashed: dict[int, str], at: int) -> list[Record]:
    """What is said of a fault that no client records: a lost answer, a crash of a worker, and its end."""
    at_us = at * STEP_US
    outcome = {APPLIED: "applied", LATE: "applied later"}.get(step.how, "not applied")
    worker = "the server" if workers == 1 else f"worker {step.who}"
    if step.kind == "start" and step.who in crashed:
        return [history.FaultEnded(at_us, "gateway", crashed.pop(step.who), 1)]
    if step.fault == "death":
        crashed[step.who] = f"crash of {worker}"
        return [history.FaultBegan(at_us, "gateway", crashed[step.who], 1)]
    if step.fault == "unknown":
        name = f"answer of the store lost, {outcome}"
        return [history.FaultBegan(at_us, "store", name, 1), history.FaultEnded(at_us, "store", name, 1)]
    return []


def timed(records: tuple[Record, ...], step: int) -> list[Record]:
    """The records of a step, at its time; in the tables they have none."""
    at = step * STEP_US
    return [
        _replace(record, time_us=at, received_us=at)
        if getattr(record, "received_us", 0)
        else _replace(record, time_us=at)
        for record in records
    ]


def ending(records: tuple[Record, ...], step: int) -> list[Record]:
    """The end of a history after so many steps: nothing goes wrong any more, and what there is."""
    at = (step + 1) * STEP_US
    return [history.Healed(at, 0), *timed(records, step + 1), history.Finished(at)]
