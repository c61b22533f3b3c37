"""The simulations that a mutation has to get past: shipped scenarios, as ``concord simulate`` runs them.

Each is small, and is a command line: what it says of a mutation is what anybody would be told.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.mutation.areas import ROOT
from tests.mutation.child import Say, limit_cpu
from tests.mutation.overlay import Overlay

if TYPE_CHECKING:
    from model.checkers import Checker, Judge
    from model.verdict import CheckResult
    from simulator.engines.engine import AnyParts, SimulatedEngine
    from simulator.planning.plan import CellPlan

CPU_SECONDS_SPARE: Final = 4.0
CPU_FACTOR: Final = 6.0
"""A simulation may take this many times as long as the healthy one whose lines were noted, and the spare."""


SAME_MAX: Final = 8
"""Simulations in a row that execute a line and have the healthy digest; nothing is expected of others."""

CPU_SECONDS_UNKNOWN: Final = 5.0
"""Taken for the healthy one if it was not played."""


class Simulation(NamedTuple):
    """A simulated run.

    Attributes:
        scenario: a shipped one.
        clients: how many.
        documents: how many.
        seconds: of the phase with faults.
        seed: everything random comes from it.
        workload: what people do, if not what the scenario says.
        swarm: whether a random part of the faults is drawn.
        paranoid: whether invariants are checked around every step.
    """

    scenario: str
    clients: int = 60
    documents: int = 6
    seconds: int = 20
    seed: int = 1
    workload: str = ""
    swarm: bool = False
    paranoid: bool = False

    @property
    def command(self) -> str:
        """As it is typed."""
        parts = [f"concord simulate {self.scenario} --clients {self.clients} --documents {self.documents}"]
        parts.append(f"--duration {self.seconds}s --seed {self.seed}")
        parts += [f"--workload {self.workload}"] if self.workload else []
        parts += ["--swarm"] if self.swarm else []
        parts += ["--paranoid"] if self.paranoid else []
        return " ".join(parts)


BATTERY: Final = (
    Simulation("calm", 30, 2, 20, workload="contention"),
    Simulation("default", 60, 6, 20),
    Simulation("default", 30, 1, 120, workload="contention"),
    Simulation("long-offline", 20, 2, 180),
    Simulation("server-crash", 20, 2, 90),
    Simulation("access", 20, 2, 60),
    Simulation("two-workers", 20, 2, 80),
    Simulation("trimming", 20, 2, 80),
    Simulation("overload", 20, 2, 60),
    Simulation("flaky-mobile", 30, 2, 90),
    Simulation("hot-document", 40, 2, 60),
    Simulation("long-offline", 20, 1, 180, seed=2, workload="contention"),
    Simulation("split-region", 20, 1, 100),
    Simulation("herd", 30, 2, 60),
    Simulation("default", 30, 3, 120, seed=2),
    Simulation("default", 20, 2, 60, seed=3, paranoid=True),
    Simulation("long-offline", 12, 1, 180, seed=3, paranoid=True),
    Simulation("server-crash", 20, 2, 60, seed=3, paranoid=True),
    Simulation("two-workers", 12, 1, 60, seed=3, paranoid=True),
)
"""The cheapest first, and of equal ones those that find most."""


class Judged(NamedTuple):
    """What came of one simulation.

    Attributes:
        number: which of the battery.
        verdict: as a run says it; ``raised`` if the harness itself failed.
        check: the one that was violated first; what was raised.
        message: of its first violation.
        digest: of the history; empty if it was not played to its end.
        cpu_seconds: it took.
    """

    number: int
    verdict: str
    check: str
    message: str
    digest: str
    cpu_seconds: float


RAISED: Final = "raised"

CPU_SECONDS_EXPLORED_MAX: Final = 40.0
"""Exploring the healthy product takes five seconds."""


class Begun(NamedTuple):
    """A simulation begins."""

    number: int


def play(say: Say, sources: dict[str, str], numbers: Sequence[int], healthy: dict[int, Judged]) -> None:
    """In a child: play these simulations with changed sources, and tell of each.

    It ends with the first that is violated, or when so many went exactly as the ``healthy`` ones that the
    change can be said to have no effect.
    """
    Overlay(sources).put_on()
    same = 0
    for number in numbers:
        say(Begun(number))
        known = healthy.get(number)
        limit_cpu(CPU_SECONDS_SPARE + CPU_FACTOR * (known.cpu_seconds if known else CPU_SECONDS_UNKNOWN))
        judged = _judged(number)
        say(judged)
        same = same + 1 if known is not None and judged.digest == known.digest else 0
        if judged.verdict == "violated" or same == SAME_MAX:
            return


def _judged(number: int) -> Judged:
    begin = time.process_time()
    try:
        results, digest = _run(BATTERY[number])
    except Exception as error:  # of the harness; what the product raises is a violation
        return Judged(number, RAISED, type(error).__name__, str(error)[:200], "", time.process_time() - begin)
    from model.verdict import Verdict, overall

    verdict = overall(results)
    first = next((r for r in results if r.claimed and r.verdict is Verdict.VIOLATED), None)
    message = first.violations[0].message if first is not None and first.violations else ""
    check = first.name if first is not None else ""
    return Judged(number, verdict.value, check, message[:200], digest, time.process_time() - begin)


class _EnoughError(Exception):
    """Something is violated; nothing that comes can mend it."""


def _run(simulation: Simulation) -> tuple[list[CheckResult], str]:
    """The merged results and the digest, as :func:`simulator.running.run.simulate` has them."""
    from concord.options import ScenarioChoice
    from concord.scenarios import chosen
    from model.checkers import Judge
    from model.checkers.catalogue import checkers_for
    from model.checkers.triviality import NonTriviality
    from model.measures import Measures
    from model.verdict import merge_results
    from simulator.engines.paranoid import paranoid

    choice = ScenarioChoice(
        scenario=simulation.scenario,
        clients=simulation.clients,
        documents=simulation.documents,
        duration=f"{simulation.seconds}s",
        workload=simulation.workload or None,
        swarm=simulation.swarm,
    )
    what = chosen(choice, simulation.seed)
    parts = paranoid(what.engine.healthy) if simulation.paranoid else what.engine.healthy
    digest = hashlib.blake2b(digest_size=16)
    cells: list[tuple[CheckResult, ...]] = []
    for plan in what.engine.plan(what.scenario, simulation.seed).plans:
        checkers = checkers_for(what.engine.claims)
        judge = Judge([*checkers, NonTriviality(), Measures()])
        try:
            digest.update(_played(what.engine, plan, judge, checkers, parts).encode())
        except _EnoughError:
            return [checker.result() for checker in checkers], ""
        cells.append(tuple(checker.result() for checker in checkers))
    return [merge_results(results) for results in zip(*cells, strict=True)], digest.hexdigest()


def _played(
    engine: SimulatedEngine, plan: CellPlan, judge: Judge, checkers: Sequence[Checker], parts: AnyParts
) -> str:
    """Play a cell until something is violated; its digest.

    Raises:
        _EnoughError: something is.
    """

    def stop(_: int) -> None:
        cell.recorder.flush()
        if any(checker.claimed and checker.violated for checker in checkers):
            raise _EnoughError

    cell = engine.cell(plan, judge, io.BytesIO(), parts, progress=stop)
    return cell.run()


class Explored(NamedTuple):
    """What came of exploring one scope; ``check`` is empty if nothing did."""

    scope: str
    check: str
    message: str
    cpu_seconds: float


def explore(say: Say, sources: dict[str, str]) -> None:
    """In a child: explore small scopes with changed sources; says :class:`Explored` of each."""
    Overlay(sources).put_on()
    limit_cpu(CPU_SECONDS_EXPLORED_MAX)
    from simulator.exploring.quick import explore_quickly

    begin = time.process_time()
    for name, result in explore_quickly():
        violation = result.found[0].violation if result.found else None
        check, message = (violation.check, violation.message) if violation is not None else ("", "")
        say(Explored(name, check, message[:200], time.process_time() - begin))


def play_noted(say: Say, files: Sequence[str], number: int) -> None:
    """In a child: play a simulation of the healthy product; says what comes of it, and the lines it takes."""
    import coverage

    noted = coverage.Coverage(data_file=None, include=[str(ROOT / file) for file in files])
    noted.start()
    judged = _judged(number)
    noted.stop()
    say(judged)
    data = noted.get_data()
    say({file: sorted(data.lines(str(ROOT / file)) or ()) for file in files})
