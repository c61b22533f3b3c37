"""The sessions of a client: it follows the workload, comes and goes by itself, or follows a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

from simpy.events import ProcessGenerator

from model.people.actions import Action, Author, Edit, EditKind, Move, Redo, Undo
from model.people.human import HumanAuthor
from model.people.sweep import Sweep
from simulator.planning.plan import CellPlan, ClientPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock
from simulator.virtual.holds import Holds


class Participant(Protocol):
    """What edits, comes and goes: a client of a server, or a replica among others.

    Attributes:
        absences: keep it offline; whether its person does not type meanwhile.
        deaths: while they last, it has no process.
    """

    author: Author | None
    has_started: bool
    has_left: bool
    is_down: bool
    absences: Holds[bool]
    deaths: Holds[None]

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

    def leave_when_durable(self) -> None:
        """Close it for the rest of the run, once nobody else needs what only this one has."""

    def crash(self) -> None:
        """The process dies."""

    def restart(self) -> None:
        """The process comes back with what it saved."""

    def resend(self) -> bool:
        """Send again what was sent last; whether there was anything."""

    def act(self, author: Author | None = None) -> None:
        """The person, or another ``author``, does the next thing."""

    def perform(self, action: Action) -> bool:
        """The person does this to the displayed text, clamped to it; whether that changed it."""
        ...


class SessionHost(Protocol):
    """What the sessions of participants need of the run they are part of.

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


def start_clients(host: SessionHost) -> None:
    """Begin the sessions of all clients; whoever follows a script does nothing else."""
    for client in host.clients:
        if client.plan.script is not None:
            host.clock.process(follow_script(host, client))
            continue
        host.clock.process(follow_workload(host, client))
        host.clock.process(come_and_go(host, client))


def come_and_go(host: SessionHost, client: Participant) -> ProcessGenerator:
    """The process of one client's absences; each begins at an exponential time after the last."""
    absence = object()
    plan = host.plan.sessions
    if plan.offline_mean_count <= 0:
        return
    rng = host.seeds.stream("session", client.plan.site)
    # Absences take time from the run, so the mean time between two of them is what is left.
    present_us = host.plan.duration_us - plan.join_ramp_us
    between_us = max(1_000_000.0, present_us / plan.offline_mean_count - plan.offline_mean_us)
    yield host.clock.timeout(int(plan.join_ramp_us * 2))
    while True:
        yield host.clock.timeout(int(rng.expovariate(1 / between_us)))
        away_us = int(rng.expovariate(1 / plan.offline_mean_us)) + 500_000
        if host.is_healing or host.now + away_us >= host.plan.duration_us:
            return
        if not client.wants_connection:
            continue  # not there yet, or away for another reason
        if rng.random() < plan.crash_share:
            client.deaths.take(absence, None)
        else:
            work_away(host, client, absence, silent=rng.random() >= plan.offline_editing_share)
        yield host.clock.timeout(away_us)
        client.deaths.let_go(absence)
        client.absences.let_go(absence)


def work_away(host: SessionHost, client: Participant, absence: object, *, silent: bool = False) -> None:
    """Go offline; who is not ``silent`` goes on typing, and some make a sweep through the whole text.

    Whoever is away already stays away until this ``absence`` is over, too.
    """
    was_there = client.wants_connection
    client.absences.take(absence, silent)
    if not was_there or silent or not isinstance(client.author, HumanAuthor):
        return
    rng = host.seeds.stream("sweep", client.plan.site, host.now)
    if rng.random() < host.plan.sessions.sweep_share:
        host.clock.process(_make_sweep(host, client, Sweep(rng)))


def _make_sweep(host: SessionHost, client: Participant, sweep: Sweep) -> ProcessGenerator:
    while sweep.actions and not host.is_healing and client.is_editable and not client.has_left:
        yield host.clock.timeout(sweep.pause_us())
        client.act(sweep)


def absences_of(client: Participant) -> Holds[bool]:
    """What will keep a client offline; whether its person does not type meanwhile."""

    def go() -> None:
        client.go_offline("closed", silent=absences.values[-1])

    absences: Holds[bool] = Holds(go, client.go_online)
    return absences


def come_back(client: Participant) -> None:
    """Nothing keeps the client from being there any more."""
    client.deaths.clear()
    client.absences.clear()
    client.restart()
    client.go_online()


def follow_workload(host: SessionHost, client: Participant) -> ProcessGenerator:
    """The process of a client that follows the workload: it joins, edits or only reads, may leave."""
    plan = host.plan.sessions
    rng = host.seeds.stream("life", client.plan.site)
    start_us = int(rng.random() * plan.join_ramp_us)
    is_late, leaves, reads = rng.random() < plan.late_share, rng.random(), rng.random() < plan.idle_share
    if is_late:
        start_us += int(rng.random() * host.plan.duration_us / 2)
    elif leaves < plan.leave_share / max(1e-9, 1.0 - plan.late_share):
        leave_us = int((0.3 + 0.6 * rng.random()) * host.plan.duration_us)
        host.clock.call(leave_us, client.leave_when_durable)
    yield host.clock.timeout(start_us)
    client.go_online()
    author = client.author
    if author is None or reads:
        return
    while not host.is_healing and not client.has_left:
        yield host.clock.timeout(max(1, author.pause_us()))
        if not host.is_healing:
            client.act()


def follow_script(host: SessionHost, client: Participant) -> ProcessGenerator:
    """The process of a scripted client, which is away until the script says that it comes online."""
    absence = object()
    client.absences.take(absence, False)
    actions: dict[str, Callable[[], object]] = {
        "undo": lambda: client.perform(Undo()),
        "redo": lambda: client.perform(Redo()),
        "offline": lambda: client.absences.take(absence, False),
        "leave": client.leave_when_durable,
        "online": lambda: client.absences.let_go(absence),
        "crash": client.crash,
        "restart": client.restart,
        "resend": client.resend,
    }
    for step in client.plan.script or ():
        if step.at_us > host.clock.now_us:
            yield host.clock.timeout(step.at_us - host.clock.now_us)
        if step.do in actions:
            actions[step.do]()
        elif client.is_editable:
            if step.do == "edit":
                kind = cast(EditKind, step.kind)
                client.perform(Edit(kind, step.position, step.deleted, step.inserted))
            elif step.do == "select":
                client.perform(Move(step.position, step.position))
