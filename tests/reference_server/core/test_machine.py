"""Clients, a worker and a store under everything that can go wrong between them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.reference_server.system import SITES, System

pytestmark = pytest.mark.slow

who = st.integers(0, len(SITES) - 1)
places = st.integers(0, 30)


class CoreMachine(RuleBasedStateMachine):
    """Hypothesis chooses what happens next, and shrinks what led to a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.system = System()
        for n in range(len(SITES)):
            self.system.connect(n)

    @rule(who=who, at=places, count=st.integers(0, 3), length=st.integers(0, 2))
    def edit(self, who: int, at: int, count: int, length: int) -> None:
        self.system.edit(who, at, count, length)

    @rule(who=who, at=places)
    def work_offline(self, who: int, at: int) -> None:
        self.system.work_offline(who, at)

    @rule(who=who, again=st.booleans())
    def undo(self, who: int, again: bool) -> None:
        if again:
            self.system.redo(who)
        else:
            self.system.undo(who)

    @rule(who=who, at=places)
    def select(self, who: int, at: int) -> None:
        self.system.select(who, at)

    @rule(who=who, count=st.integers(1, 4))
    def up(self, who: int, count: int) -> None:
        for _ in range(count):
            self.system.up(who)

    @rule(who=who, count=st.integers(1, 4))
    def down(self, who: int, count: int) -> None:
        for _ in range(count):
            self.system.down(who)

    @rule(who=who)
    def exchange(self, who: int) -> None:
        """Everything that is needed to be let in, so that short runs get somewhere."""
        self.system.connect(who)
        for _ in range(4):
            self.system.up(who)
            self.system.commit()
            self.system.down(who)

    @rule(who=who, noticed=st.booleans())
    def drop(self, who: int, noticed: bool) -> None:
        self.system.drop(who, noticed=noticed)

    @rule(who=who)
    def restart(self, who: int) -> None:
        self.system.restart(who)

    @rule(who=who)
    def resend(self, who: int) -> None:
        self.system.resend(who)

    @rule()
    def late(self) -> None:
        self.system.late()

    @rule()
    def notice(self) -> None:
        self.system.notice()

    @rule()
    def commit(self) -> None:
        self.system.commit()

    @rule(applied=st.booleans())
    def lose(self, applied: bool) -> None:
        self.system.lose(applied=applied)

    @rule(at=places)
    def rival(self, at: int) -> None:
        self.system.rival(at)

    @rule()
    def announce(self) -> None:
        self.system.announce()

    @rule(who=who)
    def rival_fence(self, who: int) -> None:
        self.system.rival_fence(who)

    @rule(applied=st.booleans())
    def crash(self, applied: bool) -> None:
        self.system.crash(applied=applied)

    @invariant()
    def settled_replicas_show_the_text_of_their_revision(self) -> None:
        self.system.check()

    def teardown(self) -> None:
        self.system.heal_and_check()


TestCoreMachine = CoreMachine.TestCase
TestCoreMachine.settings = settings(stateful_step_count=60)


def walk(seed: int, steps: int) -> Counter[str]:
    """A random walk without Hypothesis, and what was seen on it."""
    draw = random.Random(seed)
    system = System()
    common: list[Callable[[int], None]] = [
        lambda n: system.edit(n, draw.randrange(30), draw.randrange(3), draw.randrange(3)),
        system.up,
        system.up,
        system.down,
        system.down,
        system.connect,
        lambda n: system.commit(),
    ]
    rare: list[Callable[[int], None]] = [
        lambda n: system.work_offline(n, draw.randrange(30)),
        lambda n: system.drop(n, noticed=draw.random() < 0.5),
        lambda n: system.rival(draw.randrange(30)),
        lambda n: system.lose(applied=draw.random() < 0.5),
        lambda n: system.late(),
        lambda n: system.notice(),
        lambda n: system.announce(),
        lambda n: system.select(n, draw.randrange(30)),
        system.undo,
        system.redo,
        system.resend,
        system.restart,
    ]
    disasters: list[Callable[[int], None]] = [
        system.rival_fence,
        lambda n: system.crash(applied=draw.random() < 0.5),
    ]
    for _ in range(steps):
        chance = draw.random()
        steps_of_a_kind = common if chance < 0.9 else rare if chance < 0.99 else disasters
        draw.choice(steps_of_a_kind)(draw.randrange(len(SITES)))
        system.check()
    system.heal_and_check()
    return system.seen


def test_random_walks_meet_everything_that_is_interesting() -> None:
    """The walks prove nothing about a branch that never ran, so each of them has to be seen."""
    seen: Counter[str] = Counter()
    for seed in range(200):
        seen.update(walk(seed, 400))
    for what in (
        "conflicts",
        "unknown, applied",
        "unknown, not applied",
        "merges",
        "superseded",
        "fenced",
        "repeated",
        "late",
        "restarts",
        "crashes",
    ):
        assert seen[what] > 0, f"{what}: never in {dict(seen)}"
