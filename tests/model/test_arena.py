"""The form of what an arena leaves behind."""

from __future__ import annotations

import msgspec
import pytest

from model import arena as arenas
from model.arena import Arena, Character, Difference, EngineRow, MachineCosts
from model.identity import SiteId
from model.verdict import ExitCode, Verdict

A, B = SiteId("A"), SiteId("B")


def row(name: str, group: str, text: str) -> EngineRow:
    return EngineRow(
        name, "a test", group, text, True, Verdict.VALID, Verdict.VALID, True, "", 2, 1, 0, 0, 10, 20, 4, 1,
        3, 50, None, 2, "", MachineCosts(0.25, 1_000),
    )  # fmt: skip


def arena(*problems: str) -> Arena:
    characters = (
        Character("o", "o", SiteId(""), 1),
        Character("x", "\n", A, 1),
        Character("y", "$", B, 1),
    )
    engines = (row("one", "A", "oxy"), row("other", "B", "oyx"), row("third", "A", "oxy"))
    difference = Difference("B", "other", "one", 1, 3, "x", "y", "y is <b>newer", "x is smaller")
    return Arena("hand", "named", 7, (A, B), 2, 4, 1, characters, engines, (difference,), problems)


def test_it_is_read_as_it_was_written() -> None:
    assert arenas.load(arenas.encode(arena("bad"))) == arena("bad")


def test_groups_text_and_exit_code() -> None:
    assert {letter: [r.name for r in rows] for letter, rows in arena().groups.items()} == {
        "A": ["one", "third"],
        "B": ["other"],
    }
    assert arena().readable("oxy?") == "o\n$?"
    assert (arena().exit_code, arena("bad").exit_code) == (ExitCode.GOOD, ExitCode.VIOLATED)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "truncated"),
        (b"{}", "missing required field `version`"),
        (b'{"version": 2}', "arena of version 2, this is version 1"),
        (b'{"version": 1}', "missing required field `schedule`"),
    ],
)
def test_what_is_no_arena_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        arenas.load(data)
    whole = arenas.encode(arena())
    with pytest.raises(msgspec.DecodeError):
        arenas.load(whole[:-20])
