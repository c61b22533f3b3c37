"""Divergence-seconds: for how long replicas of a document do not stand at the same point."""

from __future__ import annotations

import pytest

from model import history as h
from model.crdt.replicas.port import Deletion, ElementId
from model.identity import SiteId
from model.measures import merge_measures
from model.measures.measure_set import FAULT, RECOVERY, STEADY, Agreement
from reports.wording import agreement_text
from tests.model.test_measures import (
    MS,
    A,
    B,
    C,
    D,
    S,
    acknowledged,
    broadcast,
    edited,
    gone,
    joins,
    measured,
    seen_by,
)
from tests.numbers import rev, seq


def agreement(*records: h.Record, phase: str = STEADY) -> tuple[int, int]:
    found = measured(*records).agreement[phase]
    return found.watched_us, found.diverged_us


def test_one_edit_counts_from_its_keystroke_until_author_and_reader_know_of_each_other() -> None:
    # B is there from 2 s on. The edit is on its way from 4 s until 4.3 s, when the last of the two knows.
    assert agreement(
        *joins(S, A),
        *joins(2 * S, B),
        edited(4 * S, A, 1),
        broadcast(4 * S + 100 * MS, A, 1, 1, 4 * S + 90 * MS),
        acknowledged(4 * S + 200 * MS, A, 1, 1),
        seen_by(4 * S + 300 * MS, B, 1),
        h.Finished(10 * S),
    ) == (8 * S, 300 * MS)


def test_edits_that_overlap_count_once_and_documents_add_up() -> None:
    # Both edit, from 2 s and from 2.1 s; all is known at 2.5 s. Each replica waits for the other's revision.
    one = [
        *joins(S, A, B),
        edited(2 * S, A, 1),
        edited(2 * S + 100 * MS, B, 1),
        acknowledged(2 * S + 200 * MS, A, 1, 1),
        seen_by(2 * S + 300 * MS, B, 1),
        acknowledged(2 * S + 400 * MS, B, 2, 1),
        seen_by(2 * S + 500 * MS, A, 2),
        h.Finished(4 * S),
    ]
    assert agreement(*one) == (3 * S, 500 * MS)
    merged = merge_measures([measured(*one), measured(*one)])
    assert merged.agreement[STEADY] == Agreement(6 * S, S)


def test_who_has_lost_the_connection_counts_until_it_has_caught_up() -> None:
    # From the edit at 3 s until B, away from 2 s to 8 s, shows it at 8.5 s. Two are left when it is back.
    assert agreement(
        *joins(S, A, B),
        gone(2 * S, B),
        edited(3 * S, A, 1),
        acknowledged(3 * S + 100 * MS, A, 1, 1),
        *joins(8 * S, B, how="resume"),
        seen_by(8 * S + 500 * MS, B, 1),
        h.Finished(10 * S),
    ) == (9 * S, 5 * S + 500 * MS)


def test_who_has_left_does_not_count() -> None:
    # C has left at 2 s and edits offline, which nobody else could see; A and B agree.
    assert agreement(
        *joins(S, A, B, C),
        h.Offline(2 * S, C, D, "closed"),
        edited(3 * S, C, 1),
        h.Finished(6 * S),
    ) == (5 * S, 0)


def test_a_document_that_one_person_has_open_is_not_watched() -> None:
    assert agreement(*joins(S, A), edited(2 * S, A, 1), h.Finished(6 * S)) == (0, 0)


def test_who_brings_a_branch_counts_when_it_is_merged_and_the_others_until_they_show_it() -> None:
    branch = [h.Offline(2 * S, B, D, "closed"), edited(3 * S, B, 1), *joins(4 * S, B, how="branch")]
    assert agreement(
        *joins(S, A, B),
        *branch,
        h.Merged(5 * S, B, D, rev(0), rev(1), seq(1), seq(1), 0),
        seen_by(5 * S + 250 * MS, A, 1),
        h.Finished(6 * S),
    ) == (2 * S, 250 * MS)  # watched from 1 s to 2 s and from 5 s on


def test_time_counts_in_the_phase_in_which_it_passes() -> None:
    records = [
        *joins(S, A, B),
        edited(2 * S, A, 1),
        h.FaultBegan(3 * S, "network", "partition", 1),
        h.FaultEnded(6 * S, "network", "partition", 1),
        acknowledged(6 * S + 500 * MS, A, 1, 1),
        seen_by(7 * S, B, 1),
        h.Finished(10 * S),
    ]
    found = measured(*records)
    assert found.agreement[STEADY] == Agreement(2 * S, S)
    assert found.agreement[FAULT] == Agreement(3 * S, 3 * S)
    assert found.agreement[RECOVERY] == Agreement(4 * S, S)
    text = agreement_text(found)
    assert text.startswith("5 divergence-seconds: of 9 seconds")
    assert text.endswith("for 55.6 % (steady 50 %, during a fault 100 %, recovering 25 %).")


def two_revisions(first: int, then: int) -> list[h.Record]:
    """A makes two revisions, both known to it at 3 s; B takes them in, in this order, at 3.1 s and 3.2 s."""
    return [
        *joins(S, A, B),
        edited(2 * S, A, 1),
        acknowledged(2 * S + 500 * MS, A, 1, 1),
        edited(2 * S + 500 * MS, A, 2),
        acknowledged(3 * S, A, 2, 2),
        seen_by(3 * S + 100 * MS, B, first),
        seen_by(3 * S + 200 * MS, B, then),
        h.Finished(10 * S),
    ]


@pytest.mark.parametrize(
    ("order", "diverged_us"),
    [((1, 2), 1_200 * MS), ((2, 1), 7_900 * MS), ((1, 1), 8 * S)],  # (2, 1) agrees for 100 ms in between
)
def test_what_is_taken_in_out_of_order_or_never_counts_to_the_end(
    order: tuple[int, int], diverged_us: int
) -> None:
    assert agreement(*two_revisions(*order)) == (9 * S, diverged_us)


# --- without a server ---------------------------------------------------------------------------------------


def online(at: int, *sites: SiteId) -> list[h.Record]:
    return [h.Online(at, site, D) for site in sites]


def generated(at: int, site: SiteId, counter: int) -> h.Generated:
    return h.Generated(at, site, D, seq(counter), (Deletion(ElementId(site, counter), ElementId(A, 1)),))


def integrated(at: int, site: SiteId, author: SiteId, first: int, last: int) -> h.Integrated:
    return h.Integrated(at, site, D, (h.Span(author, first, last),))


def among_themselves(*records: h.Record) -> tuple[int, int]:
    header = h.Header(1, "simulator", "virtual", {"engine": "fugue"})
    return agreement(header, *records)


def test_replicas_without_a_server_agree_if_they_know_the_same_edits() -> None:
    # As many are known at 2.1 s, but not the same ones; these are at 2.6 s.
    assert among_themselves(
        *online(S, A, B),
        generated(2 * S, A, 1),
        generated(2 * S + 100 * MS, B, 1),
        integrated(2 * S + 300 * MS, A, B, 1, 1),
        integrated(2 * S + 600 * MS, B, A, 1, 1),
        h.Finished(5 * S),
    ) == (4 * S, 600 * MS)


def test_what_a_replica_had_not_saved_it_has_to_learn_again() -> None:
    saved = {A: 1}
    assert among_themselves(
        *online(S, A, B),
        generated(2 * S, A, 1),
        generated(2 * S, A, 2),
        integrated(2 * S + 500 * MS, B, A, 1, 2),
        h.Offline(3 * S, B, D, "crashed"),
        h.Reloaded(4 * S, B, D, saved, 1, 1),
        *online(4 * S, B),
        integrated(4 * S + 750 * MS, B, A, 2, 2),
        h.Finished(6 * S),
    ) == (4 * S, 1_250 * MS)
