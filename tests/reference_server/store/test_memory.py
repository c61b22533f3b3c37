"""What a store promises: compare and append, fences, and what crashes and lost answers leave behind."""

from __future__ import annotations

import pytest

from model.history import chain
from model.identity import DocumentId, SiteId
from model.protocol import Edits
from model.text import insert
from reference_server.core.effects import (
    Append,
    Appended,
    Committed,
    Conflict,
    Contents,
    Load,
    Loaded,
    LogRow,
    Outcome,
    Progress,
    Read,
    Request,
    Snapshot,
    Unknown,
)
from reference_server.store.memory import MemoryStore
from tests.numbers import rev, seq

D, OTHER = DocumentId("d"), DocumentId("other")
A, B = SiteId("a"), SiteId("b")


def row(revision: int, site: SiteId = A) -> LogRow:
    op = insert(revision - 1, revision - 1, "x")
    return LogRow(
        rev(revision),
        site,
        seq(revision),
        seq(revision),
        rev(revision - 1),
        False,
        (Edits(seq(revision), seq(revision), op),),
        op,
    )


def append(
    number: int, expected: int, count: int = 1, *, epoch: int = 0, site: SiteId = A, document: DocumentId = D
) -> Append:
    """An append of ``count`` rows of a site under an epoch."""
    rows = tuple(row(expected + n, site) for n in range(1, count + 1))
    head = expected + count
    return Append(number, document, rev(expected), rows, ((site, Progress(epoch, seq(head), rev(head))),), ())


def fence(number: int, expected: int, epoch: int, site: SiteId = A) -> Append:
    return Append(number, D, rev(expected), (), (), ((site, epoch),))


def a_store() -> MemoryStore:
    store = MemoryStore()
    store.create(D, "")
    store.create(OTHER, "")
    return store


def outcomes(store: MemoryStore, *requests: Request) -> list[Outcome]:
    """The outcomes of one commit."""
    for request in requests:
        store.request(request)
    store.write()
    return [answer.outcome for answer in store.sync() if isinstance(answer, Appended)]


def read(store: MemoryStore, after: int = 0) -> Contents:
    store.request(Read(0, D, rev(after)))
    store.write()
    (answer,) = store.sync()
    assert isinstance(answer, Loaded)
    assert answer.contents is not None
    return answer.contents


# --- compare and append -----------------------------------------------------------------------------------


def test_an_append_on_the_head_is_committed() -> None:
    store = a_store()
    assert outcomes(store, append(1, 0, 2)) == [Committed()]
    assert store.durable(D).rows == [row(1), row(2)]
    assert store.durable(D).head == 2
    assert store.durable(D).progress == {A: Progress(0, seq(2), rev(2))}


@pytest.mark.parametrize("expected", [0, 3])
def test_an_append_elsewhere_is_a_conflict_and_writes_nothing(expected: int) -> None:
    store = a_store()
    outcomes(store, append(1, 0, 2))
    assert outcomes(store, append(2, expected)) == [Conflict(rev(2))]
    assert store.durable(D).head == 2
    assert store.durable(D).progress == {A: Progress(0, seq(2), rev(2))}


def test_appends_of_one_commit_see_each_other() -> None:
    store = a_store()
    assert outcomes(store, append(1, 0), append(2, 1), append(3, 1)) == [
        Committed(),
        Committed(),
        Conflict(rev(2)),
    ]


def test_a_conflict_concerns_its_document_only() -> None:
    store = a_store()
    got = outcomes(store, append(1, 7), append(2, 0, document=OTHER), append(3, 0))
    assert got == [Conflict(rev(0)), Committed(), Committed()]


def test_answers_come_in_the_order_of_the_requests_and_see_what_was_before_them() -> None:
    store = a_store()
    for request in (Load(1, D), append(2, 0), Load(3, D)):
        store.request(request)
    assert [getattr(request, "request", None) for request in store.write()] == [1, 2, 3]
    before, appended, after = store.sync()
    assert isinstance(before, Loaded)
    assert isinstance(after, Loaded)
    assert before.contents == Contents(rev(0), "", (), {}, rev(0))
    assert appended == Appended(2, D, Committed())
    assert after.contents == Contents(rev(0), "", (row(1),), {A: Progress(0, seq(1), rev(1))}, rev(0))


def test_what_was_read_does_not_change_later() -> None:
    store = a_store()
    contents = read(store)
    outcomes(store, append(1, 0))
    assert contents == Contents(rev(0), "", (), {}, rev(0))


# --- fences -----------------------------------------------------------------------------------------------


def test_a_fence_must_be_newer() -> None:
    store = a_store()
    assert outcomes(store, fence(1, 0, 5)) == [Committed()]
    assert outcomes(store, fence(2, 0, 5)) == [Conflict(rev(0))]
    assert outcomes(store, fence(3, 0, 4)) == [Conflict(rev(0))]
    assert outcomes(store, fence(4, 0, 6)) == [Committed()]
    assert store.durable(D).progress == {A: Progress(6)}


def test_edits_under_another_epoch_than_the_last_fence_are_a_conflict() -> None:
    store = a_store()
    outcomes(store, fence(1, 0, 5))
    for epoch in (4, 6):
        assert outcomes(store, append(2, 0, epoch=epoch)) == [Conflict(rev(0))]
    assert outcomes(store, append(3, 0, epoch=5)) == [Committed()]


def test_a_fence_is_seen_within_its_commit() -> None:
    store = a_store()
    assert outcomes(store, fence(1, 0, 1), append(2, 0, epoch=0)) == [Committed(), Conflict(rev(0))]


def test_a_fence_that_is_refused_fences_nobody() -> None:
    store = a_store()
    assert outcomes(store, fence(1, 9, 1), append(2, 0, epoch=0)) == [Conflict(rev(0)), Committed()]


def test_a_fence_keeps_what_its_site_has_done_and_concerns_nobody_else() -> None:
    store = a_store()
    outcomes(store, append(1, 0, 2), append(2, 2, site=B))
    outcomes(store, fence(3, 3, 8))
    assert store.durable(D).progress == {A: Progress(8, seq(2), rev(2)), B: Progress(0, seq(3), rev(3))}


def test_a_refused_part_refuses_the_whole_append() -> None:
    store = a_store()
    outcomes(store, fence(1, 0, 5, B))
    both = append(2, 0)._replace(fences=((B, 5),))
    assert outcomes(store, both) == [Conflict(rev(0))]
    assert store.durable(D).head == 0


# --- durability -------------------------------------------------------------------------------------------


def test_nothing_is_durable_before_the_sync() -> None:
    store = a_store()
    store.request(append(1, 0))
    assert store.has_requests
    store.write()
    assert not store.has_requests
    assert store.durable(D).head == 0
    store.sync()
    assert store.durable(D).head == 1


def test_what_comes_while_a_commit_stalls_waits_for_the_next() -> None:
    store = a_store()
    store.request(append(1, 0))
    store.write()
    store.request(append(2, 1))
    with pytest.raises(ValueError, match="in progress"):
        store.write()
    assert store.sync() == [Appended(1, D, Committed())]
    store.write()
    assert store.sync() == [Appended(2, D, Committed())]


@pytest.mark.parametrize("applied", [False, True])
def test_a_lost_answer_is_unknown_whether_it_was_applied_or_not(applied: bool) -> None:
    store = a_store()
    for request in (append(1, 0), Load(2, D), Read(3, D, rev(0))):
        store.request(request)
    store.write()
    assert store.fail(applied=applied) == [
        Appended(1, D, Unknown()),
        Loaded(2, D, None),
        Loaded(3, D, None),
    ]
    assert store.durable(D).head == int(applied)


@pytest.mark.parametrize("applied", [False, True])
def test_a_crash_may_keep_the_written_commit_but_never_what_waited(applied: bool) -> None:
    store = a_store()
    store.request(append(1, 0))
    store.write()
    store.request(append(2, 1))
    assert store.crash(applied=applied) == [Appended(1, D, Unknown()), Appended(2, D, Unknown())]
    assert store.durable(D).head == int(applied)
    assert not store.has_requests
    assert outcomes(store, append(3, int(applied))) == [Committed()]


def test_a_conflict_whose_answer_is_lost_wrote_nothing() -> None:
    store = a_store()
    store.request(append(1, 9))
    store.write()
    store.fail(applied=True)
    assert store.durable(D).head == 0


def test_whoever_listens_hears_of_rows_when_they_are_durable() -> None:
    heard: list[tuple[DocumentId, tuple[LogRow, ...]]] = []
    store = MemoryStore(on_commit=lambda document, rows: heard.append((document, rows)))
    store.create(D, "")
    store.request(append(1, 0))
    store.request(append(2, 0))  # a conflict
    store.write()
    assert heard == []
    store.sync()
    assert heard == [(D, (row(1),))]


# --- reading, snapshots, trimming -------------------------------------------------------------------------


def test_a_read_has_what_is_new() -> None:
    store = a_store()
    outcomes(store, append(1, 0, 3))
    assert read(store, 1) == Contents(rev(1), "", (row(2), row(3)), {A: Progress(0, seq(3), rev(3))}, rev(0))
    assert read(store, 3).rows == ()


def test_a_snapshot_forgets_what_it_may_and_keeps_progress() -> None:
    store = a_store()
    outcomes(store, append(1, 0, 4), Snapshot(D, rev(4), "xxxx", rev(2)))
    stored = store.durable(D)
    assert (stored.snapshot_revision, stored.text, stored.trimmed) == (4, "xxxx", 2)
    assert stored.rows == [row(3), row(4)]
    assert stored.head == 4
    assert stored.progress == {A: Progress(0, seq(4), rev(4))}
    assert stored.read_text() == "xxxx"
    assert outcomes(store, append(2, 4)) == [Committed()]
    assert stored.read_text() == "xxxxx"
    assert read(store, 0) == Contents(
        rev(0), "", (row(3), row(4), row(5)), {A: Progress(0, seq(5), rev(5))}, rev(2)
    )


def test_nothing_is_trimmed_that_the_snapshot_does_not_cover() -> None:
    store = a_store()
    outcomes(store, append(1, 0, 4), Snapshot(D, rev(2), "xx", rev(4)))
    assert store.durable(D).rows == [row(3), row(4)]
    assert store.durable(D).read_text() == "xxxx"


def test_an_older_snapshot_that_arrives_late_is_ignored() -> None:
    store = a_store()
    outcomes(store, append(1, 0, 4), Snapshot(D, rev(4), "xxxx", rev(4)), Snapshot(D, rev(2), "xx", rev(0)))
    stored = store.durable(D)
    assert (stored.snapshot_revision, stored.trimmed) == (4, 4)
    assert stored.read_text() == "xxxx"


def test_the_chain_over_all_revisions_survives_trimming() -> None:
    one, two = a_store(), a_store()
    outcomes(one, append(1, 0, 4))
    outcomes(two, append(1, 0, 4), Snapshot(D, rev(3), "xxx", rev(2)), Snapshot(D, rev(4), "xxxx", rev(3)))
    assert one.durable(D).chain() == two.durable(D).chain()
    digest = ""
    for r in one.durable(D).rows:
        digest = chain(digest, r.revision, r.site, r.last, r.operation)
    assert one.durable(D).chain() == digest


# --- documents --------------------------------------------------------------------------------------------


def test_a_document_is_made_once() -> None:
    store = a_store()
    assert store.documents == (D, OTHER)
    with pytest.raises(ValueError, match="exists"):
        store.create(D, "")


def test_an_unknown_document_begins_empty() -> None:
    store = MemoryStore()
    store.request(Load(1, D))
    store.write()
    assert store.sync() == [Loaded(1, D, Contents(rev(0), "", (), {}, rev(0)))]
    assert store.documents == (D,)
