from __future__ import annotations

from typing import Any

import pytest

from model import history as h
from model.checkers import Judge
from model.histogram import Histogram
from model.identity import DocumentId, SiteId
from model.measures import FaultRow, Measures, MeasureSet, encode_measures, load_measures, merge_measures
from model.measures.measure_set import EXAMPLED, FAULT, HEAL, PHASES, RECOVERY, STEADY, Example
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


def edited(at: int, site: SiteId, sequence: int, kind: str = "type", planned: int = 0) -> h.Edited:
    return h.Edited(at, site, D, seq(sequence), kind, rev(0), OP, at, planned)


def broadcast(at: int, site: SiteId, revision: int, first: int, received: int, last: int = 0) -> h.Broadcast:
    return h.Broadcast(at, D, rev(revision), site, seq(first), seq(last or first), received, 9, 1)


def arrived(at: int, site: SiteId, first: int, network: int) -> h.Arrived:
    return h.Arrived(at, site, D, seq(first), seq(first), network)


def seen_by(at: int, site: SiteId, revision: int, network: int = 0) -> h.Delivered:
    return h.Delivered(at, site, D, rev(revision), 0, network)


def acknowledged(
    at: int, site: SiteId, revision: int, first: int, last: int = 0, network: int = 0
) -> h.Acknowledged:
    return h.Acknowledged(at, site, D, rev(revision), seq(first), seq(last or first), 0, network)


def gone(at: int, site: SiteId, cause: str = "reset", network: int = 0) -> h.Disconnected:
    return h.Disconnected(at, site, D, rev(0), cause, network)


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
        *joins(S, A, B),
        edited(9 * S, A, 1),
        broadcast(9 * S, A, 1, 1, received=9 * S),
        seen_by(9 * S + 3 * MS, B, 1),
        edited(9 * S + 5 * MS, A, 2),
        h.FaultBegan(10 * S, "network", "clog", 1),
        broadcast(11 * S, A, 2, 2, received=10 * S),
        seen_by(11 * S, B, 2),
        edited(11 * S, A, 3),
        h.FaultEnded(12 * S, "network", "clog", 1),
        broadcast(13 * S, A, 3, 3, received=0),  # learnt from the store
        seen_by(13 * S, B, 3),
        h.Healed(20 * S, S),
        edited(20 * S, A, 4),
        broadcast(21 * S, A, 4, 4, received=21 * S - 7),
        seen_by(21 * S, B, 4),
        h.Finished(22 * S),
    )
    for measure in ("operation", "everywhere_online"):
        assert {p: values(found.latency(measure, p)) for p in PHASES} == {
            STEADY: (1, 3 * MS, 3 * MS),
            FAULT: (1, 2 * S - 5 * MS, 2 * S - 5 * MS),
            RECOVERY: (1, 2 * S, 2 * S),
            HEAL: (1, S, S),
        }
        assert values(found.latency(measure)) == (4, 3 * MS, 2 * S)
    for series in (found.series.operation, found.series.everywhere):
        assert {second: values(histogram) for second, histogram in series.items()} == {
            9: (1, 3 * MS, 3 * MS),
            11: (1, 2 * S - 5 * MS, 2 * S - 5 * MS),
            13: (1, 2 * S, 2 * S),
            21: (1, S, S),
        }


# --- edits on their way -----------------------------------------------------------------------------------


def test_every_edit_from_its_keystroke_on_keeps_its_identity() -> None:
    found = measured(
        *joins(S, A, B),
        edited(2 * S, A, 1),
        edited(2 * S + 5 * MS, A, 2, "paste"),
        h.Sent(2 * S + 9 * MS, A, D, rev(0), seq(1), seq(2), "submit"),
        broadcast(2 * S + 30 * MS, A, 1, 1, received=2 * S + 20 * MS, last=2),
        acknowledged(2 * S + 50 * MS, A, 1, 1, 2),
        seen_by(2 * S + 60 * MS, B, 1),
        h.Finished(3 * S),
    )
    assert values(found.latency("durable_online", STEADY)) == (2, 45 * MS, 50 * MS)
    assert values(found.latency("everywhere_online", STEADY)) == (2, 55 * MS, 60 * MS)
    assert values(found.latency("operation", STEADY)) == (2, 55 * MS, 60 * MS)  # no network is modelled
    assert [(e.measure, e.site, e.sequence, e.last, e.document, e.value_us) for e in found.worst] == [
        ("durable_online", A, 1, 2, D, 50 * MS),
        ("everywhere_online", A, 1, 2, D, 60 * MS),
        ("operation", A, 1, 2, D, 60 * MS),
    ]
    for edit in found.worst:
        assert (edit.edited_us, edit.received_us, edit.broadcast_us) == (
            2 * S,
            2 * S + 20 * MS,
            2 * S + 30 * MS,
        )
    assert [e.time_us - 2 * S for e in found.worst] == [50 * MS, 60 * MS, 60 * MS]
    assert found.totals.edits_acknowledged == 2
    assert found.totals.edits_by_kind == {"type": 1, "paste": 1}


def test_only_the_slowest_few_are_kept_slowest_first() -> None:
    durations = [4, 9, 1, 7, 3, 8, 2]
    records: list[h.Record] = [*joins(S, A, B)]
    for i, duration in enumerate(durations, start=1):
        at = (i + 1) * S
        records += [edited(at, A, i), broadcast(at, A, i, i, received=at), seen_by(at + duration, B, i)]
    found = measured(*records, h.Finished(20 * S))
    slowest = [(e.value_us, e.sequence) for e in found.worst if e.measure == "operation"]
    assert slowest == [(9, 2), (8, 6), (7, 4), (4, 1), (3, 5)]


def test_an_edit_counts_from_when_it_was_planned() -> None:
    found = measured(
        *joins(S, A, B),
        edited(5 * S, A, 1, planned=3 * S),
        broadcast(5 * S, A, 1, 1, received=5 * S),
        acknowledged(5 * S, A, 1, 1),
        seen_by(5 * S, B, 1),
    )
    for measure in ("operation", "durable_online", "everywhere_online"):
        assert values(found.latency(measure)) == (1, 2 * S, 2 * S)


def test_operation_is_less_what_the_network_took_on_the_way() -> None:
    found = measured(
        *joins(S, A, B, C),
        edited(2 * S, A, 1),
        arrived(2 * S + 40 * MS, A, 1, network=40 * MS),
        edited(2 * S + 10 * MS, A, 2),  # waits for the answer; of the way up it sees 30 ms
        broadcast(2 * S + 43 * MS, A, 1, 1, received=2 * S + 41 * MS),
        acknowledged(2 * S + 83 * MS, A, 1, 1, network=40 * MS),
        seen_by(2 * S + 53 * MS, B, 1, network=3 * MS),  # near, and told 7 ms late: that is the last
        seen_by(2 * S + 143 * MS, C, 1, network=100 * MS),
        arrived(2 * S + 123 * MS, A, 2, network=40 * MS),
        broadcast(2 * S + 125 * MS, A, 2, 2, received=2 * S + 124 * MS),
        acknowledged(2 * S + 165 * MS, A, 2, 2, network=40 * MS),
        seen_by(2 * S + 128 * MS, B, 2, network=3 * MS),
        seen_by(2 * S + 225 * MS, C, 2, network=100 * MS),
        h.Finished(3 * S),
    )
    # The first: 50 ms at B less 40. The second: 215 ms at C less 30 + 40 + 40 + 100.
    assert values(found.latency("operation")) == (2, 5 * MS, 10 * MS)
    assert values(found.latency("durable_online")) == (2, 83 * MS, 155 * MS)
    assert values(found.latency("everywhere_online")) == (2, 143 * MS, 215 * MS)


def test_a_network_that_was_cut_is_no_part_of_operation_but_what_comes_after_it_is() -> None:
    found = measured(
        *joins(S, A, B),
        edited(2 * S, A, 1),  # the path is cut from 1.5 s on, and free again at 12 s
        gone(8 * S, A, network=6_500 * MS),
        edited(9 * S, A, 2),
        h.Connected(15 * S, A, D, 14 * S, 300, 5 * S),  # cut for 4 s more, and 1 s to open and greet
        h.Joined(16 * S, A, D, rev(0), "resume", 0, 400 * MS),
        arrived(16 * S + 50 * MS, A, 1, network=50 * MS),
        broadcast(16 * S + 60 * MS, A, 1, 1, received=16 * S + 55 * MS, last=2),
        acknowledged(16 * S + 90 * MS, A, 1, 1, 2, network=30 * MS),
        seen_by(16 * S + 100 * MS, B, 1, network=40 * MS),
        h.Finished(20 * S),
    )
    waited = 14 * S + 60 * MS - (6 * S + 5 * S + 400 * MS + 50 * MS)
    assert values(found.latency("operation")) == (1, waited, waited)
    assert values(found.latency("everywhere_online")) == (1, 14 * S + 100 * MS, 14 * S + 100 * MS)
    assert values(found.latency("everywhere_cut_off")) == (1, 7 * S + 100 * MS, 7 * S + 100 * MS)
    assert values(found.latency("durable_online")) == (1, 14 * S + 90 * MS, 14 * S + 90 * MS)
    assert values(found.latency("durable_cut_off")) == (1, 7 * S + 90 * MS, 7 * S + 90 * MS)


def test_what_the_client_knew_is_what_it_knew_at_the_keystroke() -> None:
    found = measured(
        h.Online(S, A, D),
        edited(2 * S, A, 1),  # of an earlier session; it has no connection yet
        *joins(3 * S, A, how="resume"),
        edited(4 * S, A, 2),
        gone(5 * S, A),
        edited(6 * S, A, 3),
        h.Offline(7 * S, A, D, "closed"),
        edited(8 * S, A, 4),
        *joins(9 * S, A, how="branch"),
        h.Merged(10 * S, A, D, rev(0), rev(1), seq(1), seq(4), 0),
    )
    assert values(found.latency("durable_online")) == (1, 6 * S, 6 * S)
    assert values(found.latency("durable_cut_off")) == (2, 4 * S, 8 * S)
    assert values(found.latency("durable_offline")) == (1, 2 * S, 2 * S)


def test_everywhere_waits_for_the_last_live_replica() -> None:
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
    assert values(found.latency("everywhere_online")) == (1, 90, 90)
    assert found.totals.unseen == 0


def test_a_replica_whose_person_leaves_is_not_waited_for() -> None:
    found = measured(
        *joins(S, A, B, C),
        edited(2 * S, A, 1),
        broadcast(2 * S + 10, A, 1, 1, received=2 * S + 5),
        seen_by(2 * S + 20, B, 1),
        h.Offline(3 * S, B, D, "closed"),  # had it already
        h.Offline(4 * S, A, D, "closed"),  # made it
        h.FaultBegan(5 * S, "network", "partition", 1),
        gone(8 * S, C),
        h.Offline(9 * S, C, D, "closed"),
        h.Finished(10 * S),
    )
    # The time of the last sighting, not that of who left; but until then it was waited for.
    assert values(found.latency("everywhere_online", FAULT)) == (1, 20, 20)
    assert values(found.latency("everywhere_online")) == (1, 20, 20)


def test_a_replica_that_loses_its_connection_is_waited_for_until_it_has_caught_up() -> None:
    found = measured(
        *joins(S, A, B, C),
        edited(2 * S, A, 1),
        h.Stored(
            2 * S, D, rev(1), A, seq(1), seq(1), rev(0), False, OP, OP
        ),  # the server dies before it tells
        gone(2 * S + 1, A),
        gone(2 * S + 1, B),
        gone(2 * S + 1, C),
        *joins(4 * S, A, B, how="resume"),
        acknowledged(4 * S, A, 1, 1),
        seen_by(4 * S + 10, B, 1),
        edited(5 * S, A, 2),
        broadcast(5 * S, A, 2, 2, received=5 * S),
        seen_by(5 * S + 30, B, 2),
        h.Connected(6 * S, C, D, 5 * S, 1, 300 * MS),
        h.Joined(6 * S, C, D, rev(2), "resume", 0, 200 * MS),
        seen_by(6 * S, C, 1, network=100 * MS),  # sent together with the answer before it
        seen_by(6 * S, C, 2),  # was not there when that was told
        h.Finished(7 * S),
    )
    assert values(found.latency("everywhere_online")) == (2, 30, 4 * S)
    assert values(found.latency("operation")) == (2, 30, 4 * S - 500 * MS)
    assert found.totals.unseen == 0


def test_who_hands_in_a_branch_has_caught_up_when_it_is_merged() -> None:
    found = measured(
        *joins(S, A, B),
        edited(2 * S, A, 1),
        broadcast(2 * S, A, 1, 1, received=2 * S),
        gone(2 * S + 6 * MS, B),
        *joins(4 * S, B, how="branch"),
        h.Merged(5 * S, B, D, rev(0), rev(2), seq(1), seq(9), 0, 10 * MS),
    )
    assert values(found.latency("everywhere_online")) == (1, 3 * S, 3 * S)
    assert values(found.latency("operation")) == (1, 3 * S - 10 * MS, 3 * S - 10 * MS)


def test_a_revision_that_nobody_showed_has_no_latency() -> None:
    found = measured(
        *joins(S, A, B),
        edited(2 * S, A, 1),
        broadcast(2 * S + 10, A, 1, 1, received=2 * S + 5),
        h.Offline(3 * S, B, D, "closed"),
        edited(4 * S, A, 2),
        broadcast(4 * S + 10, A, 2, 2, received=4 * S + 5),  # nobody else is there
        h.Finished(5 * S),
    )
    assert found.latency("everywhere_online").count == 0
    assert found.totals.unseen == 0


def test_what_has_not_come_to_its_end_is_counted_and_took_at_least_until_the_end() -> None:
    found = measured(
        *joins(S, A, B, C),
        edited(2 * S, A, 1),
        broadcast(2 * S + 10, A, 1, 1, received=2 * S + 5),
        seen_by(2 * S + 20, B, 1),
        seen_by(2 * S + 30, B, 1),  # the same again does not stand for another replica
        acknowledged(2 * S + 40, A, 1, 1),
        edited(3 * S, A, 2),  # the server stands still from here on
        edited(4 * S, B, 1),
        h.Finished(5 * S),
    )
    assert values(found.latency("everywhere_online")) == (3, S, 3 * S)
    assert values(found.latency("operation")) == (3, S, 3 * S)
    assert values(found.latency("durable_online")) == (3, 40, 2 * S)
    assert (found.totals.unseen, found.totals.undurable) == (3, 2)


def test_what_a_crash_made_a_client_forget_is_waited_for_by_nobody() -> None:
    found = measured(
        *joins(S, A, B),
        edited(2 * S, A, 1),
        h.Offline(3 * S, A, D, "crashed"),
        h.Restarted(4 * S, A, D, rev(0), seq(0)),
        h.Finished(5 * S),
    )
    assert found.totals.undurable == 0


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
        acknowledged(3 * S + 80, A, 2, 1, 2),
        h.Finished(4 * S),
    )
    assert values(found.latency("everywhere_online")) == (1, 70, 70)
    assert found.totals.unseen == 0


def test_reconciled_is_all_that_was_made_before_the_connection() -> None:
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
    assert values(found.latency("reconcile")) == (1, 80, 80)
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
    assert found.latency("durable_online").count == 2


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


def test_a_server_that_does_not_answer_within_a_second_is_down_from_then_on() -> None:
    found = measured(
        *joins(S, A, B),
        edited(10 * S, A, 1),
        h.Sent(10 * S, A, D, rev(0), seq(1), seq(1), "submit"),
        h.Sent(12 * S, A, D, rev(0), seq(1), seq(1), "resend"),  # is no answer
        acknowledged(14 * S, A, 1, 1),
        h.Sent(15 * S, A, D, rev(1), seq(2), seq(2), "submit"),
        acknowledged(15 * S + 900 * MS, A, 2, 2),
        h.Sent(16 * S, A, D, rev(2), seq(3), seq(3), "submit"),
        gone(19 * S, A),  # down for 2 s, and on without a connection
        *joins(20 * S, A, how="resume"),
        h.Sent(20 * S, A, D, rev(2), seq(3), seq(3), "resend"),
        h.Offline(23 * S, A, D, "closed"),
        h.Finished(30 * S),
    )
    wanted = 22 * S + 29 * S  # of A until it leaves, and of B
    assert found.uptime[STEADY].wanted_us == wanted
    assert found.uptime[STEADY].connected_us == wanted - 3 * S - 2 * S - 1 * S - 2 * S


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


def pointing(at: int, revision: int, position: int, sequence: int = 0) -> h.Pointed:
    return h.Pointed(at, A, D, rev(revision), position, seq(sequence))


def moved(at: int) -> h.Caret:
    return h.Caret(at, A, D, 0, True)


def sighting(at: int, revision: int, position: int, fresh: bool = True, pending: bool = False) -> h.Seen:
    return h.Seen(at, B, D, A, rev(revision), position, 9, rev(revision), fresh, pending)


def presence(*records: h.Record) -> list[int]:
    """The count, minimum and maximum of presence, and how many sightings belong to nothing."""
    found = measured(*joins(S, A, B), *records)
    return [*values(found.latency("presence")), found.totals.presence_unmatched]


def test_presence_is_from_the_move_to_the_sighting() -> None:
    assert presence(
        pointing(2 * S, 1, 4),
        sighting(2 * S + 70, 1, 4),
        sighting(3 * S, 1, 4, fresh=False),  # still shown
        sighting(4 * S, 1, 8),  # of what was not recorded
    ) == [1, 70, 70, 1]


def test_a_cursor_that_waits_for_its_turn_counts_from_when_it_was_moved() -> None:
    waits = (moved(2 * S), moved(3 * S))
    assert presence(*waits, pointing(4 * S, 1, 4), sighting(4 * S + 70, 1, 4)) == [1, *[2 * S + 70] * 2, 0]
    along = pointing(3 * S, 0, 4, sequence=1)  # an edit took it along, and shows it
    later = (pointing(5 * S, 1, 6), sighting(5 * S + 70, 1, 6))
    assert presence(*waits, along, seen_by(4 * S, B, 1), sighting(4 * S, 1, 4), *later) == [1, 70, 70, 0]


@pytest.mark.parametrize("pending", [False, True])
def test_a_cursor_that_is_carried_on_is_the_oldest_that_it_can_be(pending: bool) -> None:
    assert presence(
        pointing(2 * S, 1, 4),
        pointing(3 * S, 1, 6),
        sighting(5 * S, 2, 5, pending=pending),
        sighting(5 * S, 2, 7, pending=pending),
    ) == [2, 2 * S, 3 * S, 0]


def test_a_cursor_that_got_lost_counts_until_a_later_one_is_shown() -> None:
    again = [*joins(7 * S, A, how="resume"), pointing(8 * S, 1, 6)]
    assert presence(pointing(2 * S, 1, 4), gone(6 * S, A), *again, sighting(9 * S, 3, 8)) == [2, S, 7 * S, 0]


def test_a_reader_who_lost_the_connection_waits_until_it_is_told_everything() -> None:
    before, meanwhile = pointing(2 * S, 1, 4), pointing(6 * S, 1, 6)
    back = joins(7 * S, B, how="resume")
    assert presence(before, gone(5 * S, B), meanwhile, *back, sighting(7 * S, 1, 6, fresh=False)) == [
        *(1, 5 * S, 5 * S),
        0,
    ]


def test_nobody_waits_for_the_cursor_of_somebody_who_left() -> None:
    left = h.Offline(3 * S, A, D, "closed")
    later = (*joins(20 * S, A, how="resume"), pointing(21 * S, 1, 6), sighting(21 * S + 70, 1, 6))
    assert presence(pointing(2 * S, 1, 4), left, *later) == [1, 70, 70, 0]


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
        *joins(S, A, B),
        h.FaultBegan(2 * S, "network", "partition", 9),
        h.FaultEnded(3 * S, "network", "partition", slow_us),
        edited(4 * S, A, 1, "cut"),
        sent(4 * S, 1, 1),
        broadcast(4 * S, A, 1, 1, received=4 * S),
        seen_by(4 * S + slow_us, B, 1),
        acknowledged(4 * S + slow_us, A, 1, 1),
        h.Finished(seconds * S),
    ]
    Judge([measures]).feed(records)
    measures.transform.record(slow_us)
    return measures.result()


def test_merging_cells_adds_everything_up() -> None:
    whole = merge_measures([cell(10, 6), cell(30, 8)])
    assert whole.phases_us == {STEADY: 2 * 2 * S, FAULT: 2 * S, RECOVERY: 8 * S, HEAL: 0}
    assert values(whole.latency("operation", RECOVERY)) == (2, 10, 30)
    assert [e.value_us for e in whole.worst if e.measure == "operation"] == [30, 10]
    assert whole.faults == [FaultRow("partition", "network", 2 * S, 3 * S, 40)]
    assert whole.series.edits == [0, 0, 0, 0, 2, 0, 0, 0]
    assert whole.series.connected == [0, 4, 4, 4, 4, 4, 4, 4]  # the shorter cell stays as it was
    assert values(whole.series.operation[4]) == (2, 10, 30)
    assert whole.totals.edits_by_kind == {"cut": 2}
    assert whole.totals.connections == 4
    assert whole.reconciliations.attempts == {RECOVERY: 2}
    assert values(whole.transform) == (2, 10, 30)
    assert whole.uptime[FAULT].wanted_us == 4 * S


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
        load_measures(data.replace(b'"version":3', b'"version":9'))
    one.latencies["operation"].pop(STEADY)
    with pytest.raises(ValueError, match=r"latencies\.operation\.steady"):
        load_measures(encode_measures(one))


# --- the edits behind the percentiles -----------------------------------------------------------------------


def three_edits(*took_ms: int) -> MeasureSet:
    records: list[h.Record] = joins(S, A, B)
    for number, ms in enumerate(took_ms, 1):
        at, took = (1 + number) * S, ms * MS
        records += [edited(at, A, number), broadcast(at + took - 1, A, number, number, at)]
        records += [seen_by(at + took, B, number), acknowledged(at + took, A, number, number)]
    return measured(*records, h.Finished(60 * S))


def test_a_percentile_has_an_edit_that_took_as_long() -> None:
    found = three_edits(10, 400, 10, 20)
    for measure in EXAMPLED:
        assert found.example(measure, 50) == Example("d", "a", 3)  # the newest of those that took 10 ms
        assert found.example(measure, 99) == Example("d", "a", 2)
        assert found.example(measure, 75) == Example("d", "a", 4)
    assert found.example("presence", 50) is None
    assert three_edits().typical == []


def test_examples_of_several_cells_do_not_depend_on_their_order() -> None:
    cells = [three_edits(10, 400), three_edits(30, 10)]
    one, other = merge_measures(cells), merge_measures(cells[::-1])
    assert encode_measures(one) == encode_measures(other)
    assert one.example("operation", 50) == Example("d", "a", 1)  # of a#1 and a#2, which took 10 ms
    assert load_measures(encode_measures(one)).typical == one.typical
    assert len(one.typical) == 9
