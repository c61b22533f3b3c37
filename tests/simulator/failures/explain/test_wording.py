from __future__ import annotations

import pytest

from model.text import Operation, delete, insert, replace
from simulator.failures.explain.wording import (
    TextSpan,
    difference,
    excerpt,
    milliseconds,
    operation_text,
    quoted,
    seconds,
    visible,
)


def test_what_cannot_be_shown_gets_a_sign() -> None:
    assert visible("a\nb\tc\x00d\x7f\ud800\ufffe\x85é😀") == "a⏎b⇥c␀d␡\ufffd\ufffd\ufffdé😀"


@pytest.mark.parametrize(
    ("before", "after", "spans"),
    [
        ("abc", "abxc", (TextSpan(2, 2), TextSpan(2, 3))),
        ("abc", "ac", (TextSpan(1, 2), TextSpan(1, 1))),
        ("aa", "aaa", (TextSpan(2, 2), TextSpan(2, 3))),
        ("", "", (TextSpan(0, 0), TextSpan(0, 0))),
        ("bdx", "bxd", (TextSpan(1, 3), TextSpan(1, 3))),
    ],
)
def test_difference_is_the_smallest_part(before: str, after: str, spans: tuple[TextSpan, TextSpan]) -> None:
    assert difference(before, after) == spans


def test_an_excerpt_is_never_longer_than_asked_for_and_holds_the_change() -> None:
    text = "".join(chr(97 + n % 26) for n in range(100))
    for begin in range(100):
        for length in (0, 1, 5, 40):
            span = TextSpan(begin, min(100, begin + length))
            part = excerpt(text, span, 20)
            assert len(part.whole) <= 20
            assert part.focus.rstrip("…") in text[span.begin : span.end]
            inside = part.whole.removeprefix("…").removesuffix("…")
            assert len(part.focus) > 15 or "…" in part.focus or inside in text
            assert text[span.begin : span.end].startswith(part.focus.rstrip("…"))


def test_a_short_text_is_not_abbreviated() -> None:
    assert excerpt("abc", TextSpan(1, 2), 3) == ("a", "b", "c")


def test_operations_in_words() -> None:
    assert operation_text(insert(2, 1, "x"), "ab") == "inserts 'x' at 1"
    assert operation_text(delete(4, 1, 2), "abcd") == "deletes 'bc' at 1"
    assert operation_text(delete(4, 1, 2), None) == "deletes 2 characters at 1"
    assert operation_text(delete(4, 1, 1), "not it") == "deletes 1 character at 1"
    assert operation_text(replace(4, 1, 2, "X"), "abcd") == "replaces 'bc' by 'X' at 1"
    assert operation_text(Operation(4, (1, "X", -2)), "abcd") == "replaces 'bc' by 'X' at 1"
    assert operation_text(Operation(4, ("X", 1, -1)), "abcd") == "inserts 'X' at 0 and deletes 'b' at 1"
    many = Operation(9, ("a", 1, "b", 1, "c", 1, "d"))
    assert operation_text(many, None) == "inserts 'a' at 0, inserts 'b' at 1 and 2 more changes"
    assert operation_text(Operation(4, ()), "abcd") == "changes nothing"


def test_numbers() -> None:
    assert milliseconds(1_234_567) == "1,234.567"
    assert seconds(1_500_000) == "1.5 s"
    assert seconds(0) == "0 s"
    assert quoted("x" * 40) == "'" + "x" * 22 + "…'"
