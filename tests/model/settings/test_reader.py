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


class Plain(msgspec.Struct, frozen=True):
    whole: Annotated[int, msgspec.Meta(ge=0, le=9_999)] = 0
    share: float = 0.5
    sure: bool = False
    name: str = ""


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("whole: 22:22", "1342"),
        ("whole: 1:02:03", "3723"),
        ("whole: 017", "15"),
        ("whole: 00", "0"),
        ("whole: 1_0", "10"),
        ("whole: 0x1F", "31"),
        ("whole: 0b11", "3"),
        ("whole: !!int '017'", "15"),
        ("share: 1:30.5", "90.5"),
        ("share: 017", "15"),
        ("share: 1_0.5", "10.5"),
        ("share: 0x10", "16"),
        ("sure: yes", "true"),
        ("sure: No", "false"),
        ("sure: ON", "true"),
        ("sure: off", "false"),
        ("sure: !!bool 'yes'", "true"),
    ],
)
def test_what_yaml_reads_otherwise_than_it_is_written_is_refused(text: str, read_as: str) -> None:
    value, (problem,) = read(f"\n{text}\n", Plain)
    assert value == Plain()
    key = text.partition(":")[0]
    assert problem.startswith(f"f:2: {key}: must be ")
    assert problem.endswith(f", which YAML 1.1 reads as {read_as}; write {read_as} if that is meant")


@pytest.mark.parametrize(
    "text",
    [
        *("share: .inf", "share: -.Inf", "share: .nan", "share: '0.5'", "share: 1,5"),
        *("whole: 0o17", "whole: 08", "whole: 1e2", "whole: 1 000", "whole: 2001-01-01", "whole: true"),
        *("whole: ٣", "sure: 1", "sure: y"),
    ],
)
def test_what_is_no_number_and_no_truth_value(text: str) -> None:
    value, (problem,) = read(text, Plain)
    assert value == Plain()
    key, _, written = text.partition(": ")
    assert problem.startswith(f"f:1: {key}: must be ")
    assert written.strip("'") in problem


@pytest.mark.parametrize("text", ["no", "017", "1_0", "22:22", "0x10", ".inf", "off", "2001-01-01", "1e3"])
def test_where_a_text_is_expected_it_is_the_text(text: str) -> None:
    assert read(f"name: {text}", Plain) == (Plain(name=text), [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("whole: 0", Plain(0)),
        ("whole: +5", Plain(5)),
        ("share: -0.25", Plain(share=-0.25)),
        ("share: 3", Plain(share=3.0)),
        ("share: .5", Plain(share=0.5)),
        ("share: 1.5e+3", Plain(share=1_500.0)),
        ("sure: True", Plain(sure=True)),
    ],
)
def test_what_reads_as_it_is_written(text: str, value: Plain) -> None:
    assert read(text, Plain) == (value, [])


def test_a_key_twice_is_refused_with_both_lines() -> None:
    assert read("whole: 1\nshare: 1\nwhole: 2\n", Plain)[1] == ["f:3: whole: is given twice, first in line 1"]


def test_files_that_are_no_text() -> None:
    assert text_of(b"\xef\xbb\xbfa", 4) == "a"
    for data, message in ((b"12345", "larger than 4 bytes"), (b"\xff", "not UTF-8 text")):
        with pytest.raises(SettingError, match=message):
            text_of(data, 4)
