from __future__ import annotations

from collections.abc import Callable
from math import inf

import msgspec
import pytest

from model.jupiter import Replica
from model.protocol import ClientMessage
from model.text import Operation
from simulator.failures import passes as module
from simulator.failures.case import Case, Origin, confirm, extract
from simulator.failures.passes import PASSES, Pass
from simulator.failures.shrink import Budget, Shrinker
from simulator.failures.trial import attempt
from simulator.planning.plan import CellPlan
from simulator.virtual.cell import Parts
from tests.simulator.plans import STAYING, edit, fault, plan, script, scripted, step

pytestmark = pytest.mark.slow


class NoTie(Replica):
    """Own inserts always go before those of others at the same position."""

    def _goes_first(self, other: str) -> bool:
        return True


NO_TIE = Parts(replica=NoTie)


def case_of(what: CellPlan, parts: Parts = NO_TIE, check: str = "convergence") -> Case:
    """What a run would keep of a failing plan."""
    trial = attempt(what, parts, keep=True)
    violation = next(r.violations[0] for r in trial.results if r.name == check and r.violations)
    origin = Origin("test", what.seed, 0, violation.document, violation.time_us, "")
    alone = extract(what, trial.realised, trial.records, violation)
    case = confirm(alone, parts, violation, "no-tie", origin)
    assert case is not None
    return case


@pytest.fixture(scope="module")
def case() -> Case:
    sessions = msgspec.structs.replace(STAYING, offline_mean_count=2.0, offline_mean_us=1_000_000)
    windows = (fault("partition_clients", 3, 6, share=0.5), fault("gateway_crash", 5, 6))
    return case_of(plan(*windows, sessions=sessions, edits_per_second=2.0))


# --- the passes -------------------------------------------------------------------------------------------


def sizes(what: CellPlan) -> dict[str, int]:
    """Everything a pass may make smaller."""
    (document,) = what.documents
    steps = [s for c in document.clients for s in c.script or ()]
    regions = what.network.regions
    return {
        "clients": len(document.clients),
        "faults": len(what.faults),
        "steps": len(steps),
        "characters": sum(len(s.inserted) + s.deleted for s in steps),
        "positions": sum(s.position for s in steps),
        "other than letters": sum(s.inserted > "z" for s in steps),
        "text": len(document.text),
        "other than digits": sum(not c.isdigit() for c in document.text),
        "duration": what.duration_us,
        "heal bound": what.heal_bound_us,
        "windows": sum(w.end_us - w.begin_us for w in what.faults),
        "jitter": sum(r.jitter_us for r in regions) + what.server.commit_jitter_us,
        "latencies": len({r.latency_us for r in regions}),
    }


@pytest.mark.parametrize("candidates", PASSES, ids=lambda candidates: candidates.__name__)
def test_a_pass_proposes_only_what_is_simpler(candidates: Pass, case: Case) -> None:
    before = sizes(case.plan)
    proposals = [p for p in candidates(case.plan) if p != case.plan]
    assert proposals
    for proposal in proposals:
        after = sizes(proposal)
        if candidates is module.fewer_steps:  # what stays is moved along
            after["positions"] = before["positions"]
        assert all(after[name] <= before[name] for name in before), proposal
        assert after != before


@pytest.mark.parametrize("candidates", PASSES, ids=lambda candidates: candidates.__name__)
def test_a_pass_keeps_characters_unique_and_steps_in_order(candidates: Pass, case: Case) -> None:
    for proposal in candidates(case.plan):
        (document,) = proposal.documents
        scripts = [client.script or () for client in document.clients]
        for steps in scripts:
            assert [s.at_us for s in steps] == sorted(s.at_us for s in steps)
        if document.unique:
            characters = document.text + "".join(s.inserted for steps in scripts for s in steps)
            assert len(set(characters)) == len(characters)
        names = {client.site for client in document.clients}
        assert all(w.sites is None or (w.sites and set(w.sites) <= names) for w in proposal.faults)


def test_a_letter_that_is_taken_is_not_given_again() -> None:
    what = scripted(script(edit(1, 0, "語")), script(edit(1, 0, "a")), text="bc", unique=True)
    proposed = {p.documents[0].clients[0].script[1].inserted for p in module.plainer_edits(what)}  # type: ignore[index]
    assert proposed == {"d"}


@pytest.mark.parametrize("candidates", PASSES, ids=lambda candidates: candidates.__name__)
def test_a_pass_comes_to_an_end(candidates: Pass, case: Case) -> None:
    # Whatever a pass proposes is taken, or nothing is: the extremes of how long it can go on.
    assert proposed(candidates, case.plan, lambda: True) < 1_000
    assert proposed(candidates, case.plan, lambda: False) < 1_000


def proposed(candidates: Pass, what: CellPlan, take: Callable[[], bool]) -> int:
    """How many plans a pass proposes in all, again from the start as long as one was taken."""
    count, again = 0, True
    while again:
        again = False
        proposals = candidates(what)
        plan = next(proposals, None)
        while plan is not None:
            count += 1
            assert count < 10_000
            taken = plan != what and take()
            if taken:
                what, again = plan, True
            try:
                plan = proposals.send(taken)
            except StopIteration:
                plan = None
    return count


# --- the search -------------------------------------------------------------------------------------------


def shrunk(
    case: Case,
    parts: Parts = NO_TIE,
    attempts: int = 400,
    progress: Callable[[Case], None] | None = None,
) -> Case:
    """What a search comes to that may try so many plans, however long that takes."""
    return Shrinker(case, parts, Budget(inf, attempts), progress=progress).shrink()


def test_a_missing_tie_shrinks_to_two_clients_with_one_insert_each(case: Case) -> None:
    small = shrunk(case)
    assert small.shrunk
    assert (small.clients, small.operations) == (2, 2)
    (document,) = small.plan.documents
    assert document.text == ""
    assert small.plan.faults == ()
    edits = [s for c in document.clients for s in c.script or () if s.do == "edit"]
    assert [(s.position, s.deleted, len(s.inserted)) for s in edits] == [(0, 0, 1)] * 2
    assert small.plan.duration_us < 3_000_000


def test_a_shrunk_case_fails_the_same_check_with_its_own_digest_and_message(case: Case) -> None:
    small = shrunk(case, attempts=100)
    trial = attempt(small.plan, NO_TIE)
    assert trial.violated(case.check)
    assert small.check == case.check
    assert trial.digest == small.digest
    assert small.message in [v.message for r in trial.results for v in r.violations]
    assert small.origin == case.origin


def test_shrinking_twice_gives_the_same(case: Case) -> None:
    assert shrunk(case, attempts=60) == shrunk(case, attempts=60)


def test_an_absence_that_matters_stays(case: Case) -> None:
    class ForgetsBranches(Replica):
        """What was typed offline is thrown away on coming back."""

        def connect(self, token: str) -> tuple[ClientMessage, ...]:
            messages = super().connect(token)
            if self.epoch > 1:
                self.pending = []
            return messages

    parts = Parts(replica=ForgetsBranches)
    typing = [edit(1 + n / 5, n, "abcdefgh"[n]) for n in range(8)]
    absent = script(
        edit(1, 0, "x"), step(1.5, "offline"), edit(2, 0, "y"), edit(2.1, 0, "z"), step(3, "online")
    )
    small = shrunk(case_of(scripted(script(*typing), absent), parts, "quiescence"), parts)
    steps = [s.do for c in small.plan.documents[0].clients for s in c.script or ()]
    assert small.clients == 1
    assert steps == ["online", "offline", "edit", "online"] or steps == ["online", "offline", "edit"]


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_a_budget_that_is_spent_ends_the_search_at_once(case: Case, limit: int) -> None:
    small = shrunk(case, attempts=limit)
    assert small.attempts == limit
    assert not small.shrunk
    assert limit or small.plan == case.plan


def test_a_budget_counts_cpu_time(case: Case) -> None:
    seconds = iter(range(1_000))  # each look at the clock takes a second
    budget = Budget(6.0, clock=lambda: float(next(seconds)))
    small = Shrinker(case, NO_TIE, budget).shrink()
    assert (small.attempts, small.shrunk) == (5, False)


def test_a_search_that_was_cut_off_goes_on(case: Case) -> None:
    begun = shrunk(case, attempts=9)
    whole = shrunk(case)
    small = shrunk(begun)
    assert (begun.shrunk, small.shrunk) == (False, True)
    assert (small.clients, small.operations) == (whole.clients, whole.operations)
    assert 9 < small.attempts < 9 + 400


def test_who_is_not_needed_goes_first(case: Case) -> None:
    assert case.clients == 6
    clients = [c.clients for c in told(case, attempts=9)]
    assert clients[-1] == 2


def told(case: Case, attempts: int) -> list[Case]:
    """The cases that somebody hears of who listens to a search."""
    seen: list[Case] = []
    shrunk(case, attempts=attempts, progress=seen.append)
    return seen


def test_from_a_shrunk_case_no_pass_takes_anything_away(case: Case) -> None:
    small = shrunk(case)
    assert small.shrunk
    for candidates in PASSES:
        proposals = [p for p in candidates(small.plan) if p != small.plan]
        assert not any(attempt(p, NO_TIE).violated(small.check) for p in proposals), candidates.__name__


def test_progress_is_told_with_every_smaller_case(case: Case) -> None:
    seen: list[Case] = []
    small = shrunk(case, attempts=60, progress=seen.append)
    assert small.plan in [c.plan for c in seen]
    assert all(attempt(c.plan, NO_TIE).digest == c.digest for c in seen[:3])


def test_a_plan_on_which_the_bug_breaks_the_simulator_is_not_taken(case: Case) -> None:
    class Explosive(NoTie):
        """Cannot stand an edit at the very front."""

        def edit(self, op: Operation) -> tuple[ClientMessage, ...]:
            if (
                self.text
                and op.components
                and not (isinstance(op.components[0], int) and op.components[0] > 0)
            ):
                raise LookupError("the front")
            return super().edit(op)

    parts = Parts(replica=Explosive)
    what = scripted(script(edit(1, 3, "x")), script(edit(1, 3, "y")), text="abcdef")
    small = shrunk(case_of(what, parts), parts)
    positions = [
        s.position for c in small.plan.documents[0].clients for s in c.script or () if s.do == "edit"
    ]
    assert small.operations == 2
    assert small.plan.documents[0].text == "" or min(positions) == 1
