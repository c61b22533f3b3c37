from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from model.jupiter import Replica
from model.protocol import ClientMessage
from model.text import Operation
from simulator.failures import shrink as module
from simulator.failures.case import Case, Origin, confirm, extract
from simulator.failures.shrink import PASSES, Shrinker
from simulator.failures.trial import attempt
from simulator.planning.plan import CellPlan
from simulator.virtual.cell import Parts
from tests.simulator.plans import STAYING, edit, fault, plan, script, scripted, step

pytestmark = pytest.mark.slow

Pass = Callable[[CellPlan], Iterator[CellPlan]]


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
    proposals = list(candidates(case.plan))
    assert proposals
    for proposal in proposals:
        after = sizes(proposal)
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
    # Whatever a pass proposes is taken: the worst case for the time it needs.
    current = case.plan
    for _ in range(3_000):
        proposal = next((p for p in candidates(current) if p != current), None)
        if proposal is None:
            break
        current = proposal
    else:
        pytest.fail("still proposing after 3,000 steps")


# --- the search -------------------------------------------------------------------------------------------


def shrinker_of(
    case: Case, parts: Parts, attempts: int, progress: Callable[[Case], None] | None = None
) -> Shrinker:
    """A shrinker whose time is up after so many attempts."""

    def out_of_time() -> bool:
        return shrinker.attempts >= attempts

    shrinker = Shrinker(case, parts, out_of_time=out_of_time, progress=progress)
    return shrinker


def shrunk(case: Case, parts: Parts = NO_TIE, attempts: int = 4_000) -> Case:
    return shrinker_of(case, parts, attempts).shrink()


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
def test_the_time_that_is_up_ends_the_search_at_once(case: Case, limit: int) -> None:
    shrinker = shrinker_of(case, NO_TIE, limit)
    small = shrinker.shrink()
    assert shrinker.attempts == limit
    assert small.shrunk
    assert limit or small.plan == case.plan


def test_progress_is_told_with_every_smaller_case(case: Case) -> None:
    seen: list[Case] = []
    small = shrinker_of(case, NO_TIE, 60, seen.append).shrink()
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
