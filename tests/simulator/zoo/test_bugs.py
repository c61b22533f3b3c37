"""Seeded bugs are found by the shipped scenarios; a bug that nobody finds is a failure of the checks."""

from __future__ import annotations

from itertools import islice

import pytest

from simulator.failures.trial import attempt
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.catalogue import bug_of, bugs
from simulator.zoo.hunt import hunt
from simulator.zoo.plain import cells

SEEDS = range(1, 9)
SAMPLE = (
    *("tie-reversed", "sites-reversed", "forgetful-counter", "unknown-is-failed", "early-answer"),
    *("lost-write", "cursors-in-units", "narrow-columns", "trimmed-too-far", "progress-trimmed"),
    *("undo-displaced", "redo-in-front", "cursor-frozen", "presence-uncarried", "branches-transformed"),
    *("merge-drops-last", "members-stay", "sessions-stay", "missed-in-pairs", "own-never-last"),
    *("broadcast-twice", "acknowledged-twice", "dopt", "memo-by-length", "catch-up-off-by-one"),
    *("lost-broadcast", "heads-step-by-step", "overheard-uncarried"),
)
"""Two bugs of each kind, which are found soon; ``concord zoo`` hunts all, and CI calls it."""

CELLS = 3
"""Of each scenario, in which the product without a bug is tried."""


def of_kind(kind: Kind) -> list[Bug]:
    return [bug for bug in bugs().values() if bug.kind is kind]


PLAYED = sorted({(bug.scenario, bug.rule) for bug in bugs().values()})


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_plain_scenario_finds_it_and_its_case_fails_because_of_it(name: str) -> None:
    bug = bug_of(name)
    found = hunt(bug, SEEDS)
    assert found.checks, f"{name} is found by nobody"
    assert found.check in bug.expected
    assert 1 <= found.reached <= found.runs
    case = found.case
    assert case is not None, f"{name} was found by {found.check}, but no case of it fails alone"

    again = attempt(case.plan, bug.parts())
    assert again.violated(case.check)
    assert again.digest == case.digest

    healthy = attempt(case.plan)
    assert [r.name for r in healthy.results if r.claimed and r.violated] == []


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "rule"), PLAYED)
def test_the_product_is_valid_where_bugs_are_hunted(scenario: str, rule: str) -> None:
    bug = next(b for b in bugs().values() if (b.scenario, b.rule) == (scenario, rule))
    for plan in islice(cells(bug, SEEDS), CELLS):
        trial = attempt(plan)
        assert [(r.name, r.violations[0].message) for r in trial.results if r.claimed and r.violated] == []
        assert next(r for r in trial.results if r.name == "convergence").checked


@pytest.mark.parametrize("kind", Kind, ids=[kind.value for kind in Kind])
def test_a_kind_has_bugs_in_several_places(kind: Kind) -> None:
    found = of_kind(kind)
    assert len(found) >= 3
    assert len({place for bug in found for place in bug.places}) >= 3
    assert len({bug.name for bug in found}.intersection(SAMPLE)) == 2


def test_expectations_are_checks_that_the_engine_claims() -> None:
    for bug in bugs().values():
        assert bug.expected
        assert all(bug.engine.claims.claims(check) for check in bug.expected), bug.name


def test_every_bug_says_what_it_is_and_where_it_comes_from() -> None:
    for name, bug in bugs().items():
        assert bug.name == name
        assert bug.title.endswith(".")
        assert bug.source
        assert bug.parts() != bug.engine.healthy
        assert bug.places, name


def test_places_are_the_methods_that_are_replaced() -> None:
    assert bug_of("dopt").places == ("Replica._cross",)
    assert bug_of("group-commit").places == ("Batch._carry",)
    assert bug_of("no-fence").places == ("Room._supersede", "Document._is_fenced")
    assert bug_of("believes-sent").places == ("GossipPeer._answer",)


def test_an_unknown_bug_is_refused_with_the_names_of_the_known() -> None:
    with pytest.raises(ValueError, match=r"unknown bug 'gremlin'; known are dopt, .*tells-unsaved"):
        bug_of("gremlin")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("right-parents-reversed", "rule_order"),
        ("counters-not-saved", "unique_ids"),
        ("skips-tombstones", "rule_order"),
        ("before-its-right", "causal_integration"),
        ("believes-sent", "element_ledger"),
        ("tells-unsaved", "element_ledger"),
    ],
)
def test_a_certain_check_finds_a_bug_of_replicas_too(name: str, check: str) -> None:
    bug = bug_of(name)
    assert any(attempt(plan, bug.parts()).violated(check) for plan in cells(bug, SEEDS))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["right-parents-reversed", "sites-reversed"])
def test_what_all_replicas_do_alike_converges(name: str) -> None:
    bug = bug_of(name)
    for plan in cells(bug, SEEDS[:1]):
        trial = attempt(plan, bug.parts())
        assert not trial.violated("convergence")
        assert not trial.violated("strong_list")
