"""Every invariant that the core checks notices when it is broken."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from model.identity import ConnectionId, DocumentId, SiteId
from model.protocol import Branch, Join, Presence
from model.text import insert
from reference_server.core.document import Document
from reference_server.core.effects import Contents, Progress, Role
from reference_server.core.items import JoinItem
from reference_server.core.limits import Limits
from reference_server.core.states import State
from tests.numbers import rev, seq
from tests.reference_server.core.test_member import MANY, typing
from tests.reference_server.exchange import DOCUMENT, Exchange, submit

A, B = SiteId("a"), SiteId("b")
NOBODY = ConnectionId(99)
REVISION = rev(3)


def busy() -> Exchange:
    """Revisions, a cursor, an append in progress, an edit and a join that wait, and a branch under way."""
    exchange = Exchange("hello", Limits(merge_elements_max=1))
    a, b, c = (exchange.join(site) for site in "abc")
    for revision, connection in enumerate((a, b, c)):
        connection.send(submit(revision, 1, insert(5 + revision, 0, "x")))
        exchange.settle()
    a.send(Presence(rev(REVISION), (1, 3)))
    branch = exchange.ask("d", 1, revision=rev(0), pending=MANY)
    exchange.settle()
    branch.send(Branch(rev(0), typing(MANY, length=5)))
    a.send(submit(REVISION, 2, insert(8, 0, "y")))
    b.send(submit(REVISION, 2, insert(8, 8, "z")))
    exchange.ask("e")
    document = exchange.document
    exchange.gateway.check_invariants()
    assert document._batch is not None
    assert document._queue
    assert document._branches
    assert document.room.waiting
    return exchange


def skip_a_revision(d: Document) -> None:
    d.log.revision = rev(d.log.revision + 1)


def lose_a_row(d: Document) -> None:
    del d.log.rows[1]


def swap_rows(d: Document) -> None:
    d.log.rows[:2] = reversed(d.log.rows[:2])


def lose_a_character(d: Document) -> None:
    d.log.text = d.log.text[1:]


def store_another_operation(d: Document) -> None:
    d.log.rows[0] = d.log.rows[0]._replace(operation=insert(5, 0, "xx"))


def store_a_number_twice(d: Document) -> None:
    d.log.rows[1] = d.log.rows[1]._replace(site=A)


def forget_progress(d: Document) -> None:
    d.log.progress[A] = Progress(1, seq(0), rev(0))


def know_the_future(d: Document) -> None:
    d.log.progress[SiteId("f")] = Progress(1, seq(1), rev(REVISION + 1))


def trim_without_a_snapshot(d: Document) -> None:
    d.log.start = rev(1)
    del d.log.rows[:1]


def take_a_second_turn(d: Document) -> None:
    assert d._batch is not None
    d._batch.entries.append(d._batch.entries[0])


def lose_an_entry(d: Document) -> None:
    assert d._batch is not None
    d._batch.entries.clear()


def move_the_head_under_an_append(d: Document) -> None:
    assert d._batch is not None
    d._batch._rows[0] = d._batch._rows[0]._replace(revision=rev(REVISION))


def append_to_another_text(d: Document) -> None:
    assert d._batch is not None
    d._batch._text += "?"


def supersede_nobody(d: Document) -> None:
    first = next(iter(d.members.values()))
    second = next(m for m in d.members.values() if m is not first)
    second.site = first.site


def keep_an_old_epoch(d: Document) -> None:
    next(iter(d.members.values())).epoch += 1


def let_in_who_waits(d: Document) -> None:
    number, item = next(iter(d.room.waiting.items()))
    d.room.waiting[next(iter(d.members))] = item._replace(connection=number)


def be_live_while_handing_in(d: Document) -> None:
    next(m for m in d.members.values() if not m.live).live = True


def place_a_cursor_outside(d: Document) -> None:
    next(m for m in d.members.values() if m.cursor is not None).cursor = ((0, 99), REVISION)


def place_a_cursor_in_an_old_text(d: Document) -> None:
    d.room._elsewhere.placed[SiteId("f")] = ((0, 6), rev(0))


def place_a_cursor_in_the_future(d: Document) -> None:
    d.room._elsewhere.placed[SiteId("f")] = ((0, 0), rev(REVISION + 1))


def be_here_and_elsewhere(d: Document) -> None:
    d.room._elsewhere.placed[A] = ((0, 0), REVISION)


def keep_quiet_of_a_cursor(d: Document) -> None:
    d.room._elsewhere.early[SiteId("f")] = ((0, 0), REVISION)


def break_a_tree(d: Document) -> None:
    merge = next(iter(d._branches)).merge
    assert merge is not None
    merge._walk._branch.root.visible += 1


def forget_to_go_on(d: Document) -> None:
    d._branches._is_resuming = False


def forget_the_append(d: Document) -> None:
    d._batch = None


def let_somebody_wait_for_ever(d: Document) -> None:
    d._queue.clear()


BREAKS = (
    *(skip_a_revision, lose_a_row, swap_rows, lose_a_character, store_another_operation),
    *(store_a_number_twice, forget_progress, know_the_future, trim_without_a_snapshot),
    *(take_a_second_turn, lose_an_entry, move_the_head_under_an_append, append_to_another_text),
    *(supersede_nobody, keep_an_old_epoch, let_in_who_waits, be_live_while_handing_in),
    *(place_a_cursor_outside, place_a_cursor_in_an_old_text, place_a_cursor_in_the_future),
    *(be_here_and_elsewhere, keep_quiet_of_a_cursor, break_a_tree, forget_to_go_on, forget_the_append),
    let_somebody_wait_for_ever,
)


@pytest.mark.parametrize("breaks", BREAKS)
def test_a_document_that_is_broken_says_so(breaks: Callable[[Document], None]) -> None:
    document = busy().document
    breaks(document)
    with pytest.raises(AssertionError):
        document.check_invariants()


def lose_a_session(exchange: Exchange) -> None:
    exchange.gateway._sessions.popitem()


def lose_a_document(exchange: Exchange) -> None:
    exchange.gateway._documents.clear()


def go_back(exchange: Exchange) -> None:
    next(iter(exchange.gateway._sessions.values())).state = State.READY


def join_twice(exchange: Exchange) -> None:
    next(iter(exchange.gateway._sessions.values())).join = (Join(DOCUMENT, 1), 0)


def rename(exchange: Exchange) -> None:
    exchange.document.name = DocumentId("another")


@pytest.mark.parametrize("breaks", [lose_a_session, lose_a_document, go_back, join_twice, rename])
def test_a_gateway_that_is_broken_says_so(breaks: Callable[[Exchange], None]) -> None:
    exchange = busy()
    breaks(exchange)
    with pytest.raises(AssertionError):
        exchange.gateway.check_invariants()


def test_what_nothing_was_asked_for_will_not_be_loaded() -> None:
    requests = count(1)
    document = Document(DOCUMENT, Limits(), [], lambda: next(requests))
    document.check_invariants()
    document._request = 0
    with pytest.raises(AssertionError):
        document.check_invariants()


def test_what_is_behind_will_be_read() -> None:
    exchange = Exchange("hello")
    exchange.join("a")
    document = exchange.document
    document.check_invariants()
    document._is_behind = True
    with pytest.raises(AssertionError):
        document.check_invariants()


def test_steps_that_would_break_a_log_are_noticed_at_once() -> None:
    """The cheap ones need nobody who asks."""
    log = busy().document.log
    row = log.rows[-1]
    with pytest.raises(AssertionError):
        log.advance(row, log.text)
    with pytest.raises(AssertionError):
        log.advance(row._replace(revision=rev(REVISION + 1)), log.text + "?!")
    with pytest.raises(AssertionError):
        log.fence(A, 0)
    with pytest.raises(AssertionError):
        log.load(Contents(rev(1), log.text[1:], (row._replace(revision=rev(1)), row), {}, rev(0)))


def test_an_item_of_somebody_gone_breaks_nothing() -> None:
    document = busy().document
    document._queue.add(JoinItem(NOBODY, B, Role.EDITOR, Join(DOCUMENT, 9), 0))
    document.check_invariants()
