"""Failures that are kept: each still fails with its mistake in place and holds without it; they run first."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.failures.case import load_case
from simulator.failures.trial import attempt
from simulator.zoo.catalogue import parts_for

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.json"))


def test_there_is_a_corpus() -> None:
    assert CORPUS


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_it_fails_with_its_mistake_and_holds_without(path: Path) -> None:
    case = load_case(path)
    assert case.reason, "a kept failure says in one line why"
    if case.bug:
        assert attempt(case.plan, parts_for(case.plan, case.bug)).violated(case.check)
    healthy = [r for r in attempt(case.plan).results if r.claimed]
    assert [r.name for r in healthy if r.violated] == []
    assert any(r.checked for r in healthy)
