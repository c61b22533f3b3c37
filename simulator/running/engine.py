"""Which kind of cell a plan is for, with a server or without, and what its engine claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, TypeAlias

from model import history
from model.checkers import Judge
from model.claims import ENGINES, JUPITER, Claims
from simulator.faults import fault_of
from simulator.gossip.cell import GossipCell
from simulator.gossip.faults import gossip_fault_of
from simulator.gossip.peer import GossipParts, healthy_parts
from simulator.planning.plan import CellPlan
from simulator.virtual.cell import HEALTHY, Cell, Parts
from simulator.virtual.people import people
from simulator.virtual.recorder import Recorder

AnyCell: TypeAlias = Cell | GossipCell
AnyParts: TypeAlias = Parts | GossipParts


def claims_of(plan: CellPlan) -> Claims:
    """What the engine of a plan claims."""
    return JUPITER if plan.gossip is None else ENGINES[plan.gossip.rule]


def healthy_of(plan: CellPlan) -> AnyParts:
    """The classes that a cell of this plan is built from, without any bug."""
    return HEALTHY if plan.gossip is None else healthy_parts(plan.gossip.rule)


def cell_of(
    plan: CellPlan,
    judge: Judge,
    file: BinaryIO | None,
    parts: AnyParts | None = None,
    *,
    header: history.Header | None = None,
    clock_us: Callable[[], float] | None = None,
    progress: Callable[[int], None] | None = None,
) -> AnyCell:
    """A cell of a plan that has not run yet; ``clock_us`` times transformations, if there are any.

    Raises:
        ValueError: the parts are of the other kind.
    """
    parts = parts or healthy_of(plan)
    if plan.gossip is None and isinstance(parts, Parts):
        recorder = Recorder(judge, file, header)
        return Cell(plan, recorder, people, parts, fault_of=fault_of, clock_us=clock_us, progress=progress)
    if plan.gossip is not None and isinstance(parts, GossipParts):
        # The checkers have to know the rule.
        run = {"engine": plan.gossip.rule}
        recorder = Recorder(
            judge, file, header or history.Header(history.HISTORY_VERSION, "simulator", "virtual", run)
        )
        return GossipCell(plan, recorder, people, parts, fault_of=gossip_fault_of, progress=progress)
    raise ValueError("a bug of the other kind of engine cannot be put into this plan")
