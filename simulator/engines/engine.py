"""What a run has to know of the engine under test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import BinaryIO, ClassVar, NamedTuple, Protocol, TypeAlias

from model.checkers import Judge
from model.claims import Claims
from model.histogram import Histogram
from model.history import Header
from model.marks import BY_NAME, Mechanism, Side
from model.measures.measure_set import Totals
from simulator.gossip.peer import GossipParts
from simulator.planning.plan import CellPlan, FaultWindow
from simulator.planning.scenario import Scenario, without_requirements
from simulator.virtual.cell import Parts
from simulator.virtual.recorder import Recorder

AnyParts: TypeAlias = Parts | GossipParts


class AnyCell(Protocol):
    """A cell of any engine, to be run once.

    Attributes:
        recorder: gets the history.
        realised: the fault windows as they happened.
        transform: how long carrying and merging edits took, if that is measured; microseconds of CPU time.
    """

    recorder: Recorder
    realised: list[FaultWindow]
    transform: Histogram

    def run(self) -> str:
        """Let everything happen; the digest of the history."""
        ...

    def stop(self) -> str:
        """End before the time; the digest of the history so far."""
        ...


class Planned(NamedTuple):
    """A scenario as an engine plays it: what is kept of it, the plans of its cells, and what was changed."""

    scenario: Scenario
    plans: tuple[CellPlan, ...]
    notes: tuple[str, ...] = ()


class SimulatedEngine(ABC):
    """One engine under test, with a server or without.

    Attributes:
        scenario: name of the scenario it plays unless somebody says otherwise.
        fault_kinds: the kinds of faults that can happen to it.
        sides: whose mechanisms a run of it can reach.
        claims: what it claims; ``claims.engine`` is its name.
    """

    scenario: ClassVar[str]
    fault_kinds: ClassVar[tuple[str, ...]]
    sides: ClassVar[tuple[Side, ...]]
    claims: Claims

    @abstractmethod
    def validate(self, scenario: Scenario) -> None:
        """Refuse a scenario that cannot be played, unless :meth:`plan` leaves out what has no meaning here.

        Raises:
            ScenarioError: it has something that belongs to another engine.
        """

    @property
    @abstractmethod
    def arguments(self) -> str:
        """What chooses it on a command line."""

    @property
    @abstractmethod
    def healthy(self) -> AnyParts:
        """The classes that its cells are built from, without any bug."""

    @abstractmethod
    def plan(self, scenario: Scenario, seed: int) -> Planned:
        """The plans of the cells of a scenario.

        Raises:
            TraceError: the recorded session of the workload cannot be read.
        """

    @property
    def mechanisms(self) -> tuple[Mechanism, ...]:
        """Those that a run of it can reach."""
        return tuple(mechanism for mechanism in Mechanism if mechanism.side in self.sides)

    def _requiring(self, scenario: Scenario) -> Planned:
        """The scenario, which requires no mechanism of another engine, without plans."""
        foreign = [name for name in scenario.requires if BY_NAME[name].side not in self.sides]
        if not foreign:
            return Planned(scenario, ())
        note = f"not required, because {self.claims.engine} has no such mechanism: {', '.join(foreign)}"
        return Planned(without_requirements(scenario, foreign), (), (note,))

    def cell(
        self,
        plan: CellPlan,
        judge: Judge,
        file: BinaryIO | None,
        parts: AnyParts | None = None,
        *,
        header: Header | None = None,
        cpu_ns: Callable[[], int] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> AnyCell:
        """A cell that has not run yet.

        Args:
            plan: made by this engine, or cut out of such a plan.
            judge: sees the history.
            file: gets it; None keeps none.
            parts: the classes the cell is built from; without them nothing is wrong with it.
            header: which run the history is of.
            cpu_ns: times transformations, if there are any; CPU time of the thread.
            progress: told of the virtual microseconds done, now and then.

        Raises:
            ValueError: the parts are those of another kind of engine.
        """
        recorder = Recorder(judge, file, header or self._header)
        return self._cell(plan, recorder, parts or self.healthy, cpu_ns, progress)

    @property
    def _header(self) -> Header | None:
        """What a history begins with that is of no run."""
        return None

    @abstractmethod
    def _cell(
        self,
        plan: CellPlan,
        recorder: Recorder,
        parts: AnyParts,
        cpu_ns: Callable[[], int] | None,
        progress: Callable[[int], None] | None,
    ) -> AnyCell:
        """As :meth:`cell`."""

    @abstractmethod
    def edits(self, totals: Totals) -> int:
        """How many edits of a run count: those that it promised to keep."""

    def expected_fates(self, scenario: Scenario) -> tuple[str, ...]:  # noqa: ARG002  # there are no datagrams
        """What has to become of some datagrams for a run to mean anything."""
        return ()


def wrong_parts(engine: SimulatedEngine) -> ValueError:
    """A bug was put into the wrong engine."""
    return ValueError(f"a bug of another kind of engine cannot be put into {engine.claims.engine}")
