"""What every store promises: the tests of the store in memory, for all three, through the port."""

from __future__ import annotations

import threading

import pytest

from model.identity import DocumentId, SiteId
from model.protocol import Edits
from model.text import Operation, delete, insert
from reference_server.core.effects import (
    Append,
    Appended,
    Committed,
    Contents,
    Load,
    Loaded,
    LogRow,
    Progress,
    Read,
    Snapshot,
)
from reference_server.store.port import Catalogue, Store
from tests.numbers import rev, seq
from tests.reference_server.store.conftest import Opener
from tests.reference_server.store.requests import (
    COMMITTED,
    OTHER,
    A,
    B,
    D,
    append,
    conflict,
    fence,
    load,
    outcomes,
    read,
    row,
)


def test_nothing_is_nothing(store: Store) -> None:
    assert store.perform([]) == []


# --- compare and append -----------------------------------------------------------------------------------


def test_an_append_on_the_head_is_committed(store: Store) -> None:
    assert outcomes(store, append(0, 2)) == [COMMITTED]
    assert load(store) == Contents(rev(0), "", (row(1), row(2)), {A: Progress(0, seq(2), rev(2))}, rev(0))


@pytest.mark.parametrize("expected", [0, 3])
def test_an_append_elsewhere_is_a_conflict_and_writes_nothing(store: Store, expected: int) -> None:
    outcomes(store, append(0, 2))
    before = load(store)
    assert outcomes(store, append(expected)) == [conflict(2)]
    assert load(store) == before


def test_appends_of_one_commit_see_each_other(store: Store) -> None:
    assert outcomes(store, append(0), append(1), append(1)) == [COMMITTED, COMMITTED, conflict(2)]
    assert load(store).rows == (row(1), row(2))


def test_a_conflict_concerns_its_document_only(store: Store) -> None:
    assert outcomes(store, append(7), append(0, document=OTHER), append(0)) == [
        conflict(0),
        COMMITTED,
        COMMITTED,
    ]
    assert load(store).rows == load(store, OTHER).rows == (row(1),)


def test_answers_come_in_the_order_of_the_requests_and_see_what_was_before_them(store: Store) -> None:
    before, appended, after, newer = store.perform(
        [Load(1, D), append(0, number=2), Load(3, D), Read(4, D, rev(1))]
    )
    assert before == Loaded(1, D, Contents(rev(0), "", (), {}, rev(0)))
    assert repr(appended) == repr(Appended(2, D, Committed()))
    assert after == Loaded(3, D, Contents(rev(0), "", (row(1),), {A: Progress(0, seq(1), rev(1))}, rev(0)))
    assert newer == Loaded(4, D, Contents(rev(1), "", (), {A: Progress(0, seq(1), rev(1))}, rev(0)))


def test_a_refused_part_refuses_the_whole_append(store: Store) -> None:
    outcomes(store, fence(0, 5, B))
    assert outcomes(store, append(0)._replace(fences=((B, 5),))) == [conflict(0)]
    assert load(store).rows == ()


# --- fences -----------------------------------------------------------------------------------------------


def test_a_fence_must_be_newer(store: Store) -> None:
    got = [outcomes(store, fence(0, epoch)) for epoch in (5, 5, 4, 6)]
    assert got == [[COMMITTED], [conflict(0)], [conflict(0)], [COMMITTED]]
    assert load(store).progress == {A: Progress(6)}


def test_edits_under_another_epoch_than_the_last_fence_are_a_conflict(store: Store) -> None:
    outcomes(store, fence(0, 5))
    assert [outcomes(store, append(0, epoch=epoch)) for epoch in (4, 6, 5)] == [
        [conflict(0)],
        [conflict(0)],
        [COMMITTED],
    ]


def test_a_fence_is_seen_within_its_commit_unless_it_is_refused(store: Store) -> None:
    assert outcomes(store, fence(9, 1), fence(0, 1), append(0, epoch=0), append(0, epoch=1)) == [
        conflict(0),
        COMMITTED,
        conflict(0),
        COMMITTED,
    ]


def test_a_fence_keeps_what_its_site_has_done_and_concerns_nobody_else(store: Store) -> None:
    outcomes(store, append(0, 2), append(2, 2, site=B))
    outcomes(store, fence(4, 8))
    assert load(store).progress == {A: Progress(8, seq(2), rev(2)), B: Progress(0, seq(4), rev(4))}


@pytest.mark.parametrize("together", [True, False])
def test_a_fence_and_edits_of_a_site_in_either_order(store: Store, together: bool) -> None:
    requests = [fence(0, 2), append(0, epoch=2), fence(1, 3), append(1, epoch=3), fence(2, 4)]
    if together:
        assert outcomes(store, *requests) == [COMMITTED] * 5
    else:
        assert [outcomes(store, request) for request in requests] == [[COMMITTED]] * 5
    assert load(store).progress == {A: Progress(4, seq(2), rev(2))}


# --- snapshots and trimming -------------------------------------------------------------------------------


def test_a_snapshot_forgets_what_it_may_and_keeps_progress(store: Store) -> None:
    outcomes(store, append(0, 4), Snapshot(D, rev(4), "xxxx", rev(2)))
    progress = {A: Progress(0, seq(4), rev(4))}
    assert load(store) == Contents(rev(4), "xxxx", (row(3), row(4)), progress, rev(2))
    assert outcomes(store, append(4)) == [COMMITTED]
    assert read(store, 0) == Contents(
        rev(0), "", (row(3), row(4), row(5)), {A: Progress(0, seq(5), rev(5))}, rev(2)
    )


def test_nothing_is_trimmed_that_the_snapshot_does_not_cover(store: Store) -> None:
    outcomes(store, append(0, 4), Snapshot(D, rev(2), "xx", rev(4)))
    assert load(store) == Contents(rev(2), "xx", (row(3), row(4)), {A: Progress(0, seq(4), rev(4))}, rev(2))


def test_an_older_snapshot_that_arrives_late_is_ignored(store: Store) -> None:
    outcomes(store, append(0, 4), Snapshot(D, rev(3), "xxx", rev(1)), Snapshot(D, rev(2), "xx", rev(2)))
    assert load(store) == Contents(
        rev(3), "xxx", (row(2), row(3), row(4)), {A: Progress(0, seq(4), rev(4))}, rev(1)
    )


def test_trimming_goes_forward_only(store: Store) -> None:
    outcomes(store, append(0, 4), Snapshot(D, rev(3), "xxx", rev(3)), Snapshot(D, rev(4), "xxxx", rev(1)))
    assert load(store) == Contents(rev(4), "xxxx", (row(4),), {A: Progress(0, seq(4), rev(4))}, rev(3))


def test_a_snapshot_of_one_document_touches_no_other(store: Store) -> None:
    outcomes(store, append(0, 4), append(0, 4, document=OTHER), Snapshot(D, rev(4), "xxxx", rev(4)))
    assert load(store, OTHER).rows == tuple(row(n) for n in range(1, 5))


# --- documents and what may be in them --------------------------------------------------------------------


def test_an_unknown_document_reads_as_empty_and_begins_with_its_first_append(
    store: Store, catalogue: Catalogue
) -> None:
    nowhere = Contents(rev(0), "", (), {}, rev(0))
    assert (load(store), read(store, 0)) == (nowhere, nowhere)
    assert catalogue.get(D) is None
    # Of the two places where an append may be refused, one is seen only after a new document was made.
    assert outcomes(store, append(3), append(0, epoch=1)) == [conflict(0), conflict(0)]
    assert catalogue.get(D) is None
    assert outcomes(store, append(0)) == [COMMITTED]
    info = catalogue.get(D)
    assert info is not None
    assert (info.owner, info.revision) == ("", 1)


TEXTS = [
    "\x00",
    "\x01",
    "\x010\x00\x011",
    "'; DROP TABLE documents; --",
    "😀\u0301\u200d",
    '{"}\\,',
    "\U0010ffff",
]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_every_code_point_comes_back(store: Store, catalogue: Catalogue, text: str) -> None:
    name, site = DocumentId(text), SiteId(text)
    one = row(1, site, text, text)
    many = Operation(len(text), [text, -len(text)])
    two = LogRow(
        *(rev(2), site, seq(2), seq(4), rev(0), True),
        (Edits(seq(2), seq(3), insert(0, 0, text)), Edits(seq(4), seq(4), delete(len(text), 0, 1))),
        *(many, ""),
    )
    progress = ((site, Progress(2, seq(4), rev(2))),)
    assert outcomes(store, fence(0, 2, site, name)) == [COMMITTED]
    assert outcomes(store, Append(0, name, rev(0), (one, two), progress, ())) == [COMMITTED]
    assert load(store, name) == Contents(rev(0), "", (one, two), dict(progress), rev(0))
    outcomes(store, Snapshot(name, rev(2), text, rev(2)))
    assert load(store, name) == Contents(rev(2), text, (), dict(progress), rev(2))
    assert catalogue.contents(name) == (2, text)
    assert catalogue.heads([name]) == {name: 2}


# --- several stores on one database -----------------------------------------------------------------------


def test_a_second_store_sees_what_the_first_committed(opener: Opener) -> None:
    one, two = opener()[0], opener()[0]
    outcomes(one, append(0, 2), fence(2, 3, B))
    assert load(two) == load(one)
    assert outcomes(two, append(0)) == [conflict(2)]
    assert outcomes(two, append(2)) == [COMMITTED]
    assert read(one, 2).rows == (row(3),)


def test_of_two_that_append_at_once_one_wins(opener: Opener) -> None:
    """Each round both race for the same documents, named in opposite orders, which invites a deadlock."""
    names = [DocumentId(f"d{n}") for n in range(6)]
    stores = [opener()[0] for _ in range(2)]
    rounds = 25
    results: list[list[list[str]]] = [[], []]
    barrier = threading.Barrier(2)

    def work(which: int) -> None:
        order = names if which == 0 else names[::-1]
        for head in range(rounds):
            barrier.wait(60)
            got = outcomes(stores[which], *(append(head, document=name) for name in order))
            results[which].append(got if which == 0 else got[::-1])

    threads = [threading.Thread(target=work, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for head, (left, right) in enumerate(zip(*results, strict=True)):
        for pair in zip(left, right, strict=True):
            assert sorted(pair, key=str) == [COMMITTED, conflict(head + 1)]
    assert len(results[0]) == rounds
    for name in names:
        assert [r.revision for r in load(stores[0], name).rows] == list(range(1, rounds + 1))


def test_a_load_is_of_one_moment(opener: Opener) -> None:
    """While one store appends and trims, another always reads a whole: a snapshot and the rows after it."""
    writer, reader = opener()[0], opener()[0]
    done = threading.Event()

    def write() -> None:
        head = 0
        while not done.is_set():
            outcomes(writer, append(head))
            head += 1
            if head % 5 == 0:
                outcomes(writer, Snapshot(D, rev(head), "x" * head, rev(head)))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(100):
            got = load(reader)
            head = got.progress[A].revision if got.progress else 0
            assert len(got.text) == got.revision
            assert [r.revision for r in got.rows] == list(range(got.trimmed + 1, head + 1))
    finally:
        done.set()
        thread.join(60)
