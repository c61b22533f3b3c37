"""Replicas of a sequence CRDT that gossip without a server."""

from __future__ import annotations

from collections.abc import Callable

from model.claims import ENGINES
from model.history import HISTORY_VERSION, Header
from model.marks import Side
from model.measures.measure_set import Totals
from simulator.engines.engine import AnyParts, Planned, SimulatedEngine, wrong_parts
from simulator.gossip.cell import GossipCell
from simulator.gossip.faults import gossip_fault_of
from simulator.gossip.peer import GossipParts, healthy_parts
from simulator.gossip.plan import expected_fates, gossip_plans, without_server
from simulator.planning.cells import plan_cells
from simulator.planning.faultspec import KINDS_WITHOUT_SERVER
from simulator.planning.plan import CellPlan, Topology
from simulator.planning.scenario import Scenario
from simulator.virtual.people import people
from simulator.virtual.recorder import Recorder


class GossipEngine(SimulatedEngine):
    """A list rule, and the topology of those who gossip."""

    scenario = "replicas"
    fault_kinds = KINDS_WITHOUT_SERVER
    sides = (Side.REPLICA, Side.PERSON)

    def __init__(self, rule: str, topology: Topology) -> None:
        """``rule`` is the name of a list rule, as in :data:`model.crdt.replicas.ALGORITHMS`."""
        self.claims = ENGINES[rule]
        self.topology: Topology = topology

    @property
    def arguments(self) -> str:
        """What chooses it on a command line."""
        return f"--mode crdt --rule {self.claims.engine}"

    @property
    def healthy(self) -> GossipParts:
        """The replica of the rule as it is."""
        return healthy_parts(self.claims.engine)

    def validate(self, scenario: Scenario) -> None:
        """Nothing to refuse: what needs a server is left out."""

    def plan(self, scenario: Scenario, seed: int) -> Planned:
        """The plans of the cells of a scenario, which is played without what needs a server."""
        played = self._requiring(scenario)
        scenario, notes = without_server(played.scenario)
        plans = plan_cells(scenario, seed)
        rule = self.claims.engine
        return Planned(
            scenario, gossip_plans(plans, rule, self.topology, scenario.gossip, seed), (*played.notes, *notes)
        )

    @property
    def _header(self) -> Header:
        """The checkers have to know the rule."""
        return Header(HISTORY_VERSION, "simulator", "virtual", {"engine": self.claims.engine})

    def _cell(
        self,
        plan: CellPlan,
        recorder: Recorder,
        parts: AnyParts,
        cpu_ns: Callable[[], int] | None,  # noqa: ARG002  # nothing is transformed
        progress: Callable[[int], None] | None,
    ) -> GossipCell:
        if not isinstance(parts, GossipParts):
            raise wrong_parts(self)
        return GossipCell(plan, recorder, people, parts, fault_of=gossip_fault_of, progress=progress)

    def edits(self, totals: Totals) -> int:
        """All of them: an edit is kept as soon as its replica has it."""
        return totals.edits

    def expected_fates(self, scenario: Scenario) -> tuple[str, ...]:
        """What has to become of some datagrams for a run to mean anything."""
        return expected_fates(scenario)
