"""The raw material of seeded bugs: operations that still fit, but do the wrong thing."""

from __future__ import annotations

import pytest

from model.identity import DocumentId, SiteId
from model.protocol import Committed, Joined, Welcome
from model.text import Operation, delete, insert, noop, replace
from simulator.zoo.displaced import Gapless, Positional, fitted, moved_to, position_of
from tests.numbers import rev, seq

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("op", "position", "moved"),
    [
        (insert(5, 3, "x"), 1, insert(5, 1, "x")),
        (insert(5, 3, "x"), 9, insert(5, 5, "x")),
        (delete(5, 1, 2), 4, delete(5, 3, 2)),
        (replace(5, 0, 2, "xy"), 1, replace(5, 1, 2, "xy")),
        (noop(5), 3, noop(5)),
    ],
)
def test_an_operation_is_moved_within_its_text(op: Operation, position: int, moved: Operation) -> None:
    assert moved_to(op, position) == moved
    assert moved_to(op, position).target_length == op.target_length


def test_the_position_is_what_is_skipped_first() -> None:
    assert position_of(insert(5, 3, "x")) == 3
    assert position_of(delete(5, 0, 2)) == 0
    assert position_of(noop(5)) == 0


@pytest.mark.parametrize(
    ("op", "length", "cut"),
    [
        (insert(5, 3, "x"), 5, insert(5, 3, "x")),
        (insert(5, 3, "x"), 9, insert(9, 3, "x")),
        (insert(5, 3, "x"), 2, insert(2, 2, "x")),
        (delete(5, 1, 3), 2, delete(2, 1, 1)),
        (delete(5, 3, 2), 1, noop(1)),
    ],
)
def test_an_operation_is_cut_to_another_text(op: Operation, length: int, cut: Operation) -> None:
    assert fitted(op, length) == cut


def live(replica: Positional) -> Positional:
    replica.connect("token")
    replica.receive(Welcome(1, {}))
    replica.receive(Joined(rev(3), "abc"))
    return replica


def test_a_positional_replica_applies_what_does_not_fit() -> None:
    replica = live(Positional(SiteId("c1"), DocumentId("d")))
    replica.edit(insert(3, 3, "!"))
    replica.receive(Committed(rev(4), SiteId("c2"), seq(1), seq(1), insert(9, 7, "x")))
    assert replica.text == "abc!x"


def test_a_gapless_replica_does_not_miss_a_revision() -> None:
    replica = live(Gapless(SiteId("c1"), DocumentId("d")))
    replica.receive(Committed(rev(6), SiteId("c2"), seq(3), seq(3), insert(5, 1, "x")))
    assert (replica.text, replica.revision) == ("axbc", 6)
