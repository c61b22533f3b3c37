"""Measures of replicas without a server: who is online, and how long an edit takes to be everywhere."""

from __future__ import annotations

from model import history as h
from model.checkers import Judge
from model.crdt.replicas.port import ElementId, Insertion
from model.identity import DocumentId, SiteId
from model.measures import Measures, MeasureSet
from model.measures.measure_set import STEADY
from model.text import Operation
from tests.numbers import rev, seq

S, MS = 1_000_000, 1_000
D = DocumentId("d")
A, B, C = SiteId("a"), SiteId("b"), SiteId("c")


def measured(*records: h.Record) -> MeasureSet:
    measures = Measures()
    header = h.Header(1, "simulator", "virtual", {"engine": "fuguemax"})
    Judge([measures]).feed([header, *sorted(records, key=lambda r: getattr(r, "time_us", 0))])
    return measures.result()


def online(at: int, *sites: SiteId) -> list[h.Record]:
    return [h.Online(at, site, D) for site in sites]


def edit(at: int, site: SiteId, sequence: int, first: int, last: int) -> list[h.Record]:
    events = tuple(Insertion(ElementId(site, n), "x", None, None, n) for n in range(first, last + 1))
    return [
        h.Edited(at, site, D, seq(sequence), "type", rev(0), Operation(0, ("x",)), at),
        h.Generated(at, site, D, seq(sequence), events),
    ]


def learns(at: int, site: SiteId, *spans: h.Span) -> h.Record:
    return h.Integrated(at, site, D, spans)


def test_an_edit_is_visible_when_the_last_online_replica_has_all_of_it() -> None:
    found = measured(
        *online(0, A, B, C),
        *edit(S, A, 1, 1, 3),
        learns(S + 40 * MS, B, h.Span(A, 1, 3)),
        learns(S + 60 * MS, C, h.Span(A, 1, 2)),
        learns(S + 90 * MS, C, h.Span(A, 3, 3)),
        h.Finished(2 * S),
    )
    visible = found.latency("everywhere_online", STEADY)
    assert (visible.count, visible.minimum, visible.maximum) == (1, 90 * MS, 90 * MS)
    (slowest,) = found.worst
    assert (slowest.site, slowest.sequence, slowest.value_us, slowest.edited_us) == ("a", 1, 90 * MS, S)
    assert found.totals.unseen == 0


def test_nobody_waits_for_a_replica_that_goes_or_comes_later() -> None:
    found = measured(
        *online(0, A, B, C),
        *edit(S, A, 1, 1, 1),
        learns(S + 40 * MS, B, h.Span(A, 1, 1)),
        h.Online(S + 50 * MS, SiteId("d"), D),
        h.Offline(S + 70 * MS, C, D, "closed"),
        h.Finished(2 * S),
    )
    assert found.latency("everywhere_online").maximum == 40 * MS


def test_an_edit_made_offline_counts_from_its_keystroke_and_one_that_nobody_could_see_not() -> None:
    found = measured(
        *online(0, A, B),
        h.Offline(S, A, D, "closed"),
        *edit(S + MS, A, 1, 1, 1),
        *edit(S + MS, B, 1, 1, 1),
        h.Online(2 * S, A, D),
        learns(3 * S, B, h.Span(A, 1, 1)),
        h.Finished(4 * S),
    )
    offline = found.latency("everywhere_offline")
    assert (offline.count, offline.maximum) == (1, 2 * S - MS)
    assert found.latency("everywhere_online").count == 0
    assert found.totals.unseen == 0


def test_an_edit_that_is_missed_is_counted_and_took_at_least_until_the_end() -> None:
    found = measured(*online(0, A, B), *edit(S, A, 1, 1, 1), h.Finished(3 * S))
    assert found.totals.unseen == 1
    assert found.latency("everywhere_online").maximum == 2 * S


def test_counts_and_who_is_online() -> None:
    found = measured(
        *online(0, A, B),
        h.Generated(0, h.FIRST, D, seq(0), (Insertion(ElementId(h.FIRST, 1), "x", None, None, 1),)),
        *edit(S + MS, A, 1, 1, 3),
        learns(S + 2 * MS, B, h.Span(A, 1, 3)),
        h.Offline(2 * S + MS, B, D, "closed"),
        h.Traffic(3 * S, {"sent": 5, "lost": 2}),
        h.Finished(3 * S),
    )
    assert found.series.connected == [2, 2, 1]
    assert found.series.edits == [0, 1, 0]
    assert found.series.deliveries == [0, 3, 0]
    totals = found.totals
    assert (totals.edits, totals.operations, totals.deliveries) == (1, 3, 3)
    assert totals.sent == {"datagrams sent": 5, "datagrams lost": 2}


def test_convergence_is_counted_from_the_heal() -> None:
    found = measured(
        h.DocumentCreated(0, D, "", False, False),
        *online(0, A, B),
        *edit(S, A, 1, 1, 1),
        h.Healed(2 * S, 10 * S),
        learns(2 * S + 300 * MS, B, h.Span(A, 1, 1)),
        h.Finished(3 * S),
    )
    assert (found.convergence.count, found.convergence.maximum) == (1, 300 * MS)
