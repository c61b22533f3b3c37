"""One schedule under every engine: played, measured, compared."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping

from model.arena import Arena, Character, EngineRow, MachineCosts
from model.verdict import Verdict
from simulator.algorithms.arena.contenders import CONTENDERS, REFERENCE, Contender
from simulator.algorithms.arena.differences import differences, letters_of
from simulator.algorithms.arena.engines.engine import MakeEngine
from simulator.algorithms.arena.play import Played, perform, play
from simulator.algorithms.arena.schedule import Exchange, Leave, Schedule
from simulator.algorithms.texts import first_difference


def contest(
    schedule: Schedule,
    *,
    seed: int,
    workload: str,
    contenders: Mapping[str, Contender] = CONTENDERS,
    progress: Callable[[str], None] = lambda _: None,
) -> Arena:
    """Let everybody play a schedule.

    Args:
        schedule: what happens.
        seed: it was drawn from.
        workload: how people type.
        contenders: who plays, the reference among them.
        progress: is told who is playing.
    """
    plays: dict[str, Played] = {}
    machines: dict[str, MachineCosts] = {}
    for name, contender in contenders.items():
        progress(name)
        plays[name] = played = play(schedule, contender.make, time.perf_counter)
        peak = 0 if played.problem else memory_bytes_peak(schedule, contender.make)
        machines[name] = MachineCosts(played.seconds, peak)
    group = letters_of(plays)
    ids = plays[REFERENCE].typed.ids
    return Arena(
        schedule.name,
        workload,
        seed,
        schedule.agents,
        schedule.edits,
        sum(isinstance(step, Exchange) for step in schedule.steps),
        sum(isinstance(step, Leave) for step in schedule.steps),
        tuple(Character(c, schedule.shown.get(c, c), i.site, i.counter) for c, i in ids.items()),
        tuple(
            _row(name, contenders[name], played, group[name], machines[name])
            for name, played in plays.items()
        ),
        tuple(differences(schedule, plays)),
        tuple(problems(plays, contenders)),
    )


def memory_bytes_peak(schedule: Schedule, make: MakeEngine) -> int:
    """How much memory an engine takes at its greatest, from nothing to the end of the schedule."""
    tracemalloc.start()
    try:
        perform(schedule, make(schedule.agents, schedule.text))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return peak


def _row(name: str, contender: Contender, played: Played, group: str, machine: MachineCosts) -> EngineRow:
    footprint, traffic = played.engine.footprint(), played.engine.traffic
    violations = (*played.weak.violations, *played.strong.violations)
    return EngineRow(
        name,
        contender.what,
        group,
        played.server_text,
        played.converged,
        played.weak.verdict,
        played.strong.verdict,
        contender.is_strong,
        violations[0].message if violations else "",
        *played.typed.interleaving(played.server_text),
        traffic.up,
        traffic.down,
        footprint.elements,
        footprint.tombstones,
        footprint.log,
        footprint.state_bytes,
        footprint.transformations,
        footprint.branches,
        played.problem,
        machine,
    )


def problems(plays: Mapping[str, Played], contenders: Mapping[str, Contender]) -> Iterator[str]:
    """What must not be."""
    first_of: dict[str, str] = {}
    for name, played in plays.items():
        if played.problem:
            yield f"{name} cannot play to the end: {played.problem}"
        elif not played.converged:
            apart = [agent for agent, text in played.texts.items() if text != played.server_text]
            who = ", ".join(apart) or "somebody"
            yield f"{name} does not converge: {who} and the server show different texts"
        elif sorted(played.server_text) != sorted(plays[REFERENCE].server_text):
            yield f"{name} ends with other characters than {REFERENCE}"
        if played.weak.verdict is Verdict.VIOLATED:
            yield f"{name} breaks the weak list specification: {played.weak.violations[0].message}"
        if contenders[name].is_strong and played.strong.verdict is Verdict.VIOLATED:
            yield f"{name} breaks the strong list specification: {played.strong.violations[0].message}"
        first = first_of.setdefault(contenders[name].order, name)
        if played.displays != plays[first].displays:
            yield _apart(first, name, plays[first].displays, played.displays)


def _apart(first: str, second: str, one: list[str], other: list[str]) -> str:
    step = first_difference(one, other) + 1
    return f"{first} and {second} have one order by definition and show different texts from step {step} on"
