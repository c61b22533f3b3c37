"""All checkers together, on whole histories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import history
from model.checkers import triviality
from model.checkers.catalogue import CHECKERS, REPLICA_CHECKERS, checkers_for
from model.checkers.check import Check, edit_name
from model.checkers.promises import PROMISES
from model.claims import ENGINES, JUPITER, SEQUENCES, Claims
from model.history import Record
from model.identity import SiteId
from model.verdict import VIOLATIONS_KEPT_MAX, Verdict
from tests.model.checkers.group import group_story
from tests.model.checkers.histories import Room, changed, judged, story
from tests.model.strategies import operations
from tests.numbers import seq

NAMES = [checker.name for checker in CHECKERS]


@pytest.mark.parametrize("kind", CHECKERS, ids=NAMES)
class TestEachChecker:
    def test_says_nothing_of_nothing(self, kind: type[Check]) -> None:
        result = judged(kind(), [history.Header(1, "simulator", "virtual", {}), history.Finished(0)])
        assert result.verdict is Verdict.UNKNOWN
        assert (result.checked, result.violated) == (0, 0)

    def test_finds_a_good_history_valid(self, kind: type[Check]) -> None:
        result = judged(kind(), story(undo=kind.name == "undo"))
        assert result.violations == ()
        assert result.verdict is Verdict.VALID
        assert result.name == kind.name
        assert result.detail

    def test_finds_the_same_in_batches(self, kind: type[Check]) -> None:
        assert judged(kind(), story()) == judged(kind(), iter(story()))

    @pytest.mark.slow
    @given(data=st.data())
    def test_never_objects_to_real_replicas(self, kind: type[Check], data: st.DataObject) -> None:
        if kind.name == "strong_list":
            return  # Jupiter violates it by nature
        assert judged(kind(), drawn_history(data)).violations == ()


REPLICA_NAMES = [checker.name for checker in REPLICA_CHECKERS]


@pytest.mark.parametrize("kind", REPLICA_CHECKERS, ids=REPLICA_NAMES)
class TestEachCheckerOfReplicas:
    def test_says_nothing_of_nothing(self, kind: type[Check]) -> None:
        result = judged(kind(), [history.Header(1, "simulator", "virtual", {}), history.Finished(0)])
        assert (result.verdict, result.checked, result.violated) == (Verdict.UNKNOWN, 0, 0)

    @pytest.mark.parametrize("rule", ["fuguemax", "fugue"])
    def test_finds_a_good_history_valid(self, kind: type[Check], rule: str) -> None:
        result = judged(kind(), group_story(rule))
        assert result.violations == ()
        assert result.verdict is Verdict.VALID
        assert result.name == kind.name
        assert result.detail

    def test_knows_nothing_of_servers(self, kind: type[Check]) -> None:
        if kind not in CHECKERS:
            assert judged(kind(), story()).checked == 0


def drawn_history(data: st.DataObject) -> list[Record]:
    """Three people at one text, with messages at any pace."""
    room = Room("house", "abc", unique=False)
    for _ in range(data.draw(st.integers(1, 12))):
        site = data.draw(st.sampled_from("abc"))
        match data.draw(st.sampled_from(["edit", "edit", "undo", "redo", "serve", "deliver", "place"])):
            case "edit":
                op = data.draw(operations(len(room.replicas[site].text)))
                if not op.is_noop:
                    room.edit(site, op)
            case "undo" | "redo" as kind:
                room.undo(site, kind)
            case "serve" if room.submitted:
                room.serve()
            case "deliver":
                room.deliver(site, data.draw(st.integers(0, len(room.queues[site]))))
            case "place":
                room.place(site, data.draw(st.integers(0, len(room.text))))
            case _:
                pass
    return room.finish()


def test_the_catalogue_gives_fresh_checkers_with_the_engines_claims() -> None:
    first, second = checkers_for(JUPITER), checkers_for(JUPITER)
    assert [c.name for c in first] == NAMES
    assert not any(c is d for c, d in zip(first, second, strict=True))
    claimed = {c.name: c.result().claimed for c in first}
    assert [name for name, is_claimed in claimed.items() if not is_claimed] == ["strong_list"]


@pytest.mark.parametrize("claims", SEQUENCES, ids=lambda claims: claims.engine)
def test_replicas_claim_all_but_what_interleaving_measures(claims: Claims) -> None:
    found = checkers_for(claims)
    assert [c.name for c in found] == REPLICA_NAMES
    unclaimed = {c.name for c in found if not c.result().claimed}
    measured = {"forward_runs", "backward_runs"}
    measured |= {"non_interleaving"} if claims.engine != "fuguemax" else set()
    measured |= {"rule_order"} if claims.engine == "woot" else set()
    assert unclaimed == measured


def test_every_claim_has_a_checker() -> None:
    for engine, claims in ENGINES.items():
        assert claims.engine == engine
        names = {checker.name for checker in checkers_for(claims)}
        assert claims.checks <= {*names, triviality.NAME}


def test_only_the_first_violations_are_kept_whole() -> None:
    check = Check()
    for n in range(VIOLATIONS_KEPT_MAX + 3):
        check.violate(n, "d", "a#1 is missing", site="a")
    result = check.result()
    assert (result.violated, len(result.violations)) == (VIOLATIONS_KEPT_MAX + 3, VIOLATIONS_KEPT_MAX)


def test_edits_are_named_by_site_and_sequence() -> None:
    assert edit_name(SiteId("c3"), seq(5), seq(5)) == "c3#5"
    assert edit_name(SiteId("c3"), seq(5), seq(7)) == "c3#5..7"


def test_a_corruption_of_one_replica_is_found_by_somebody() -> None:
    records = story()
    shown = [n for n, r in enumerate(records) if hasattr(r, "site") and getattr(r, "fingerprint", False)]
    shown = [n for n in shown if not isinstance(records[n], history.Broadcast)]  # that is the server's
    for at in shown:
        spoiled = changed(records, at, fingerprint=7)
        assert any(judged(c, spoiled).violated for c in checkers_for(JUPITER)), records[at]


def test_every_check_says_what_it_holds_somebody_to() -> None:
    assert set(PROMISES) == {c.name for c in (*CHECKERS, *REPLICA_CHECKERS)} | {"non_triviality"}
    assert all(promise.endswith(".") for promise in PROMISES.values())
