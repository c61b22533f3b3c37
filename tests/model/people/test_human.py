from __future__ import annotations

import random
import re
import statistics
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest

from model.people.actions import Action, Edit, Move, Redo, Undo
from model.people.characters import opening, prose
from model.people.episodes import BULK_LENGTH, BURST_MAX, UNDO_MAX, Weights
from model.people.human import HAND_US, KEYSTROKE_US, HumanAuthor
from model.people.sweep import EDITS, UNDONE, Sweep
from model.protocol import BRANCH_CHUNK_OPERATIONS_MAX


class Session:
    """One author alone with a text, for some time."""

    def __init__(self, author: HumanAuthor, text: str, duration_s: float) -> None:
        self.actions: list[tuple[int, Action]] = []
        self.lengths: list[int] = []
        self.texts: list[str] = []
        at_us, caret = 0, len(text) // 2
        while True:
            pause_us = author.pause_us()
            at_us += pause_us
            if at_us > duration_s * 1_000_000:
                break
            action = author.act(text, caret)
            self.actions.append((pause_us, action))
            self.texts.append(text)
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
        if not (isinstance(action, Edit) and action.kind == "type"):
            runs.append(run)
            run = 0
        else:
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
    assert set(kinds) == {"type", "backspace", "delete", "paste", "replace", "cut", "Undo", "Redo", "Move"}
    assert kinds["type"] > 0.5 * sum(kinds.values())
    pasted = [len(a.inserted) for a in actions if isinstance(a, Edit) and a.kind == "paste"]
    assert min(pasted) >= 20
    assert {count > 200 for count in pasted} == {True, False}
    moves = [a for a in actions if isinstance(a, Move)]
    assert {(m.head > m.anchor) - (m.head < m.anchor) for m in moves} == {-1, 0, 1}
    assert {0, 2_000} < {m.head for m in moves} | {len(text) for text in session.texts}


def test_much_is_moved_at_once_in_long_documents_only() -> None:
    def moved(wanted: int) -> dict[str, list[int]]:
        session = Session(HumanAuthor(random.Random(2), 0.2, wanted), "x" * wanted, 40_000)
        edits = [a for _, a in session.actions if isinstance(a, Edit)]
        return {
            "pasted": [len(a.inserted) for a in edits if len(a.inserted) > 1_024],
            "cut": [a.deleted for a in edits if a.deleted > 1_024],
        }

    low, high = BULK_LENGTH
    for counts in moved(2_000).values():
        assert 5 < len(counts) < 100
        assert all(low <= count <= high for count in counts)
    assert moved(900) == {"pasted": [], "cut": []}


def test_people_undo_several_levels_and_write_before_they_redo() -> None:
    session = Session(HumanAuthor(random.Random(2), 0.2, 2_000), "x" * 2_000, 40_000)
    signs = {"Undo": "u", "Redo": "r", "Move": "", "Edit": "e"}
    story = "".join(signs[type(action).__name__] for _, action in session.actions)
    depths = Counter(len(run) for run in re.findall("u+", story))
    assert {1, 2, 3, 5, 8} < set(depths)
    assert max(depths) <= UNDO_MAX
    for way in ("uuurr", "ue{1,3}r", "uue{1,3}u+r"):
        assert re.search(way, story), way


def runs_of_keys(session: Session, step: Callable[[Edit, Edit], bool]) -> int:
    """The longest run of keys, each following the one before as ``step`` says."""
    longest = run = 0
    edits = [action for _, action in session.actions]
    for before, edit in pairwise(edits):
        follows = isinstance(before, Edit) and isinstance(edit, Edit) and step(before, edit)
        run = run + 1 if follows else 0
        longest = max(longest, run)
    return longest


def test_people_write_from_right_to_left_and_delete_both_ways() -> None:
    session = Session(HumanAuthor(random.Random(2), 0.2, 2_000), "x" * 2_000, 40_000)

    def both(kind: str) -> Callable[[Edit, Edit, int], bool]:
        return lambda a, b, by: a.kind == b.kind == kind and b.position == a.position + by

    typed, deleted, backspaced = both("type"), both("delete"), both("backspace")
    assert runs_of_keys(session, lambda a, b: typed(a, b, 0)) > 8
    assert runs_of_keys(session, lambda a, b: typed(a, b, 1)) > 8
    assert runs_of_keys(session, lambda a, b: deleted(a, b, 0)) > 4
    assert runs_of_keys(session, lambda a, b: backspaced(a, b, -1)) > 4


def test_at_an_end_of_the_text_the_other_key_takes_what_is_on_the_other_side() -> None:
    for kind, caret, position in (("backspace", 0, 0), ("delete", 9, 8)):
        weights = Weights(**{**dict.fromkeys(msgspec.structs.asdict(Weights()), 0.0), kind: 1.0})
        author = HumanAuthor(random.Random(1), 0.2, 9, weights)
        found = {author.act("123456789", caret) for _ in range(9)}
        assert Edit(kind, position, 1, "") in found  # type: ignore[arg-type]
        assert all(isinstance(action, Move) or action.position == position for action in found)  # type: ignore[union-attr]


def test_a_sweep_changes_a_whole_text_in_order_and_keeps_its_length() -> None:
    counts = []
    for seed in range(12):
        sweep, text, positions, kinds = Sweep(random.Random(seed)), "word " * 400, [], ""
        while sweep.actions:
            assert 500 <= sweep.pause_us() <= 3_000
            match sweep.act(text, 0):
                case Edit("replace", position, deleted, inserted) as edit:
                    assert deleted or inserted
                    text = text[:position] + edit.inserted + text[position + deleted :]
                    positions.append(position)
                    kinds += "e"
                case Undo():
                    kinds += "u"
                case Redo():
                    kinds += "r"
                case other:
                    raise AssertionError(other)
        counts.append(len(positions))
        assert sum(b < a for a, b in pairwise(positions)) <= 2
        assert max(positions) > 1_600
        assert 1_700 < len(text) < 2_300
        assert re.fullmatch(f"e+(u{{{UNDONE[0]},{UNDONE[1]}}}r+)?", kinds)
    assert EDITS[0] <= min(counts) < BRANCH_CHUNK_OPERATIONS_MAX * 2 < max(counts) <= EDITS[1]


def test_a_selection_is_what_is_replaced_next() -> None:
    author = HumanAuthor(
        random.Random(2), 0.2, 400, Weights(type=0, leftward=0, backspace=0, delete=0, paste=0, cut=0, undo=0)
    )
    text, caret, replaced = "y" * 400, 300, []
    for _ in range(150):
        action = author.act(text, caret)
        if isinstance(action, Move):
            caret = action.head
            selection = (action.anchor, action.head)
        else:
            assert isinstance(action, Edit)
            if action.kind == "replace":
                assert [action.position, action.position + action.deleted] == sorted(selection)
                replaced.append(action.inserted)
            else:  # the rest of what is typed over it
                assert (action.kind, action.deleted, action.position) == ("type", 0, caret)
            caret = action.position + len(action.inserted)
    assert {len(text) == 1 for text in replaced} == {True, False}


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
    assert 0.01 < sum(ord(c) > 0xFFFF for c in text) / len(text) < 0.05
    assert ord(opening(random.Random(1), 9)[0]) > 0xFFFF
    assert opening(random.Random(1), 9, plain=True).isascii()
    assert opening(random.Random(1), 0) == ""
    words = [len(w) for w in text.split()]
    assert 3 < statistics.mean(words) < 8
