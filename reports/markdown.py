"""A short Markdown summary of a run or of a job, for the summary page of a CI server."""

from __future__ import annotations

import re
from collections.abc import Sequence

from model.campaign import Campaign
from model.result import CheckRow, RunResult, SloRow
from model.verdict import Verdict
from model.wording import listed, printable
from reports import wording
from reports.job import check_lines, error_lines, reasons, slo_lines
from reports.people import impact_text, impact_views
from reports.reached import reached
from reports.recorded import RecordedJob, RecordedRun
from reports.views import fault_summaries, stratum_views

VIOLATIONS_SHOWN_MAX = 5


def render_markdown(recorded: RecordedRun) -> str:
    """The summary as text: verdict, checks, objectives, faults, the first violations, how to repeat it."""
    result = recorded.result
    parts = [
        f"## Concord: {_text(wording.headline(result))}",
        wording.coverage_text(result),
        _text(_size(result)),
        " ".join(filter(None, [impact_text(result), wording.agreement_text(recorded.measures)])),
        _checks(result),
        _histories(result),
        _slos(result),
        _shortfalls([result]),
        _limits([result]),
        _faults(result),
        _impact(result),
        _reached([result]),
        _errors([result]),
        _violations(recorded, ""),
        _notes([result]),
        f"Repeat: {_code(result.command)} (digest `{result.digest}`)",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_job_markdown(recorded: RecordedJob) -> str:
    """The summary of a job as text: as for a run, with a column for each run."""
    job, runs = recorded.job, recorded.runs
    results = [run.result for run in runs]
    sections = [
        f"## Concord: {_text(wording.job_headline(job.parts, results))}",
        "\n".join(f"* {_text(reason)}" for reason in reasons(recorded)),
        _parts(recorded),
        "\n".join(f"* {r.kind}: {text}" for r in results if (text := impact_text(r))),
        _job_slos(results),
        _job_checks(results),
        _reached(results),
        _shortfalls(results),
        _limits(results),
        _errors(results),
        *[
            _violations(run, f"{part.directory}/")
            for part, run in recorded.parts
            if run is not None and (run.failures or wording.voting(run.result, Verdict.VIOLATED))
        ],
        _notes(results),
        _repeat(results),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _repeat(results: Sequence[RunResult]) -> str:
    commands = dict.fromkeys(result.command for result in results)
    if len(commands) > 1:
        return "\n".join(
            f"* {r.kind}: {_code(r.command)} (seed {r.seed}, digest `{r.digest}`)" for r in results
        )
    digests = "".join(f"\n* {r.kind}: seed {r.seed}, digest `{r.digest}`" for r in results)
    return "".join(f"Repeat all of them: {_code(command)}\n" for command in commands) + digests


def _parts(recorded: RecordedJob) -> str:
    rows = []
    for part, run in recorded.parts:
        exits = wording.exit_text(part.exit_code)
        if run is None:
            rows.append([part.kind, part.note, "", "", "", exits])
            continue
        result = run.result
        sizes = [f"{result.clients:,}", f"{result.operations:,}", f"{result.run_seconds:,.0f} s"]
        rows.append([part.kind, wording.headline(result), *sizes, exits])
    return _table(["run", "outcome", "clients", "operations", "lasted", "exit code"], rows)


def _job_slos(results: Sequence[RunResult]) -> str:
    rows = [
        [line.title, line.target, *[_slo(slo, r) for slo, r in zip(line.cells, results, strict=True)]]
        for line in slo_lines(results)
    ]
    return _table(["objective", "target", *[result.kind for result in results]], rows)


def _slo(slo: SloRow | None, result: RunResult) -> str:
    """What was measured, by which clock, the outcome, and what another clock says."""
    if slo is None:
        return wording.NONE
    outcome = wording.reasoned_text(slo, sound=not wording.harness_limits(result))
    if slo.measured is None:
        return outcome
    beside = "".join(f"; {c}: {wording.value_text(value, slo.unit)}" for c, value in slo.beside.items())
    bounds = f"; {found}" if (found := wording.bounds_text(slo)) else ""
    measured = wording.measured_text(slo)
    return f"{measured} {outcome} ({wording.decided_text(slo)}{bounds}{beside})"


def _job_checks(results: Sequence[RunResult]) -> str:
    rows = [
        [line.name, *[wording.NONE if check is None else _verdict(check) for check in line.cells]]
        for line in check_lines(results)
    ]
    return _table(["check", *[result.kind for result in results]], rows)


def _verdict(check: CheckRow) -> str:
    violated = f", {check.violated:,} violated" if check.violated else ""
    return f"{_claim(check)}: {check.checked:,} compared{violated}"


def _claim(check: CheckRow) -> str:
    return str(check.verdict) + ("" if check.claimed else " (not claimed)")


def _shortfalls(results: Sequence[RunResult]) -> str:
    return "\n".join(
        f"* **less than planned** ({result.kind}): {_text(wording.sentence(shortfall))}"
        for result in results
        for shortfall in result.shortfalls
    )


def _limits(results: Sequence[RunResult]) -> str:
    return "\n".join(
        f"* **{wording.HARNESS_INVALID}** ({result.kind}): {_text(wording.harness_text(row))}"
        for result in results
        for row in wording.harness_limits(result)
    )


def _errors(results: Sequence[RunResult]) -> str:
    rows = [[line.kind, *[f"{count:,}" for count, _ in line.cells]] for line in error_lines(results)]
    return _table(["error", *[result.kind for result in results]], rows)


def _notes(results: Sequence[RunResult]) -> str:
    return "\n".join(f"* note ({r.kind}): {_text(note)}" for r in results for note in r.notes)


def render_campaign_markdown(campaign: Campaign) -> str:
    """The summary of a campaign as text: what it proves, the seeds that failed, what was expected."""
    rows = [
        [
            str(run.seed),
            f"{run.verdict.value}{' (expected)' if run.expected else ''}",
            _text(listed([*run.violated, *(f"{name} (unknown)" for name in run.unknown)]) or "–"),
            _text(listed(run.missed) or "–"),
            f"`{run.digest}`",
        ]
        for run in campaign.failing
    ]
    green = [
        f"* {_text(wording.known_text(known))}: expected to fail, and did not"
        for known in campaign.turned_green
    ]
    again = [
        f"* {_text(case.name)} fails {_text(case.check)} again: {_text(case.message)}"
        for case in campaign.cases
        if case.message
    ]
    parts = [
        f"## Concord: campaign of {_text(campaign.scenario)}: {wording.CAMPAIGN_HEADLINES[campaign.verdict]}",
        _text(wording.campaign_text(campaign)),
        _table(["seed", "verdict", "failed checks", "objectives missed", "digest"], rows),
        "\n".join(again),
        "\n".join(green),
        f"Repeat: {_code(campaign.command)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _size(result: RunResult) -> str:
    clock = "virtual" if result.kind == "simulated" else "real"
    return (
        f"{result.scenario}, seed {result.seed}: {result.clients:,} clients, {result.documents:,} documents, "
        f"{result.edits:,} {wording.edits_name(result)}, {result.deliveries:,} deliveries in "
        f"{result.run_seconds:,.0f} {clock} and {result.wall_seconds:,.1f} wall seconds; "
        f"exit code {wording.exit_text(result.exit_code)}."
    )


def _text(text: str) -> str:
    """Text that neither breaks a table nor turns into markup, a link or the name of a person."""
    text = re.sub(r"([\\|`*_<>\[\]&~@])|(?<=http)(:)|(?<=https)(:)", r"\\\g<0>", printable(text))
    return re.sub(r"^(?=[-+#=])", r"\\", text)


def _code(text: str) -> str:
    """Text as code, whatever ticks are in it."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{fence}{space}{printable(text)}{space}{fence}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *[[_text(cell) for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _checks(result: RunResult) -> str:
    rows = [
        [
            check.name,
            _claim(check),
            f"{check.checked:,}",
            f"{check.violated:,}",
        ]
        for check in result.checks
    ]
    return _table(["check", "verdict", "compared", "violated"], rows)


def _histories(result: RunResult) -> str:
    rows = [
        [row.writers, row.offline, row.faults, f"{row.histories:,}", f"{row.concurrent:,}", row.bound]
        for row in stratum_views(result.histories)
    ]
    head = ["writers", "offline edits", "faults", "histories", "with concurrent edits", "if none diverged"]
    table = _table(head, rows)
    return "\n\n".join(filter(None, [table, wording.untested_text(result.histories)]))


def _slos(result: RunResult) -> str:
    rows = [
        [
            slo.title,
            wording.objective_text(slo),
            wording.measured_text(slo),
            wording.bounds_text(slo),
            wording.reasoned_text(slo, sound=not wording.harness_limits(result)),
            wording.margin_text(slo),
            *[wording.value_text(slo.by_phase.get(phase), slo.unit) for phase in wording.PHASE_TITLES],
            wording.decided_text(slo),
        ]
        for slo in result.slos
    ]
    head = ["objective", "target", "measured", "95 % bounds", "outcome", "margin"]
    return _table([*head, *wording.PHASE_TITLES.values(), "decided on"], rows)


def _faults(result: RunResult) -> str:
    rows = [
        [fault.name, str(fault.times), wording.duration_text(fault.active_us), f"{fault.affected:,}"]
        for fault in fault_summaries(result.faults)
    ]
    return _table(["fault", "times", "active", "affected"], rows)


def _impact(result: RunResult) -> str:
    """What people noticed, by fault; without faults the sentence above says it all."""
    rows = [
        [
            row.fault,
            f"{row.delayed:,}",
            row.median,
            row.longest,
            f"{row.documents:,}",
            row.read_only_longest,
            row.read_only,
            f"{row.handed_back:,}",
            f"{row.unanswered:,}",
        ]
        for row in impact_views(result)
    ]
    head = ["people noticed while there was", "edits that waited", "half at most", "longest"]
    head += ["documents that took no edit", "longest", "in all", "edits handed back", "without answer"]
    return _table(head, rows) if len(rows) > 1 else ""


def _reached(results: Sequence[RunResult]) -> str:
    """What is missing as a list; what happened, and how often, in a sentence for each run."""
    lines = []
    for result in results:
        found = reached([result])
        if not result.reached:
            continue
        lines += [
            f"* **not reached, though required** ({result.kind}): {_text(f'{line.name}: {line.meaning}')}"
            for line in found.missing
        ]
        counts = ", ".join(f"{line.name} {line.cells[0].times:,}" for line in found.happened)
        lines.append(
            f"* reached so often ({result.kind}, {len(found.happened)} of {len(result.reached)}): "
            f"{_text(counts or 'nothing')}"
        )
    return "\n".join(lines)


def _violations(recorded: RecordedRun, folder: str) -> str:
    checks = wording.voting(recorded.result, Verdict.VIOLATED)
    violations = [violation for check in checks for violation in check.violations]
    lines = [f"* {violation.check}: {_text(violation.message)}" for violation in violations]
    more = len(lines) - VIOLATIONS_SHOWN_MAX
    shown = lines[:VIOLATIONS_SHOWN_MAX] + ([f"* … and {more} more"] if more > 0 else [])
    return "\n".join(
        shown + [f"* failure case: {_code(folder + failure.path)}" for failure in recorded.failures]
    )
