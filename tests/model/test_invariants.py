"""Every invariant that a replica checks notices when it is broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from model.crdt.graph import EventGraph, Patch
from model.crdt.merging import BranchMerge, Composition
from model.crdt.replicas import ALGORITHMS
from model.crdt.replicas.port import ElementId
from model.crdt.rules import Rule
from model.crdt.walker import Walker
from model.displayed import AppliedLog
from model.identity import DocumentId, SiteId
from model.jupiter import Replica
from model.outgoing import PendingEdit
from model.phases import RULES, Phase
from model.protocol import PROTOCOL_VERSION, Committed, Joined, PeerPresence, Welcome
from model.text import Operation, delete, insert
from tests.numbers import rev, seq

ME, OTHER = SiteId("m"), SiteId("z")


def busy() -> Replica:
    """A replica with something in flight, something pending, and a peer with a cursor."""
    replica = Replica(ME, DocumentId("d"))
    replica.connect("t")
    replica.receive(Welcome(PROTOCOL_VERSION, {}))
    replica.receive(Joined(rev(0), "abc"))
    replica.receive(PeerPresence(rev(0), OTHER, (1, 2)))
    replica.edit(insert(3, 3, "x"))
    replica.receive(Committed(rev(1), OTHER, seq(1), seq(1), insert(3, 0, "R")))
    replica.edit(insert(5, 5, "y"))
    replica.check_invariants()
    return replica


def lose_a_character(replica: Replica) -> None:
    replica.text = replica.text[1:]


def skip_a_number(replica: Replica) -> None:
    replica.pending[0] = PendingEdit(seq(3), replica.pending[0].operation)
    replica.sequence = seq(3)


def forget_the_last_number(replica: Replica) -> None:
    replica.sequence = seq(replica.sequence - 1)


def pend_on_another_text(replica: Replica) -> None:
    replica.pending[0] = PendingEdit(seq(2), insert(4, 0, "y"))


def lose_what_is_in_flight(replica: Replica) -> None:
    replica.in_flight, replica.acknowledged = None, seq(1)


def change_the_phase_alone(replica: Replica) -> None:
    replica.phase = Phase.OFFLINE


def hand_in_nothing(replica: Replica) -> None:
    replica.phase, replica._accepted = Phase.HANDING_IN, RULES[Phase.HANDING_IN]


def forget_the_revision(replica: Replica) -> None:
    replica.revision = None


def apply_behind_the_back(replica: Replica) -> None:
    replica._applied.append(insert(9, 0, "?"))


def place_a_cursor_outside(replica: Replica) -> None:
    replica._cursors.select((0, 7))


def place_a_peer_outside(replica: Replica) -> None:
    replica._cursors.place(OTHER, (9, 9), rev(1), ())


def undo_another_text(replica: Replica) -> None:
    replica._undo._undo.push(delete(9, 0, 1))


@pytest.mark.parametrize(
    "breaks",
    [
        lose_a_character,
        skip_a_number,
        forget_the_last_number,
        pend_on_another_text,
        lose_what_is_in_flight,
        change_the_phase_alone,
        hand_in_nothing,
        forget_the_revision,
        apply_behind_the_back,
        place_a_cursor_outside,
        place_a_peer_outside,
        undo_another_text,
    ],
)
def test_a_replica_that_is_broken_says_so(breaks: Callable[[Replica], None]) -> None:
    replica = busy()
    breaks(replica)
    with pytest.raises(AssertionError):
        replica.check_invariants()


@pytest.mark.parametrize(
    ("slot", "value"),
    [
        ("components", (1, 2, "x")),
        ("components", (3, "x", 1)),
        ("target_length", 7),
        ("splice", (2, "x", 0)),
        ("splice", None),
    ],
)
def test_an_operation_that_is_broken_says_so(slot: str, value: object) -> None:
    op = insert(4, 3, "x")
    op.check_invariants()
    object.__setattr__(op, slot, value)
    with pytest.raises(AssertionError):
        op.check_invariants()


def test_a_log_of_what_was_applied_that_is_broken_says_so() -> None:
    log = AppliedLog()
    log.append(insert(0, 0, "a"))
    log.append(insert(1, 0, "b"))
    log.check_invariants(2)
    with pytest.raises(AssertionError):
        log.check_invariants(3)
    log.append(insert(1, 0, "c"))
    with pytest.raises(AssertionError):
        log.check_invariants(2)


def deep() -> Composition:
    """A composition of several leaves."""
    composition = Composition(1_000)
    for n in range(200):
        composition.insert(n * 5, "x")
    composition.check_invariants()
    assert composition.root.nodes
    return composition


def miscount(composition: Composition) -> None:
    composition.root.visible += 1


def miscount_a_leaf(composition: Composition) -> None:
    composition.count(composition.first, 1, 0)


def lose_a_leaf(composition: Composition) -> None:
    assert composition.first.next is not None
    composition.first.next = composition.first.next.next


def adopt(composition: Composition) -> None:
    composition.first.parent = None


def grow_too_long(composition: Composition) -> None:
    composition.first.items += [""] * 100


@pytest.mark.parametrize("breaks", [miscount, miscount_a_leaf, lose_a_leaf, adopt, grow_too_long])
def test_a_tree_that_is_broken_says_so(breaks: Callable[[Composition], None]) -> None:
    composition = deep()
    breaks(composition)
    with pytest.raises(AssertionError):
        composition.check_invariants()


def test_a_merge_that_is_broken_says_so() -> None:
    merge = BranchMerge(3, [insert(3, 1, "x")], ME)
    merge.add_trunk(insert(3, 2, "y"), OTHER)
    while merge.step(1):
        pass
    merge.check_invariants()
    merge._trunk.insert(0, "?")
    with pytest.raises(AssertionError):
        merge.check_invariants()


def test_records_that_are_broken_say_so() -> None:
    graph = EventGraph()
    for site in (ME, OTHER):
        graph.add(site, (), [Patch(0, 0, "ab")])
    walker = Walker(graph, Rule.FUGUEMAX, 0)
    walker.walk([(0, len(graph))])
    walker.check_invariants()
    walker._records._starts[0][-1] += 1
    with pytest.raises(AssertionError):
        walker.check_invariants()


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
def test_a_replica_of_any_algorithm_that_is_broken_says_so(algorithm: type) -> None:
    replica = algorithm(ME)
    replica.insert(0, "abc")
    replica.delete(1, 1)
    replica.check_invariants()
    del replica._events[ElementId(ME, 4)]
    with pytest.raises(AssertionError):
        replica.check_invariants()


def test_lengths_that_do_not_agree_are_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cheap ones need nobody who asks."""
    from model import text

    monkeypatch.setattr(text, "transform", lambda op, other, first: op)
    with pytest.raises(AssertionError):
        text.transform_pair(insert(3, 0, "a"), insert(3, 0, "bc"), a_first=True)
    op = Operation(3, (1, "x", -1))
    object.__setattr__(op, "target_length", 9)
    with pytest.raises(AssertionError):
        text.apply("abc", op)
