"""Small cases to explain: one told by hand in records, the others run with a client that has a bug."""

from __future__ import annotations

from typing import NamedTuple

from model.history import (
    Acknowledged,
    Broadcast,
    Connected,
    Delivered,
    Displayed,
    DocumentCreated,
    Edited,
    FinalDocument,
    FinalReplica,
    Joined,
    Online,
    Record,
    Sent,
    Stored,
    fingerprint,
)
from model.identity import DocumentId, SiteId
from model.jupiter import Replica
from model.text import Operation, insert
from model.verdict import CheckResult, Violation
from simulator.failures.case import Case, Origin
from simulator.failures.trial import attempt
from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan, FaultWindow, ScriptStep
from simulator.planning.scenario import NetworkSettings, Region, ServerSettings, Sessions
from simulator.virtual.cell import HEALTHY, Parts
from simulator.workload.settings import Workload
from tests.numbers import rev, seq

DOCUMENT = DocumentId("notes")
C1, C2 = SiteId("c1"), SiteId("c2")


class HalfTransformed(Replica):
    """Carries what comes in past the own operations, but not them past it (the dOPT bug)."""

    def _cross(self, mine: Operation, other: Operation, mine_first: bool) -> tuple[Operation, Operation]:
        past, other = super()._cross(mine, other, mine_first)
        return Operation(past.base_length, mine.components), other


DOPT = Parts(replica=HalfTransformed)


class Explained(NamedTuple):
    """What ``explain`` and ``tell`` take."""

    case: Case
    records: tuple[Record, ...]
    results: tuple[CheckResult, ...]


def cell_plan(
    scripts: dict[str, tuple[ScriptStep, ...]],
    *,
    text: str = "ab",
    faults: tuple[FaultWindow, ...] = (),
    duration_us: int = 1_000_000,
) -> CellPlan:
    clients = tuple(
        ClientPlan(SiteId(site), 0, (ScriptStep(0, "online"), *script)) for site, script in scripts.items()
    )
    document = DocumentPlan(DOCUMENT, text, "human", False, True, clients)
    network = NetworkSettings((Region("here", 1.0, 20_000),))
    return CellPlan(
        1, 0, duration_us, 4_000_000, Workload(), network, ServerSettings(), Sessions(), (document,), faults
    )


def case_of(plan: CellPlan, check: str = "convergence", message: str = "", bug: str = "") -> Case:
    origin = Origin("default", 7, 0, DOCUMENT, 0, "concord simulate default --seed 7")
    return Case(check, message, bug, "", origin, plan, True)


def explained(plan: CellPlan, parts: Parts = HEALTHY, check: str = "convergence") -> Explained:
    trial = attempt(plan, parts, keep=True)
    return Explained(case_of(plan, check), trial.records, trial.results)


def diverging(text: str = "ab") -> Explained:
    """c1's second edit is pending while c2's edit arrives, and is not moved past it."""
    scripts = {
        "c1": (ScriptStep(300_000, "edit", 1, 0, "x"), ScriptStep(305_000, "edit", 2, 0, "d")),
        "c2": (ScriptStep(280_000, "edit", 0, 0, "Q"),),
    }
    return explained(cell_plan(scripts, text=text), DOPT)


def two_clients() -> tuple[Record, ...]:
    """Two clients; c1 inserts one character, c2 shows it at the wrong place."""
    op = insert(2, 1, "x")
    return (
        DocumentCreated(0, DOCUMENT, "ab", False, True),
        Online(0, C1, DOCUMENT),
        Online(0, C2, DOCUMENT),
        Connected(5_000, C1, DOCUMENT, 0, 300),
        Connected(5_000, C2, DOCUMENT, 0, 300),
        Joined(10_000, C1, DOCUMENT, rev(0), "fresh", fingerprint("ab")),
        Displayed(10_000, C1, DOCUMENT, "ab"),
        Joined(10_000, C2, DOCUMENT, rev(0), "fresh", fingerprint("ab")),
        Displayed(10_000, C2, DOCUMENT, "ab"),
        Edited(20_000, C1, DOCUMENT, seq(1), "type", rev(0), op, 20_000),
        Displayed(20_000, C1, DOCUMENT, "axb", seq(1)),
        Sent(20_000, C1, DOCUMENT, rev(0), seq(1), seq(1), "submit"),
        Stored(32_000, DOCUMENT, rev(1), C1, seq(1), seq(1), rev(0), False, op, op),
        Broadcast(32_500, DOCUMENT, rev(1), C1, seq(1), seq(1), 30_000, 1, fingerprint("axb")),
        Acknowledged(42_000, C1, DOCUMENT, rev(1), seq(1), seq(1), fingerprint("axb")),
        Delivered(43_000, C2, DOCUMENT, rev(1), fingerprint("abx")),
        Displayed(43_000, C2, DOCUMENT, "abx"),
        FinalReplica(90_000, C1, DOCUMENT, rev(1), fingerprint("axb"), 0, True),
        FinalReplica(90_000, C2, DOCUMENT, rev(1), fingerprint("abx"), 0, True),
        FinalDocument(90_000, DOCUMENT, rev(1), fingerprint("axb"), ""),
    )


def told_results() -> tuple[CheckResult, ...]:
    message = "c2 and c1 show different texts at revision 1"
    violation = Violation("convergence", 43_000, DOCUMENT, message, {"site": "c2", "revision": 1})
    return (CheckResult("convergence", 3, 1, "texts compared", True, (violation,)),)


def told_plan() -> CellPlan:
    return cell_plan({"c1": (ScriptStep(20_000, "edit", 1, 0, "x"),), "c2": ()})
