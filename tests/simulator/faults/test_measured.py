"""How much a fault hits is measured: one that does nothing has hit nothing, whatever happens around it."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest

from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.checkers.triviality import FAULT, NonTriviality, judge_triviality
from model.verdict import Verdict, overall
from simulator.engines.known import engine_of
from simulator.faults import FAULTS
from simulator.faults.fault import Fault
from simulator.gossip.faults import GOSSIP_FAULTS
from simulator.planning.plan import CellPlan, FaultWindow
from tests.simulator.faults.test_faults import STRONG
from tests.simulator.gossip.rooms import crowd
from tests.simulator.gossip.test_faults import STRONG as STRONG_GOSSIP
from tests.simulator.plans import STAYING, fault, plan

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
        plan(*windows, clients=24, room=8, seconds=12, edits_per_second=2.0, sessions=RESTLESS)
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
