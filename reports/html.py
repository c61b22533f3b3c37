"""The page for people: one self-contained HTML file, nothing loaded from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from model.measures.measure_set import LATENCIES, PHASES, FaultRow, MeasureSet, Totals
from model.result import RunResult
from reports import plots, wording
from reports.recorded import Recorded

TEMPLATES: Final = Path(__file__).parent / "templates"
_PERCENTILES: Final = (50, 95, 99, 99.9, 100)


class FaultSummary(NamedTuple):
    """All occurrences of one fault in one lane."""

    name: str
    lane: str
    times: int
    active_us: int
    affected: int


class LatencyRow(NamedTuple):
    """Percentiles of one latency in one phase; ``first`` for the first row of a latency."""

    measure: str
    phase: str
    samples: int
    percentiles_us: tuple[int, ...]
    first: bool


def render_html(recorded: Recorded) -> str:
    """The whole page; equal recorded files give equal text."""
    result, measures = recorded.result, recorded.measures
    return (
        _environment()
        .get_template("report.html")
        .render(
            css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
            result=result,
            measures=measures,
            headline=wording.headline(result),
            mood=wording.mood(result),
            coverage=wording.coverage_text(result),
            facts=_facts(result),
            faults=fault_summaries(result.faults),
            phases=_phases(result),
            plots=_plots(result, measures),
            latencies=_latencies(measures),
            totals=_totals(measures.totals),
            convergence=_convergence(measures),
            failures=recorded.failures,
            identity=_identity(result),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=lambda value: f"{value:,}",
        duration=wording.duration_text,
        moment=lambda time_us: wording.moment_text(time_us) if time_us else wording.NONE,
        value=wording.value_text,
        objective=wording.objective_text,
        margin=wording.margin_text,
        outcome=wording.outcome_text,
        evidence=_evidence,
    )
    return environment


def _evidence(evidence: dict[str, Any]) -> str:
    # As JSON, so that control characters in texts are visible and harmless.
    return msgspec.json.format(msgspec.json.encode(evidence), indent=2).decode()


def fault_summaries(faults: list[FaultRow]) -> list[FaultSummary]:
    """One row for each fault of each lane, in the order in which they first happened."""
    kinds: dict[tuple[str, str], list[FaultRow]] = {}
    for fault in faults:
        kinds.setdefault((fault.name, fault.lane), []).append(fault)
    return [
        FaultSummary(
            name,
            lane,
            times=len({(row.begin_us, row.end_us) for row in rows}),
            active_us=sum(row.end_us - row.begin_us for row in rows),
            affected=sum(row.affected for row in rows),
        )
        for (name, lane), rows in kinds.items()
    ]


def _facts(result: RunResult) -> list[tuple[str, str]]:
    return [
        ("clients", f"{result.clients:,}"),
        ("documents", f"{result.documents:,}"),
        ("edits", f"{result.edits:,}"),
        ("operations", f"{result.operations:,}"),
        ("deliveries", f"{result.deliveries:,}"),
        ("deliveries/s", f"{result.deliveries_per_second:,.0f}"),
        ("virtual", f"{result.virtual_seconds:,.0f} s"),
        ("wall", f"{result.wall_seconds:,.1f} s"),
        ("exit code", wording.exit_text(result.exit_code)),
    ]


def _phases(result: RunResult) -> list[tuple[str, str]]:
    whole = sum(result.phases.values()) or 1
    return [(phase, f"{100 * result.phases.get(phase, 0) / whole:.0f} %") for phase in PHASES]


def _plots(result: RunResult, measures: MeasureSet) -> dict[str, str]:
    objectives = [slo.objective for slo in result.slos if slo.name == "operation_latency"]
    return {
        "latency": plots.latency_over_time(measures, objectives[0] if objectives else None),
        "operation": plots.percentiles(measures, "operation", "operation"),
        "visible": plots.percentiles(measures, "visible", "visible"),
        "clients": plots.clients_over_time(measures),
        "load": plots.load_over_time(measures),
        "convergence": plots.convergence(measures.convergence),
    }


def _latencies(measures: MeasureSet) -> list[LatencyRow]:
    rows: list[LatencyRow] = []
    for measure in LATENCIES:
        first = True
        for phase in PHASES:
            histogram = measures.latency(measure, phase)
            if histogram.count:
                values = tuple(histogram.percentile(p) for p in _PERCENTILES)
                rows.append(LatencyRow(measure, phase, histogram.count, values, first))
                first = False
    return rows


def _totals(totals: Totals) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for field in totals.__struct_fields__:
        value = getattr(totals, field)
        label = field.replace("_", " ")
        if isinstance(value, int):
            pairs.append((label, f"{value:,}"))
        elif value:
            pairs.append(("", f"{label}: " + ", ".join(f"{key} {value[key]:,}" for key in sorted(value))))
    return pairs


def _convergence(measures: MeasureSet) -> list[str]:
    histogram = measures.convergence
    if not histogram.count:
        return ["The run ended without a heal phase, so nothing was demanded."]

    waiting = histogram.count - histogram.buckets.get(0, 0)
    if not waiting:
        return [f"All {histogram.count:,} documents had converged when the heal began."]
    after = {p: wording.duration_text(histogram.percentile(p)) for p in (99, 100)}
    return [
        "When the faults were over and nobody typed any more, every document had to converge.",
        f"{waiting:,} of {histogram.count:,} documents still had something to learn.",
        f"99 % of all documents had converged after {after[99]}, the last after {after[100]}.",
    ]


def _identity(result: RunResult) -> list[tuple[str, str]]:
    versions = ", ".join(f"{name} {result.versions[name]}" for name in sorted(result.versions))
    return [
        ("seed", str(result.seed)),
        ("digest of the history", result.digest),
        ("cells", str(result.cells)),
        ("versions", versions),
        ("machine", f"{result.machine.cores} cores, {result.machine.cpu}"),
    ]
