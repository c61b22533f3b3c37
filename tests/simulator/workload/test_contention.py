from __future__ import annotations

import random
import unicodedata

import pytest

from model.people.actions import Edit, Move
from model.people.characters import Supply, SupplyExhausted
from simulator.workload.contention import LENGTH_MAX, ContentionAuthor


def test_characters_are_never_used_twice_and_all_authors_share_one_spot() -> None:
    supply = Supply()
    people = [ContentionAuthor(random.Random(s), 0.2, supply) for s in range(10)]
    text = supply.take(20)
    seen = list(text)
    lengths = []
    for step in range(4_000):
        action = people[step % len(people)].act(text, 0)
        if isinstance(action, Move):
            assert action.head == len(text) // 2
            continue
        assert isinstance(action, Edit)
        spot = len(text) // 2
        assert action.position <= spot <= action.position + action.deleted + 1
        assert len(action.inserted) <= 3
        seen.extend(action.inserted)
        text = text[: action.position] + action.inserted + text[action.position + action.deleted :]
        lengths.append(len(text))
    assert len(seen) == len(set(seen)) > 3_000
    assert max(lengths) < LENGTH_MAX
    assert 20 < sum(lengths) / len(lengths) < 100


def test_nobody_inserts_into_a_full_text() -> None:
    author = ContentionAuthor(random.Random(1), 0.2, Supply())
    for _ in range(300):
        action = author.act("z" * LENGTH_MAX, 0)
        assert isinstance(action, Move) or not action.inserted  # type: ignore[union-attr]


def test_the_rate_is_the_one_asked_for() -> None:
    author = ContentionAuthor(random.Random(4), 0.5, Supply())
    elapsed_us = edits = 0
    while edits < 6_000:
        elapsed_us += author.pause_us()
        edits += isinstance(author.act("0123456789", 0), Edit)
    assert edits / (elapsed_us / 1_000_000) == pytest.approx(0.5, rel=0.05)


def test_the_supply_holds_what_can_be_encoded_once_each_and_ends() -> None:
    supply = Supply()
    everything = supply.take(Supply.size)
    assert len(set(everything)) == Supply.size > 1_000_000
    assert everything[:4] == "\U00020000\u4e00\U00020001\u4e01"
    everything.encode()  # a surrogate would fail
    noncharacters = [c for c in everything if ord(c) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(c) <= 0xFDEF]
    assert not noncharacters
    assert unicodedata.category(everything[0]) == "Lo"
    with pytest.raises(SupplyExhausted, match="all are used"):
        supply.take(1)
