from __future__ import annotations

import pytest

from model import history as h
from model.checkers import Judge
from model.crdt.replicas.port import ElementId, Insertion
from model.identity import DocumentId, SiteId
from model.strata import WRITERS, Strata, Stratum, merge_strata
from model.text import Operation
from tests.numbers import rev, seq

D = DocumentId("d")
A, B, C = SiteId("a"), SiteId("b"), SiteId("c")
OP = Operation(0, ("x",))


def strata(*records: h.Record) -> list[Stratum]:
    found = Strata()
    Judge([found]).feed([h.DocumentCreated(0, D, "", True, True), *records])
    return found.result()


def edited(site: SiteId, kind: str = "type", document: DocumentId = D) -> h.Edited:
    return h.Edited(0, site, document, seq(1), kind, rev(0), OP, 0)


def stored(revision: int, site: SiteId, base: int, document: DocumentId = D) -> h.Stored:
    return h.Stored(0, document, rev(revision), site, seq(1), seq(1), rev(base), False, OP, OP)


def connected(site: SiteId) -> h.Connected:
    return h.Connected(0, site, D, 0, 0)


def gone(site: SiteId) -> h.Disconnected:
    return h.Disconnected(0, site, D, rev(0), "reset")


def only(found: list[Stratum]) -> Stratum:
    (one,) = found
    assert one.histories == 1
    return one


def test_nobody_wrote() -> None:
    assert strata() == [Stratum(0, False, False, 1, 0)]


@pytest.mark.parametrize(
    ("log", "writers", "concurrent"),
    [
        ([(A, 0), (A, 1), (A, 2)], 1, 0),
        ([(A, 0), (A, 0), (A, 1)], 1, 0),  # its own edits are known to a site
        ([(A, 0), (B, 1), (A, 2)], 2, 0),  # in turns
        ([(A, 0), (B, 0)], 2, 1),
        ([(A, 0), (B, 1), (B, 1), (A, 1)], 2, 1),  # a missed those of b
        ([(A, 0), (B, 1), (A, 2), (A, 2), (B, 2)], 2, 1),
        ([(A, 0), (B, 1), (A, 2), (B, 2), (C, 4)], 3, 1),
    ],
)
def test_edits_are_concurrent_if_they_were_made_without_those_of_others(
    log: list[tuple[SiteId, int]], writers: int, concurrent: int
) -> None:
    found = only(strata(*(stored(n, site, base) for n, (site, base) in enumerate(log, 1))))
    assert (found.writers, found.concurrent) == (writers, concurrent)


def test_the_author_of_a_first_text_is_no_writer() -> None:
    log: list[h.Record] = [stored(1, C, 0), edited(A), stored(2, A, 1)]
    assert only(strata(edited(C, "setup"), *log)).writers == 1
    assert only(strata(edited(C), *log)).writers == 2


@pytest.mark.parametrize(
    ("before", "offline"),
    [
        ([connected(A)], False),
        ([connected(A), gone(A)], True),
        ([connected(A), gone(B)], False),
        ([connected(A), gone(A), h.Online(0, A, D)], True),  # it wants to, and is not
        ([connected(A), gone(A), h.Online(0, A, D), connected(A)], False),
    ],
)
def test_who_writes_without_a_connection_writes_offline(before: list[h.Record], offline: bool) -> None:
    assert only(strata(*before, edited(A), stored(1, A, 0))).offline is offline


def test_what_is_written_while_a_fault_acts_is_written_under_faults() -> None:
    began: h.Record
    ended: h.Record
    began, ended = h.FaultBegan(0, "network", "partition", 1), h.FaultEnded(0, "network", "partition", 1)
    assert not only(strata(edited(A), began, ended, edited(A))).faults
    assert only(strata(began, began, ended, edited(A), ended)).faults
    assert only(strata(ended, began, stored(1, A, 0))).faults  # an instant does not begin


def generated(site: SiteId, counter: int) -> h.Generated:
    return h.Generated(0, site, D, seq(1), (Insertion(ElementId(site, counter), "x", None, None, 0),))


def integrated(site: SiteId, by: SiteId, first: int, last: int) -> h.Integrated:
    return h.Integrated(0, site, D, (h.Span(by, first, last),))


@pytest.mark.parametrize(
    ("records", "concurrent"),
    [
        ([generated(A, 1), generated(A, 2)], 0),
        ([generated(A, 1), integrated(B, A, 1, 1), generated(B, 1)], 0),
        ([generated(A, 1), generated(B, 1)], 1),
        ([generated(A, 1), integrated(B, A, 1, 1), generated(B, 1), generated(A, 2)], 1),
    ],
)
def test_replicas_without_a_server_edit_concurrently_if_they_do_not_know_all_events(
    records: list[h.Record], concurrent: int
) -> None:
    first = h.Generated(0, h.FIRST, D, seq(0), (Insertion(ElementId(h.FIRST, 1), "x", None, None, 0),))
    assert only(strata(first, *records)).concurrent == concurrent


def test_replicas_are_offline_by_themselves() -> None:
    away: list[h.Record] = [h.Online(0, A, D), h.Offline(0, A, D, "closed")]
    assert only(strata(*away, edited(A), generated(A, 1))).offline
    assert not only(strata(*away, h.Online(0, A, D), edited(A), generated(A, 1))).offline


def test_equal_kinds_are_one_stratum() -> None:
    one = Stratum(2, True, False, 3, 1)
    few = Stratum(1, False, False, 1, 0)
    assert merge_strata([one, few, one]) == [few, Stratum(2, True, False, 6, 2)]
    documents = [DocumentId(str(n)) for n in range(7)]
    log = [
        stored(n + 1, SiteId(str(n)), n, document)
        for index, document in enumerate(documents)
        for n in range(index)
    ]
    found = strata(*log)
    assert [(row.writers, row.histories) for row in found] == list(zip(WRITERS, (1, 1, 1, 3, 1), strict=True))
