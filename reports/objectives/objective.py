"""What an objective is, and what can be measured for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from model.measures.measure_set import LATENCIES, RUN, STRATA
from model.settings.reader import nearest

Comparison: TypeAlias = Literal["<", "<=", ">", ">="]
Statistic: TypeAlias = Literal["distribution", "ratio", "peak"]

EVERY: Final = 100.0
"""The percentile of an objective that each single value has to keep."""


class Measurable(NamedTuple):
    """What of a run an objective may be about.

    Attributes:
        statistic: many durations, of which a share has to keep a limit; a part of a whole; or one number.
        units: in which an objective may be given; the first is the usual one.
        has_phases: whether it is known for parts of a run.
        good, total: the two counts of a ratio, as OpenSLO files name them.
        budget: the unit in which what is not good of a ratio is counted.
    """

    statistic: Statistic
    units: tuple[str, ...]
    has_phases: bool = True
    good: str = ""
    total: str = ""
    budget: str = ""


_TIMED: Final = Measurable("distribution", ("ms", "s"))

MEASURABLE: Final[dict[str, Measurable]] = {
    **dict.fromkeys(LATENCIES, _TIMED),
    "transform": _TIMED._replace(has_phases=False),
    "convergence": _TIMED._replace(has_phases=False),
    "uptime": Measurable(
        "ratio", ("%",), good="uptime.connected", total="uptime.wanted", budget="client-seconds"
    ),
    "agreement": Measurable(
        "ratio", ("%",), good="agreement.agreed", total="agreement.watched", budget="divergence-seconds"
    ),
    "reconciliations": Measurable(
        "ratio",
        ("%",),
        good="reconciliations.successes",
        total="reconciliations.attempts",
        budget="branches",
    ),
    "connections": Measurable("peak", ("connections",), has_phases=False),
}
"""By the name that files and requirements use."""

PhaseName: TypeAlias = Literal["steady", "fault", "recovery", "heal", "run"]
PHASE_NAMES: Final = STRATA


class Objective(msgspec.Struct, frozen=True, kw_only=True):
    """One objective.

    Attributes:
        name: its identity among the objectives of a run.
        title: for people.
        measure: one of :data:`MEASURABLE`.
        comparison: how the measured value has to stand to ``objective``.
        objective: the number to reach, in ``unit``.
        unit: ``ms``, ``s``, ``%`` or ``connections``.
        phase: whose samples decide; ``run`` for all of them.
        source: where it comes from, in words.
        percentile: of a distribution; 100 if every value counts; None for everything else.
        clients_min: it applies only to runs of at least so many clients.
        service: whose objective it is.
        window: over which it holds in operation, as OpenSLO writes it (``28d``); a run is judged as a whole.
        alerts: the names of its alert policies.
    """

    name: str
    title: str
    measure: str
    comparison: Comparison
    objective: float
    unit: str
    phase: PhaseName = RUN
    source: str = ""
    percentile: float | None = None
    clients_min: int = 0
    service: str = ""
    window: str = ""
    alerts: tuple[str, ...] = ()


def contradictions(objective: Objective) -> Iterator[tuple[str, str]]:
    """What about an objective makes no sense: the field, and why."""
    measurable = MEASURABLE.get(objective.measure)
    if measurable is None:
        yield "measure", f"{objective.measure!r} cannot be measured; {nearest(objective.measure, MEASURABLE)}"
        return
    if objective.unit not in measurable.units:
        units = " or ".join(measurable.units)
        yield "unit", f"{objective.measure} is measured in {units}, not in {objective.unit or 'nothing'!r}"
    if (measurable.statistic == "distribution") != (objective.percentile is not None):
        what = "needed" if measurable.statistic == "distribution" else "has no meaning"
        yield "percentile", f"{what} for {objective.measure}"
    elif objective.percentile is not None and not 0 < objective.percentile <= EVERY:
        yield "percentile", f"{objective.percentile:g} is not above 0 and at most 100"
    if objective.comparison.startswith("<") != (measurable.statistic == "distribution"):
        wanted = "< or <=" if measurable.statistic == "distribution" else "> or >="
        yield "comparison", f"{objective.measure} can be kept {wanted} a number, not {objective.comparison}"
    if not measurable.has_phases and objective.phase != RUN:
        yield "phase", f"{objective.measure} is known for the whole run only"
    reachable = 0 < objective.objective <= 100 if objective.unit == "%" else objective.objective > 0
    if not reachable or (objective.comparison == ">" and objective.objective == 100):
        yield "objective", f"{objective.objective:g} {objective.unit} cannot be reached or missed"
