from __future__ import annotations

import io

import msgspec
import pytest

from model import history
from model.checkers import Judge
from model.history import Record
from simulator.failures.trial import Trial, attempt
from simulator.faults import fault_of
from simulator.planning.plan import CellPlan
from simulator.planning.scenario import ServerSettings
from simulator.virtual.cell import Cell
from simulator.virtual.people import people
from simulator.virtual.recorder import Recorder
from tests.simulator.plans import SECOND, STAYING, cell_of, edit, fault, of, plan, problems, script, scripted

RESTLESS = msgspec.structs.replace(
    STAYING, offline_mean_count=2.0, offline_mean_us=SECOND, crash_share=0.3, late_share=0.1, leave_share=0.1
)
FAULTS = (
    fault("partition_halves", 3, 6),
    fault("gateway_crash", 5, 6),
    fault("store_error", 6, 8, rate=0.4),
    fault("clog", 7, 9, share=0.4),
)


def eventful(seed: int = 3) -> CellPlan:
    return plan(*FAULTS, sessions=RESTLESS, clients=18, room=9, edits_per_second=2.0, seed=seed)


@pytest.fixture(scope="module")
def trial() -> Trial:
    return attempt(eventful(), keep=True)


@pytest.mark.slow
def test_an_eventful_cell_is_valid_and_everything_was_checked(trial: Trial) -> None:
    assert not problems(trial)
    assert [result.name for result in trial.results if not result.checked] == ["undo"]  # nobody undoes there


@pytest.mark.slow
def test_a_history_begins_with_the_documents_and_finishes(trial: Trial) -> None:
    first = trial.records[:2]
    assert [r.document for r in first if isinstance(r, history.DocumentCreated)] == ["d0", "d1"]
    assert isinstance(trial.records[-1], history.Finished)
    assert len(of(history.Finished, trial)) == 1


@pytest.mark.slow
def test_what_was_drawn_is_displayed_and_nothing_else(trial: Trial) -> None:
    assert {r.document for r in of(history.Displayed, trial)} == {"d0"}
    assert {r.document for r in of(history.Placed, trial)} == {"d0"}


# --- two phases -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_faults_and_edits_end_before_the_heal(trial: Trial) -> None:
    (healed,) = of(history.Healed, trial)
    assert (healed.time_us, healed.bound_us) == (10 * SECOND, eventful().network.rest_us)
    at = trial.records.index(healed)
    later = {type(record) for record in trial.records[at:]}
    assert not later & {history.Edited, history.FaultBegan, history.FaultEnded, history.Offline}
    assert len(of(history.FaultEnded, trial)) == len(FAULTS)


def test_a_fault_that_lasts_to_the_end_is_over_when_the_cell_heals() -> None:
    trial = attempt(plan(fault("gateway_crash", 8, 10)), keep=True)
    kinds = [type(r) for r in trial.records]
    assert kinds.index(history.FaultEnded) < kinds.index(history.Healed)


def test_everybody_who_stays_is_settled_in_the_end() -> None:
    cell, keeper = cell_of(eventful())
    cell.run()
    assert all(c.is_settled or c.has_left for c in cell.clients)
    assert sum(c.has_left for c in cell.clients) < 6
    heads = {r.document: r for r in of(history.FinalDocument, keeper)}
    for replica in of(history.FinalReplica, keeper):
        if replica.online:
            head = heads[replica.document]
            assert (replica.revision, replica.fingerprint) == (head.revision, head.fingerprint)


@pytest.mark.slow
def test_the_run_ends_as_soon_as_everything_has_converged(trial: Trial) -> None:
    assert 10 * SECOND < of(history.Finished, trial)[0].time_us < 20 * SECOND


def test_what_cannot_converge_ends_at_the_bound_and_is_a_violation() -> None:
    cell, keeper = cell_of(scripted(script(edit(1, 0, "x")), script()))
    cell.storage.stalls.take("for good", None)
    cell.run()
    assert of(history.Finished, keeper)[0].time_us == 20 * SECOND
    assert not any(c.is_settled for c in cell.clients)
    # The same by a plan: a fault that outlasts the run and its bound.
    endless = plan(fault("store_stall", 3, 100))
    assert attempt(endless).violated("liveness")
    assert attempt(endless).violated("quiescence")


# --- the order of records ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_causes_are_recorded_before_their_effects(trial: Trial) -> None:
    edited: set[tuple[str, int]] = set()
    stored: dict[tuple[str, int], history.Stored] = {}
    broadcast: set[tuple[str, int]] = set()
    for record in trial.records:
        match record:
            case history.Edited():
                edited.add((record.site, record.sequence))
            case history.Sent():
                assert all((record.site, n) in edited for n in range(record.first, record.last + 1))
            case history.Stored():
                assert (record.site, record.last) in edited
                stored[record.document, record.revision] = record
            case history.Broadcast():
                assert (record.document, record.revision) in stored
                broadcast.add((record.document, record.revision))
            case history.Acknowledged():
                row = stored[record.document, record.revision]
                assert (row.site, row.first, row.last) == (record.site, record.first, record.last)
            case history.Delivered() | history.Merged():
                assert (record.document, record.revision) in stored
            case _:
                pass
    assert broadcast
    assert len(stored) > 100


@pytest.mark.slow
def test_what_a_client_does_is_recorded_in_time_order(trial: Trial) -> None:
    # The server's records carry the time at which its process gets to them, which may be a little later.
    own = (history.Broadcast, history.Placed, history.Header)
    times = [record.time_us for record in trial.records if not isinstance(record, own)]
    assert times == sorted(times)


# --- equal runs -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_equal_plans_have_equal_digests_and_other_seeds_other_ones(trial: Trial) -> None:
    assert attempt(eventful()).digest == trial.digest
    assert attempt(eventful(seed=4)).digest != trial.digest


@pytest.mark.slow
def test_looking_on_changes_nothing(trial: Trial) -> None:
    file = io.BytesIO()
    ticks: list[int] = []
    ticking = iter(range(0, 1 << 40, 1_000))
    cell = Cell(
        eventful(),
        Recorder(Judge([]), file),
        people,
        fault_of=fault_of,
        cpu_ns=lambda: next(ticking),
        progress=ticks.append,
    )
    assert cell.run() == trial.digest
    assert ticks == sorted(ticks)
    assert ticks[-1] == of(history.Finished, trial)[0].time_us
    # One sample for each operation that was handed out, and none for anything else.
    told = [r for r in of(history.Broadcast, trial) if r.received_us]
    assert cell.transform.count == len(told)
    assert cell.transform.minimum >= 1


@pytest.mark.parametrize("every_us", [70_000, 10 * SECOND])
@pytest.mark.slow
def test_how_often_progress_is_told_changes_nothing(monkeypatch: pytest.MonkeyPatch, every_us: int) -> None:
    """What is held is looked at now and then, and the most that was seen is in the history."""
    busy = plan(fault("store_stall", 2.5, 3.5), clients=6, seconds=4, edits_per_second=5.0)
    often = attempt(busy, keep=True)
    assert any(record.amount for record in of(history.Held, often) if record.what == "waiting operations")
    monkeypatch.setattr("simulator.virtual.simulation.PROGRESS_EVERY_US", every_us)
    assert attempt(busy).digest == often.digest


def test_one_more_document_leaves_what_happens_in_the_others_as_it_was() -> None:
    def edits(clients: int) -> list[Record]:
        trial = attempt(plan(clients=clients, edits_per_second=0.5), keep=True)
        return [
            msgspec.structs.replace(r, revision=0)
            for r in of(history.Edited, trial)
            if r.document == "d0" and r.time_us < 3 * SECOND
        ]

    assert edits(12)
    assert [(r.time_us, r.site) for r in edits(12) if isinstance(r, history.Edited)] == [
        (r.time_us, r.site) for r in edits(6) if isinstance(r, history.Edited)
    ]


# --- the gateway's host -----------------------------------------------------------------------------------


def test_a_new_gateway_knows_only_what_the_store_holds() -> None:
    what = scripted(
        script(edit(1, 0, "durable")),
        script(edit(1.5, 0, "x")),
        faults=(fault("store_stall", 1.2, 1.9), fault("gateway_crash", 1.6, 2, index=1)),
    )
    cell, keeper = cell_of(what)
    cell.run()
    assert cell.gateway_crashes == 1
    (end,) = of(history.FinalDocument, keeper)
    assert end.fingerprint == history.fingerprint("xdurable")
    assert {r.cause for r in of(history.Disconnected, keeper)} == {"1006"}


def test_service_takes_time_for_every_recipient() -> None:
    def visible_us(service_per_recipient_us: int) -> int:
        slow = ServerSettings(service_per_recipient_us=service_per_recipient_us, commit_jitter_us=0)
        trial = attempt(scripted(script(edit(1, 0, "x")), script(), script(), server=slow), keep=True)
        return max(r.time_us for r in of(history.Delivered, trial))

    # Both readers wait until the one process has written to both; the acknowledgement goes along.
    assert visible_us(10_000) - visible_us(0) == 30_000


def test_a_cell_without_a_file_keeps_no_history() -> None:
    cell = Cell(plan(), Recorder(Judge([]), None), people, fault_of=fault_of)
    assert cell.run() == ""
