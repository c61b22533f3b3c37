from __future__ import annotations

from typing import Any

import pytest

from model import history as h
from model.checkers import Judge
from model.histogram import Histogram
from model.identity import DocumentId, SiteId
from model.measures import FaultRow, Measures, MeasureSet, encode_measures, load_measures, merge_measures
from model.measures.measure_set import FAULT, HEAL, PHASES, RECOVERY, STEADY
from model.text import Operation
from tests.numbers import rev, seq

S = 1_000_000
MS = 1_000
D = DocumentId("d")
A, B, C = SiteId("a"), SiteId("b"), SiteId("c")
OP = Operation(0, ("x",))


def measured(*records: h.Record) -> MeasureSet:
    measures = Measures()
    Judge([measures]).feed(sorted(records, key=lambda r: getattr(r, "time_us", 0)))
    return measures.result()


def joins(at: int, *sites: SiteId, how: str = "fresh") -> list[h.Record]:
    """Wanting to, connecting and joining, all at once."""
    records: list[h.Record] = []
    for site in sites:
        records += [
            h.Online(at, site, D),
            h.Connected(at, site, D, at - 40 * MS, 300),
            h.Joined(at, site, D, rev(0), how, 0),
        ]
    return records


def edited(at: int, site: SiteId, sequence: int, kind: str = "type") -> h.Edited:
    return h.Edited(at, site, D, seq(sequence), kind, rev(0), OP, at)


def broadcast(at: int, site: SiteId, revision: int, first: int, received: int, last: int = 0) -> h.Broadcast:
    return h.Broadcast(at, D, rev(revision), site, seq(first), seq(last or first), received, 9, 1)


def seen_by(at: int, site: SiteId, revision: int) -> h.Delivered:
    return h.Delivered(at, site, D, rev(revision), 0)


def acknowledged(at: int, site: SiteId, revision: int, first: int, last: int = 0) -> h.Acknowledged:
    return h.Acknowledged(at, site, D, rev(revision), seq(first), seq(last or first), 0)


def gone(at: int, site: SiteId, cause: str = "reset") -> h.Disconnected:
    return h.Disconnected(at, site, D, rev(0), cause)


def values(histogram: Histogram) -> tuple[int, int, int]:
    """Count and the two ends, which are exact."""
    return histogram.count, histogram.minimum, histogram.maximum


# --- phases -----------------------------------------------------------------------------------------------


def test_every_moment_has_one_phase() -> None:
    found = measured(
        h.FaultBegan(10 * S, "network", "partition", 3),
        h.FaultBegan(12 * S, "store", "stall", 1),
        h.FaultEnded(15 * S, "network", "partition", 4),
        h.FaultEnded(18 * S, "store", "stall", 2),  # recovery until 23 s
        h.FaultBegan(30 * S, "network", "partition", 3),
        h.FaultEnded(31 * S, "network", "partition", 0),
        h.FaultBegan(33 * S, "network", "partition", 3),  # cuts the recovery short
        h.FaultEnded(34 * S, "network", "partition", 5),
        h.Healed(36 * S, 10 * S),
        h.Finished(40 * S),
    )
    assert found.phases_us == {STEADY: 17 * S, FAULT: 10 * S, RECOVERY: 9 * S, HEAL: 4 * S}
    assert found.faults == [
        FaultRow("partition", "network", 10 * S, 15 * S, 4),
        FaultRow("stall", "store", 12 * S, 18 * S, 2),
        FaultRow("partition", "network", 30 * S, 31 * S, 0),
        FaultRow("partition", "network", 33 * S, 34 * S, 5),
    ]


def test_a_fault_within_a_recovery_is_not_cut_short_by_its_end() -> None:
    found = measured(
        h.FaultBegan(S, "network", "partition", 1),
        h.FaultEnded(2 * S, "network", "partition", 1),
        h.FaultBegan(4 * S, "store", "stall", 1),
        h.FaultEnded(10 * S, "store", "stall", 1),
        h.Finished(11 * S),
    )
    assert found.phases_us == {STEADY: S, FAULT: 7 * S, RECOVERY: 3 * S, HEAL: 0}


@pytest.mark.parametrize(
    ("back", "recovery"),
    [
        (h.Connected(13 * S, A, D, 12 * S, 300), 5 * S),  # at least five seconds
        (h.Connected(21 * S, A, D, 20 * S, 300), 9 * S),
        (h.Offline(21 * S, A, D, "closed"), 9 * S),  # whoever gave up is not missing any more
        (h.Connected(29 * S, A, D, 28 * S, 300), 15 * S),  # from then on it is the server's fault
    ],
)
def test_a_recovery_lasts_until_whoever_the_fault_struck_is_back(back: h.Record, recovery: int) -> None:
    found = measured(
        *joins(S, A, B),
        h.FaultBegan(10 * S, "network", "partition", 1),
        gone(11 * S, A),
        h.FaultEnded(12 * S, "network", "partition", 1),
        gone(13 * S, B),  # of itself
        back,
        h.Finished(30 * S),
    )
    assert found.phases_us == {STEADY: 28 * S - recovery, FAULT: 2 * S, RECOVERY: recovery, HEAL: 0}


def test_a_fault_that_never_ends_ends_with_the_history() -> None:
    found = measured(h.FaultBegan(2 * S, "network", "clog", 7), h.Finished(5 * S))
    assert found.faults == [FaultRow("clog", "network", 2 * S, 5 * S, 0)]
    assert found.phases_us[FAULT] == 3 * S


def test_a_latency_belongs_to_the_phase_in_which_it_ended() -> None:
    found = measured(
        *joins(S, A),
        broadcast(9 * S, A, 1, 1, received=9 * S - 3 * MS),
        h.FaultBegan(10 * S, "network", "clog", 1),
        broadcast(11 * S, A, 2, 2, received=10 * S),
        h.FaultEnded(12 * S, "network", "clog", 1),
        broadcast(13 * S, A, 3, 3, received=11 * S),
        broadcast(14 * S, A, 4, 4, received=0),  # learnt from the store: when it came is not known
        h.Healed(20 * S, S),
        broadcast(21 * S, A, 5, 5, received=21 * S - 7),
        h.Finished(22 * S),
    )
    assert {p: values(found.latency("operation", p)) for p in PHASES} == {
        STEADY: (1, 3 * MS, 3 * MS),
        FAULT: (1, S, S),
        RECOVERY: (1, 2 * S, 2 * S),
        HEAL: (1, 7, 7),
    }
    assert values(found.latency("operation")) == (4, 7, 2 * S)
    assert {second: values(histogram) for second, histogram in found.series.operation.items()} == {
        9: (1, 3 * MS, 3 * MS),
        11: (1, S, S),
        13: (1, 2 * S, 2 * S),
        21: (1, 7, 7),
    }


# --- edits on their way -----------------------------------------------------------------------------------


def test_an_edit_from_keystroke_to_acknowledgement_keeps_its_identity() -> None:
    found = measured(
        *joins(S, A, B),
        edited(2 * S, A, 1),
        edited(2 * S + 5, A, 2, "paste"),
        h.Sent(2 * S + 9, A, D, rev(0), seq(1), seq(2), "submit"),
        broadcast(2 * S + 30 * MS, A, 1, 1, received=2 * S + 20 * MS, last=2),
        acknowledged(2 * S + 50 * MS, A, 1, 1, 2),
        seen_by(2 * S + 60 * MS, B, 1),
        h.Finished(3 * S),
    )
    assert values(found.latency("acknowledge", STEADY)) == (1, 50 * MS, 50 * MS)
    assert values(found.latency("visible", STEADY)) == (1, 60 * MS, 60 * MS)
    assert [(e.measure, e.site, e.sequence, e.last, e.document, e.value_us) for e in found.worst] == [
        ("acknowledge", A, 1, 2, D, 50 * MS),
        ("operation", A, 1, 2, D, 10 * MS),
        ("visible", A, 1, 2, D, 60 * MS),
    ]
    for edit in found.worst:
        assert (edit.edited_us, edit.received_us, edit.broadcast_us) == (
            2 * S,
            2 * S + 20 * MS,
            2 * S + 30 * MS,
        )
    assert [e.time_us - 2 * S for e in found.worst] == [50 * MS, 30 * MS, 60 * MS]
    assert found.totals.edits_acknowledged == 2
    assert found.totals.edits_by_kind == {"type": 1, "paste": 1}


def test_only_the_slowest_few_are_kept_slowest_first() -> None:
    durations = [4, 9, 1, 7, 3, 8, 2]
    records: list[h.Record] = [*joins(S, A)]
    for i, duration in enumerate(durations, start=1):
        records.append(broadcast((i + 1) * S + duration, A, i, i, received=(i + 1) * S))
    found = measured(*records, h.Finished(20 * S))
    assert [(e.value_us, e.sequence) for e in found.worst] == [(9, 2), (8, 6), (7, 4), (4, 1), (3, 5)]


def test_visible_waits_for_the_last_live_replica() -> None:
    found = measured(
        *joins(S, A, B, C),
        edited(2 * S, A, 1),
        broadcast(2 * S + 10, A, 1, 1, received=2 * S + 5),
        seen_by(2 * S + 20, B, 1),
        *joins(2 * S + 25, SiteId("late")),
        seen_by(2 * S + 30, SiteId("late"), 1),  # catches up; was not there when it was broadcast
        seen_by(2 * S + 90, C, 1),
        h.Finished(3 * S),
    )
    assert values(found.latency("visible")) == (1, 90, 90)
    assert found.totals.unseen == 0


def test_a_replica_that_leaves_is_not_waited_for() -> None:
    found = measured(
        *joins(S, A, B, C),
        edited(2 * S, A, 1),
        broadcast(2 * S + 10, A, 1, 1, received=2 * S + 5),
        seen_by(2 * S + 20, B, 1),
        gone(3 * S, B),  # had it already
        gone(4 * S, A),  # made it
        h.FaultBegan(5 * S, "network", "partition", 1),
        gone(9 * S, C),
        h.Finished(10 * S),
    )
    # The time of the last sighting, not that of the connection that broke; but it was open until then.
    assert values(found.latency("visible", FAULT)) == (1, 20, 20)
    assert values(found.latency("visible")) == (1, 20, 20)


def test_a_revision_that_nobody_showed_has_no_latency() -> None:
    found = measured(
        *joins(S, A, B),
        edited(2 * S, A, 1),
        broadcast(2 * S + 10, A, 1, 1, received=2 * S + 5),
        gone(3 * S, B),
        edited(4 * S, A, 2),
        broadcast(4 * S + 10, A, 2, 2, received=4 * S + 5),  # nobody else is there
        h.Finished(5 * S),
    )
    assert found.latency("visible").count == 0
    assert found.totals.unseen == 0


def test_a_revision_that_a_live_replica_never_showed_is_counted() -> None:
    found = measured(
        *joins(S, A, B, C),
        edited(2 * S, A, 1),
        broadcast(2 * S + 10, A, 1, 1, received=2 * S + 5),
        seen_by(2 * S + 20, B, 1),
        seen_by(2 * S + 30, B, 1),  # the same again does not stand for another replica
        h.Finished(5 * S),
    )
    assert found.latency("visible").count == 0
    assert found.totals.unseen == 1


def test_a_replica_that_hands_in_a_branch_is_live_when_it_is_merged() -> None:
    found = measured(
        *joins(S, A),
        *joins(S, B, how="branch"),
        edited(2 * S, A, 1),
        broadcast(2 * S + 10, A, 1, 1, received=2 * S + 5),
        h.Merged(2 * S + 50, B, D, rev(0), rev(1), seq(1), seq(1), 0),
        edited(3 * S, A, 2),
        broadcast(3 * S + 10, A, 2, 2, received=3 * S + 5),
        seen_by(3 * S + 70, B, 2),
        h.Finished(4 * S),
    )
    assert values(found.latency("visible")) == (1, 70, 70)
    assert found.totals.unseen == 0


def test_edits_of_a_broken_connection_count_as_reconciled() -> None:
    found = measured(
        *joins(S, A, B),
        edited(2 * S, A, 1),  # its connection breaks before the answer
        gone(2 * S + 10, A),
        edited(3 * S, A, 2),  # made offline
        broadcast(4 * S, A, 1, 1, received=2 * S + 5),
        seen_by(4 * S + 5, B, 1),
        *joins(5 * S, A, how="resume"),
        acknowledged(5 * S + 30, A, 1, 1),
        acknowledged(5 * S + 80, A, 2, 2),
        edited(6 * S, A, 3),
        acknowledged(6 * S + 40, A, 3, 3),
        h.Finished(7 * S),
    )
    assert values(found.latency("acknowledge")) == (1, 40, 40)
    assert values(found.latency("reconcile")) == (1, 80, 80)
    assert found.latency("visible").count == 0
    assert found.totals.edits_acknowledged == 3
    assert found.totals.resumes == 1


def test_an_answer_that_comes_twice_counts_once() -> None:
    found = measured(
        *joins(S, A),
        edited(2 * S, A, 1),
        acknowledged(3 * S, A, 1, 1),
        edited(4 * S, A, 2),
        acknowledged(5 * S, A, 2, 2),
        acknowledged(6 * S, A, 1, 1),
    )
    assert found.totals.edits_acknowledged == 2
    assert found.latency("acknowledge").count == 2


# --- connections ------------------------------------------------------------------------------------------


def test_uptime_with_grace_break_and_phases() -> None:
    found = measured(
        h.Online(S, A, D),
        h.Connected(3 * S, A, D, S, 250),  # within the grace: wanted from here
        h.FaultBegan(10 * S, "network", "partition", 1),
        gone(12 * S, A),
        h.FaultEnded(14 * S, "network", "partition", 1),
        h.Connected(15 * S, A, D, 14 * S, 350),
        h.Offline(30 * S, A, D, "closed"),
        gone(30 * S, A),
        h.Online(40 * S, A, D),
        h.Connected(47 * S, A, D, 41 * S, 450),  # the grace was over at 45 s
        h.Finished(50 * S),
    )
    assert {p: (u.wanted_us, u.connected_us) for p, u in found.uptime.items()} == {
        STEADY: (7 * S + 11 * S + 5 * S, 7 * S + 11 * S + 3 * S),
        FAULT: (4 * S, 2 * S),
        RECOVERY: (5 * S, 4 * S),
        HEAL: (0, 0),
    }
    assert values(found.latency("authenticate")) == (3, 250, 450)
    assert values(found.latency("connect", STEADY)) == (2, 2 * S, 6 * S)
    assert values(found.latency("connect", RECOVERY)) == (1, S, S)
    assert found.totals.connections == 3
    assert found.totals.disconnects == {"reset": 2}
    assert found.totals.offline == {"closed": 1}


def test_coming_online_and_going_again_within_the_grace_is_no_downtime() -> None:
    found = measured(h.Online(S, A, D), h.Offline(4 * S, A, D, "left"), h.Finished(20 * S))
    assert found.uptime[STEADY].wanted_us == 0


def test_series_count_within_a_second_and_read_gauges_at_its_end() -> None:
    found = measured(
        *joins(S // 2, A, B),
        edited(S + 1, A, 1),
        h.Sent(S + 1, A, D, rev(0), seq(1), seq(1), "submit"),
        broadcast(2 * S, A, 1, 1, received=S + 5),  # exactly at a boundary: belongs to the next second
        gone(2 * S + 1, B),
        edited(2 * S + 2, B, 1),
        acknowledged(3 * S + 5, A, 1, 1),
        h.Connected(3 * S + 6, B, D, 3 * S, 1),
        seen_by(3 * S + 7, B, 1),
        h.Finished(4 * S),
    )
    series = found.series
    assert series.edits == [0, 1, 1, 0]
    assert series.broadcasts == [0, 0, 1, 0]
    assert series.deliveries == [0, 0, 0, 2]
    assert series.connected == [2, 2, 1, 2]
    assert series.wanted == [2, 2, 2, 2]
    assert series.offline == [0, 0, 1, 0]
    assert series.offline_with_edits == [0, 0, 1, 0]
    assert series.in_flight == [0, 1, 1, 0]
    assert (found.totals.edits, found.totals.broadcasts, found.totals.deliveries) == (2, 1, 2)


def test_the_last_second_counts_even_if_it_is_not_full() -> None:
    assert measured(edited(2 * S, A, 1)).series.edits == [0, 0, 1]
    assert measured(edited(2 * S, A, 1), h.Finished(2 * S + 1)).series.edits == [0, 0, 1]


def test_a_restart_forgets_what_was_not_saved() -> None:
    found = measured(
        *joins(S, A),
        h.Offline(2 * S, A, D, "crashed"),
        gone(2 * S, A),
        edited(2 * S + 1, A, 1),
        h.Restarted(3 * S + 1, A, D, rev(0), seq(0)),
        h.Finished(4 * S + 1),
    )
    assert found.series.offline_with_edits == [0, 0, 1, 0, 0]
    assert found.totals.restarts == 1


# --- reconciliation, presence, convergence ----------------------------------------------------------------


def sent(at: int, first: int, last: int, how: str = "branch") -> h.Sent:
    return h.Sent(at, A, D, rev(0), seq(first), seq(last), how)


def test_a_branch_that_is_sent_again_is_one_attempt() -> None:
    found = measured(
        *joins(S, A, how="branch"),
        h.FaultBegan(2 * S, "network", "flapping", 1),
        sent(3 * S, 1, 4),
        gone(4 * S, A),
        h.FaultEnded(5 * S, "network", "flapping", 1),
        *joins(6 * S, A, how="branch"),
        sent(6 * S, 1, 4),
        h.Merged(7 * S, A, D, rev(0), rev(1), seq(1), seq(4), 0),
        sent(20 * S, 5, 5, "submit"),
        sent(30 * S, 6, 8),  # never answered
        h.Finished(40 * S),
    )
    # The phase is that of the first attempt.
    assert found.reconciliations.attempts == {FAULT: 1, STEADY: 1}
    assert found.reconciliations.successes == {FAULT: 1}
    assert found.totals.sent == {"branch": 3, "submit": 1}
    assert found.totals.merges == 1
    assert found.totals.edits_acknowledged == 4


def test_a_branch_that_turns_out_to_be_durable_is_a_success() -> None:
    found = measured(*joins(S, A), sent(2 * S, 1, 2), acknowledged(3 * S, A, 1, 1, 2))
    assert found.reconciliations.successes == {STEADY: 1}


def test_stranded_work_is_a_failed_reconciliation_once() -> None:
    refused = [h.Stranded(at * S, A, D, seq(2), seq(5)) for at in (3, 4)]
    found = measured(*joins(S, A), *refused, h.Finished(5 * S))
    assert found.reconciliations.attempts == {STEADY: 1}
    assert found.reconciliations.successes == {}
    assert found.totals.edits_acknowledged == 0
    sent_before = measured(*joins(S, A), sent(2 * S, 3, 5), *refused, h.Finished(5 * S))
    assert sent_before.reconciliations.attempts == {STEADY: 1}
    assert sent_before.series.in_flight[-1] == 0
    nothing_lost = measured(h.Stranded(S, A, D, seq(0), seq(0)))
    assert nothing_lost.reconciliations.attempts == {}


def test_presence_is_from_the_server_to_the_fresh_sighting() -> None:
    def sighting(at: int, position: int, fresh: bool) -> h.Seen:
        return h.Seen(at, B, D, A, rev(1), position, 9, rev(1), fresh)

    found = measured(
        h.Placed(2 * S, A, D, rev(1), 4, 2 * S - 5),
        sighting(2 * S + 70, 4, True),
        sighting(3 * S, 4, False),  # still shown
        sighting(4 * S, 8, True),  # of a placement that was not recorded
    )
    assert values(found.latency("presence")) == (1, 75, 75)
    assert found.totals.presence_unmatched == 1


def test_convergence_is_the_last_thing_learnt_after_the_heal() -> None:
    other = DocumentId("quiet")
    found = measured(
        h.DocumentCreated(0, D, "", False, False),
        h.DocumentCreated(0, other, "", False, False),
        seen_by(5 * S, A, 1),
        h.Healed(10 * S, 30 * S),
        seen_by(12 * S, A, 2),
        acknowledged(13 * S, B, 3, 1),
        h.Finished(40 * S),
    )
    assert values(found.convergence) == (2, 0, 3 * S)
    assert found.totals.documents == 2
    assert measured(seen_by(5 * S, A, 1)).convergence.count == 0


# --- merging and files ------------------------------------------------------------------------------------


def cell(slow_us: int, seconds: int, clock: str = "virtual") -> MeasureSet:
    measures = Measures()
    header = h.Header(h.HISTORY_VERSION, "simulator", clock, {})
    records: list[Any] = [
        header,
        *joins(S, A),
        h.FaultBegan(2 * S, "network", "partition", 9),
        h.FaultEnded(3 * S, "network", "partition", slow_us),
        edited(4 * S, A, 1, "cut"),
        sent(4 * S, 1, 1),
        broadcast(4 * S + slow_us, A, 1, 1, received=4 * S),
        h.Finished(seconds * S),
    ]
    Judge([measures]).feed(records)
    measures.transform.record(slow_us)
    return measures.result()


def test_merging_cells_adds_everything_up() -> None:
    whole = merge_measures([cell(10, 6), cell(30, 8)])
    assert whole.phases_us == {STEADY: 2 * 2 * S, FAULT: 2 * S, RECOVERY: 8 * S, HEAL: 0}
    assert values(whole.latency("operation", RECOVERY)) == (2, 10, 30)
    assert [e.value_us for e in whole.worst] == [30, 10]
    assert whole.faults == [FaultRow("partition", "network", 2 * S, 3 * S, 40)]
    assert whole.series.edits == [0, 0, 0, 0, 2, 0, 0, 0]
    assert whole.series.connected == [0, 2, 2, 2, 2, 2, 2, 2]  # the shorter cell stays as it was
    assert values(whole.series.operation[4]) == (2, 10, 30)
    assert whole.totals.edits_by_kind == {"cut": 2}
    assert whole.totals.connections == 2
    assert whole.reconciliations.attempts == {RECOVERY: 2}
    assert values(whole.transform) == (2, 10, 30)
    assert whole.uptime[FAULT].wanted_us == 2 * S


def test_merging_changes_no_part_and_one_part_is_itself() -> None:
    one = cell(10, 6)
    before = encode_measures(one)
    merge_measures([one, cell(30, 8)])
    assert encode_measures(one) == before
    assert encode_measures(merge_measures([one])) == before


def test_merging_needs_parts_of_one_clock() -> None:
    with pytest.raises(ValueError, match="one clock"):
        merge_measures([])
    with pytest.raises(ValueError, match="one clock"):
        merge_measures([cell(1, 5), cell(1, 5, clock="server")])


def test_the_file_holds_everything() -> None:
    one = cell(10, 6)
    data = encode_measures(one)
    assert load_measures(data) == one
    assert encode_measures(load_measures(data)) == data
    with pytest.raises(ValueError, match="truncated"):
        load_measures(data[:-9])
    with pytest.raises(ValueError, match="version 9"):
        load_measures(data.replace(b'"version":1', b'"version":9'))
    one.latencies["visible"].pop(STEADY)
    with pytest.raises(ValueError, match=r"latencies\.visible\.steady"):
        load_measures(encode_measures(one))
