"""The page of an arena."""

from __future__ import annotations

import re

import msgspec
import pytest

from model import arena as arenas
from reports.arena import headline, picture, render_arena
from tests.model.test_arena import arena, row


def test_everything_is_on_the_page() -> None:
    page = render_arena(arena())
    assert "3 engines, 2 texts" in page
    for text in ("one; third", "other", "y is &lt;b&gt;newer", "x is smaller", "1 of 2", "250 ms", "0.00 MB"):
        assert text in page, text
    assert "<b>newer" not in page
    assert page.count("<svg") == 1
    assert "Problems" not in page
    assert not re.search(r'(?:src|href)="(?!#)', page), "nothing is loaded from anywhere"


def test_a_problem_comes_first() -> None:
    found = arena("one & other differ")
    assert headline(found) == "violated: 1 problem"
    page = render_arena(found)
    assert '<header class="banner bad">' in page
    assert "<li>one &amp; other differ</li>" in page
    assert page.index("one &amp; other") < page.index("Final texts")


@pytest.mark.slow
def test_equal_arenas_give_equal_pages() -> None:
    assert render_arena(arena()) == render_arena(arenas.load(arenas.encode(arena())))


@pytest.mark.slow
def test_the_picture_writes_what_can_be_read() -> None:
    drawn = picture(arena())
    assert drawn.count(">$</text>") == 2, "a dollar sign is no formula"
    assert drawn.count(">·</text>") == 2, "a line break has no width"
    long = row("one", "A", "".join(map(chr, range(0x4E00, 0x4E00 + 200))))
    assert "text" in picture(msgspec.structs.replace(arena(), engines=(long,)))
    empty = msgspec.structs.replace(arena(), engines=(row("one", "A", ""),), differences=())
    assert "<svg" in picture(empty)


def test_many_engines_of_one_text_are_counted() -> None:
    rows = tuple(row(f"engine {n}", "A", "oxy") for n in range(7))
    drawn = picture(msgspec.structs.replace(arena(), engines=rows))
    assert "and 5 more" in drawn
    assert "engine 2" not in drawn
