"""The text in pieces against a plain string."""

from __future__ import annotations

import random

import pytest

from model.crdt.rope import Rope
from model.text import OperationError


@pytest.mark.parametrize("seed", range(5))
def test_against_a_string(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(chr(0x1000 + i) for i in range(rng.choice([0, 1, 10_000])))
    rope = Rope(text)
    for number in range(2_000):
        position = min(len(text), rng.choice([rng.randint(0, len(text)), number % 7, len(text)]))
        deleted = min(len(text) - position, rng.choice([0, 1, 1, 5, rng.randint(0, 5_000)]))
        inserted = rng.choice(["", "x", "yz", "long" * rng.randint(1, 1_500)])
        rope.splice(position, deleted, inserted)
        text = text[:position] + inserted + text[position + deleted :]
        assert len(rope) == len(text)
        if number % 100 == 0:
            assert str(rope) == text
    assert str(rope) == text


@pytest.mark.parametrize(("position", "deleted"), [(-1, 0), (0, -1), (4, 0), (2, 2)])
def test_a_range_that_is_not_in_the_text(position: int, deleted: int) -> None:
    rope = Rope("abc")
    with pytest.raises(OperationError, match=r"outside 0\.\.3"):
        rope.splice(position, deleted, "x")
    assert str(rope) == "abc"
