"""Recorded sessions on plain replicas, one an author."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from model.crdt.replicas import ALGORITHMS
from model.crdt.rules import Rule
from model.crdt.walker import replay
from simulator.algorithms.recordings.graph import event_graph
from simulator.algorithms.recordings.plain import play_trace
from simulator.workload.traces import Patch, Trace, TraceError, Transaction, read_trace


def trace(*transactions: tuple[int, tuple[int, ...], Patch], start: str = "", end: str = "") -> Trace:
    agents = tuple(f"agent {n}" for n in range(1 + max(agent for agent, _, _ in transactions)))
    recorded = tuple(Transaction(agent, parents, (patch,), None) for agent, parents, patch in transactions)
    return Trace("hand", "concurrent", start, end, agents, recorded)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_author_knows_what_the_recording_says(algorithm: str) -> None:
    session = trace(
        (0, (), Patch(1, 0, "A")),
        (0, (0,), Patch(2, 0, "B")),
        (1, (0,), Patch(2, 0, "x")),  # knows A only
        (2, (2,), Patch(0, 1, "")),  # knows A and x
        (1, (1, 2, 3), Patch(4, 0, "!")),  # at the end of what all of it makes
        start="o.",
    )
    played = play_trace(session, algorithm)
    assert played.events == 2 + 5
    assert len(played.texts) == 3
    assert len(set(played.texts)) == 1
    assert sorted(played.texts[0]) == sorted("ABx!.")
    assert played.texts[0].startswith("A")
    assert played.texts[0][4:] in ("!", "."), played.texts


def test_what_was_missed_is_taken_in_the_order_in_which_it_was_made() -> None:
    session = trace(
        (1, (), Patch(0, 0, "b")),
        (0, (0,), Patch(1, 0, "a")),  # behind the other author's
        (1, (1,), Patch(2, 0, "c")),
        (2, (2,), Patch(0, 0, "!")),
    )
    assert play_trace(session, "fuguemax").texts == ("!bac",) * 3


@pytest.mark.parametrize("algorithm", ["fugue", "rga"])
def test_the_names_of_the_authors_decide(algorithm: str) -> None:
    session = trace((0, (), Patch(0, 0, "x")), (1, (), Patch(0, 0, "y")))
    turned = msgspec.structs.replace(session, agents=("z", "a"))
    one, other = (play_trace(session, algorithm).texts[0] for session in (session, turned))
    assert {one, other} == {"xy", "yx"}


def test_an_author_who_does_not_know_its_own_edits_is_refused() -> None:
    session = trace((0, (), Patch(0, 0, "a")), (1, (), Patch(0, 0, "b")), (0, (1,), Patch(1, 0, "c")))
    with pytest.raises(TraceError, match=r"^hand: the author of transaction 2 does not know its own earlier"):
        play_trace(session, "fugue")


def test_a_patch_past_the_end_is_refused() -> None:
    both = (0, (), Patch(0, 1, "")), (1, (), Patch(0, 1, ""))
    session = trace(*both, (0, (0, 1), Patch(0, 1, "")), start="o")
    with pytest.raises(TraceError, match=r"^hand: transaction 2: deleting 1 at 0 of a text of 0$"):
        play_trace(session, "yata")


def test_a_session_that_is_too_large_is_refused() -> None:
    session = trace((0, (), Patch(0, 0, "abc")), (1, (0,), Patch(0, 1, "")), start="o")
    assert play_trace(session, "woot", 10).texts == ("bco", "bco")
    with pytest.raises(TraceError) as caught:
        play_trace(session, "woot", 9)
    assert str(caught.value) == (
        "hand: 5 events times 2 replicas, at most 9 can be replayed by plain replicas of woot"
    )


@pytest.mark.slow
@pytest.mark.parametrize("rule", Rule)
def test_the_beginning_of_a_recorded_session(data: Path, rule: Rule) -> None:
    """The first two thousand transactions of two people, against the event graph."""
    session = read_trace(data / "traces" / "friendsforever.json.gz")
    session = msgspec.structs.replace(session, transactions=session.transactions[:2_000])
    texts = play_trace(session, rule.value).texts
    assert texts == (replay(event_graph(session), rule),) * 2
