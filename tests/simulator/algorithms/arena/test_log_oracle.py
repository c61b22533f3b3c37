"""OT against a CRDT on what the real server wrote: every revision, and every branch that was merged."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given

from model.text import Operation
from reference_server.core.document import Document
from simulator.algorithms.arena.engines.server import BranchDocument, ServerEngine
from simulator.algorithms.arena.play import perform
from simulator.algorithms.arena.random_schedule import random_schedule
from simulator.algorithms.arena.schedule import Schedule
from simulator.planning.scenario import load_scenario
from tests.reference_server.exchange import DOCUMENT
from tests.reference_server.system import SITES, System
from tests.simulator.algorithms.arena.log_oracle import check_trunk
from tests.simulator.algorithms.arena.strategies import schedules


def log_of(schedule: Schedule, document: type[Document] = BranchDocument) -> ServerEngine:
    engine = ServerEngine(schedule.agents, schedule.text, has_absences=True, document=document)
    perform(schedule, engine)
    return engine


@pytest.mark.slow
@given(schedules(steps_min=15, steps_max=40))
def test_every_absence_a_branch(schedule: Schedule) -> None:
    check_trunk(schedule.text, log_of(schedule).rows)


@pytest.mark.slow
@given(schedules(steps_min=15, steps_max=40))
def test_blips_and_branches(schedule: Schedule) -> None:
    check_trunk(schedule.text, log_of(schedule, Document).rows)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_people_who_come_and_go(seed: int) -> None:
    scenario = load_scenario("long-offline")
    schedule = random_schedule(scenario, seed, agents=5, edits=80, kind="contention")
    assert check_trunk(schedule.text, log_of(schedule).rows)["branches over others' revisions"] >= 4


def walked(seed: int, steps: int) -> Counter[str]:
    """A log written through lost connections, resends, rival workers and restarts."""
    draw = random.Random(seed)
    system = System()
    for _ in range(steps):
        who = draw.randrange(len(SITES))
        match draw.choices(
            ("edit", "move", "away", "drop", "rival", "lose", "restart"), (8, 16, 1, 1, 1, 1, 1)
        )[0]:
            case "edit":
                system.edit(who, draw.randrange(8), draw.randrange(3), draw.randrange(1, 3))
            case "move":
                system.connect(who)
                system.up(who)
                system.commit()
                system.down(who)
            case "away":
                system.work_offline(who, draw.randrange(8))
            case "drop":
                system.drop(who, noticed=draw.random() < 0.5)
            case "rival":
                system.rival(draw.randrange(8))
            case "lose":
                system.lose(applied=draw.random() < 0.5)
            case _:
                system.restart(who)
    system.heal_and_check()
    return check_trunk("hello", system.exchange.store.durable(DOCUMENT).rows)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_log_written_under_faults(seed: int) -> None:
    seen = walked(seed, 300)
    assert seen["branches over others' revisions"] > 0
    assert seen["revisions"] > 3 * seen["branches"]


def test_a_branch_merged_in_another_order_is_found() -> None:
    """The oracle must object to a log whose branch stands on the wrong side of a tie."""
    schedule = Schedule("hand", ("A", "B"), "o!", ())  # type: ignore[arg-type]
    engine = log_of(schedule)
    engine.offline(schedule.agents[0])
    engine.edit(schedule.agents[0], Operation(2, (1, "ab")))
    engine.edit(schedule.agents[1], Operation(2, (1, "xy")))
    for agent in reversed(schedule.agents):
        engine.online(agent)
        engine.exchange(agent)
    assert check_trunk("o!", engine.rows)["branches over others' revisions"] == 1
    first, branch = engine.rows
    assert branch.operation == Operation(4, (1, "ab"))
    wrong = branch._replace(operation=Operation(4, (3, "ab")))
    with pytest.raises(AssertionError, match="the branch of revision 2"):
        check_trunk("o!", [first, wrong])
