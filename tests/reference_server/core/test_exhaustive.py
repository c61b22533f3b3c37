"""Three clients with two edits each: every order of edits, deliveries and commits ends in one text.

The counts are printed with ``-s`` and recorded as properties of each test.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

import pytest

from model.identity import SiteId
from model.jupiter import Replica
from model.outgoing import PendingEdit
from model.protocol import ProtocolError
from model.text import Operation, OperationError, transform
from tests.reference_server.space import Exploration

pytestmark = pytest.mark.slow

TEXT = "ab"
Plan: TypeAlias = tuple[tuple[str, str], tuple[str, str], tuple[str, str]]

# Per client, its first and its second edit.
FEW: tuple[Plan, ...] = ((("delete", "front"), ("front", "delete"), ("middle", "end")),)
MORE: tuple[Plan, ...] = (
    (("middle", "middle"), ("middle", "middle"), ("middle", "middle")),
    (("front", "delete"), ("front", "delete"), ("front", "delete")),
    (("delete", "middle"), ("end", "front"), ("middle", "delete")),
    (("end", "end"), ("delete", "delete"), ("front", "middle")),
)
PLANS = FEW + MORE if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else FEW


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: "-".join("+".join(edits) for edits in plan))
def test_every_order_of_events_converges(plan: Plan, record_property: Callable[[str, object], None]) -> None:
    exploration = Exploration(TEXT, plan)
    exploration.run()
    counts = (exploration.states, exploration.final_states, len(exploration.texts))
    for name, count in zip(("states", "final_states", "texts"), counts, strict=True):
        record_property(name, count)
    print("{:,} states, {:,} final ones, {:,} texts".format(*counts))
    assert exploration.final_states > 1


def test_two_clients_are_a_small_space() -> None:
    exploration = Exploration(TEXT, (("middle", "middle"), ("middle", "middle")))
    exploration.run()
    assert exploration.states > 1_000
    assert len(exploration.texts) > 1


def test_replicas_that_break_ties_their_own_way_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def goes_first(self: Replica, other: SiteId) -> bool:
        return True

    monkeypatch.setattr(Replica, "_goes_first", goes_first)
    with pytest.raises(AssertionError):
        Exploration(TEXT, (("middle", "end"), ("middle", "front"))).run()


def test_replicas_that_forget_to_transform_what_waits_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dOPT bug: what comes in is transformed, what goes out later is not."""

    def past_pending(self: Replica, op: Operation, mine_first: bool) -> tuple[list[PendingEdit], Operation]:
        for edit in self.pending:
            if op.base_length == edit.operation.base_length:
                op = transform(op, edit.operation, first=not mine_first)
        return self.pending, op

    monkeypatch.setattr(Replica, "_past_pending", past_pending)
    with pytest.raises((AssertionError, ProtocolError, OperationError)):
        Exploration(TEXT, (("middle", "end"), ("front", "front"))).run()
