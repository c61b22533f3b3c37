from __future__ import annotations

import random
import statistics
from collections import Counter

import pytest

from model.people.actions import Action, Edit, Move, Redo, Undo
from model.people.characters import prose
from model.people.human import BURST_MAX, HAND_US, KEYSTROKE_US, HumanAuthor, Weights


class Session:
    """One author alone with a text, for some time."""

    def __init__(self, author: HumanAuthor, text: str, duration_s: float) -> None:
        self.actions: list[tuple[int, Action]] = []
        self.lengths: list[int] = []
        at_us, caret = 0, len(text) // 2
        while True:
            pause_us = author.pause_us()
            at_us += pause_us
            if at_us > duration_s * 1_000_000:
                break
            action = author.act(text, caret)
            self.actions.append((pause_us, action))
            if isinstance(action, Edit):
                rest = text[action.position + action.deleted :]
                text = text[: action.position] + action.inserted + rest
                caret = action.position + len(action.inserted)
            elif isinstance(action, Move):
                caret = action.head
            self.lengths.append(len(text))

    @property
    def edits(self) -> int:
        return sum(not isinstance(action, Move) for _, action in self.actions)


@pytest.mark.parametrize("rate", [0.02, 0.2, 1.0, 10.0])
def test_the_long_run_rate_is_the_one_asked_for(rate: float) -> None:
    duration_s = 4_000 / rate
    sessions = [
        Session(HumanAuthor(random.Random(s), rate, 2_000), "x" * 2_000, duration_s) for s in range(4)
    ]
    measured = sum(s.edits for s in sessions) / (len(sessions) * duration_s)
    assert measured == pytest.approx(rate, rel=0.06)


def test_the_rate_does_not_depend_on_the_mixture() -> None:
    weights = Weights(type=1, backspace=0, paste=1, replace=4, cut=4, undo=4)
    session = Session(HumanAuthor(random.Random(1), 0.2, 2_000, weights), "x" * 2_000, 40_000)
    assert session.edits / 40_000 == pytest.approx(0.2, rel=0.08)


def test_many_people_have_the_rate_within_two_minutes() -> None:
    people = [HumanAuthor(random.Random(s), 0.2, 2_000) for s in range(600)]
    edits = sum(Session(person, "x" * 2_000, 120).edits for person in people)
    assert edits / (len(people) * 120) == pytest.approx(0.2, rel=0.15)


def test_keystrokes_come_in_bursts_with_long_pauses_between_them() -> None:
    session = Session(HumanAuthor(random.Random(5), 0.2, 2_000), "x" * 2_000, 20_000)
    runs, run = [], 0
    within, between = [], []
    for pause_us, action in session.actions:
        if isinstance(action, Edit) and action.kind == "type":
            if KEYSTROKE_US[0] <= pause_us <= KEYSTROKE_US[1]:
                run += 1
                within.append(pause_us)
                continue
            runs.append(run)
            run = 1
            if pause_us > HAND_US[1]:
                between.append(pause_us)
    assert 4 < statistics.mean(r for r in runs if r) < 8
    assert max(runs) <= BURST_MAX
    assert 150_000 < statistics.mean(within) < 230_000
    # Heavy-tailed, but nobody falls asleep.
    assert statistics.mean(between) > 1.2 * statistics.median(between)
    assert max(between) < 30 * statistics.median(between)


def test_everything_people_do_happens() -> None:
    session = Session(HumanAuthor(random.Random(2), 0.2, 2_000), "x" * 2_000, 40_000)
    actions = [action for _, action in session.actions]
    kinds = Counter(a.kind if isinstance(a, Edit) else type(a).__name__ for a in actions)
    assert set(kinds) == {"type", "backspace", "paste", "replace", "cut", "Undo", "Redo", "Move"}
    assert kinds["type"] > 0.5 * sum(kinds.values())
    pasted = [len(a.inserted) for a in actions if isinstance(a, Edit) and a.kind == "paste"]
    assert min(pasted) >= 20
    assert max(pasted) <= 200
    moves = [a for a in actions if isinstance(a, Move)]
    assert any(m.anchor != m.head for m in moves)
    assert any(m.anchor == m.head for m in moves)


def test_a_selection_is_what_is_replaced_next() -> None:
    author = HumanAuthor(random.Random(2), 0.2, 400, Weights(type=0, backspace=0, paste=0, cut=0, undo=0))
    text, caret = "y" * 400, 300
    for _ in range(50):
        action = author.act(text, caret)
        if isinstance(action, Move):
            caret = action.head
            selection = (action.anchor, action.head)
        else:
            assert isinstance(action, Edit)
            assert (action.position, action.position + action.deleted) == selection


@pytest.mark.parametrize("wanted", [300, 2_000])
@pytest.mark.parametrize("start", [0.0, 1.0, 3.0])
def test_the_text_stays_near_the_length_wanted(wanted: int, start: float) -> None:
    text = "x" * int(wanted * start)
    session = Session(HumanAuthor(random.Random(3), 0.2, wanted), text, 60_000)
    settled = session.lengths[len(session.lengths) // 2 :]
    assert 0.7 * wanted < statistics.mean(settled) < 1.4 * wanted
    assert max(settled) < 2 * wanted


def test_an_empty_text_is_written_not_deleted() -> None:
    author = HumanAuthor(random.Random(1), 0.2, 500, Weights(type=0, paste=0, replace=0, undo=0))
    actions = [author.act("", 0) for _ in range(50)]
    assert {a.kind for a in actions if isinstance(a, Edit)} == {"type"}
    assert not any(isinstance(a, (Undo, Redo)) for a in actions)


def test_who_writes_in_a_plain_text_keeps_to_ascii_and_others_do_not() -> None:
    def written(text: str) -> str:
        author = HumanAuthor(random.Random(3), 0.2, len(text), Weights())
        actions = (author.act(text, 0) for _ in range(3_000))
        return "".join(a.inserted for a in actions if isinstance(a, Edit))

    assert written("plain " * 50).isascii()
    assert not written("schön " * 50).isascii()


def test_prose_looks_like_words_and_has_characters_of_every_width() -> None:
    text = prose(random.Random(1), 20_000)
    assert len(text) == 20_000
    assert {len(c.encode()) for c in text} == {1, 2, 3, 4}
    words = [len(w) for w in text.split()]
    assert 3 < statistics.mean(words) < 8
