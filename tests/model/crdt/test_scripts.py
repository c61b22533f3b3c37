from __future__ import annotations

from random import Random

import msgspec
import pytest

from model.crdt.replicas import ALGORITHMS, Fugue, FugueMax
from model.crdt.scripts import (
    SCENARIOS,
    Delete,
    Insert,
    NamedScript,
    Script,
    Sync,
    everybody,
    play,
    random_script,
    shrunk,
)
from model.identity import SiteId
from tests.model.crdt.strategies import FUGUEMAX_DIFFERS

A, B, C = SiteId("A"), SiteId("B"), SiteId("C")


@pytest.mark.parametrize("name", sorted(set(ALGORITHMS) - {"logoot"}))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_scenario_ends_as_published(scenario: NamedScript, name: str) -> None:
    replicas = play(scenario.script, ALGORITHMS[name])
    assert {agent: replica.text for agent, replica in replicas.items()} == dict.fromkeys(
        scenario.script.agents, scenario.expected[name]
    )


def test_the_scenarios_tell_the_algorithms_apart_as_far_as_they_can() -> None:
    texts = {name: [scenario.expected[name] for scenario in SCENARIOS] for name in SCENARIOS[0].expected}
    assert texts.pop("fugue") == texts["fuguemax"]
    assert len({tuple(reached) for reached in texts.values()}) == len(texts)


def test_five_agents_tell_fugue_and_fuguemax_apart() -> None:
    assert play(FUGUEMAX_DIFFERS, Fugue)[A].text == "v12we"
    assert play(FUGUEMAX_DIFFERS, FugueMax)[A].text == "v21we"


def test_places_count_modulo_the_text_and_a_delete_stops_at_the_end() -> None:
    script = Script((A,), (Delete(A, 3), Insert(A, 7, "abc"), Insert(A, 5, "d"), Delete(A, 7, 9)))
    assert play(script, Fugue)[A].text == "adb"


def test_a_sync_takes_over_what_the_source_knows_and_nothing_else() -> None:
    script = Script((A, B, C), (Insert(A, 0, "a"), Sync(B, A), Insert(B, 1, "b"), Sync(C, B), Sync(A, C)))
    assert [replica.text for replica in play(script, Fugue).values()] == ["ab", "ab", "ab"]
    assert [replica.text for replica in play(Script((A, B, C), script.steps[:3]), Fugue).values()] == [
        "a",
        "ab",
        "",
    ]


def test_everybody_knows_everything_in_the_end() -> None:
    steps = [Insert(agent, 0, agent) for agent in (A, B, C)]
    replicas = play(Script((A, B, C), (*steps, *everybody((A, B, C)))), Fugue)
    assert {replica.text for replica in replicas.values()} == {"ABC"}


def test_scripts_travel_as_json() -> None:
    for scenario in SCENARIOS:
        assert msgspec.json.decode(msgspec.json.encode(scenario.script), type=Script) == scenario.script


def test_a_random_script_is_a_function_of_its_seed() -> None:
    first, again, other = (random_script(Random(seed), 4, 30) for seed in (1, 1, 2))
    assert first == again != other
    assert {type(step) for step in first.steps} == {Insert, Delete, Sync}
    typed = "".join(step.text for step in first.steps if isinstance(step, Insert))
    assert len(set(typed)) == len(typed)
    assert not any(isinstance(step, Delete) for step in random_script(Random(1), 4, 30, deletes=False).steps)


def test_a_shrunk_script_has_what_is_needed_and_nothing_else() -> None:
    script = random_script(Random(3), 4, 30)

    def shows_two_of_b(smaller: Script) -> bool:
        shown = play(smaller, Fugue)[A].text
        typed = [step.text for step in smaller.steps if isinstance(step, Insert) and step.agent == B]
        return sum(text in shown for text in typed) >= 2

    assert shows_two_of_b(script)
    small = shrunk(script, shows_two_of_b)
    assert shows_two_of_b(small)
    assert [type(step) for step in small.steps] == [Insert, Insert, Sync]
    assert small.agents == (A, B)
