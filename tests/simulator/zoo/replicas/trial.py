"""Trials: random histories of replicas that exchange single events, reload and compact; and playing one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple, TypeAlias

import msgspec

from model.crdt.replicas.port import CausalBuffer, Event, Replica, Version, spoken
from model.crdt.replicas.stability import Stability
from model.crdt.scripts import Delete, Insert, Step, Sync, everybody, perform
from model.identity import SiteId


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """The agent saves its replica and goes on with what it loads."""

    agent: SiteId


class Compact(msgspec.Struct, frozen=True, tag="compact"):
    """The agent drops tombstones that are stable as far as it can tell."""

    agent: SiteId


TrialStep: TypeAlias = Step | Reload | Compact


class Trial(msgspec.Struct, frozen=True):
    """A history to be played.

    Attributes:
        arrival: seed of the order in which events arrive at each agent.
    """

    agents: tuple[SiteId, ...]
    steps: tuple[TrialStep, ...]
    arrival: int


class TrialShape(NamedTuple):
    """What kind of trial a random one is.

    Attributes:
        agents: how many.
        steps: how many, before everybody learns everything.
        deletes, reloads, compacts: which share of the steps is of that kind.
        syncs: which share of the others; the rest types.
        places: how many places there are to edit at; few make edits meet.
    """

    agents: int = 3
    steps: int = 14
    deletes: float = 0.15
    reloads: float = 0.0
    compacts: float = 0.0
    syncs: float = 0.45
    places: int = 6


class Played(NamedTuple):
    """How a trial ended.

    Attributes:
        replicas: of all agents; at the end of a whole trial each knows everything.
        misplaced: the first edit that did not show where it was made, in a sentence; empty if all did.
        refused: the first exception, in a sentence, after which the trial was broken off; empty if none.
    """

    replicas: dict[SiteId, Replica]
    misplaced: str
    refused: str


def random_trial(rng: Random, shape: TrialShape) -> Trial:
    """A trial of this shape; every character in it is typed once."""
    agents = tuple(SiteId(chr(ord("A") + n)) for n in range(shape.agents))
    unused = map(chr, range(ord("a"), 0x3000))
    steps: list[TrialStep] = []
    for _ in range(shape.steps):
        agent = rng.choice(agents)
        kind = rng.random()
        for share, rare in ((shape.reloads, Reload), (shape.compacts, Compact)):
            if 0 <= kind < share:
                steps.append(rare(agent))
            kind -= share
        if kind < 0:
            continue
        if kind < shape.deletes:
            steps.append(Delete(agent, rng.randrange(shape.places)))
        elif rng.random() < shape.syncs and shape.agents > 1:
            steps.append(Sync(agent, rng.choice([other for other in agents if other != agent])))
        else:
            steps.append(Insert(agent, rng.randrange(shape.places), next(unused)))
    return Trial(agents, (*steps, *everybody(agents)), rng.randrange(1 << 32))


def play_trial(
    trial: Trial, algorithm: Callable[[SiteId], Replica], buffer: type[CausalBuffer] = CausalBuffer
) -> Played:
    """Play a trial with replicas of one algorithm, events arriving one by one through a buffer."""
    replicas = {agent: algorithm(agent) for agent in trial.agents}
    seen = {agent: Stability(trial.agents) for agent in trial.agents}
    misplaced = ""
    for step in trial.steps:
        try:
            match step:
                case Sync():
                    _deliver(replicas[step.source], replicas[step.agent], trial.arrival, buffer)
                    seen[step.agent].merge(seen[step.source])
                case Reload():
                    replica = replicas[step.agent]
                    replicas[step.agent] = type(replica).load(replica.save())
                case Compact():
                    replicas[step.agent].compact(seen[step.agent].stable)
                case Insert() | Delete():
                    misplaced = misplaced or _edited(step, replicas)
            seen[step.agent].saw(step.agent, replicas[step.agent].version)
        except (KeyError, ValueError, IndexError) as error:
            return Played(replicas, misplaced, f"{step.agent} fails at {step}: {error!r}")
    return Played(replicas, misplaced, "")


def _deliver(source: Replica, target: Replica, arrival: int, buffer: type[CausalBuffer]) -> None:
    known: Version = target.version

    def delay(event: Event) -> float:
        # A function of the event, so that a smaller trial has the same order among those that are left.
        return Random(f"{arrival} {target.site} {spoken(event.id)}").random()

    causal = buffer(known)
    for event in sorted(source.events_since(known), key=delay):
        for ready in causal.add(event):
            target.apply(ready)


def _edited(step: Insert | Delete, replicas: dict[SiteId, Replica]) -> str:
    """Do the edit; says what is wrong with what its author is shown, if anything is."""
    before = replicas[step.agent].text
    perform(step, replicas)
    after = replicas[step.agent].text
    if isinstance(step, Insert):
        at = step.at % (len(before) + 1)
        expected = before[:at] + step.text + before[at:]
    else:
        at = step.at % len(before) if before else 0
        expected = before[:at] + before[at + step.count :]
    if after == expected:
        return ""
    return f"{step.agent} edits {before!r} at {at} and is shown {after!r} instead of {expected!r}"
