from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from model.settings.durations import Duration, PositiveDuration
from model.settings.reader import WRONG, Reader, SettingError, parse, text_of


class Part(msgspec.Struct, frozen=True):
    at_us: PositiveDuration
    pair: tuple[int, float] = (1, 2.0)
    mood: Literal["", "good"] = ""


class Whole(msgspec.Struct, frozen=True):
    name: Annotated[str, msgspec.Meta(min_length=1)] = "unnamed"
    share: Annotated[float, msgspec.Meta(ge=0)] = 0.5
    wait_us: Duration | None = None
    parts: tuple[Part, ...] = ()


def read(text: str, kind: Any = Whole) -> tuple[Any, list[str]]:
    node = parse(text)
    assert node is not None
    reader = Reader("f")
    value = reader.read(kind, node, "")
    return value, [str(problem) for problem in reader.sorted_problems]


def test_a_struct_with_everything() -> None:
    text = "name: 7\nwait: 1.5s\nparts:\n- {at: 3ms, pair: [4, 5], mood: good}\n- at: 1us\n"
    parts = (Part(3_000, (4, 5.0), "good"), Part(1))
    assert read(text) == (Whole("7", 0.5, 1_500_000, parts), [])


def test_reading_goes_on_after_a_mistake() -> None:
    value, problems = read("shaer: 1\nwait: 5\nparts: [{pair: [1]}, {at: 0s}]\nname: ''\nshare: -1\n")
    assert problems == [
        "f:1: shaer: unknown key; did you mean share?",
        "f:2: wait: must be a duration such as 120s, 250ms or 2m, up to 24h, not 5",
        "f:3: parts.0.pair: must be a list of 2 values, not of 1",
        "f:3: parts.0.at: is missing",
        "f:3: parts.1.at: must be a duration above 0 such as 120s, 250ms or 2m, up to 24h, not '0s'",
        "f:4: name: must be a text that is not empty, not ''",
        "f:5: share: must be a number of at least 0, not -1",
    ]
    assert value == Whole()


def test_what_has_no_value() -> None:
    assert read("wait:\nparts:\n") == (Whole(), [])
    assert read("~") == (Whole(), [])
    assert read("name:\n")[1] == ["f:1: name: must be a text that is not empty, but has no value"]
    assert read("~", Part) == (WRONG, ["f:1: is empty"])


def test_a_text_that_is_no_file_has_no_lines() -> None:
    node = parse("5")
    assert node is not None
    reader = Reader("")
    assert reader.read(Whole, node, "faults.0") is WRONG
    assert [str(problem) for problem in reader.problems] == [
        "faults.0: must be a mapping of keys to values, not 5"
    ]


def test_a_mistake_found_later_has_the_line_of_its_key_or_of_what_is_around_it() -> None:
    node = parse("name: x\nparts:\n- at: 1s\n")
    assert node is not None
    reader = Reader("f")
    reader.read(Whole, node, "")
    reader.problem("parts.0.pair", "contradicts")
    reader.problem("parts.0.at", "too early")
    assert [str(problem) for problem in reader.problems] == [
        "f:3: parts.0.pair: contradicts",
        "f:3: parts.0.at: too early",
    ]
    assert reader.has_failed("parts.0")
    assert not reader.has_failed("name")


def test_files_that_are_no_text() -> None:
    assert text_of(b"\xef\xbb\xbfa", 4) == "a"
    for data, message in ((b"12345", "larger than 4 bytes"), (b"\xff", "not UTF-8 text")):
        with pytest.raises(SettingError, match=message):
            text_of(data, 4)
