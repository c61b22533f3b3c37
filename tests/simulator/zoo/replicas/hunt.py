"""Letting an oracle loose on a bug: one random trial after another until it finds it."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec

from model.crdt.replicas.port import CausalBuffer, Replica
from model.crdt.scripts import one_minimal
from tests.simulator.zoo.replicas.oracles import ORACLES
from tests.simulator.zoo.replicas.subjects import Subject
from tests.simulator.zoo.replicas.trial import Trial, TrialStep, play_trial, random_trial


class Finding(msgspec.Struct, frozen=True):
    """A bug that was found.

    Attributes:
        oracle: the first of those asked that saw something.
        message: what it saw in the smallest trial.
        trials: how many were played until then.
        trial: of its steps none can be left out.
    """

    bug: str
    oracle: str
    message: str
    trials: int
    trial: Trial


def hunt(
    subject: Subject, seed: int, trials: int, oracles: Sequence[str] = (), *, sound: bool = False
) -> Finding | None:
    """Search at most so many random trials of the subject's shape.

    Args:
        subject: what to look for.
        seed: of the trials.
        trials: how many at most.
        oracles: whom to ask, by name; without any, the bug's own.
        sound: search the algorithm without the bug, which should find nothing.
    """
    algorithm, buffer = (subject.sound, CausalBuffer) if sound else (subject.broken, subject.buffer)
    rng = Random(f"{seed} {subject.bug}")
    for number in range(1, trials + 1):
        trial = random_trial(rng, subject.shape)
        played = play_trial(trial, algorithm, buffer)
        for name in oracles or (subject.oracle,):
            if ORACLES[name](trial, played, subject.sound):
                small = _smallest(trial, name, subject, algorithm, buffer)
                message = _judged(small, name, subject, algorithm, buffer)
                return Finding(subject.bug, name, message, number, small)
    return None


def _judged(
    trial: Trial, oracle: str, subject: Subject, algorithm: type[Replica], buffer: type[CausalBuffer]
) -> str:
    return ORACLES[oracle](trial, play_trial(trial, algorithm, buffer), subject.sound)


def _smallest(
    trial: Trial, oracle: str, subject: Subject, algorithm: type[Replica], buffer: type[CausalBuffer]
) -> Trial:
    def fails(steps: tuple[TrialStep, ...]) -> bool:
        return bool(_judged(msgspec.structs.replace(trial, steps=steps), oracle, subject, algorithm, buffer))

    return msgspec.structs.replace(trial, steps=one_minimal(trial.steps, fails))
