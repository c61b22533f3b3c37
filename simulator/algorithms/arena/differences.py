"""Engines that ended with different texts: how different, which pair of characters first, and why."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from model.arena import Difference
from simulator.algorithms.arena.contenders import CONTENDERS, REFERENCE
from simulator.algorithms.arena.engines.plain import PlainEngine
from simulator.algorithms.arena.engines.server import ServerEngine
from simulator.algorithms.arena.play import Played, perform
from simulator.algorithms.arena.reasons.log import LogReasons
from simulator.algorithms.arena.reasons.rule import RuleReasons
from simulator.algorithms.arena.schedule import Schedule
from simulator.algorithms.texts import group_letters


class Reversed(NamedTuple):
    """Pairs of characters that two texts have in different orders.

    Attributes:
        pairs: how many.
        first: of the pair of which the later character was typed earliest, the one that the first text has
            first; of several such pairs the one that stands closest there.
        second: the other one.
    """

    pairs: int
    first: str
    second: str


def letters_of(plays: Mapping[str, Played]) -> dict[str, str]:
    """A letter for each engine, equal for equal texts, in the order of the engines."""
    return dict(zip(plays, group_letters(played.server_text for played in plays.values()), strict=True))


def reversed_pairs(one: str, other: str, typed: Iterable[str]) -> Reversed | None:
    """What two texts of the same characters have in different orders; None if nothing.

    Args:
        one: a text without a character twice.
        other: another order of it.
        typed: its characters in the order in which they were typed.
    """
    if one == other:
        return None
    place, where = ({c: at for at, c in enumerate(text)} for text in (one, other))
    seen: list[int] = []
    count = 0
    for character in one:
        count += len(seen) - bisect(seen, where[character])
        insort(seen, where[character])
    known: list[str] = []
    for character in (c for c in typed if c in place):
        wrong = [c for c in known if (place[c] < place[character]) != (where[c] < where[character])]
        if wrong:
            near = min(wrong, key=lambda c: abs(place[c] - place[character]))
            first, second = sorted((near, character), key=place.__getitem__)
            return Reversed(count, first, second)
        known.append(character)
    raise AssertionError("two texts of different characters")


def differences(schedule: Schedule, plays: Mapping[str, Played]) -> list[Difference]:
    """Every group of engines against that of :data:`REFERENCE`; who lost characters is left out."""
    group = letters_of(plays)
    reference = plays[REFERENCE].server_text
    found: dict[str, Difference] = {}
    for name, played in plays.items():
        text = played.server_text
        if group[name] == group[REFERENCE] or group[name] in found or sorted(text) != sorted(reference):
            continue
        pair = reversed_pairs(reference, text, played.typed.ids)
        assert pair is not None
        found[group[name]] = Difference(
            group[name],
            name,
            REFERENCE,
            pair.pairs,
            len(text) * (len(text) - 1) // 2,
            pair.first,
            pair.second,
            why(schedule, plays, name, pair.second, pair.first),
            why(schedule, plays, REFERENCE, pair.first, pair.second),
        )
    return list(found.values())


def why(schedule: Schedule, plays: Mapping[str, Played], name: str, first: str, second: str) -> str:
    """Why an engine put character ``first`` before ``second``, as it did."""
    engine = plays[name].engine
    if isinstance(engine, ServerEngine):
        again = engine.recording(schedule.agents, schedule.text)
        perform(schedule, again)
        return LogReasons(again, schedule).why(first, second)
    if not isinstance(engine, PlainEngine):  # an event graph has the order of plain replicas of its rule
        engine = plays[CONTENDERS[name].order].engine
        assert isinstance(engine, PlainEngine)
    return RuleReasons(engine.server, schedule.shown).why(first, second)
