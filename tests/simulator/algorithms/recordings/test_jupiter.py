from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import pytest

from model.text import OperationError, delete, insert, replace
from simulator.algorithms.recordings.jupiter import Buffer, knowledge, replay_trace
from simulator.workload.traces import Patch, Trace, TraceError, Transaction, read_trace


def trace(*transactions: tuple[int, tuple[int, ...], Patch], start: str = "", end: str = "") -> Trace:
    """A recording by hand: (agent, parents, patch) for each transaction."""
    agents = 1 + max((agent for agent, _, _ in transactions), default=0)
    return Trace(
        "hand",
        "concurrent",
        start,
        end,
        tuple(f"agent {n}" for n in range(agents)),
        tuple(Transaction(agent, parents, (patch,), None) for agent, parents, patch in transactions),
    )


def typed(position: int, text: str) -> Patch:
    return Patch(position, 0, text)


# --- by hand ----------------------------------------------------------------------------------------------


def test_nothing_recorded() -> None:
    outcome = replay_trace(trace(start="abc", end="abc"))
    assert outcome.equal
    assert (outcome.transactions, outcome.edits, outcome.concurrent, outcome.transformations) == (0, 0, 0, 0)


def test_one_author_after_another_needs_no_transformation() -> None:
    outcome = replay_trace(
        trace(
            (0, (), typed(0, "ab")),
            (1, (0,), typed(2, "c")),
            (0, (1,), Patch(0, 1, "A")),
            end="Abc",
        )
    )
    assert outcome.equal
    assert (outcome.concurrent, outcome.transformations) == (0, 0)


def test_concurrent_inserts_at_one_place_go_by_the_number_of_the_agent() -> None:
    both = (0, (), typed(0, "x")), (1, (), typed(0, "y"))
    assert replay_trace(trace(*both, end="xy")).text == "xy"
    # The file lists the other one first: the order of revisions is another one, the tie is not.
    assert replay_trace(trace(*reversed(both), end="xy")).text == "xy"


def test_both_halves_of_every_transformation() -> None:
    # Agent 1 types three characters without having seen what agent 0 puts before them (dOPT).
    outcome = replay_trace(
        trace(
            (0, (), typed(1, "XX")),
            (1, (), typed(2, "1")),
            (1, (1,), typed(3, "2")),
            (1, (2,), typed(4, "3")),
            start="abc",
            end="aXXb123c",
        )
    )
    assert outcome.equal
    assert (outcome.edits, outcome.concurrent, outcome.transformations) == (4, 3, 3)


def test_an_author_reads_what_the_recording_says_it_knew() -> None:
    outcome = replay_trace(
        trace(
            (0, (), typed(0, "a")),
            (0, (0,), typed(1, "b")),
            (1, (0,), typed(1, "x")),  # knows "a" only
            (1, (1, 2), typed(3, "!")),  # knows all of "abx": behind the x
            end="abx!",
        )
    )
    assert (outcome.equal, outcome.text) == (True, "abx!")


def test_a_delete_of_what_another_one_deletes() -> None:
    outcome = replay_trace(trace((0, (), Patch(1, 2, "")), (1, (), Patch(2, 2, "")), start="abcde", end="ae"))
    assert outcome.equal


def test_characters_beyond_the_first_plane_count_once() -> None:
    outcome = replay_trace(
        trace((0, (), typed(1, "😀")), (1, (), Patch(1, 1, "é")), start="𝒳yz", end="𝒳😀éz")
    )
    assert (outcome.equal, outcome.text) == (True, "𝒳😀éz")


@pytest.mark.parametrize(
    ("end", "at"),
    [("abX", 2), ("Xbc", 0), ("ab", 2), ("abcd", 3), ("", 0)],
)
def test_another_text_than_the_recorded_one_is_told_with_its_place(end: str, at: int) -> None:
    outcome = replay_trace(trace((0, (), typed(0, "abc")), end=end))
    assert not outcome.equal
    assert outcome.sentence == f"hand: all texts are equal, but differ from the recorded one from {at} on"


def test_authors_who_know_no_prefixes_are_refused() -> None:
    odd = trace(
        (0, (), typed(0, "a")),
        (1, (), typed(0, "b")),
        (2, (1,), typed(1, "c")),  # knows the second revision and not the first
    )
    with pytest.raises(TraceError, match=r"^hand: transaction 2 knows 1 but not 0; its authors know no pre"):
        replay_trace(odd)


def test_an_author_on_two_branches_at_once_is_refused() -> None:
    two = trace((0, (), typed(0, "a")), (1, (), typed(0, "b")), (0, (1,), typed(1, "c")))
    with pytest.raises(TraceError, match="the author of transaction 2 does not know its own earlier edits"):
        replay_trace(two)


def test_knowledge_is_the_last_transaction_of_others() -> None:
    recorded = trace(
        (0, (), typed(0, "a")),
        (1, (), typed(0, "b")),
        (0, (0,), typed(1, "c")),
        (1, (1, 2), typed(0, "d")),
        (0, (2,), typed(0, "e")),
        (0, (3, 4), typed(0, "f")),
    )
    assert knowledge(recorded) == [-1, -1, -1, 2, -1, 3]


# --- the text ---------------------------------------------------------------------------------------------


def test_a_buffer_is_changed_in_place() -> None:
    buffer = Buffer("a𝒳c")
    for op in (insert(3, 3, "d"), delete(4, 0, 1), replace(3, 0, 1, "😀😀")):
        buffer.apply(op)
    assert (str(buffer), len(buffer)) == ("😀😀cd", 4)
    with pytest.raises(OperationError, match="operation on 5 code points met a text of 4"):
        buffer.apply(insert(5, 5, "x"))


# --- recorded sessions ------------------------------------------------------------------------------------


@cache
def recorded(folder: Path, name: str) -> Trace:
    return read_trace(folder / "traces" / f"{name}.json.gz")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sveltecomponent", "rustcode", "friendsforever", "automerge-paper"])
def test_a_recorded_session_reaches_its_recorded_text(data: Path, name: str) -> None:
    session = recorded(data, name)
    outcome = replay_trace(session)
    assert outcome.equal, outcome.sentence
    assert outcome.text == session.end
    assert outcome.transactions == len(session.transactions)
    assert (outcome.concurrent > 1_000) is (name == "friendsforever")


@pytest.mark.slow
def test_the_order_of_the_agents_decides_ties_and_nothing_else(data: Path) -> None:
    session = recorded(data, "friendsforever")
    turned = msgspec.structs.replace(
        session,
        agents=tuple(reversed(session.agents)),
        transactions=tuple(msgspec.structs.replace(t, agent=1 - t.agent) for t in session.transactions),
    )
    outcome = replay_trace(turned)
    assert not outcome.equal
    assert "all texts are equal, but differ from the recorded one" in outcome.sentence
    assert sorted(outcome.text) == sorted(session.end)


def test_a_session_of_too_many_authors_is_refused_in_one_line(data: Path) -> None:
    with pytest.raises(TraceError) as caught:
        replay_trace(recorded(data, "node_nodecc"))
    assert str(caught.value) == "node_nodecc: 194 authors, at most 16 can be replayed by Jupiter"
