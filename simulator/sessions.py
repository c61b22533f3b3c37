"""How clients come and go by themselves: closed laptops, tunnels, crashes; every one draws its own times."""

from __future__ import annotations

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
