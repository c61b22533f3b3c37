"""Several workers on one store in virtual time, with a bus between them that may lose everything."""

from __future__ import annotations

import msgspec
import pytest

from model import history
from model.identity import DocumentId, Revision
from model.marks import Mechanism, tallied
from reference_server.bus.hints import Hint
from reference_server.core.effects import Answer
from reference_server.follower import Follower
from simulator.failures.trial import attempt
from simulator.planning.plan import CellPlan, FaultWindow
from simulator.planning.scenario import BusSettings, ServerSettings
from simulator.virtual.cell import Cell, Parts
from tests.simulator.plans import (
    SECOND,
    STAYING,
    cell_of,
    edit,
    fault,
    of,
    plan,
    problems,
    script,
    scripted,
    step,
    unchecked,
)

TWO = ServerSettings(workers=2, snapshot_every_revisions=32)
DEAF = BusSettings(loss=1.0)


def two_workers(*faults: FaultWindow, bus: BusSettings = BusSettings(), **changes: object) -> CellPlan:  # noqa: B008
    return plan(*faults, server=TWO, bus=bus, **changes)  # type: ignore[arg-type]


class Blind(Follower):
    """Hears hints and never takes what a comparison finds."""

    def compared(self, document: DocumentId, head: Revision) -> None:
        """Look away."""


class Deaf(Follower):
    """Compares heads and never hears a hint."""

    def heard(self, hint: Hint) -> None:
        """Cover both ears."""


@pytest.mark.slow
def test_documents_are_the_same_at_both_workers_whatever_the_bus_does() -> None:
    bus = BusSettings(latency_us=1_000, jitter_us=50_000, loss=0.4, duplication=0.3)
    sessions = msgspec.structs.replace(STAYING, offline_mean_count=2.0, offline_mean_us=SECOND)
    with tallied() as tally:
        trial = attempt(two_workers(bus=bus, sessions=sessions, seconds=15), keep=True)
    assert not problems(trial)
    assert unchecked(trial) in ([], ["undo"])  # nobody undoes anything in a contended document
    for mechanism in (
        Mechanism.FOREIGN_REVISION,
        Mechanism.CONFLICT,
        Mechanism.FOUND_BY_COMPARING,
        Mechanism.OTHER_WORKER,
        Mechanism.WHISPER_EARLY,
    ):
        assert tally.get(mechanism), mechanism
    assert any(not record.received_us for record in of(history.Placed, trial))
    # Each revision went to the readers of both, of whom one had it from the other.
    told = [(r.document, r.revision, bool(r.received_us)) for r in of(history.Broadcast, trial)]
    assert {first for _, _, first in told} == {True, False}
    assert trial.digest == attempt(two_workers(bus=bus, sessions=sessions, seconds=15)).digest


def test_who_loses_patience_and_joins_at_the_other_worker_is_let_go_by_the_first() -> None:
    with tallied() as tally:
        trial = attempt(two_workers(fault("clog", 2, 5, share=0.9, impatient=1.0)))
    assert not problems(trial)
    assert tally[Mechanism.FENCED_ELSEWHERE]


def test_without_a_bus_the_comparison_of_heads_is_enough() -> None:
    with tallied() as tally:
        trial = attempt(two_workers(bus=DEAF))
    assert not problems(trial)
    assert tally[Mechanism.FOUND_BY_COMPARING] >= 5
    assert not tally.get(Mechanism.WHISPER_EARLY)


def test_with_a_bus_that_loses_nothing_hints_come_before_comparisons() -> None:
    with tallied() as tally:
        trial = attempt(two_workers(bus=BusSettings(latency_us=0, jitter_us=0)), Parts(follower=Blind))
    assert not problems(trial)
    assert not tally.get(Mechanism.FOUND_BY_COMPARING)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [1.0, 0.4])
def test_hints_that_are_lost_and_heads_that_are_not_compared_are_noticed(loss: float) -> None:
    seeds = range(1) if loss == 1.0 else range(7, 14)
    trials = [attempt(two_workers(bus=BusSettings(loss=loss), seed=s), Parts(follower=Blind)) for s in seeds]
    found = {r.name for trial in trials for r in trial.results if r.claimed and r.violated}
    assert "liveness" in found


def test_a_worker_that_is_deaf_is_slow_and_right() -> None:
    assert not problems(attempt(two_workers(), Parts(follower=Deaf)))


@pytest.mark.parametrize("kind", ["gateway_crash", "crash_before_ack", "gateway_pause", "rival_writer"])
def test_a_fault_of_one_worker_leaves_the_other_one_alone(kind: str) -> None:
    trial = attempt(two_workers(fault(kind, 3, 7)), keep=True)
    assert not problems(trial)
    (ended,) = of(history.FaultEnded, trial)
    assert ended.affected
    lost = [r for r in of(history.Disconnected, trial) if 3 * SECOND <= r.time_us < 7 * SECOND]
    assert len({record.site for record in lost}) < 12
    shown = [r for r in of(history.Broadcast, trial) if 3.5 * SECOND <= r.time_us < 6.5 * SECOND]
    assert shown  # somebody served all the time


def test_processes_die_in_turn_and_come_back_with_what_the_store_holds() -> None:
    deaths = [fault("gateway_crash", 2 + 2 * n, 3 + 2 * n, index=n) for n in range(3)]
    cell, keeper = cell_of(two_workers(*deaths))
    cell.run()
    assert [worker.crashes for worker in cell.workers] == [2, 1]
    assert cell.gateway_crashes == 3
    assert all(worker.gateway is not None for worker in cell.workers)
    ended = of(history.FinalReplica, keeper)
    assert len({(record.document, record.fingerprint) for record in ended}) == 2


def test_a_death_before_the_answer_is_that_of_the_worker_that_asked() -> None:
    for seed in range(4):  # clients come to either worker
        late = [script(edit(1.0, 0, "a")), script(edit(3.0, 0, "b"))]
        cell, _ = cell_of(scripted(*late, server=TWO, seed=seed))
        cell._start()
        cell.clock.run_until(2 * SECOND)
        author = cell.clients[1].link
        assert author is not None

        def die(answer: Answer, cell: Cell = cell) -> None:
            cell.storage.interceptions.let_go("fault")
            cell.crash_before_answer(answer, "fault")

        cell.storage.interceptions.take("fault", die)
        cell.clock.run_until(4 * SECOND)
        crashed = [worker for worker in cell.workers if worker.crashes]
        assert crashed == [author.server]


@pytest.mark.slow
def test_a_cursor_whose_owner_has_left_is_gone_at_the_other_worker_although_nobody_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hints that people left are lost; without an end to what is unheard, the check finds it."""
    writes = [edit(1.0 + n / 5, 0, "x") for n in range(8)]
    leaves = script(*writes, step(4.0, "leave"))
    stays = script(edit(2.0, 0, "b"), edit(3.0, 0, "c"))
    lossy = BusSettings(loss=0.5)
    plans = [scripted(leaves, leaves, stays, stays, server=TWO, bus=lossy, seed=s) for s in range(6)]
    with tallied() as counts:
        assert [problems(attempt(what)) for what in plans] == [[]] * len(plans)
    assert counts[Mechanism.CURSOR_UNHEARD_OF] > 0
    monkeypatch.setattr("reference_server.core.elsewhere.UNHEARD_US_MAX", 1 << 60)
    found = [problem for what in plans for problem in problems(attempt(what))]
    assert found
    assert all("although it is gone" in problem for problem in found)
