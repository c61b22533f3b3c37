"""Examples of the interface; every algorithm keeps them."""

from __future__ import annotations

import pytest

from model.crdt.replicas import (
    ALGORITHMS,
    Deletion,
    ElementId,
    Fugue,
    FugueMax,
    Insertion,
    Logoot,
    MissingDependency,
    Replica,
    Rga,
    Woot,
    Yata,
)
from model.crdt.replicas.logoot import BASE, between
from model.crdt.scripts import Script, Sync, everybody, play
from model.identity import SiteId

A, B, C = SiteId("A"), SiteId("B"), SiteId("C")

every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS.keys())


@every_algorithm
def test_edits_are_positions_of_the_text_and_events_of_one_character(algorithm: type[Replica]) -> None:
    replica = algorithm(A)
    typed = replica.insert(0, "aé😀")
    assert [(event.id, event.character) for event in typed if isinstance(event, Insertion)] == [
        ((A, 1), "a"),
        ((A, 2), "é"),
        ((A, 3), "😀"),
    ]
    deleted = replica.delete(1, 2)
    assert deleted == [Deletion(ElementId(A, 4), ElementId(A, 2), 4), Deletion(ElementId(A, 5), (A, 3), 5)]  # type: ignore[arg-type]
    replica.insert(1, "b")
    assert replica.text == "ab"
    assert replica.version == {A: 6}


@every_algorithm
def test_elements_are_told_in_document_order_with_tombstones(algorithm: type[Replica]) -> None:
    replica = algorithm(A)
    replica.insert(0, "ac")
    replica.insert(1, "b")
    replica.delete(0, 1)
    assert [(e.id.counter, e.character, e.deleted) for e in replica.elements()] == [
        (1, "a", True),
        (3, "b", False),
        (2, "c", False),
    ]
    assert (replica.elements()[1].left, replica.elements()[1].right) == ((A, 1), (A, 2))


@every_algorithm
@pytest.mark.parametrize(("position", "count"), [(-1, 1), (2, 1), (1, 2), (0, -1), (0, 4)])
def test_a_range_outside_the_text_is_refused(algorithm: type[Replica], position: int, count: int) -> None:
    replica = algorithm(A)
    replica.insert(0, "ab")
    with pytest.raises(IndexError):
        replica.delete(position, count)
    assert (replica.text, replica.version) == ("ab", {A: 2})


@every_algorithm
@pytest.mark.parametrize("position", [-1, 3])
def test_a_place_outside_the_text_is_refused(algorithm: type[Replica], position: int) -> None:
    replica = algorithm(A)
    replica.insert(0, "ab")
    with pytest.raises(IndexError):
        replica.insert(position, "x")
    assert (replica.text, replica.version) == ("ab", {A: 2})


@every_algorithm
def test_an_event_is_taken_once_and_not_before_what_it_needs(algorithm: type[Replica]) -> None:
    author, reader = algorithm(A), algorithm(B)
    first, second = author.insert(0, "ab")
    with pytest.raises(MissingDependency, match="A#2 needs A#1") as refused:
        reader.apply(second)
    assert (refused.value.event, refused.value.missing) == (second, first.id)
    assert [reader.apply(event) for event in (first, first, second, first)] == [True, False, True, False]
    assert reader.text == "ab"


@every_algorithm
def test_a_delta_is_what_a_version_does_not_cover(algorithm: type[Replica]) -> None:
    author, reader = algorithm(A), algorithm(B)
    events = author.insert(0, "abc")
    reader.merge(author)
    events += reader.insert(3, "d") + reader.delete(0, 1)
    assert reader.events_since({}) == events
    assert reader.events_since({A: 2}) == events[2:]
    assert reader.events_since({A: 3, B: 1}) == events[4:]
    assert reader.events_since({A: 2, B: 9}) == events[2:3]
    assert reader.events_since(reader.version) == []


@every_algorithm
def test_two_deletions_of_one_element_are_two_events(algorithm: type[Replica]) -> None:
    one, other = algorithm(A), algorithm(B)
    one.insert(0, "xy")
    other.merge(one)
    one.delete(0, 1)
    other.delete(0, 1)
    one.merge(other)
    other.merge(one)
    assert (one.text, one.version) == (other.text, other.version) == ("y", {A: 3, B: 1})


@every_algorithm
def test_only_the_same_algorithm_can_be_merged_or_loaded(algorithm: type[Replica]) -> None:
    stranger = next(kind for kind in ALGORITHMS.values() if kind is not algorithm)
    with pytest.raises(ValueError, match="cannot be merged"):
        algorithm(A).merge(stranger(B))
    with pytest.raises(ValueError, match="not of"):
        algorithm.load(stranger(B).save())
    with pytest.raises(ValueError, match="not a saved replica"):
        algorithm.load(b'{"algorithm": 1}')


@every_algorithm
def test_counters_go_on_after_loading(algorithm: type[Replica]) -> None:
    replica = algorithm(A)
    replica.insert(0, "ab")
    replica.delete(0, 2)
    again = algorithm.load(replica.save())
    assert again.insert(0, "c")[0].id == (A, 5)
    assert (again.text, again.site) == ("c", A)


@every_algorithm
def test_what_is_not_known_cannot_be_stable(algorithm: type[Replica]) -> None:
    replica = algorithm(A)
    replica.insert(0, "ab")
    with pytest.raises(ValueError, match="cannot be stable"):
        replica.compact({A: 3})


def deleted_run(algorithm: type[Replica]) -> Replica:
    replica = algorithm(A)
    replica.insert(0, "abcde")
    replica.delete(1, 3)
    return replica


@pytest.mark.parametrize(
    ("algorithm", "early", "late"), [(Yata, "abde", "abe"), (Rga, "ade", "ae"), (Logoot, "ade", "ae")]
)
def test_compaction_drops_what_nothing_to_come_can_need(
    algorithm: type[Replica], early: str, late: str
) -> None:
    replica = deleted_run(algorithm)
    # The deletion of d is not stable yet; then it is.
    for stable, left_over in [({A: 7}, early), ({A: 8}, late)]:
        before = len(replica.elements())
        dropped = replica.compact(stable)
        assert "".join(element.character for element in replica.elements()) == left_over
        assert dropped == before - len(left_over)
        assert replica.text == "ae"


def test_woot_drops_nothing() -> None:
    replica = deleted_run(Woot)
    assert replica.compact(replica.version) == 0


def test_fugue_keeps_the_ancestors_of_what_stays() -> None:
    # a, b, c, d, e hang below each other, so with e all of them stay; without it d and c can go.
    replica = deleted_run(Fugue)
    assert replica.compact(replica.version) == 0
    replica.delete(1, 1)
    assert replica.compact(replica.version) == 3
    assert "".join(element.character for element in replica.elements()) == "ab"


def group(algorithm: type[Replica], names: str) -> list[Replica]:
    return [algorithm(SiteId(name)) for name in names]


def test_fuguemax_keeps_right_origins_that_siblings_to_come_are_compared_with() -> None:
    a, b, c, d, e, reader = group(FugueMax, "ABCDEF")
    for replica, character in ((a, "K"), (b, "p"), (c, "t")):
        replica.insert(0, character)
    d.merge(a)
    d.merge(c)
    d.insert(1, "s")  # between K and t; p is not known there
    for other in (a, b, c):
        e.merge(other)
    e.delete(1, 2)
    for other in (d, e):
        reader.merge(other)
    whole = FugueMax.load(reader.save())
    # t stands behind a stable tombstone, but s is not stable, and x will be its sibling.
    assert reader.compact(e.version) == 0
    for event in e.insert(1, "x"):
        reader.apply(event)
        whole.apply(event)
    assert reader.text == whole.text == "Ksx"


def test_rga_keeps_a_tombstone_in_front_of_what_is_not_stable() -> None:
    a, b, c, reader = group(Rga, "ABCD")
    a.insert(0, "lt")
    c.merge(a)
    c.insert(2, "12345")
    c.insert(2, "n")  # behind t, and newer than what comes
    b.merge(a)
    b.delete(1, 1)
    for other in (b, c):
        reader.merge(other)
    whole = Rga.load(reader.save())
    assert reader.compact(b.version) == 0
    for event in b.insert(1, "x"):
        reader.apply(event)
        whole.apply(event)
    assert reader.text == whole.text == "lxn12345"


@pytest.mark.parametrize("algorithm", [kind for kind in ALGORITHMS.values() if kind is not Woot])
def test_what_was_forgotten_cannot_be_told(algorithm: type[Replica]) -> None:
    replica = deleted_run(algorithm)
    replica.delete(1, 1)
    assert replica.compact(replica.version)
    loaded = algorithm.load(replica.save())
    assert (loaded.elements(), loaded.version) == (replica.elements(), replica.version)
    for compacted in (replica, loaded):
        assert compacted.events_since(compacted.version) == []
        with pytest.raises(ValueError, match="forgotten"):
            algorithm(B).merge(compacted)


def test_logoot_positions_lie_between_and_end_above_zero() -> None:
    one = between((), (), ElementId(A, 1))
    for left, right in [((), one), (one, ()), ((), ())]:
        new = between(left, right, ElementId(B, 1))
        assert left < new
        assert not right or new < right
    tight = between((((1, A, 1)),), ((1, B, 1),), ElementId(C, 1))
    assert tight[0] == (1, A, 1)
    assert len(tight) == 2
    low = between((), ((1, A, 1),), ElementId(C, 2))
    assert low[0] == (0, C, 2)
    assert low[-1][0] > 0
    assert between((), low, ElementId(C, 3)) < low
    assert between(((BASE - 1, A, 1),), (), ElementId(C, 4))[0] == (BASE - 1, A, 1)


def test_logoot_interleaves_alice_and_charlie() -> None:
    # Identifiers as fractions; Weidner & Kleppmann, "The Art of the Fugue", figure 1.
    typed = {
        SiteId("base"): ("Hello!", (18, 26, 32, 49, 64, 95)),
        SiteId("Alice"): (" Alice", (69, 71, 74, 79, 86, 93)),
        SiteId("Charlie"): (" Charlie", (75, 77, 80, 83, 85, 87, 89, 91)),
    }
    replica = Logoot(A)
    for site, (text, digits) in typed.items():
        for n, (character, digit) in enumerate(zip(text, digits, strict=True), 1):
            new = ElementId(site, n)
            replica.apply(Insertion(new, character, None, None, n, ((digit, *new),)))
    assert replica.text == "Hello Al Ciharcliee!"


def test_the_puzzle_of_rga_without_tombstones_has_the_published_answer() -> None:
    # Insert 1 at the beginning, 2 at the beginning, 3 behind 1; delete 1. Expected 2 3.
    replica = Rga(A)
    replica.insert(0, "1")
    replica.insert(0, "2")
    replica.insert(2, "3")
    replica.delete(1, 1)
    assert replica.text == "23"


@every_algorithm
def test_nothing_can_be_played_by_nobody(algorithm: type[Replica]) -> None:
    replicas = play(Script((A, B), (Sync(A, B), *everybody((A, B)))), algorithm)
    assert [replica.text for replica in replicas.values()] == ["", ""]
