"""The processes of a client: how it lives, comes and goes by itself, or follows a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from simpy.events import ProcessGenerator

from model.people.actions import Author
from model.text import Selection
from simulator.planning.plan import CellPlan, ClientPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock


class Participant(Protocol):
    """What lives, comes and goes: a client of a server, or a replica among others."""

    author: Author | None
    has_started: bool
    has_left: bool
    is_down: bool
    skew_us: int

    @property
    def plan(self) -> ClientPlan:
        """Who it is."""
        ...

    @property
    def wants_connection(self) -> bool:
        """Whether it wants to hear from others at present."""
        ...

    @property
    def is_editable(self) -> bool:
        """Whether there is a text that it could edit now."""
        ...

    def go_online(self) -> None:
        """Open the laptop."""

    def go_offline(self, cause: str, *, silent: bool = True) -> None:
        """Close it; ``silent`` participants do not type meanwhile."""

    def leave(self) -> None:
        """Close it for the rest of the run."""

    def crash(self) -> None:
        """The process dies."""

    def restart(self) -> None:
        """The process comes back with what it saved."""

    def resend(self) -> bool:
        """Send again what was sent last; whether there was anything."""

    def act(self) -> None:
        """The person does the next thing."""

    def edit(self, kind: str, position: int, deleted: int, inserted: str) -> None:
        """Delete and insert at a position of the displayed text, clamped to it."""

    def undo(self) -> None:
        """Undo the last own edit."""

    def redo(self) -> None:
        """Redo what was undone last."""

    def select(self, selection: Selection) -> None:
        """Move the cursor."""


class Surroundings(Protocol):
    """What participants live in.

    Attributes:
        is_healing: no fault acts any more and nobody edits.
    """

    plan: CellPlan
    seeds: Seeds
    is_healing: bool

    @property
    def clients(self) -> Sequence[Participant]:
        """Everybody."""
        ...

    @property
    def clock(self) -> Clock:
        """The time, and what happens when."""
        ...

    @property
    def now(self) -> int:
        """Microseconds."""
        ...


def start_clients(world: Surroundings) -> None:
    """Give every client its life; whoever follows a script does nothing else."""
    for client in world.clients:
        if client.plan.script is not None:
            world.clock.process(follow_script(world, client))
            continue
        world.clock.process(live(world, client))
        world.clock.process(come_and_go(world, client))


def come_and_go(world: Surroundings, client: Participant) -> ProcessGenerator:
    """The process of one client's absences; each begins at an exponential time after the last."""
    plan = world.plan.sessions
    if plan.offline_mean_count <= 0:
        return
    rng = world.seeds.stream("session", client.plan.site)
    # Absences take time from the run, so the mean time between two of them is what is left.
    present_us = world.plan.duration_us - plan.join_ramp_us
    between_us = max(1_000_000.0, present_us / plan.offline_mean_count - plan.offline_mean_us)
    yield world.clock.timeout(int(plan.join_ramp_us * 2))
    while True:
        yield world.clock.timeout(int(rng.expovariate(1 / between_us)))
        away_us = int(rng.expovariate(1 / plan.offline_mean_us)) + 500_000
        if world.is_healing or world.now + away_us >= world.plan.duration_us:
            return
        if not client.wants_connection:
            continue  # not there yet, or away for another reason
        if rng.random() < plan.crash_share:
            client.crash()
        else:
            client.go_offline("closed", silent=rng.random() >= plan.offline_editing_share)
        yield world.clock.timeout(away_us)
        client.restart()
        client.go_online()


def live(world: Surroundings, client: Participant) -> ProcessGenerator:
    """The process of a client that follows the workload: it joins, edits or only reads, may leave."""
    plan = world.plan.sessions
    rng = world.seeds.stream("life", client.plan.site)
    start_us = int(rng.random() * plan.join_ramp_us)
    is_late, leaves, reads = rng.random() < plan.late_share, rng.random(), rng.random() < plan.idle_share
    if is_late:
        start_us += int(rng.random() * world.plan.duration_us / 2)
    elif leaves < plan.leave_share / max(1e-9, 1.0 - plan.late_share):
        leave_us = int((0.3 + 0.6 * rng.random()) * world.plan.duration_us)
        world.clock.call(leave_us, client.leave)
    yield world.clock.timeout(start_us)
    client.go_online()
    author = client.author
    if author is None or reads:
        return
    while not world.is_healing and not client.has_left:
        yield world.clock.timeout(max(1, author.pause_us()))
        if not world.is_healing:
            client.act()


def follow_script(world: Surroundings, client: Participant) -> ProcessGenerator:
    """The process of a scripted client."""
    actions: dict[str, Callable[[], object]] = {
        "undo": client.undo,
        "redo": client.redo,
        "offline": lambda: client.go_offline("closed", silent=False),
        "online": client.go_online,
        "crash": client.crash,
        "restart": client.restart,
        "resend": client.resend,
    }
    for step in client.plan.script or ():
        if step.at_us > world.clock.now_us:
            yield world.clock.timeout(step.at_us - world.clock.now_us)
        if step.do in actions:
            actions[step.do]()
        elif client.is_editable:
            if step.do == "edit":
                client.edit(step.kind, step.position, step.deleted, step.inserted)
            elif step.do == "select":
                client.select((step.position, step.position))
