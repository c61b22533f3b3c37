"""What holds for every author, and the catalogue."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.people.actions import Action, Author, Edit, Move, Redo, Undo
from model.people.characters import Supply
from model.text import apply, replace
from simulator.workload.catalogue import author, initial_text
from simulator.workload.recorded import Recording
from simulator.workload.settings import Workload, WorkloadKind
from simulator.workload.traces import Patch, Trace, Transaction

PATCHES = [
    Patch(0, 0, "hello"),
    Patch(5, 0, "!"),
    Patch(2, 3, ""),
    Patch(90, 9, "x"),
    Patch(0, 1, ""),
]
TRACE = Trace(
    "case",
    "concurrent",
    "",
    "",
    ("one", "two"),
    tuple(Transaction(i % 2, (), (patch,), None) for i, patch in enumerate(PATCHES)),
)


def make(kind: WorkloadKind, seed: int, workload: Workload | None = None) -> Author:
    rng = random.Random(seed)
    return author(kind, workload or Workload(), rng, 0, Supply(), Recording(TRACE))


def performed(text: str, caret: int, action: Action) -> tuple[str, int]:
    """The text and cursor after an action, checked against the rules of :mod:`model.people.actions`."""
    match action:
        case Move(anchor, head):
            assert 0 <= anchor <= len(text)
            assert 0 <= head <= len(text)
            return text, head
        case Edit(_, position, deleted, inserted):
            assert deleted or inserted
            # `replace` refuses what reaches past the text.
            text = apply(text, replace(len(text), position, deleted, inserted))
            return text, position + len(inserted)
        case Undo() | Redo():
            return text, caret


@pytest.mark.slow
@given(
    st.sampled_from(get_args(WorkloadKind)),
    st.integers(0, 2**32),
    st.lists(st.tuples(st.text(max_size=300), st.integers(-5, 400)), min_size=1, max_size=40),
    st.integers(0, 500),
)
def test_every_action_fits_the_text_shown_whatever_others_did_to_it(
    kind: WorkloadKind, seed: int, shown: list[tuple[str, int]], text_length: int
) -> None:
    somebody = make(kind, seed, Workload(text_length=text_length))
    for text, caret in shown:
        assert somebody.pause_us() >= 1
        performed(text, caret, somebody.act(text, caret))


@pytest.mark.parametrize("kind", get_args(WorkloadKind))
def test_equal_streams_give_equal_authors(kind: WorkloadKind) -> None:
    def session(seed: int) -> list[tuple[int, Action]]:
        somebody, text, caret, done = make(kind, seed), "some text", 4, []
        for _ in range(200):
            pause_us, action = somebody.pause_us(), somebody.act(text, caret)
            text, caret = performed(text, caret, action)
            done.append((pause_us, action))
        return done

    assert session(3) == session(3)
    assert session(3) != session(4)


def test_initial_texts() -> None:
    rng = random.Random(1)
    assert len(initial_text("human", 2_000, rng)) == 2_000
    assert initial_text("human", 0, rng) == ""
    contended = initial_text("contention", 2_000, rng, Supply())
    assert 0 < len(contended) == len(set(contended)) < 100
    assert initial_text("trace", 2_000, rng, None, Recording(TRACE)) == ""


@pytest.mark.parametrize(
    "build",
    [
        lambda: initial_text("contention", 9, random.Random(1)),
        lambda: initial_text("trace", 9, random.Random(1)),
        lambda: author("contention", Workload(), random.Random(1)),
        lambda: author("trace", Workload(), random.Random(1)),
    ],
)
def test_a_workload_without_what_it_needs_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="lacks its supply or recording"):
        build()
