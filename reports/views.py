"""What all pages share: the template environment, pictures, and rows ready to be shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from model.certificate import Certificate
from model.harness import HarnessRow
from model.measures.measure_set import FaultRow
from model.result import RunResult
from model.strata import Stratum
from model.verdict import Outcome
from model.wording import printable
from reports import canvas, interactive, wording
from reports.chart import Chart

TEMPLATES: Final = Path(__file__).parent / "templates"


OUTCOME_TAGS: Final = {
    Outcome.MET.value: "valid",
    Outcome.MISSED.value: "violated",
    Outcome.CANNOT_TELL.value: "unknown",
    wording.HARNESS_INVALID: "quiet",
    wording.NOT_APPLICABLE: "quiet",
}
"""How the word is coloured that :func:`reports.wording.outcome_text` says."""


class FaultSummary(NamedTuple):
    """All occurrences of one fault in one lane."""

    name: str
    lane: str
    times: int
    active_us: int
    affected: int


class Picture(NamedTuple):
    """A chart as a page has it: drawn, and as data to be explored."""

    title: str
    svg: str
    data: str


def picture(chart: Chart, width: float = canvas.WIDE_INCHES, height: float = canvas.PANEL_INCHES) -> Picture:
    """The chart with its figure ``width`` and each panel ``height`` inches large."""
    return Picture(chart.title, canvas.draw(chart, width, height), interactive.data(chart))


def half(chart: Chart) -> Picture:
    """The chart as one of two side by side."""
    return picture(chart, canvas.NARROW_INCHES, canvas.NARROW_PANEL_INCHES)


def page(template: str, *, has_charts: bool = True, **content: Any) -> str:
    """A whole page with its style sheet, and the scripts that it needs."""
    scripts = interactive.scripts() if has_charts else interactive.no_scripts()
    css = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return (
        environment()
        .get_template(template)
        .render(
            css=css + scripts.css,
            scripts=scripts.sources,
            policy=scripts.policy,
            **content,
        )
    )


@cache
def environment() -> Environment:
    """Templates with the filters that say numbers and verdicts in the words of :mod:`reports.wording`."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    found.globals.update(outcome_tags=OUTCOME_TAGS, phase_titles=wording.PHASE_TITLES)
    found.filters.update(
        number=lambda value: f"{value:,}",
        duration=lambda value_us: wording.NONE if value_us is None else wording.duration_text(value_us),
        moment=lambda time_us: wording.moment_text(time_us) if time_us else wording.NONE,
        value=wording.value_text,
        objective=wording.objective_text,
        margin=wording.margin_text,
        outcome=wording.outcome_text,
        sentence=wording.sentence,
        bounds=wording.bounds_text,
        measured=wording.measured_text,
        note=wording.note_text,
        phase=lambda phase: wording.PHASE_TITLES.get(phase, phase),
        decided=wording.decided_text,
        evidence=_evidence,
        filled=_filled,
        cause=wording.harness_text,
    )
    return found


def _harmless(value: object) -> object:
    """What is put into a page; a text from elsewhere turns no direction of writing and hides nothing."""
    if type(value) is not str:  # markup, which we have made, is another type
        return value
    return "\n".join(map(printable, value.split("\n")))


def _evidence(evidence: dict[str, Any]) -> str:
    # As JSON, so that control characters in texts are visible and harmless.
    return msgspec.json.format(msgspec.json.encode(evidence), indent=2).decode()


def _filled(row: HarnessRow) -> int:
    """How much of its limit a sign of health takes up, in percent up to 100; a limit of 0 admits nothing."""
    if row.limit <= 0:
        return 0 if row.ok else 100
    return min(100, max(0, round(100 * row.value / row.limit)))


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


class StratumView(NamedTuple):
    """The judged histories of one kind, and how rare divergences of them are."""

    writers: str
    offline: str
    faults: str
    histories: int
    concurrent: int
    bound: str


def stratum_views(histories: Sequence[Stratum]) -> list[StratumView]:
    """One row for each stratum of which there is a history."""
    return [
        StratumView(
            wording.writers_text(one.writers),
            "yes" if one.offline else "no",
            "yes" if one.faults else "no",
            one.histories,
            one.concurrent,
            wording.bound_text(one.concurrent) if one.concurrent else "not tested",
        )
        for one in histories
    ]


def operation_objective(result: RunResult) -> float | None:
    """The objective of the operation latency in milliseconds, if the run has one; the first of several."""
    found = next((slo for slo in result.slos if slo.measure == "operation"), None)
    if found is None:
        return None
    return found.objective * 1_000 if found.unit == "s" else found.objective


def identity(result: RunResult) -> list[tuple[str, str]]:
    """What else is needed to repeat a run, or to know where its wall times come from."""
    versions = ", ".join(f"{name} {result.versions[name]}" for name in sorted(result.versions))
    return [
        ("seed", str(result.seed)),
        ("digest of the history", result.digest),
        *(_certificate(result.certificate) if result.certificate else ()),
        ("cells", str(result.cells)),
        ("versions", versions),
        ("machine", f"{result.machine.cores} cores, {result.machine.cpu}"),
    ]


def _certificate(certificate: Certificate) -> Iterator[tuple[str, str]]:
    """What a certificate adds to seed and digest."""
    again = certificate.repetition
    if again is not None:
        outcome = "another run: " + (again.note or again.digest) if certificate.differs else "the same digest"
        way = (
            f"hash seed {again.hash_seed}, {'one process' if again.jobs == 1 else f'{again.jobs} processes'}"
        )
        yield "made again", f"{outcome} ({way})"
    if certificate.scenario_digest:
        yield "digest of the scenario", certificate.scenario_digest
    if certificate.commit:
        yield "commit", certificate.commit
    yield "platform", f"{certificate.python}, {certificate.platform}"
