"""The greenlet that acts for a person: when, and what it notes about itself."""

from __future__ import annotations

import random
from typing import Any

import pytest

from loadgen.connection import opener
from loadgen.driver import UserDriver
from loadgen.health import WorkerHealth
from loadgen.pacing import Pacing
from loadgen.plan import LoadPlan, documents_of
from loadgen.state import WorkerState
from model.client.address import Address
from model.client.health import LATE_US

MS = 1_000
BEAT_US = 100 * MS
ACTS = 4


class Metronome:
    def pause_us(self) -> int:
        return BEAT_US


class Somebody:
    """A user who notes when what it does was planned, and ends the run."""

    has_left = False

    def __init__(self, state: WorkerState) -> None:
        self.planned_us: list[int] = []
        self._state = state

    def go_online(self) -> None:
        pass

    def act(self, planned_us: int) -> bool:
        self.planned_us.append(planned_us)
        self._state.is_ending = len(self.planned_us) == ACTS
        return True


@pytest.mark.parametrize(("late_us", "late"), [(LATE_US, 0), (LATE_US + 1, 1)])
def test_a_late_generator_acts_for_the_planned_time_and_says_that_it_was_late(
    late_us: int, late: int
) -> None:
    now_us = ACTS * BEAT_US + late_us  # all was planned before now, and the last of it for so long ago
    plan = LoadPlan(url="ws://h:1", users=1, documents=1, spawn_rate=1, run_seconds=1, rate=1)
    state = WorkerState(plan, lambda: now_us, documents_of(plan))
    somebody: Any = Somebody(state)
    health = WorkerHealth()
    address = Address.of("ws://127.0.0.1:1")
    pacing = Pacing(Metronome(), random.Random(1), 0, patient=False)
    UserDriver(
        state, lambda host: somebody, pacing, health, random.Random(1), opener(address), address, 0.0
    ).run()
    assert somebody.planned_us == [n * BEAT_US for n in range(1, ACTS + 1)]
    assert (health.planned_sends, health.late_sends) == (ACTS, ACTS - 1 + late)
