"""Every seeded bug is found by the checks; a bug that nobody finds is a failure of the checks."""

from __future__ import annotations

import pytest

from simulator.failures.trial import attempt
from simulator.zoo.catalogue import ZOO, bug_of
from simulator.zoo.hunt import hunt

pytestmark = pytest.mark.slow

SEEDS = 40


@pytest.mark.parametrize("name", ZOO)
def test_a_check_finds_it_and_its_case_fails_because_of_it(name: str) -> None:
    bug = bug_of(name)
    finding = hunt(bug, range(SEEDS))
    assert finding is not None, f"{name} is found by nobody"
    assert finding.check in bug.expected
    case = finding.case
    assert case is not None, f"{name} was found by {finding.check}, but no case of it fails alone"

    again = attempt(case.plan, bug.parts())
    assert again.violated(case.check)
    assert again.digest == case.digest

    healthy = attempt(case.plan)
    assert [r.name for r in healthy.results if r.claimed and r.violated] == []


@pytest.mark.parametrize("name", ZOO)
def test_the_product_is_valid_where_the_bug_lives(name: str) -> None:
    for seed in range(2):
        trial = attempt(bug_of(name).cell(seed))
        assert [(r.name, r.violations[0].message) for r in trial.results if r.claimed and r.violated] == []
        assert next(r for r in trial.results if r.name == "convergence").checked


def test_expectations_are_checks_that_the_engine_claims() -> None:
    for bug in ZOO.values():
        assert bug.expected
        assert all(bug.engine.claims.claims(check) for check in bug.expected), bug.name


def test_every_bug_says_what_it_is_and_where_it_comes_from() -> None:
    for name, bug in ZOO.items():
        assert bug.name == name
        assert bug.title.endswith(".")
        assert bug.source
        assert bug.parts() != bug.engine.healthy


def test_an_unknown_bug_is_refused_with_the_names_of_the_known() -> None:
    with pytest.raises(ValueError, match=r"unknown bug 'gremlin'; known are dopt, .*tells-unsaved"):
        bug_of("gremlin")


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("right-parents-reversed", "non_interleaving"),
        ("counters-not-saved", "unique_ids"),
        ("skips-tombstones", "convergence"),
        ("before-its-right", "causal_integration"),
        ("believes-sent", "element_ledger"),
        ("tells-unsaved", "element_ledger"),
    ],
)
def test_a_certain_check_finds_a_bug_of_replicas_too(name: str, check: str) -> None:
    bug = bug_of(name)
    assert any(attempt(bug.cell(seed), bug.parts()).violated(check) for seed in range(SEEDS))


@pytest.mark.parametrize("name", ["right-parents-reversed", "sites-reversed"])
def test_what_all_replicas_do_alike_converges(name: str) -> None:
    bug = bug_of(name)
    for seed in range(3):
        trial = attempt(bug.cell(seed), bug.parts())
        assert not trial.violated("convergence")
        assert not trial.violated("strong_list")
