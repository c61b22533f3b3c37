"""How much a fault hits is measured: one that does nothing has hit nothing, whatever happens around it."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest

from model import history
from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.checkers.triviality import FAULT, NonTriviality, judge_triviality
from model.identity import SiteId
from model.verdict import Verdict, overall
from simulator.engines.known import engine_of
from simulator.failures.trial import Trial, attempt
from simulator.faults import FAULTS
from simulator.faults.fault import Fault
from simulator.faults.network import PartitionOneWay
from simulator.gossip.faults import GOSSIP_FAULTS
from simulator.planning.plan import CellPlan, FaultWindow
from tests.simulator.faults.test_faults import SHARED, STRONG
from tests.simulator.gossip.rooms import crowd
from tests.simulator.gossip.test_faults import STRONG as STRONG_GOSSIP
from tests.simulator.plans import NETWORK, SECOND, STAYING, fault, of, plan

pytestmark = pytest.mark.slow

RESTLESS = msgspec.structs.replace(
    STAYING, offline_mean_count=3.0, offline_mean_us=2_000_000, crash_share=0.4, leave_share=0.1
)
"""People who come, go and crash by themselves, which is no fault's doing."""


def without_action(kind: type[Fault]) -> type[Fault]:
    """The same fault, which does nothing and knows it not."""
    return type(kind.__name__, (kind,), {"begin": lambda _: None, "end": lambda _: None})


def played(what: CellPlan) -> tuple[dict[str, int], Verdict]:
    """How much every fault hit, and the verdict of the run."""
    engine = engine_of(what)
    counter = NonTriviality()
    checkers = checkers_for(engine.claims)
    engine.cell(what, Judge([*checkers, counter]), io.BytesIO()).run()
    kinds = tuple(dict.fromkeys(w.kind for w in what.faults))
    triviality = judge_triviality(counter.counts, (), kinds)
    results = [c.result() for c in checkers]
    assert [v.message for r in results if r.claimed for v in r.violations] == []
    hits = {kind: counter.counts.get(FAULT + kind, 0) for kind in kinds}
    assert all(f"fault {kind!r} hit nothing" in triviality.detail for kind in kinds if not hits[kind])
    return hits, overall([triviality])


def all_of(kinds: dict[str, type[Fault]], strong: dict[str, dict[str, Any]]) -> list[FaultWindow]:
    """All at once, one beginning after the other."""
    return [fault(kind, 2 + n / 4, 6 + n / 4, **strong.get(kind, {})) for n, kind in enumerate(kinds)]


GROUPS = 3
"""Every third fault does nothing, among the others, which do: so each is left out in one of three runs."""


def idle(kinds: dict[str, type[Fault]], group: int) -> list[str]:
    """The faults that do nothing in one of the runs."""
    return [kind for n, kind in enumerate(kinds) if n % GROUPS == group]


@pytest.mark.parametrize("group", range(GROUPS))
def test_faults_without_their_action_hit_nothing_among_all_others(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out = idle(FAULTS, group)
    for kind in left_out:
        monkeypatch.setitem(FAULTS, kind, without_action(FAULTS[kind]))
    windows = all_of(FAULTS, STRONG)
    hits, verdict = played(
        plan(*windows, clients=24, room=8, seconds=12, edits_per_second=2.0, sessions=RESTLESS, server=SHARED)
    )
    assert {kind: hits[kind] for kind in left_out} == dict.fromkeys(left_out, 0)
    assert verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("group", range(GROUPS))
def test_faults_of_replicas_without_their_action_hit_nothing_among_all_others(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out = idle(GOSSIP_FAULTS, group)
    for kind in left_out:
        monkeypatch.setitem(GOSSIP_FAULTS, kind, without_action(GOSSIP_FAULTS[kind]))
    hits, verdict = played(crowd(*all_of(GOSSIP_FAULTS, STRONG_GOSSIP), seconds=12, sessions=RESTLESS))
    assert {kind: hits[kind] for kind in left_out} == dict.fromkeys(left_out, 0)
    assert verdict is Verdict.UNKNOWN


# --- one way ----------------------------------------------------------------------------------------------

ONE = SiteId("c001")


def cut(direction: str) -> CellPlan:
    """One client of six loses one direction for four seconds, and nobody gives the connection up."""
    window = fault("partition_one_way", 3, 7, direction=direction, sites=(ONE,))
    patient = msgspec.structs.replace(NETWORK, keep_alive_us=100 * SECOND)
    return plan(window, clients=6, edits_per_second=2.0, network=patient)


def during(kind: type[Any], trial: Trial) -> list[Any]:
    """Records of the time in which only what goes through can have come; the first moments are left out."""
    return [r for r in of(kind, trial) if 3.3 * SECOND < r.time_us < 7 * SECOND]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_one_direction_is_dead_and_the_other_one_works(direction: str) -> None:
    trial = attempt(cut(direction), keep=True)
    assert [v.message for r in trial.results if r.claimed for v in r.violations] == []
    hears = [r for r in during(history.Delivered, trial) if r.site == ONE]
    is_heard = [r for r in during(history.Stored, trial) if r.site == ONE]
    assert any(r.site == ONE for r in during(history.Edited, trial))
    assert (bool(hears), bool(is_heard)) == ((True, False) if direction == "up" else (False, True))
    (ended,) = of(history.FaultEnded, trial)
    assert ended.affected > 0


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_partition_of_both_directions_is_none_of_one(
    direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BothWays(PartitionOneWay):
        def begin(self) -> None:
            self.up = self.down = True  # type: ignore[misc]
            super().begin()

    monkeypatch.setitem(FAULTS, "partition_one_way", BothWays)
    hits, verdict = played(cut(direction))
    assert hits == {"partition_one_way": 0}
    assert verdict is Verdict.UNKNOWN
