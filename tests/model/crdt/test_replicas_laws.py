"""What holds for every algorithm on every causal history: one text, whatever the way there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from model.crdt.replicas import ALGORITHMS, CausalBuffer, Element, Event, Fugue, FugueMax, Insertion, Replica
from model.crdt.replicas.fugue import TreeNode
from model.crdt.replicas.port import Version
from model.crdt.replicas.stability import Stability
from model.crdt.scripts import Delete, Insert, Script, Sync, perform, play, random_script
from model.identity import SiteId
from tests.model.crdt.strategies import FUGUEMAX_DIFFERS, scripts

pytestmark = pytest.mark.slow

algorithms = st.sampled_from(list(ALGORITHMS.values()))
randoms = st.randoms(use_true_random=False)


def state(replica: Replica) -> tuple[Version, list[Element]]:
    """All that a replica knows; two with equal states cannot be told apart."""
    return replica.version, replica.elements()


def copied(replica: Replica) -> Replica:
    return type(replica).load(replica.save())


def merged(first: Replica, *others: Replica) -> Replica:
    result = copied(first)
    for other in others:
        result.merge(other)
    return result


@pytest.mark.slow
@given(script=scripts())
def test_equal_knowledge_is_an_equal_state(script: Script) -> None:
    for algorithm in ALGORITHMS.values():
        note(algorithm.algorithm)
        states = [state(replica) for replica in play(script, algorithm).values()]
        assert all(other == states[0] for other in states)


@given(script=scripts())
def test_the_order_of_any_two_elements_never_changes(script: Script) -> None:
    for algorithm in ALGORITHMS.values():
        note(algorithm.algorithm)
        # The strong list specification: one order over all elements agrees with everything ever displayed.
        replicas = {agent: algorithm(agent) for agent in script.agents}
        displayed = []
        for step in script.steps:
            perform(step, replicas)
            displayed.append([element.id for element in replicas[step.agent].elements()])
        place = {element: n for n, element in enumerate(displayed[-1])}
        for order in displayed:
            places = [place[element] for element in order]
            assert places == sorted(places)


@given(script=scripts(settled=False))
def test_an_edit_shows_where_it_was_made(script: Script) -> None:
    for algorithm in ALGORITHMS.values():
        note(algorithm.algorithm)
        replicas = {agent: algorithm(agent) for agent in script.agents}
        for step in script.steps:
            before = replicas[step.agent].text
            perform(step, replicas)
            after = replicas[step.agent].text
            if isinstance(step, Insert):
                at = step.at % (len(before) + 1)
                assert after == before[:at] + step.text + before[at:]
            elif isinstance(step, Delete) and before:
                at = step.at % len(before)
                assert after == before[:at] + before[at + step.count :]


@given(script=scripts(settled=False, agents_min=3))
def test_merge_is_commutative_associative_and_idempotent(script: Script) -> None:
    for algorithm in ALGORITHMS.values():
        note(algorithm.algorithm)
        a, b, c, *_ = play(script, algorithm).values()
        assert state(merged(a, b)) == state(merged(b, a))
        assert state(merged(merged(a, b), c)) == state(merged(a, merged(b, c)))
        assert state(merged(a, a)) == state(a)
        assert state(merged(a, b, b, a)) == state(merged(a, b))


@given(script=scripts(settled=False), rng=randoms)
def test_joining_deltas_is_joining_states(script: Script, rng: Random) -> None:
    for algorithm in ALGORITHMS.values():
        note(algorithm.algorithm)
        source, target, *_ = play(script, algorithm).values()
        joined = merged(target, source)
        # Deltas since anything that the target covers, overlapping, in any number.
        for _ in range(3):
            known = {site: rng.randint(0, counter) for site, counter in target.version.items()}
            for event in source.events_since(known):
                target.apply(event)
        assert state(target) == state(joined)


@given(script=scripts(), rng=randoms)
def test_any_order_of_arrival_gives_one_state(script: Script, rng: Random) -> None:
    for algorithm in ALGORITHMS.values():
        note(algorithm.algorithm)
        settled = next(iter(play(script, algorithm).values()))
        events = settled.events_since({})
        arriving = events + rng.sample(events, len(events) // 3)
        rng.shuffle(arriving)
        reader, buffer = algorithm(SiteId("Z")), CausalBuffer()
        for event in arriving:
            for ready in buffer.add(event):
                assert reader.apply(ready)
        assert buffer.waiting == 0
        assert state(reader) == state(settled)


@given(script=scripts(), rng=randoms)
def test_saving_and_loading_changes_nothing(script: Script, rng: Random) -> None:
    for algorithm in ALGORITHMS.values():
        note(algorithm.algorithm)
        replicas, reloaded = ({agent: algorithm(agent) for agent in script.agents} for _ in range(2))
        for step in script.steps:
            agent = rng.choice(script.agents)
            reloaded[agent] = copied(reloaded[agent])
            # The same events, so the same ids: none is used twice.
            assert perform(step, reloaded) == perform(step, replicas)
        assert [state(replica) for replica in reloaded.values()] == [state(r) for r in replicas.values()]
        assert [r.events_since({}) for r in reloaded.values()] == [
            r.events_since({}) for r in replicas.values()
        ]


@given(script=scripts(settled=False))
def test_deleting_again_changes_no_text(script: Script) -> None:
    for algorithm in ALGORITHMS.values():
        note(algorithm.algorithm)
        replicas = play(script, algorithm)
        one, other = list(replicas.values())[:2]
        one.merge(other)
        other.merge(one)
        count = len(one.text)
        assert len(one.delete(0, count)) == len(other.delete(0, count)) == count
        one.merge(other)
        other.merge(one)
        assert one.text == other.text == ""
        assert state(one) == state(other)


class Compacting:
    """Replicas of one group, of which some compact now and then what is stable at them."""

    def __init__(self, algorithm: type[Replica], script: Script) -> None:
        self.replicas = {agent: algorithm(agent) for agent in script.agents}
        self.seen = {agent: Stability(script.agents) for agent in script.agents}
        self.dropped = 0

    def perform(self, step: Insert | Delete | Sync) -> list[Event] | None:
        events: list[Event] | None = perform(step, self.replicas)
        seen = self.seen[step.agent]
        seen.saw(step.agent, self.replicas[step.agent].version)
        if isinstance(step, Sync):
            seen.merge(self.seen[step.source])
        return events

    def compact(self, agent: SiteId) -> None:
        self.dropped += self.replicas[agent].compact(self.seen[agent].stable)


def without_idle_origins(events: list[Event] | None) -> list[tuple[object, ...]]:
    """Events without right origins that play no part: RGA records what follows, tombstone or not."""
    return [
        (event.id, event.left, event.position, event.character, event.lamport)
        if isinstance(event, Insertion)
        else (event.id, event.target)
        for event in events or ()
    ]


compacting_scripts = scripts(agents_max=4, steps_max=40)


@given(script=compacting_scripts, rng=randoms)
def test_compaction_changes_no_text_and_no_event(script: Script, rng: Random) -> None:
    for algorithm in ALGORITHMS.values():
        note(algorithm.algorithm)
        compacting = Compacting(algorithm, script)
        replicas = {agent: algorithm(agent) for agent in script.agents}
        for step in script.steps:
            assert without_idle_origins(compacting.perform(step)) == without_idle_origins(
                perform(step, replicas)
            )
            compacting.compact(rng.choice(script.agents))
            assert [r.text for r in compacting.replicas.values()] == [r.text for r in replicas.values()]
        orders = zip(compacting.replicas.values(), replicas.values(), strict=True)
        for kept, whole in ((k.elements(), w.elements()) for k, w in orders):
            left_over = {element.id for element in kept}
            assert [e.id for e in kept] == [e.id for e in whole if e.id in left_over]


@pytest.mark.parametrize("name", sorted(set(ALGORITHMS) - {"woot"}))
def test_compaction_happens_in_the_middle_of_histories(name: str) -> None:
    # Otherwise the law above would say nothing: count over fixed histories what is dropped on the way.
    rng = Random(name)
    dropped = later = 0
    for seed in range(60):
        script = _editing(Random(seed))
        compacting = Compacting(ALGORITHMS[name], script)
        for step in script.steps:
            compacting.perform(step)
            later += isinstance(step, Insert) and compacting.dropped > 0
            compacting.compact(rng.choice(script.agents))
        dropped += compacting.dropped
    assert dropped > 100
    assert later > 100


def _editing(rng: Random) -> Script:
    agents = (SiteId("A"), SiteId("B"), SiteId("C"))
    steps: list[Insert | Delete | Sync] = []
    for _ in range(60):
        agent = rng.choice(agents)
        steps.append(Sync(agent, rng.choice([other for other in agents if other != agent])))
        steps.append(
            Delete(agent, rng.randrange(9), 2) if rng.random() < 0.4 else Insert(agent, rng.randrange(9), "x")
        )
    return Script(agents, tuple(steps))


def traversal(nodes: list[TreeNode]) -> Iterator[TreeNode]:
    for node in nodes:
        yield from traversal(node.left_children)
        yield node
        yield from traversal(node.right_children)


@pytest.mark.parametrize("algorithm", [Fugue, FugueMax])
@given(script=scripts())
def test_the_line_of_fugue_is_the_traversal_of_its_tree(algorithm: type[Fugue], script: Script) -> None:
    for replica in play(script, algorithm).values():
        assert [node.id for node in traversal(replica._roots)] == [e.id for e in replica.elements()]


@given(script=scripts(settled=False))
def test_the_side_in_fugue_is_that_of_the_paper(script: Script) -> None:
    # A new node is a right child of its left origin if that had no right child yet, else a left child.
    replicas = {agent: Fugue(agent) for agent in script.agents}
    for step in script.steps:
        if not isinstance(step, Insert):
            perform(step, replicas)
            continue
        replica = replicas[step.agent]
        at = step.at % (len(replica.text) + 1)
        for offset, character in enumerate(step.text):
            event = replica._new_insertion(at + offset, character)
            children = replica._siblings(event.left and replica._node(event.left), False)
            had_one = bool(children)
            assert replica._parent(TreeNode(event))[1] is had_one
            replica.insert(at + offset, character)


def test_sites_are_compared_as_code_points() -> None:
    # A surrogate pair is greater than U+FFFD as a code point, smaller in UTF-16.
    for low, high in [("B", "a"), ("10", "9"), ("\ufffd", "\U0001f600")]:
        for algorithm in ALGORITHMS.values():
            one, other = algorithm(SiteId(high)), algorithm(SiteId(low))
            one.insert(0, "h")
            other.insert(0, "l")
            one.merge(other)
            expected = {"rga": "hl", "logoot": one.text}.get(algorithm.algorithm, "lh")
            assert one.text == expected


def test_every_pair_of_algorithms_differs_somewhere() -> None:
    histories = [random_script(Random(seed), 3, 16) for seed in range(100)]
    texts = {
        name: [play(script, algorithm)[SiteId("A")].text for script in [*histories, FUGUEMAX_DIFFERS]]
        for name, algorithm in ALGORITHMS.items()
    }
    assert all(texts[one] != texts[other] for one, other in combinations(sorted(texts), 2))
