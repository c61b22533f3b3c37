from __future__ import annotations

from typing import Any

import msgspec
import pytest

from model import history
from model.identity import SiteId
from model.marks import Mechanism, tallied
from reference_server.core.effects import Role
from simulator.failures.trial import Trial, attempt
from simulator.faults import FAULTS, fault_of
from simulator.faults.store import RIVAL
from simulator.planning.faultspec import BUS_DEATH, FAULT_KINDS, KINDS_WITH_SERVER
from simulator.planning.plan import CellPlan, FaultWindow
from simulator.planning.scenario import ServerSettings
from tests.simulator.plans import SECOND, STAYING, cell_of, fault, of, plan, problems, unchecked

STRONG: dict[str, dict[str, Any]] = {
    "partition_halves": {"share": 0.5},
    "partition_clients": {"share": 0.5},
    "partition_one_way": {"share": 0.5},
    "flapping": {"share": 0.5, "period_us": 500_000},
    "clog": {"share": 0.5},
    "store_error": {"rate": 0.5},
    "long_offline": {"share": 0.5},
    "slow_reader": {"share": 0.5},
    "duplicate_resend": {"share": 0.8, "period_us": 20_000},
    "clock_skew": {"share": 0.5},
    "client_crash": {"share": 0.5},
    "right_loss": {"share": 0.5},
    "sign_out": {"share": 0.5},
    "token_outage": {"share": 0.5},
}
"""Parameters under which a fault must hit a dozen clients."""

EXPIRING = ServerSettings(token_lifetime_us=3_000_000)
SHARED = ServerSettings(token_lifetime_us=3_000_000, workers=2)


def hits(trial: Trial) -> dict[str, int]:
    """How much each fault hit."""
    return {record.name: record.affected for record in of(history.FaultEnded, trial)}


def test_every_kind_of_a_scenario_has_its_fault() -> None:
    assert sorted(FAULTS) == sorted(KINDS_WITH_SERVER)
    assert all(fault_of(kind).kind == kind for kind in KINDS_WITH_SERVER)
    with pytest.raises(ValueError, match="unknown fault 'earthquake'; known are bus_death, "):
        fault_of("earthquake")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS_WITH_SERVER)
def test_a_fault_hits_something_and_the_cell_heals(kind: str) -> None:
    server = SHARED if kind == BUS_DEATH else EXPIRING
    trial = attempt(plan(fault(kind, 3, 7, **STRONG.get(kind, {})), server=server), keep=True)
    assert hits(trial)[kind] > 0
    assert not problems(trial)
    assert set(unchecked(trial)) <= {"undo"}  # so few people may all have had nothing to take back
    (began,) = of(history.FaultBegan, trial)
    assert (began.time_us, began.name) == (3_000_000, kind)


def test_a_rival_writes_in_documents_of_unique_characters_if_there_are_no_others() -> None:
    contended = attempt(plan(fault("rival_writer", 3, 7), clients=6), keep=True)
    assert hits(contended)["rival_writer"] > 0
    assert not problems(contended)
    rivals = [record for record in of(history.Stored, contended) if record.site == RIVAL]
    assert rivals
    assert all(type(c) is int for record in rivals for c in record.operation.components)
    both = attempt(plan(fault("rival_writer", 3, 7)), keep=True)
    assert {record.document for record in of(history.Stored, both) if record.site == RIVAL} == {"d1"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS_WITH_SERVER)
def test_a_fault_that_lasts_to_the_end_heals_too(kind: str) -> None:
    trial = attempt(plan(fault(kind, 7, 10, **STRONG.get(kind, {})), seed=2), keep=True)
    assert not problems(trial)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [k for k in KINDS_WITH_SERVER if "share" in FAULT_KINDS[k].parameters])
def test_a_fault_that_hits_nobody_does_not_claim_the_hits_of_another(kind: str) -> None:
    others = (fault("partition_region", 3, 6), fault("herd", 7, 8))
    trial = attempt(plan(fault(kind, 2, 9, sites=()), *others), keep=True)
    found = [r.affected for r in of(history.FaultEnded, trial) if r.name == kind]
    assert 0 in found
    assert hits(trial)["partition_region"] > 0


def pairs() -> list[tuple[FaultWindow, ...]]:
    """Faults that meddle with each other: what was clogged or cut off when the server went away."""
    clog = fault("clog", 3, 6, share=0.6, impatient=0.3)
    cut = fault("partition_halves", 3, 4)  # shorter than anybody's patience
    slow = fault("slow_reader", 3, 7, share=0.5)
    crash = fault("gateway_crash", 3.5, 3.8)
    return [
        (clog, crash),
        (cut, crash),
        (slow, crash),
        (clog, slow),
        (clog, fault("store_error", 3, 6, rate=0.95)),
        (clog, fault("crash_before_ack", 4, 5, restart_us=300_000)),
        (fault("store_stall", 3, 5), crash),
        (fault("store_stall", 3, 5), fault("store_error", 3, 6, rate=0.5)),
        (fault("store_stall", 3, 6), fault("store_stall", 4, 5)),
        (fault("rival_writer", 3, 7), fault("store_error", 3, 7, rate=0.5)),
        (fault("client_crash", 3, 5, share=0.5), fault("herd", 4, 6)),
        (fault("partition_one_way", 3, 5, share=0.5), fault("partition_region", 4, 6)),
        (fault("flapping", 3, 7, share=0.5, period_us=300_000), fault("clog", 4, 6, share=0.5)),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("windows", pairs(), ids=lambda windows: "+".join(w.kind for w in windows))
def test_two_faults_at_once_heal(windows: tuple[FaultWindow, ...]) -> None:
    for seed in range(3):
        assert not problems(attempt(plan(*windows, seed=seed, edits_per_second=2.0)))


@pytest.mark.slow
def test_all_at_once() -> None:
    windows = [
        fault(kind, 2 + n / 4, 5 + n / 4, **STRONG.get(kind, {})) for n, kind in enumerate(KINDS_WITH_SERVER)
    ]
    trial = attempt(plan(*windows, clients=24, room=8, seconds=12, edits_per_second=2.0), keep=True)
    assert not problems(trial)
    assert len(hits(trial)) == len(KINDS_WITH_SERVER)


# --- what each one is -------------------------------------------------------------------------------------


def test_a_region_is_cut_off_as_a_whole_and_no_other_one() -> None:
    trial = attempt(plan(fault("partition_region", 3, 8, region="far")), keep=True)
    broken = {r.site for r in of(history.Disconnected, trial) if r.cause == "1006"}
    assert broken == {f"c{n:03d}" for n in range(1, 12, 2)}


@pytest.mark.slow
def test_a_rival_makes_appends_conflict_and_is_read_by_everybody() -> None:
    for seed in range(6):  # in some of them nobody edits after the rival's last write
        what = plan(fault("rival_writer", 3, 9.9, period_us=50_000), seed=seed, edits_per_second=0.3)
        trial = attempt(what, keep=True)
        assert not problems(trial)
        assert any(r.site == "rest" for r in of(history.Stored, trial))


def test_a_rival_leaves_documents_of_unique_characters_alone() -> None:
    trial = attempt(plan(fault("rival_writer", 3, 7)), keep=True)
    assert {r.document for r in of(history.Stored, trial) if r.site == "rest"} == {"d1"}


def test_a_crash_before_the_acknowledgement_leaves_durable_edits_unacknowledged() -> None:
    what = plan(fault("crash_before_ack", 3, 6), edits_per_second=3.0)
    cell, keeper = cell_of(what)
    cell.run()
    assert cell.gateway_crashes == 1
    crash = next(i for i, r in enumerate(keeper.records) if isinstance(r, history.Disconnected))
    durable = {(r.document, r.revision) for r in keeper.records[:crash] if isinstance(r, history.Stored)}
    told = {(r.document, r.revision) for r in keeper.records[:crash] if isinstance(r, history.Broadcast)}
    assert durable - told


def test_a_token_of_a_wrong_clock_is_refused_until_the_clock_is_right() -> None:
    site = SiteId("c001")
    window = fault("clock_skew", 3, 7, sites=(site,), skew_us=3_600_000_000)
    trial = attempt(plan(window, server=EXPIRING), keep=True)
    assert not problems(trial)
    refused = [r for r in of(history.Disconnected, trial) if r.cause == "4401"]
    assert {r.site for r in refused} == {site}
    assert all(3_000_000 < r.time_us < 7_100_000 for r in refused)
    assert [r.how for r in within(history.Joined, trial, 7, 12) if r.site == site]


def test_tokens_of_right_clocks_are_renewed_and_nobody_is_sent_away() -> None:
    trial = attempt(plan(server=EXPIRING), keep=True)
    assert not problems(trial)
    assert not of(history.Disconnected, trial)


def test_a_clock_is_wrong_by_what_the_history_says() -> None:
    trial = attempt(plan(fault("clock_skew", 3, 7, share=0.5)), keep=True)
    wrong = {r.site for r in of(history.Edited, trial) if r.client_us != r.time_us}
    assert 2 <= len(wrong) <= 10
    for record in of(history.Edited, trial):
        if not 3_000_000 <= record.time_us < 7_000_000:
            assert record.client_us == record.time_us
        assert abs(record.client_us - record.time_us) <= 3_600_000_000


@pytest.mark.slow
def test_a_slow_reader_is_closed_when_its_queue_is_full() -> None:
    what = plan(
        fault("slow_reader", 3, 7, share=0.5, bytes_per_second=50),
        edits_per_second=4.0,
        server=ServerSettings(outbox_bytes_max=2_000),
    )
    trial = attempt(what, keep=True)
    assert any(r.cause == "1013" for r in of(history.Disconnected, trial))
    assert not problems(trial)


def test_long_absences_end_in_branches() -> None:
    trial = attempt(plan(fault("long_offline", 2, 9, share=0.5), seconds=12), keep=True)
    assert any(r.how == "branch" for r in of(history.Joined, trial))
    assert of(history.Merged, trial)


def test_a_herd_is_everybody() -> None:
    trial = attempt(plan(fault("herd", 4, 6)), keep=True)
    assert {r.site for r in of(history.Offline, trial) if r.time_us == 4_000_000} == {
        f"c{n:03d}" for n in range(12)
    }
    assert len([r for r in of(history.Online, trial) if r.time_us == 6_000_000]) == 12


def test_impatient_clients_of_a_clog_leave_late_operations_of_dead_connections() -> None:
    what = plan(fault("clog", 3, 7, share=0.8, impatient=1.0), edits_per_second=2.0)
    cell, keeper = cell_of(what)
    cell.run()
    assert any(r.cause == "impatient" for r in of(history.Disconnected, keeper))
    # Both ends of every old connection found out in the end.
    assert sum(len(c.path.connections) for c in cell.clients) == len(cell.clients)
    assert len(cell.workers[0].connections) == len(cell.clients)


# --- repeating one ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_a_fault_realised_names_whom_it_hit() -> None:
    trial = attempt(plan(fault("partition_clients", 3, 6, share=0.4)), keep=True)
    (window,) = trial.realised
    assert window.sites is not None
    assert 0 < len(window.sites) < 12
    repeated = with_faults(plan(), (window,))
    again = attempt(repeated, keep=True)
    assert again.realised == (window,)
    assert {r.site for r in of(history.Disconnected, again)} <= set(window.sites)


def test_named_clients_are_hit_and_nobody_else() -> None:
    sites = (SiteId("c001"), SiteId("c004"))
    trial = attempt(plan(fault("client_crash", 3, 5, sites=sites)), keep=True)
    assert {r.site for r in of(history.Restarted, trial)} == set(sites)


def with_faults(what: CellPlan, windows: tuple[FaultWindow, ...]) -> CellPlan:
    return msgspec.structs.replace(what, faults=windows, sessions=STAYING)


def test_a_share_of_few_is_somebody() -> None:
    trial = attempt(plan(fault("client_crash", 3, 5, share=0.001), clients=6), keep=True)
    assert len(of(history.Restarted, trial)) == 1
    assert hits(trial) == {"client_crash": 1}


@pytest.mark.parametrize("persistent", [False, True])
def test_a_fault_that_hit_nothing_is_made_again_if_it_is_to_be(persistent: bool) -> None:
    away = fault("herd", 1, 4)  # nobody is there for the first three attempts
    crash = msgspec.structs.replace(fault("gateway_crash", 1.5, 2, index=1), persistent=persistent)
    trial = attempt(plan(away, crash), keep=True)
    ended = [r for r in of(history.FaultEnded, trial) if r.name == "gateway_crash"]
    assert [r.affected for r in ended] == ([0, 0, 0, 0] if persistent else [0])
    crash = msgspec.structs.replace(crash, begin_us=3 * SECOND, end_us=int(3.5 * SECOND))
    trial = attempt(plan(away, crash), keep=True)
    ended = [r for r in of(history.FaultEnded, trial) if r.name == "gateway_crash"]
    assert [r.affected > 0 for r in ended] == ([False, False, True] if persistent else [False])
    realised = [window for window in trial.realised if window.kind == "gateway_crash"]
    assert [window.end_us for window in realised] == [r.time_us for r in ended]
    assert not any(window.persistent for window in realised)
    assert len({window.index for window in realised}) == len(realised)


# --- pauses -----------------------------------------------------------------------------------------------


def within(kind: type[Any], trial: Trial, begin_s: float, end_s: float) -> list[Any]:
    return [r for r in of(kind, trial) if begin_s * 1_000_000 < r.time_us < end_s * 1_000_000]


@pytest.mark.slow
def test_a_gateway_that_is_stopped_says_nothing_and_goes_on_where_it_was() -> None:
    trial = attempt(plan(fault("gateway_pause", 3, 3.9), edits_per_second=3.0), keep=True)
    assert not problems(trial)
    assert within(history.Edited, trial, 3.2, 3.9)
    assert not within(history.Broadcast, trial, 3.0, 3.9)
    assert not within(history.Delivered, trial, 3.2, 3.9)  # what was under way has arrived by then
    assert within(history.Broadcast, trial, 3.8999, 4.0)
    assert not of(history.Disconnected, trial)  # it was shorter than anybody's patience


def test_a_gateway_that_is_stopped_for_long_is_given_up_and_finds_its_clients_gone() -> None:
    trial = attempt(plan(fault("gateway_pause", 2, 7)), keep=True)
    assert not problems(trial)
    assert len({r.site for r in within(history.Disconnected, trial, 2, 7) if r.cause == "1006"}) == 12
    assert len({r.site for r in within(history.Joined, trial, 7, 12)}) == 12


def test_a_gateway_may_be_killed_while_it_is_stopped() -> None:
    trial = attempt(plan(fault("gateway_pause", 3, 6), fault("gateway_crash", 4, 5)), keep=True)
    assert not problems(trial)
    assert within(history.Joined, trial, 5, 10)


@pytest.mark.slow
def test_a_client_that_is_stopped_does_nothing_and_then_takes_what_waited() -> None:
    site = SiteId("c001")
    trial = attempt(plan(fault("client_pause", 3, 4.2, sites=(site,)), edits_per_second=3.0), keep=True)
    assert not problems(trial)
    kinds = (history.Edited, history.Delivered, history.Acknowledged)
    assert not [r for kind in kinds for r in within(kind, trial, 3.0, 4.1999) if r.site == site]
    waited = [r for r in of(history.Delivered, trial) if r.site == site and r.time_us == 4_200_000]
    assert len(waited) > 3
    assert not [r for r in of(history.Disconnected, trial) if r.site == site]


def test_a_client_that_is_stopped_for_long_finds_itself_sent_away() -> None:
    site = SiteId("c001")
    trial = attempt(plan(fault("client_pause", 2, 8, sites=(site,))), keep=True)
    assert not problems(trial)
    gone = [r for r in of(history.Disconnected, trial) if r.site == site]
    assert gone
    assert all(r.time_us >= 8_000_000 for r in gone)
    assert [r.how for r in within(history.Joined, trial, 8, 14) if r.site == site]


def test_a_stopped_client_may_be_killed_and_its_laptop_closed() -> None:
    pause = fault("client_pause", 3, 7, share=1.0)
    for other in (fault("client_crash", 4, 6, share=1.0), fault("herd", 4, 6)):
        assert not problems(attempt(plan(pause, other)))


@pytest.mark.parametrize("how", ["opened", "in vain"])
def test_an_attempt_to_connect_that_ends_while_the_client_is_stopped_and_killed_is_over(how: str) -> None:
    site = SiteId("c001")
    gone, cut = fault("herd", 2, 3), fault("partition_clients", 2.5, 5, sites=(site,))
    pause, crash = fault("client_pause", 3.01, 7, sites=(site,)), fault("client_crash", 5.5, 6, sites=(site,))
    windows = (gone, pause, crash) if how == "opened" else (gone, cut, pause, crash)
    trial = attempt(plan(*windows), keep=True)
    assert not problems(trial)
    assert [r.how for r in within(history.Joined, trial, 6, 10) if r.site == site]


# --- rights -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("role", [None, Role.VIEWER])
def test_what_is_written_without_the_right_waits_until_it_is_back(
    role: Role | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = SiteId("c001")
    monkeypatch.setattr("simulator.faults.rights.LESSENED", (role,))
    with tallied() as reached:
        trial = attempt(plan(fault("right_loss", 3, 7, sites=(site,)), edits_per_second=3.0), keep=True)
    assert not problems(trial)
    assert reached[Mechanism.RIGHT_LOST if role is None else Mechanism.RIGHT_LESSENED] == 1
    assert reached[Mechanism.GAVE_UP_WITH_EDITS] > 0
    mine = [r for r in of(history.Edited, trial) if r.site == site]
    stored = [r for r in of(history.Stored, trial) if r.site == site]
    assert not [r for r in stored if 3.1 * SECOND < r.time_us < 7 * SECOND]
    assert [r for r in mine if 3.5 * SECOND < r.time_us < 7 * SECOND]
    assert max(r.last for r in stored) == max(r.sequence for r in mine)
