from __future__ import annotations

import random
from pathlib import Path

import pytest

from model.people.actions import Edit, Move
from simulator.workload.recorded import (
    BREAK_US_MAX,
    LENGTH_MAX,
    OPENING_LENGTH,
    PATCH_PAUSE_US,
    REST_US,
    RecordedAuthor,
    Recording,
)
from simulator.workload.traces import Patch, Trace, Transaction, read_trace


def trace_of(*rows: tuple[int, int | None, list[Patch]], start: str = "") -> Trace:
    transactions = tuple(Transaction(agent, (), tuple(patches), time) for agent, time, patches in rows)
    return Trace("case", "concurrent", start, "", ("ann", "bob"), transactions)


def test_the_recorded_pace_is_kept_within_bounds() -> None:
    second = 1_000_000
    typed = [Patch(0, 0, "a")]
    trace = trace_of(
        (0, 10 * second, typed),
        (0, 10 * second, typed),  # two within one second
        (0, 12 * second, [Patch(0, 0, "b"), Patch(1, 0, "c")]),  # two cursors
        (0, 9 * second, typed),  # a clock went back
        (0, 99_999 * second, typed),  # a night
    )
    pauses_us = [pause_us for pause_us, _ in Recording(trace).script(0)]
    assert pauses_us == [1, 500_000, 1_500_000, PATCH_PAUSE_US, 1, BREAK_US_MAX]


def test_without_a_recorded_pace_the_rate_of_the_scenario_counts() -> None:
    patches: list[tuple[int, int | None, list[Patch]]] = [(0, None, [Patch(0, 0, "a")])] * 4_000
    author = RecordedAuthor(random.Random(1), 0.5, Recording(trace_of(*patches)).script(0))
    elapsed_us = 0
    for _ in patches:
        elapsed_us += author.pause_us()
        author.act("", 0)
    assert len(patches) / (elapsed_us / 1_000_000) == pytest.approx(0.5, rel=0.05)


def test_each_client_replays_one_author_and_further_clients_begin_again() -> None:
    trace = trace_of(
        (0, None, [Patch(0, 0, "a")]),
        (1, None, [Patch(0, 0, "b")]),
        (0, None, [Patch(1, 0, "c")]),
    )
    recording = Recording(trace)
    assert [patch.inserted for _, patch in recording.script(0)] == ["a", "c"]
    assert [patch.inserted for _, patch in recording.script(1)] == ["b"]
    assert recording.script(2) == recording.script(0)


def test_patches_become_what_a_person_did_on_the_text_that_is_there() -> None:
    patches = [
        Patch(9, 0, "a"),
        Patch(1, 1, ""),
        Patch(1, 9, ""),
        Patch(2, 5, ""),
        Patch(0, 1, "xy"),
        Patch(0, 0, "xy"),
    ]
    recording = Recording(trace_of(*((0, None, [patch]) for patch in patches)))
    author = RecordedAuthor(random.Random(1), 1.0, recording.script(0))
    assert author.act("abc", 0) == Edit("type", 3, 0, "a")
    assert author.act("abc", 0) == Edit("backspace", 1, 1, "")
    assert author.act("abc", 0) == Edit("cut", 1, 2, "")
    # Nothing is left at 2 of a text of two: that patch is passed over.
    assert author.act("ab", 0) == Edit("replace", 0, 1, "xy")
    assert author.act("ab", 0) == Edit("paste", 0, 0, "xy")
    assert author.pause_us() == REST_US
    assert author.act("ab", 0) == Move(0, 2)


def test_a_text_does_not_grow_without_bound() -> None:
    recording = Recording(trace_of((0, None, [Patch(0, 2, "abc")]), (0, None, [Patch(0, 0, "abc")])))
    author = RecordedAuthor(random.Random(1), 1.0, recording.script(0))
    assert author.act("x" * LENGTH_MAX, 0) == Edit("cut", 0, 2, "")
    assert author.act("x" * LENGTH_MAX, 7) == Move(7, LENGTH_MAX)


def test_the_file_a_recording_began_with_is_where_everybody_starts() -> None:
    opening = "x" * OPENING_LENGTH
    recording = Recording(trace_of((0, 0, [Patch(0, 0, opening)]), (0, 5, [Patch(3, 0, "a")])))
    assert recording.start == opening
    assert [patch.inserted for _, patch in recording.script(0)] == ["a"]


def test_a_recorded_author_alone_reaches_the_recorded_text(data: Path) -> None:
    trace = read_trace(data / "traces" / "sveltecomponent.json.gz")
    recording = Recording(trace)
    author = RecordedAuthor(random.Random(1), 0.2, recording.script(0))
    text = recording.start
    assert len(text) > OPENING_LENGTH
    while isinstance(action := author.act(text, 0), Edit):
        text = text[: action.position] + action.inserted + text[action.position + action.deleted :]
    assert text == trace.end
