"""Causal integration and unique ids: how events reach replicas."""

from __future__ import annotations

import pytest

from model import history
from model.checkers.integration import CausalIntegration, UniqueIds
from model.crdt.replicas import ALGORITHMS
from model.crdt.replicas.port import Deletion, ElementId, Insertion
from model.history import Record, Span
from model.identity import DocumentId, SiteId
from tests.model.checkers.group import group_story
from tests.model.checkers.histories import (
    DOCUMENT,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    without,
)
from tests.numbers import seq

A, B, C = SiteId("a"), SiteId("b"), SiteId("c")


def made(site: SiteId, *events: Insertion | Deletion) -> Record:
    return history.Generated(0, site, DOCUMENT, seq(1), events)


def letter(
    site: SiteId, counter: int, *, left: ElementId | None = None, right: ElementId | None = None
) -> Insertion:
    return Insertion(ElementId(site, counter), "x", left, right, 1)


def taken(site: SiteId, *spans: Span) -> Record:
    return history.Integrated(0, site, DOCUMENT, spans)


class TestCausalIntegration:
    @pytest.mark.parametrize("rule", ALGORITHMS)
    def test_a_good_history(self, rule: str) -> None:
        assert assert_valid(CausalIntegration(), group_story(rule)).checked > 20

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_without_an_origin(self, side: str) -> None:
        origin = ElementId(A, 1)
        records = [made(A, letter(A, 1)), made(B, letter(B, 1, **{side: origin}))]
        assert_violated(CausalIntegration(), records, "b took over b#1 without a#1")
        good = [made(A, letter(A, 1)), taken(B, Span(A, 1, 1)), made(B, letter(B, 1, **{side: origin}))]
        assert_valid(CausalIntegration(), good)
        assert_violated(CausalIntegration(), [*good, taken(C, Span(B, 1, 1))], "c took over b#1 without a#1")
        assert_valid(CausalIntegration(), [*good, taken(C, Span(A, 1, 1), Span(B, 1, 1))])

    def test_with_the_left_origin_and_without_the_right_one(self) -> None:
        between = letter(B, 1, left=ElementId(A, 1), right=ElementId(A, 2))
        both = [made(A, letter(A, 1), letter(A, 2)), taken(B, Span(A, 1, 2)), made(B, between)]
        assert_valid(CausalIntegration(), [*both, taken(C, Span(A, 1, 2), Span(B, 1, 1))])
        early = [*both, taken(C, Span(A, 1, 1), Span(B, 1, 1))]
        assert_violated(CausalIntegration(), early, "c took over b#1 without a#2")

    def test_without_the_target_of_a_deletion(self) -> None:
        erased = Deletion(ElementId(B, 1), ElementId(A, 1))
        records = [made(A, letter(A, 1)), taken(B, Span(A, 1, 1)), made(B, erased), taken(C, Span(B, 1, 1))]
        assert_violated(CausalIntegration(), records, "c took over b#1 without a#1")

    def test_twice(self) -> None:
        records = [made(A, letter(A, 1)), taken(B, Span(A, 1, 1)), taken(B, Span(A, 1, 1))]
        assert_violated(CausalIntegration(), records, "b took over a#1 again")

    def test_with_a_gap(self) -> None:
        records = [made(A, letter(A, 1), letter(A, 2)), taken(B, Span(A, 2, 2))]
        assert_violated(CausalIntegration(), records, "b took over a#2 right after #0")

    def test_what_nobody_made(self) -> None:
        assert_violated(CausalIntegration(), [taken(B, Span(A, 1, 1))], "a#1 which nobody made")

    def test_after_a_reload_it_may_learn_again_what_was_not_saved(self) -> None:
        forgot = history.Reloaded(0, B, DOCUMENT, {}, 1, 1)
        again = taken(B, Span(A, 1, 1))
        assert_valid(CausalIntegration(), [made(A, letter(A, 1)), again, forgot, again])
        remembers = history.Reloaded(0, B, DOCUMENT, {A: 2}, 1, 1)
        assert_violated(
            CausalIntegration(), [made(A, letter(A, 1)), again, remembers], "came back knowing a#2"
        )

    def test_a_replica_that_claims_to_know_more(self) -> None:
        records = group_story()
        at = index_of(records, history.FinalVersion, 2)
        final = records[at]
        assert isinstance(final, history.FinalVersion)
        spoiled = changed(records, at, version={**final.version, A: 9})
        assert_violated(CausalIntegration(), spoiled, "c claims to know other events than it took over")

    def test_a_missing_record_of_integration(self) -> None:
        records = group_story()
        spoiled = without(records, index_of(records, history.Integrated))
        assert_violated(CausalIntegration(), spoiled, "c took over")


class TestUniqueIds:
    def test_a_good_history(self) -> None:
        # 2 of the first text, xyz, u, v, 2 deletions, n, m
        assert assert_valid(UniqueIds(), group_story()).checked == 11

    def test_given_out_again(self) -> None:
        records = [made(A, letter(A, 1)), made(A, letter(A, 1))]
        assert_violated(UniqueIds(), records, "a made 'x' under the id a#1, which was given out before")

    def test_a_deletion_has_an_id_too(self) -> None:
        records = [made(A, letter(A, 1)), made(A, Deletion(ElementId(A, 1), ElementId(A, 1)))]
        assert_violated(UniqueIds(), records, "a made a deletion under the id a#1")

    def test_a_gap(self) -> None:
        assert_violated(UniqueIds(), [made(A, letter(A, 2))], "under the id a#2, right after #0")

    def test_of_another_site(self) -> None:
        assert_violated(UniqueIds(), [made(A, letter(B, 1))], "under the id b#1 of another site")

    def test_the_same_id_in_another_document_is_another(self) -> None:
        records = [
            made(A, letter(A, 1)),
            history.Generated(0, A, DocumentId("e"), seq(1), (letter(A, 1),)),
        ]
        assert_valid(UniqueIds(), records)
