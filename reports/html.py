"""The page for people: one self-contained HTML file, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from model.measures.measure_set import EXAMPLE_PERCENTILES, LATENCIES, PHASES, RUN, STRATA, MeasureSet, Totals
from model.result import RunResult
from reports import people, plots, timeline, views, wording
from reports.followed import pictures
from reports.following import Waterfall
from reports.reached import reached
from reports.recorded import RecordedRun
from reports.views import Picture

_PERCENTILES: Final = (50, 95, 99, 99.9, 100)


_TOTALS: Final = {
    "documents": "documents opened",
    "edits": "edits made",
    "connections": "connections made",
    "presence_unmatched": "sightings of cursors that nobody waited for",
    "unseen": "operations unseen",
}
"""What a total is called if not as its key: another number has that name, or nobody would guess."""


class LatencyRow(NamedTuple):
    """Percentiles of one latency in one part of the run; ``first`` for the first row of a latency.

    ``examples`` are the anchors of edits behind the percentiles, empty texts where there is none.
    """

    measure: str
    phase: str
    samples: int
    percentiles_us: tuple[int | None, ...]
    first: bool
    examples: tuple[str, ...]


def render_html(recorded: RecordedRun, falls: Sequence[Waterfall] = ()) -> str:
    """The whole page; equal recorded files give equal text.

    Args:
        recorded: the run.
        falls: those of the edits that the measures name that can be followed.
    """
    result, measures = recorded.result, recorded.measures
    anchors: dict[tuple[str, str, int], str] = {fall.edit.name: fall.anchor for fall in falls}
    return views.page(
        "report.html",
        result=result,
        measures=measures,
        headline=wording.headline(result),
        mood=wording.mood(result.verdict, result.exit_code),
        coverage=wording.coverage_text(result),
        impact=people.impact_views(result),
        impact_text=people.impact_text(result),
        patience=people.PATIENCE,
        strata=views.stratum_views(result.histories),
        untested=wording.untested_text(result.histories),
        limits=wording.harness_limits(result),
        facts=_facts(result),
        faults=views.fault_summaries(result.faults),
        reached=reached([result]),
        phases=_phases(result),
        plots=_plots(result, measures),
        unsaid=timeline.unsaid(result.server),
        latencies=_latencies(measures, anchors),
        totals=_totals(measures.totals),
        convergence=[*filter(None, [wording.agreement_text(measures)]), *_convergence(measures)],
        failures=recorded.failures,
        identity=views.identity(result),
        followed=pictures(falls),
        anchors=anchors,
        repeats=wording.repeats_text(result.command, result.kind),
    )


def _facts(result: RunResult) -> list[tuple[str, str]]:
    return [
        ("clients", f"{result.clients:,}"),
        ("documents", f"{result.documents:,}"),
        (wording.edits_name(result), f"{result.edits:,}"),
        ("operations", f"{result.operations:,}"),
        ("deliveries", f"{result.deliveries:,}"),
        ("deliveries per second of wall time", f"{result.deliveries_per_second:,.0f}"),
        ("virtual" if result.kind == "simulated" else "run", f"{result.run_seconds:,.0f} s"),
        ("wall", f"{result.wall_seconds:,.1f} s"),
        ("exit code", wording.exit_text(result.exit_code)),
    ]


def _phases(result: RunResult) -> list[tuple[str, str]]:
    whole = sum(result.phases.values()) or 1
    return [
        (wording.PHASE_TITLES[phase], f"{100 * result.phases.get(phase, 0) / whole:.0f} %")
        for phase in PHASES
    ]


def _plots(result: RunResult, measures: MeasureSet) -> dict[str, Picture | None]:
    server = timeline.timeline(measures, result.server, "server", plots.RUN) if result.server else None
    operation = "Operation latency by percentile"
    everywhere = "Keystroke to visible everywhere by percentile, of edits made online"
    return {
        "latency": views.picture(plots.latency_over_time(measures, views.operation_objective(result))),
        "server": views.picture(server, height=timeline.PANEL_INCHES) if server else None,
        "operation": views.half(plots.percentiles(measures, "operation", operation)),
        "everywhere": views.half(plots.percentiles(measures, "everywhere_online", everywhere)),
        "clients": views.picture(plots.clients_over_time(measures)),
        "load": views.picture(plots.load_over_time(measures)),
        "convergence": views.half(plots.convergence(measures.convergence)),
    }


def _latencies(measures: MeasureSet, anchors: Mapping[tuple[str, str, int], str]) -> list[LatencyRow]:
    rows: list[LatencyRow] = []
    for measure in LATENCIES:
        if not measures.latency(measure).count:
            continue
        for phase in STRATA:
            histogram = measures.latency(measure, None if phase == RUN else phase)
            values = tuple(histogram.percentile(p) if histogram.count else None for p in _PERCENTILES)
            title = wording.PHASE_TITLES[phase]
            examples = [
                measures.example(measure, p) if phase == RUN and p in EXAMPLE_PERCENTILES else None
                for p in _PERCENTILES
            ]
            links = tuple(anchors.get((e.document, e.site, e.sequence), "") if e else "" for e in examples)
            rows.append(LatencyRow(measure, title, histogram.count, values, phase == STRATA[0], links))
    return rows


def _totals(totals: Totals) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for field in totals.__struct_fields__:
        value = getattr(totals, field)
        label = _TOTALS.get(field, field.replace("_", " "))
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
    end = "the faults were over and nobody typed any more" if measures.faults else "nobody typed any more"
    sentences = [
        f"When {end}, every document had to converge.",
        f"{waiting:,} of {histogram.count:,} documents still had something to learn.",
    ]
    if histogram.count >= 100:
        most = wording.duration_text(histogram.percentile(99))
        sentences.append(f"99 % of all documents had converged after {most}.")
    return [*sentences, f"The last had converged after {wording.duration_text(histogram.maximum)}."]
