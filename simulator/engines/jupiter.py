"""Jupiter: a server that orders the edits of its clients."""

from __future__ import annotations

from collections.abc import Callable

from model.claims import JUPITER
from model.marks import WITH_SERVER
from model.measures.measure_set import Totals
from simulator.engines.engine import AnyParts, Planned, SimulatedEngine, wrong_parts
from simulator.exploring.playing import WayCell
from simulator.faults import fault_of
from simulator.planning.cells import plan_cells
from simulator.planning.faultspec import KINDS_WITH_SERVER
from simulator.planning.plan import CellPlan
from simulator.planning.scenario import Scenario, ScenarioError
from simulator.virtual.cell import HEALTHY, Cell, Parts
from simulator.virtual.people import people
from simulator.virtual.recorder import Recorder


class JupiterEngine(SimulatedEngine):
    """The engine of the reference server."""

    scenario = "default"
    fault_kinds = KINDS_WITH_SERVER
    sides = WITH_SERVER
    claims = JUPITER

    @property
    def arguments(self) -> str:
        """What chooses it on a command line."""
        return "--mode server"

    @property
    def healthy(self) -> Parts:
        """The product as it is."""
        return HEALTHY

    def validate(self, scenario: Scenario) -> None:
        """Refuse faults of replicas that have no server."""
        for number, spec in enumerate(scenario.faults):
            if spec.kind not in KINDS_WITH_SERVER:
                raise ScenarioError(f"faults.{number}.kind: {spec.kind} needs --mode crdt")

    def plan(self, scenario: Scenario, seed: int) -> Planned:
        """The plans of the cells of a scenario, all of which can be played."""
        played = self._requiring(scenario)
        return played._replace(plans=plan_cells(played.scenario, seed))

    def _cell(
        self,
        plan: CellPlan,
        recorder: Recorder,
        parts: AnyParts,
        cpu_ns: Callable[[], int] | None,
        progress: Callable[[int], None] | None,
    ) -> Cell | WayCell:
        if not isinstance(parts, Parts):
            raise wrong_parts(self)
        if plan.way is not None:
            return WayCell(plan.way, recorder, parts, progress)
        return Cell(plan, recorder, people, parts, fault_of=fault_of, cpu_ns=cpu_ns, progress=progress)

    def edits(self, totals: Totals) -> int:
        """Those that were acknowledged."""
        return totals.edits_acknowledged
