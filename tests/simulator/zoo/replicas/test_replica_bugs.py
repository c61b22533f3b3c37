"""Every bug is found by the oracle that must find it, and the algorithm without it passes the same search."""

from __future__ import annotations

import msgspec
import pytest

from model.crdt.replicas import ALGORITHMS, Event, FugueMax
from model.crdt.scripts import Delete, Insert, Script, Sync, play
from model.identity import SiteId
from simulator.zoo.bugs import rga, tree, yata
from simulator.zoo.bugs.rga import WithoutTombstones
from simulator.zoo.bugs.yata import SkipsTombstones
from tests.simulator.zoo.replicas.hunt import hunt
from tests.simulator.zoo.replicas.oracles import ORACLES
from tests.simulator.zoo.replicas.subjects import SUBJECTS, Subject
from tests.simulator.zoo.replicas.trial import Compact, Reload, Trial, play_trial

pytestmark = pytest.mark.slow

A, B, C = SiteId("A"), SiteId("B"), SiteId("C")

SEED = 1
TRIALS = 200

every_bug = pytest.mark.parametrize("bug", SUBJECTS.values(), ids=SUBJECTS.keys())


def test_every_bug_of_a_replica_is_a_subject() -> None:
    in_modules = [bug.name for module in (yata, tree, rga) for bug in module.BUGS]
    assert list(SUBJECTS) == in_modules


@every_bug
def test_the_oracle_that_must_find_a_bug_finds_it_and_those_that_cannot_do_not(bug: Subject) -> None:
    finding = hunt(bug, SEED, TRIALS)
    assert finding is not None
    assert finding.oracle == bug.oracle
    played = play_trial(finding.trial, bug.broken, bug.buffer)
    assert ORACLES[bug.oracle](finding.trial, played, bug.sound) == finding.message != ""
    assert bug.oracle not in bug.blind
    assert not bug.blind or hunt(bug, SEED, TRIALS // 4, bug.blind) is None


@every_bug
def test_the_algorithm_without_the_bug_passes_the_same_search(bug: Subject) -> None:
    finding = hunt(bug, SEED, TRIALS)
    assert finding is not None
    claimed = [name for name in ORACLES if name != "interleaving" or bug.sound is FugueMax]
    assert hunt(bug, SEED, max(finding.trials, TRIALS // 8), claimed, sound=True) is None


def test_the_smallest_trial_needs_every_step() -> None:
    bug = SUBJECTS["without-tombstones"]
    finding = hunt(bug, SEED, TRIALS)
    assert finding is not None
    steps = finding.trial.steps
    assert len(steps) <= 8
    for at in range(len(steps)):
        fewer = msgspec.structs.replace(finding.trial, steps=(*steps[:at], *steps[at + 1 :]))
        assert not ORACLES[bug.oracle](fewer, play_trial(fewer, bug.broken), bug.sound)


def test_a_hunt_is_a_function_of_its_seed() -> None:
    bug = SUBJECTS["sites-reversed"]
    assert hunt(bug, 1, 9) == hunt(bug, 1, 9) != hunt(bug, 2, 9)


def test_right_origins_that_skip_tombstones_diverge_as_published() -> None:
    script = Script(
        (A, B, C),
        (
            Insert(A, 0, "a"),
            Sync(B, A),
            Insert(B, 1, "b"),
            Insert(A, 1, "c"),
            Delete(A, 0),
            Sync(C, A),
            Insert(C, 0, "d"),
            Sync(B, C),
            Sync(C, B),
        ),
    )
    replicas = play(script, SkipsTombstones)
    assert {replicas[B].text, replicas[C].text} == {"bdc", "dcb"}
    sound = play(script, ALGORITHMS["yata"])
    assert sound[B].text == sound[C].text


def test_the_puzzle_without_tombstones_goes_wrong_as_published() -> None:
    # Insert 1 at the beginning, 2 at the beginning, 3 behind 1; delete 1.
    script = Script((A,), (Insert(A, 0, "1"), Insert(A, 0, "2"), Insert(A, 2, "3"), Delete(A, 1)))
    assert play(script, WithoutTombstones)[A].text == "32"
    assert play(script, ALGORITHMS["rga"])[A].text == "23"


def test_ids_compared_as_text_need_many_replicas() -> None:
    bug = SUBJECTS["buffers-as-strings"]
    assert hunt(bug._replace(shape=bug.shape._replace(agents=7)), SEED, TRIALS // 4) is None
    assert hunt(bug, SEED, TRIALS) is not None


def test_bugs_that_converge_are_blind_to_convergence() -> None:
    converging = {name for name, bug in SUBJECTS.items() if "convergence" in bug.blind}
    assert {"sites-reversed", "right-parents-reversed"} <= converging


def test_trials_reload_and_compact() -> None:
    steps = (Insert(A, 0, "ab"), Sync(B, A), Delete(B, 0, 2), Sync(A, B), Sync(B, A), Reload(B), Compact(B))
    played = play_trial(Trial((A, B), steps, 0), ALGORITHMS["logoot"])
    assert (played.misplaced, played.refused) == ("", "")
    assert [len(replica.elements()) for replica in played.replicas.values()] == [2, 0]


def test_what_breaks_a_trial_off_is_told() -> None:
    class Refusing(FugueMax):
        def apply(self, event: Event) -> bool:
            raise ValueError("no more")

    played = play_trial(Trial((A,), (Insert(A, 0, "a"), Insert(A, 0, "b")), 0), Refusing)
    assert played.refused.startswith("A fails at Insert(agent='A', at=0, text='a')")
    assert ORACLES["acceptance"](Trial((A,), (), 0), played, FugueMax) == played.refused
