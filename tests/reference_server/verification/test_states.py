"""All states of a stored document: a sound one is valid, and every kind of damage is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from model.crdt.replicas.fuguemax import FugueMax
from model.identity import SiteId
from model.text import Operation, OperationError, insert
from reference_server.core.effects import Contents, LogRow, Progress
from reference_server.core.limits import Limits
from reference_server.store.memory import StoredDocument
from reference_server.verification.states import UNKNOWN, first_text, rebuild, text_of, verify
from tests.numbers import rev, seq
from tests.reference_server.exchange import DOCUMENT, Exchange, joined, settle

EDITS = 12  # offline: more than a blip


def written(text: str = "start", *, snapshot_every: int = 512) -> Contents:
    """A document in which three people typed at once, and one of them offline as well."""
    exchange = Exchange(text, Limits(snapshot_every_revisions=snapshot_every))
    a, b, c = clients = joined(exchange, "a", "b", "c")
    for n in range(4):
        for client in clients:
            client.type(n, client.replica.site)
        settle(exchange, *clients)
    c.drop()
    for n in range(EDITS):
        c.type(len(c.text), str(n % 10))
    c.erase(0, 3)
    a.type(len(a.text), "tail")
    b.erase(1, 2)
    settle(exchange, a, b)
    c.connect()
    settle(exchange, *clients)
    stored = exchange.store.durable(DOCUMENT)
    assert stored.read_text() == a.text == b.text == c.text
    return contents_of(stored)


def contents_of(stored: StoredDocument) -> Contents:
    return Contents(
        stored.snapshot_revision, stored.text, tuple(stored.rows), dict(stored.progress), stored.trimmed
    )


def problems(contents: Contents, *, all_states: bool = True) -> str:
    return "\n".join(verify(DOCUMENT, contents, all_states=all_states).problems)


def with_row(contents: Contents, at: int, operation: Operation) -> Contents:
    rows = list(contents.rows)
    rows[at] = rows[at]._replace(operation=operation)
    return contents._replace(rows=tuple(rows))


def online(contents: Contents) -> int:
    """Index of a row of an online edit that was transformed."""
    return next(n for n, row in enumerate(contents.rows) if not row.branch and row.original != row.operation)


def branch(contents: Contents) -> int:
    return next(n for n, row in enumerate(contents.rows) if row.branch)


@pytest.mark.parametrize("snapshot_every", [512, 4])
def test_a_sound_document(snapshot_every: int) -> None:
    contents = written(snapshot_every=snapshot_every)
    found = verify(DOCUMENT, contents)
    assert found.problems == ()
    assert (found.revision, found.rows) == (15, 15)
    assert found.compared["transformations"] == 14
    assert found.compared["reconciliation"] == 2  # the branch, and the whole log
    assert all(found.compared.values())


def test_the_log_alone() -> None:
    contents = written()._replace(progress={})
    assert verify(DOCUMENT, contents, all_states=False).problems == ()
    assert "no progress" in problems(contents)


def shifted(op: Operation) -> Operation:
    """The same one code point further left or right."""
    at, text, deleted = op.splice or (0, "", 0)
    return Operation(op.base_length, [at - 1 if at else 1, text or -deleted])


DAMAGE: list[tuple[str, Callable[[Contents], Contents], str]] = [
    ("a missing row", lambda c: c._replace(rows=c.rows[:5] + c.rows[6:]), "revision 7 follows 5"),
    ("a missing first row", lambda c: c._replace(rows=c.rows[1:]), "begins with revision 2, trimmed is 0"),
    (
        "an operation elsewhere",
        lambda c: with_row(c, online(c), shifted(c.rows[online(c)].operation)),
        "but transformed from revision",
    ),
    (
        "a branch elsewhere",
        lambda c: with_row(c, branch(c), insert(c.rows[branch(c)].operation.base_length, 0, "0123")),
        "no longer deletes",
    ),
    (
        "an operation of another length",
        lambda c: with_row(c, 5, insert(99, 0, "x")),
        "is on 99 code points",
    ),
    (
        "progress that is behind",
        lambda c: c._replace(progress=c.progress | {SiteId("a"): Progress(1, seq(1), rev(1))}),
        "the progress of a is edit 1 as revision 1",
    ),
]


@pytest.mark.parametrize(("damage", "words"), [d[1:] for d in DAMAGE], ids=[d[0] for d in DAMAGE])
def test_damage_is_told(damage: Callable[[Contents], Contents], words: str) -> None:
    assert words in problems(damage(written()))


def test_a_branch_in_another_order_is_told_by_the_crdt() -> None:
    """As the sites would have it if the branch came from somebody who goes first."""
    exchange = Exchange("[]")
    a, c = joined(exchange, "a", "c")
    c.drop()
    for n in range(EDITS):
        c.type(1 + n, str(n % 10))
    a.type(1, "aa")
    settle(exchange, a)
    c.connect()
    settle(exchange, a, c)
    contents = contents_of(exchange.store.durable(DOCUMENT))
    assert text_of(contents) == "[aa012345678901]"
    other = with_row(contents, -1, insert(4, 1, "012345678901"))
    assert problems(contents) == ""
    assert "a FugueMax replica has" in problems(other)


def test_problems_behind_a_trimmed_past_say_from_where_revisions_are_counted() -> None:
    contents = written()
    text = text_of(contents._replace(rows=contents.rows[:10]))
    trimmed = contents._replace(rows=contents.rows[10:], trimmed=rev(10), revision=rev(10), text=text)
    assert problems(trimmed) == ""
    damaged = with_row(trimmed, branch(trimmed), insert(trimmed.rows[-1].operation.base_length, 0, "0123"))
    assert "(revision 5, based on 2), counted after revision 10" in problems(damaged)


def test_a_snapshot_that_the_log_does_not_lead_to_is_told() -> None:
    contents = written(snapshot_every=4)
    assert contents.revision
    flipped = contents._replace(text=contents.text[::-1])
    assert "does not lead to the snapshot" in problems(flipped)
    longer = contents._replace(text=contents.text + "x")
    with pytest.raises(OperationError):
        verify(DOCUMENT, longer)


def test_what_of_the_first_text_reached_the_snapshot_is_known() -> None:
    assert first_text(written()) == "start"
    contents = written(snapshot_every=4)
    assert contents.revision > 4
    known = first_text(contents)
    assert len(known) == 5
    assert all(k in (o, UNKNOWN) for k, o in zip(known, "start", strict=True))


def test_a_crdt_is_rebuilt_from_the_operations() -> None:
    contents = written()
    replica = rebuild(contents)
    assert replica.text == text_of(contents)
    again = FugueMax.load(replica.save())
    assert again.text == replica.text
    deleted = sum(element.deleted for element in again.elements())
    assert deleted == sum(row.operation.deleted for row in contents.rows)


def test_a_crdt_of_a_log_that_does_not_fit_is_refused() -> None:
    rows: tuple[LogRow, ...] = with_row(written(), 5, insert(99, 0, "x")).rows
    with pytest.raises(OperationError, match="revision 6 does not fit"):
        rebuild(written()._replace(rows=rows))
