"""Clients, a worker and a store under everything that can go wrong between them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.reference_server.world import SITES, World

pytestmark = pytest.mark.slow

who = st.integers(0, len(SITES) - 1)
places = st.integers(0, 30)


class CoreMachine(RuleBasedStateMachine):
    """Hypothesis chooses what happens next, and shrinks what led to a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        for n in range(len(SITES)):
            self.world.connect(n)

    @rule(who=who, at=places, count=st.integers(0, 3), length=st.integers(0, 2))
    def edit(self, who: int, at: int, count: int, length: int) -> None:
        self.world.edit(who, at, count, length)

    @rule(who=who, at=places)
    def work_offline(self, who: int, at: int) -> None:
        self.world.work_offline(who, at)

    @rule(who=who, again=st.booleans())
    def undo(self, who: int, again: bool) -> None:
        if again:
            self.world.redo(who)
        else:
            self.world.undo(who)

    @rule(who=who, at=places)
    def select(self, who: int, at: int) -> None:
        self.world.select(who, at)

    @rule(who=who, count=st.integers(1, 4))
    def up(self, who: int, count: int) -> None:
        for _ in range(count):
            self.world.up(who)

    @rule(who=who, count=st.integers(1, 4))
    def down(self, who: int, count: int) -> None:
        for _ in range(count):
            self.world.down(who)

    @rule(who=who)
    def exchange(self, who: int) -> None:
        """Everything that is needed to be let in, so that short runs get somewhere."""
        self.world.connect(who)
        for _ in range(4):
            self.world.up(who)
            self.world.commit()
            self.world.down(who)

    @rule(who=who, noticed=st.booleans())
    def drop(self, who: int, noticed: bool) -> None:
        self.world.drop(who, noticed=noticed)

    @rule(who=who)
    def restart(self, who: int) -> None:
        self.world.restart(who)

    @rule(who=who)
    def resend(self, who: int) -> None:
        self.world.resend(who)

    @rule()
    def late(self) -> None:
        self.world.late()

    @rule()
    def notice(self) -> None:
        self.world.notice()

    @rule()
    def commit(self) -> None:
        self.world.commit()

    @rule(applied=st.booleans())
    def lose(self, applied: bool) -> None:
        self.world.lose(applied=applied)

    @rule(at=places)
    def rival(self, at: int) -> None:
        self.world.rival(at)

    @rule()
    def announce(self) -> None:
        self.world.announce()

    @rule(who=who)
    def rival_fence(self, who: int) -> None:
        self.world.rival_fence(who)

    @rule(applied=st.booleans())
    def crash(self, applied: bool) -> None:
        self.world.crash(applied=applied)

    @invariant()
    def settled_replicas_show_the_text_of_their_revision(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        self.world.heal_and_check()


TestCoreMachine = CoreMachine.TestCase
TestCoreMachine.settings = settings(stateful_step_count=60)


def walk(seed: int, steps: int) -> Counter[str]:
    """A random walk without Hypothesis, and what was seen on it."""
    draw = random.Random(seed)
    world = World()
    common: list[Callable[[int], None]] = [
        lambda n: world.edit(n, draw.randrange(30), draw.randrange(3), draw.randrange(3)),
        world.up,
        world.up,
        world.down,
        world.down,
        world.connect,
        lambda n: world.commit(),
    ]
    rare: list[Callable[[int], None]] = [
        lambda n: world.work_offline(n, draw.randrange(30)),
        lambda n: world.drop(n, noticed=draw.random() < 0.5),
        lambda n: world.rival(draw.randrange(30)),
        lambda n: world.lose(applied=draw.random() < 0.5),
        lambda n: world.late(),
        lambda n: world.notice(),
        lambda n: world.announce(),
        lambda n: world.select(n, draw.randrange(30)),
        world.undo,
        world.redo,
        world.resend,
        world.restart,
    ]
    disasters: list[Callable[[int], None]] = [
        world.rival_fence,
        lambda n: world.crash(applied=draw.random() < 0.5),
    ]
    for _ in range(steps):
        chance = draw.random()
        steps_of_a_kind = common if chance < 0.9 else rare if chance < 0.99 else disasters
        draw.choice(steps_of_a_kind)(draw.randrange(len(SITES)))
        world.check()
    world.heal_and_check()
    return world.seen


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
