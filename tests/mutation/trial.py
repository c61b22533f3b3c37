"""One mutation, tried: first the simulations that execute its line, then the tests that do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

import msgspec

from tests.mutation.areas import key_of, source_of
from tests.mutation.baseline import Baseline
from tests.mutation.battery import BATTERY, RAISED, Begun, Judged, explore, play
from tests.mutation.child import HUNG_BUSY, HUNG_IDLE, Ended, told
from tests.mutation.operators import Mutation
from tests.mutation.rows import Finding, Outcome, Row, change_of
from tests.mutation.suite import Failed, HealthyTest, run_tests

TESTS_CPU_SECONDS_MAX: Final = 25.0
"""Tests of one mutation take about so long at most, the cheap ones first; and further ones are left out."""


def tried(
    mutation: Mutation,
    baseline: Baseline,
    commit: str,
    before: Row | None,
    tests: str,
    *,
    keep_found: bool = False,
    exploring: str = "none",
) -> Row:
    """What becomes of a mutation; what is known of it and still holds is not tried again.

    Args:
        mutation: to try.
        baseline: of the healthy product.
        commit: whose sources these are.
        before: what is known.
        tests: whether they are run: for ``all``, for ``survivors`` of the simulations, for ``none``.
        keep_found: whether what was found in earlier sources is taken to be found in these.
        exploring: which are explored: ``all``, those ``survivors`` that no simulation finds, ``none``.
    """
    was, becomes = change_of(mutation)
    sources = {mutation.file: mutation.applied(source_of(mutation.file))}

    def holds(known: Finding | None, state: str) -> bool:
        return known is not None and (known.state == state or (keep_found and known.outcome.is_found))

    simulated = before.simulated if before is not None else None
    if simulated is None or not holds(simulated, baseline.product):
        numbers = baseline.simulations_of(mutation.file, mutation.line)
        healthy = {number: baseline.played[number].judged for number in numbers}
        simulated = simulate(sources, numbers, healthy, baseline.product)
        simulated = msgspec.structs.replace(simulated, commit=commit)
    seen = before.explored if before is not None else None
    is_left = not simulated.outcome.is_found
    if (exploring == "all" or (exploring == "survivors" and is_left)) and not holds(seen, baseline.product):
        seen = msgspec.structs.replace(explored(sources, baseline.product), commit=commit)
    tested = before.tested if before is not None else None
    wanted = tests == "all" or (tests == "survivors" and is_left)
    if wanted and not holds(tested, baseline.suite):
        tested = msgspec.structs.replace(ask_tests(mutation, sources, baseline), commit=commit)
    place = (key_of(mutation), mutation.file, mutation.line, mutation.function, mutation.operator)
    return Row(*place, was, becomes, simulated, tested, seen)


def simulate(
    sources: dict[str, str], numbers: Sequence[int], healthy: Mapping[int, Judged], state: str
) -> Finding:
    """Play these simulations of the battery with changed sources until a check is violated.

    Args:
        sources: by file.
        numbers: of the battery; those that execute the line.
        healthy: what they come to without the change, where that is known.
        state: name of the sources that all this depends on.
    """
    if not numbers:
        return Finding(Outcome.UNREACHED, state=state)
    words = list(told(play, sources, numbers, dict(healthy)))
    judged = [word for word in words if isinstance(word, Judged)]
    ended = next(word for word in words if isinstance(word, Ended))
    begun = [word.number for word in words if isinstance(word, Begun)]
    spent = round(sum(word.cpu_seconds for word in judged), 2)

    def finding(outcome: Outcome, number: int, check: str = "", message: str = "") -> Finding:
        return Finding(outcome, BATTERY[number].command, check, message, len(judged), spent, state)

    for word in judged:
        if word.verdict == "violated":
            return finding(Outcome.FOUND, word.number, word.check, word.message)
    if ended.why:
        outcome = Outcome.HUNG if ended.why in (HUNG_BUSY, HUNG_IDLE) else Outcome.CRASHED
        return finding(outcome, begun[-1] if begun else numbers[0], ended.why)
    for word in judged:
        if word.verdict == RAISED:
            return finding(Outcome.CRASHED, word.number, word.check, word.message)
    for word in judged:
        if word.number not in healthy or word.digest != healthy[word.number].digest:
            return finding(Outcome.SURVIVED, word.number)
    return Finding(Outcome.NO_EFFECT, ran=len(judged), cpu_seconds=spent, state=state)


def explored(sources: dict[str, str], state: str) -> Finding:
    """Explore every order of a few edits and faults with changed sources until a check is violated."""
    *words, ended = told(explore, sources)
    spent = round(words[-1].cpu_seconds, 2) if words else 0.0
    if words and words[-1].check:
        last = words[-1]
        by = f"concord explore ({last.scope})"
        return Finding(Outcome.FOUND, by, last.check, last.message, len(words), spent, state)
    if ended.why:
        outcome = Outcome.HUNG if ended.why in (HUNG_BUSY, HUNG_IDLE) else Outcome.CRASHED
        return Finding(outcome, "concord explore", ended.why, "", len(words), spent, state)
    return Finding(Outcome.SURVIVED, "", "", "", len(words), spent, state)


def ask_tests(mutation: Mutation, sources: dict[str, str], baseline: Baseline) -> Finding:
    """Run the tests that execute the line: those of the same folder first, then all others."""
    tests = baseline.tests_of(mutation.file, mutation.line)
    if not tests:
        return Finding(Outcome.UNREACHED, state=baseline.suite)
    home = f"tests/{PurePosixPath(mutation.file).parent}"
    near = [test for test in tests if str(PurePosixPath(test.name.partition("::")[0]).parent) == home]
    far = [test for test in tests if test not in near]
    ran, spent = 0, 0.0
    for group in (near, far):
        chosen = list(_affordable(group))
        if not chosen:
            continue
        seconds = sum(test.cpu_seconds for test in chosen)
        *words, ended = told(run_tests, sources, [test.name for test in chosen], seconds)
        for word in words:
            spent = round(spent + word.cpu_seconds, 2)
            if isinstance(word, Failed):
                return Finding(Outcome.FOUND, word.name, "", "", ran, spent, baseline.suite)
            ran += word.tests
        if ended.why:
            hung = ended.why in (HUNG_BUSY, HUNG_IDLE)
            outcome = Outcome.HUNG if hung else Outcome.FOUND
            return Finding(outcome, chosen[0].name, ended.why, "", ran, spent, baseline.suite)
    return Finding(Outcome.SURVIVED, "", "", "", ran, spent, baseline.suite)


def _affordable(tests: list[HealthyTest]) -> Iterable[HealthyTest]:
    spent = 0.0
    for test in tests:
        spent += test.cpu_seconds
        if spent > TESTS_CPU_SECONDS_MAX:
            return
        yield test
