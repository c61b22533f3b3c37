from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from model import history
from model.identity import SiteId
from model.jupiter import Replica
from model.protocol import ClientMessage, Committed, ServerMessage
from simulator.failures.trial import Keeper, attempt
from simulator.planning.plan import CellPlan
from simulator.planning.scenario import ServerSettings, Sessions
from simulator.virtual.cell import Cell, Parts
from simulator.virtual.client import SimulatedClient
from tests.numbers import rev
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
)


def text_of(keeper: Keeper, cell: Cell) -> str:
    """The durable text of the one document; every replica shows it."""
    (end,) = of(history.FinalDocument, keeper)
    for replica in of(history.FinalReplica, keeper):
        assert (replica.fingerprint, replica.unacknowledged) == (end.fingerprint, 0)
    return cell.storage.store.durable(end.document).read_text()


# --- scripts ----------------------------------------------------------------------------------------------


def test_a_script_is_followed_in_time_and_clamped_to_the_text() -> None:
    cell, keeper = cell_of(
        scripted(
            script(
                edit(1, 0, "hello"),
                edit(2, 99, "!"),
                edit(2, 5, deleted=99),
                edit(2.5, 7, deleted=3),  # there is nothing left to delete
                step(3, "undo"),
                step(3.1, "undo"),
                step(3.2, "redo"),
                edit(4, 0, "J", deleted=1),
            )
        )
    )
    cell.run()
    edits = of(history.Edited, keeper)
    assert [(e.time_us / SECOND, e.sequence, e.kind) for e in edits] == [
        (1, 1, "type"),
        (2, 2, "type"),
        (2, 3, "type"),
        (3, 4, "undo"),
        (3.1, 5, "undo"),
        (3.2, 6, "redo"),
        (4, 7, "type"),
    ]
    assert text_of(keeper, cell) == "Jello!"


def test_nobody_edits_a_document_before_seeing_it() -> None:
    trial = attempt(scripted((edit(0.5, 0, "x"), step(1, "online"), edit(1.01, 0, "y"))), keep=True)
    assert not of(history.Edited, trial)


def test_a_selection_is_told_to_the_others() -> None:
    select = msgspec.structs.replace(step(2, "select"), position=3)
    trial = attempt(scripted(script(select), script(), text="hello"), keep=True)
    seen = [(r.site, r.peer, r.position) for r in of(history.Seen, trial) if r.fresh]
    assert ("b", "a", 3) in seen


# --- crashes ----------------------------------------------------------------------------------------------


def test_a_crashed_client_restarts_with_its_pending_edits() -> None:
    cell, keeper = cell_of(
        scripted(
            script(
                edit(1, 0, "online "),
                step(1.5, "offline"),
                edit(2, 7, "off"),
                edit(2.1, 10, "line"),
                step(2.5, "crash"),
                edit(2.6, 0, "nobody types this"),
                step(3, "restart"),
                edit(3.01, 14, "."),  # before it is connected again
            ),
            script(edit(2.2, 7, "[b]")),
        )
    )
    cell.run()
    (restarted,) = of(history.Restarted, keeper)
    assert (restarted.revision, restarted.last) == (1, 3)
    assert text_of(keeper, cell) in ("online offline.[b]", "online [b]offline.")
    assert cell.storage.store.durable(cell.plan.documents[0].document).progress[SiteId("a")].last == 4


def test_a_crash_with_an_edit_on_its_way_neither_loses_nor_repeats_it() -> None:
    for ms in range(0, 60, 5):  # before, during and after the round trip
        crash_s = 1 + ms / 1_000
        what = scripted(script(edit(1, 0, "x"), step(crash_s, "crash"), step(2, "restart")), text="abc")
        cell, keeper = cell_of(what)
        cell.run()
        assert text_of(keeper, cell) == "xabc"


def test_crashing_twice_is_crashing_once() -> None:
    what = scripted(script(step(1, "crash"), step(1.5, "crash"), step(2, "restart"), step(2.5, "restart")))
    trial = attempt(what, keep=True)
    assert len(of(history.Offline, trial)) == len(of(history.Restarted, trial)) == 1


def test_a_client_that_is_down_comes_back_with_the_heal() -> None:
    trial = attempt(scripted(script(edit(1, 0, "x"), step(1.01, "crash")), script()), keep=True)
    (restarted,) = of(history.Restarted, trial)
    assert restarted.time_us == 5 * SECOND
    assert not problems(trial)


# --- beyond the horizon -----------------------------------------------------------------------------------


def stranded() -> CellPlan:
    writer = script(*(edit(1 + n / 20, 0, "w") for n in range(60)))
    absent = script(
        edit(0.6, 0, "kept"), step(0.9, "offline"), edit(1, 0, "lost"), edit(1, 0, "too"), step(4.5, "online")
    )
    small = ServerSettings(snapshot_every_revisions=4, offline_horizon_revisions=8, commit_jitter_us=0)
    return scripted(absent, writer, seconds=7, server=small)


def test_a_stranded_client_goes_on_under_a_new_identity() -> None:
    cell, keeper = cell_of(stranded())
    cell.run()
    (record,) = of(history.Stranded, keeper)
    assert (record.site, record.acknowledged, record.last) == ("a", 1, 3)
    assert cell.clients[0].site == "a.1"
    assert cell.clients[0].plan.site == "a"
    assert {r.site for r in of(history.FinalReplica, keeper)} == {"a.1", "b"}
    assert text_of(keeper, cell) == 60 * "w" + "kept"


def test_a_stranded_client_wants_to_be_connected_as_its_new_identity_and_not_as_the_old_one() -> None:
    trial = attempt(stranded(), keep=True)
    changes = [f"{type(r).__name__} {r.site}" for r in of(history.Online, trial) + of(history.Offline, trial)]
    assert changes.count("Online a.1") == changes.count("Offline a.1") + 1 == 1
    assert changes.count("Online a") == changes.count("Offline a") == 2


def test_what_a_stranded_client_did_stays_unacknowledged_and_is_no_violation() -> None:
    trial = attempt(stranded(), keep=True)
    assert [(r.first, r.last) for r in of(history.Acknowledged, trial) if r.site == "a"] == [(1, 1)]
    assert [(r.first, r.last) for r in of(history.Stored, trial) if r.site == "a"] == [(1, 1)]
    assert not problems(trial)


# --- backpressure -----------------------------------------------------------------------------------------


def test_busy_is_answered_by_sending_the_same_again() -> None:
    crowd = [(step(n * 0.8, "online"), edit(5, 0, letter)) for n, letter in enumerate("pqrstu")]
    slow = ServerSettings(commit_us=300_000, commit_jitter_us=0, queue_items_max=1)
    cell, keeper = cell_of(scripted(*crowd, seconds=8, server=slow))
    cell.run()
    resent = [r for r in of(history.Sent, keeper) if r.how == "resend"]
    assert resent
    assert all(r.first == r.last == 1 for r in resent)
    assert sorted(text_of(keeper, cell)) == sorted("pqrstu")


# --- leaving ----------------------------------------------------------------------------------------------


def test_leaving_waits_until_everything_is_durable() -> None:
    what = scripted(script(edit(2, 0, "bye")), script(), faults=(fault("store_stall", 1.5, 4),))
    cell, keeper = cell_of(what)
    leaver = cell.clients[0]
    cell.clock.call(2_100_000, leaver.leave_when_durable)
    cell.run()
    (left,) = of(history.Offline, keeper)
    (acknowledged,) = of(history.Acknowledged, keeper)
    assert left.cause == "left"
    assert left.time_us > acknowledged.time_us > 4 * SECOND
    assert leaver.has_left
    (final,) = (r for r in of(history.FinalReplica, keeper) if r.site == "a")
    assert (final.online, final.unacknowledged) == (False, 0)


def test_who_has_left_does_not_come_back() -> None:
    sessions = msgspec.structs.replace(
        STAYING, leave_share=1.0, offline_mean_count=3.0, offline_mean_us=SECOND
    )
    windows = (fault("herd", 6, 7), fault("client_crash", 8, 9, share=1.0))
    trial = attempt(plan(*windows, sessions=sessions), keep=True)
    gone: set[str] = set()
    for record in trial.records:
        if isinstance(record, history.Offline) and record.cause == "left":
            gone.add(record.site)
        elif isinstance(record, history.Online | history.Edited | history.Restarted):
            assert record.site not in gone
    assert len(gone) >= 8
    assert not problems(trial)


# --- coming and going -------------------------------------------------------------------------------------


def first_online(trial_of: CellPlan) -> dict[str, int]:
    times: dict[str, int] = {}
    for record in of(history.Online, attempt(trial_of, keep=True)):
        times.setdefault(record.site, record.time_us)
    return times


def test_nobody_comes_before_the_time_drawn_for_it() -> None:
    late = msgspec.structs.replace(STAYING, late_share=1.0)
    restless = msgspec.structs.replace(late, offline_mean_count=8.0, offline_mean_us=200_000)
    windows = (
        fault("herd", 1.5, 1.8),
        fault("long_offline", 1.5, 2.0, share=1.0),
        fault("client_crash", 1.5, 1.8, share=1.0),
    )
    drawn = first_online(plan(sessions=late))
    assert max(drawn.values()) > 4 * SECOND
    assert first_online(plan(*windows, sessions=restless)) == drawn


def absences(sessions: Sessions) -> tuple[list[history.Record], int]:
    """Everything that happened, and how many edits were made while offline."""
    trial = attempt(plan(seconds=20, edits_per_second=2.0, sessions=sessions), keep=True)
    assert not problems(trial)
    offline: set[str] = set()
    edits = 0
    for record in trial.records:
        if isinstance(record, history.Offline):
            offline.add(record.site)
        elif isinstance(record, history.Online):
            offline.discard(record.site)
        elif isinstance(record, history.Edited):
            edits += record.site in offline
    return list(trial.records), edits


@pytest.mark.slow
def test_closed_laptops_do_not_type_and_open_ones_do() -> None:
    away = msgspec.structs.replace(STAYING, offline_mean_count=3.0, offline_mean_us=2 * SECOND)
    records, edits = absences(msgspec.structs.replace(away, offline_editing_share=0.0, crash_share=0.0))
    assert sum(isinstance(r, history.Offline) for r in records) > 12
    assert edits == 0
    records, edits = absences(msgspec.structs.replace(away, offline_editing_share=1.0, crash_share=0.0))
    assert edits > 20
    assert not any(isinstance(r, history.Restarted) for r in records)
    records, _ = absences(msgspec.structs.replace(away, crash_share=1.0))
    assert sum(isinstance(r, history.Restarted) for r in records) > 12


def test_attempts_to_connect_come_at_growing_pauses_up_to_a_bound() -> None:
    cell, _ = cell_of(scripted(script(), seconds=20, faults=(fault("gateway_crash", 1, 19),)))
    times: list[int] = []
    connect = cell.open

    def noted(client: SimulatedClient) -> None:
        times.append(cell.now)
        connect(client)

    cell.open = noted  # type: ignore[method-assign]
    cell.run()
    network = cell.plan.network
    tried = [at for at in times if SECOND < at < 19 * SECOND]
    pauses = [b - a - network.connect_timeout_us - 80_000 for a, b in pairwise(tried)]
    assert len(pauses) >= 5
    assert all(network.retry_us // 2 <= pause <= 1.5 * network.retry_max_us for pause in pauses)
    assert pauses[0] <= 1.5 * 2 * network.retry_us
    assert min(pauses[4:]) >= network.retry_max_us // 2
    assert cell.clients[0].is_settled


def test_a_skewed_clock_is_what_the_client_notes() -> None:
    cell, keeper = cell_of(scripted(script(edit(1, 0, "x"), edit(2, 0, "y"))))
    client = cell.clients[0]
    cell.clock.call(1_500_000, client.skews.take, "fault", -7)
    cell.run()
    assert [r.client_us - r.time_us for r in of(history.Edited, keeper)] == [0, -7]


# --- a server that breaks the protocol --------------------------------------------------------------------


class Forgetful(Replica):
    """A replica that once loses track of its revision, so that what comes next makes no sense to it."""

    def receive(self, message: ServerMessage) -> tuple[ClientMessage, ...]:
        if isinstance(message, Committed) and message.revision == 2 and self.site == "b" and self.epoch == 1:
            self.revision = rev(0)
            self.text = "abc"
        return super().receive(message)


def test_a_client_leaves_a_server_it_cannot_follow_and_comes_back() -> None:
    what = scripted(script(*(edit(1 + n, 0, "xyz"[n]) for n in range(3))), script(), text="abc")
    cell, keeper = cell_of(what, Parts(replica=Forgetful))
    cell.run()
    (accused,) = of(history.Accused, keeper)
    assert (accused.site, accused.kind) == ("b", "message out_of_order")
    assert accused.problem == "was sent what it cannot take: revision 2 arrived after 0"
    assert [r.cause for r in of(history.Disconnected, keeper)] == ["protocol: out_of_order"]
    assert text_of(keeper, cell) == "zyxabc"
