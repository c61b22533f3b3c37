"""The processes of a client: how it lives, comes and goes by itself, or follows a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simpy.events import ProcessGenerator

if TYPE_CHECKING:
    from simulator.cell import Cell
    from simulator.client import Client


def come_and_go(cell: Cell, client: Client) -> ProcessGenerator:
    """The process of one client's absences; each begins at an exponential time after the last."""
    plan = cell.plan.sessions
    if plan.offline_mean_count <= 0:
        return
    rng = cell.seeds.stream("session", client.plan.site)
    # Absences take time from the run, so the mean time between two of them is what is left.
    present_us = cell.plan.duration_us - plan.join_ramp_us
    between_us = max(1_000_000.0, present_us / plan.offline_mean_count - plan.offline_mean_us)
    yield cell.clock.timeout(int(plan.join_ramp_us * 2))
    while True:
        yield cell.clock.timeout(int(rng.expovariate(1 / between_us)))
        away_us = int(rng.expovariate(1 / plan.offline_mean_us)) + 500_000
        if cell.is_healing or cell.now + away_us >= cell.plan.duration_us:
            return
        if not client.wants_connection:
            continue  # not there yet, or away for another reason
        if rng.random() < plan.crash_share:
            client.crash()
        else:
            client.go_offline("closed", silent=rng.random() >= plan.offline_editing_share)
        yield cell.clock.timeout(away_us)
        client.restart()
        client.go_online()


def live(cell: Cell, client: Client) -> ProcessGenerator:
    """The process of a client that follows the workload: it joins, edits or only reads, may leave."""
    plan = cell.plan.sessions
    rng = cell.seeds.stream("life", client.plan.site)
    start_us = int(rng.random() * plan.join_ramp_us)
    is_late, leaves, reads = rng.random() < plan.late_share, rng.random(), rng.random() < plan.idle_share
    if is_late:
        start_us += int(rng.random() * cell.plan.duration_us / 2)
    elif leaves < plan.leave_share / max(1e-9, 1.0 - plan.late_share):
        leave_us = int((0.3 + 0.6 * rng.random()) * cell.plan.duration_us)
        cell.clock.call(leave_us, client.leave)
    yield cell.clock.timeout(start_us)
    client.go_online()
    author = client.author
    if author is None or reads:
        return
    while not cell.is_healing and not client.has_left:
        yield cell.clock.timeout(max(1, author.pause_us()))
        if not cell.is_healing:
            client.act()


def follow_script(cell: Cell, client: Client) -> ProcessGenerator:
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
        if step.at_us > cell.clock.now_us:
            yield cell.clock.timeout(step.at_us - cell.clock.now_us)
        if step.do in actions:
            actions[step.do]()
        elif client.replica.revision is not None and not client.is_down:
            if step.do == "edit":
                client.edit(step.kind, step.position, step.deleted, step.inserted)
            elif step.do == "select":
                client.select((step.position, step.position))
