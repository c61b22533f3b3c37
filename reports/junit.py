"""JUnit XML for a CI server: a test case for each check, each objective and each sign of the harness.

XML 1.0 cannot hold control characters, not even escaped. Texts under test do; all of them are made printable.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.etree import ElementTree

from model.campaign import Campaign, CaseRow, SeedRow
from model.harness import HarnessRow
from model.result import CannotTell, CheckRow, RunResult, SloRow
from model.verdict import Outcome, Verdict
from model.wording import printable
from reports import wording
from reports.recorded import RecordedJob, RecordedRun

_PROPERTIES: Final = ("scenario", "seed", "digest", "command")


def render_junit(recorded: RecordedRun) -> str:
    """The document of one run as text: a suite of its checks, one of its objectives, one of its harness.

    A violated check and a missed objective are failures. A claimed check with nothing to compare is an
    error, because an unchecked property must not look like a good one; so is a harness that was itself the
    limit, and then the objectives are skipped. An objective that cannot be told is skipped, or an error if
    that is to fail a run; an unclaimed check that did not hold is skipped.
    """
    result = recorded.result
    suites = ElementTree.Element("testsuites", name="concord")
    _suite(suites, "checks", _checks(result, "concord.checks"), result)
    _suite(suites, "slos", _slos(result, "concord.slos"), result)
    if result.harness:
        _suite(suites, "harness", _harness(result, "concord.harness"), result)
    return _text(suites)


def render_job_junit(recorded: RecordedJob) -> str:
    """The document of a job as text: one suite for each run, or one error where a run left no result."""
    suites = ElementTree.Element("testsuites", name="concord")
    for part, run in recorded.parts:
        name = f"concord.{part.kind}"
        if run is None:
            case = _case(name, "result")
            _add(case, "error", part.note)
            _suite(suites, part.kind, [case], None)
            continue
        result = run.result
        cases = [
            *_checks(result, f"{name}.checks"),
            *_slos(result, f"{name}.slos"),
            *_harness(result, f"{name}.harness"),
        ]
        _suite(suites, part.kind, cases, result)
    return _text(suites)


def render_campaign_junit(campaign: Campaign) -> str:
    """The document of a campaign as text: a suite of saved failures, and one for each seed.

    A known failure is skipped, with its reason; one that did not fail any more is a case that says so.
    """
    suites = ElementTree.Element("testsuites", name="concord")
    saved = [_saved(case) for case in campaign.cases]
    for known in campaign.turned_green:
        case = _case("concord.campaign.known", wording.known_text(known))
        ElementTree.SubElement(case, "system-out").text = "expected to fail, and did not"
        saved.append(case)
    if saved:
        _suite(suites, "campaign.saved", saved, None)
    for run in campaign.runs:
        _suite(suites, f"campaign.seed-{run.seed}", _seed(run), None)
    return _text(suites)


def _saved(row: CaseRow) -> ElementTree.Element:
    case = _case("concord.campaign.saved", row.name)
    if row.message:
        _add(case, "skipped" if row.expected else "failure", row.expected or row.message)
    return case


def _seed(run: SeedRow) -> list[ElementTree.Element]:
    cases: list[ElementTree.Element] = []
    for name, verdict in run.checks.items():
        case = _case(f"concord.campaign.seed-{run.seed}", name)
        if verdict is Verdict.VIOLATED:
            message = run.violated.get(name, "")
            _add(case, "skipped" if run.expected else "failure", message, run.expected)
        elif verdict is Verdict.UNKNOWN:
            _add(case, "error", "nothing to compare")
        cases.append(case)
    for name in run.missed:
        _add(missed := _case(f"concord.campaign.seed-{run.seed}", name), "failure", "missed")
        cases.append(missed)
    return cases


def _text(suites: ElementTree.Element) -> str:
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"
    )


def _suite(
    suites: ElementTree.Element, name: str, cases: list[ElementTree.Element], result: RunResult | None
) -> None:
    suite = ElementTree.SubElement(suites, "testsuite", name=f"concord.{name}", tests=str(len(cases)))
    for attribute, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(outcome) is not None for case in cases)))
    if result is not None:
        properties = ElementTree.SubElement(suite, "properties")
        for key in _PROPERTIES:
            value = printable(str(getattr(result, key)))
            ElementTree.SubElement(properties, "property", name=key, value=value)
    suite.extend(cases)


def _case(classname: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=classname, name=printable(name))


def _add(case: ElementTree.Element, outcome: str, message: str, lines: Iterable[str] = ()) -> None:
    text = "\n".join(map(printable, lines))
    ElementTree.SubElement(case, outcome, message=printable(message)).text = text


def _checks(result: RunResult, classname: str) -> list[ElementTree.Element]:
    return [_check(check, classname) for check in result.checks]


def _slos(result: RunResult, classname: str) -> list[ElementTree.Element]:
    sound = not wording.harness_limits(result)
    return [_slo(slo, classname, sound, result.cannot_tell) for slo in result.slos]


def _harness(result: RunResult, classname: str) -> list[ElementTree.Element]:
    return [_sign(row, classname) for row in result.harness]


def _check(check: CheckRow, classname: str) -> ElementTree.Element:
    case = _case(classname, check.name)
    counts = f"{check.violated:,} of {check.checked:,} violated: {check.detail}"
    if check.verdict is Verdict.VIOLATED and check.claimed:
        lines = [f"{v.document} at {wording.moment_text(v.time_us)}: {v.message}" for v in check.violations]
        _add(case, "failure", counts, lines)
    elif check.verdict is Verdict.VIOLATED:
        _add(case, "skipped", f"not claimed by this engine; {counts}")
    elif check.verdict is Verdict.UNKNOWN:
        _add(case, "error" if check.claimed else "skipped", f"nothing to compare: {check.detail}")
    ElementTree.SubElement(case, "system-out").text = printable(counts)
    return case


def _slo(slo: SloRow, classname: str, sound: bool, cannot_tell: CannotTell) -> ElementTree.Element:
    case = _case(classname, slo.name)
    measured = wording.measured_text(slo)
    bounds = f"; {found}" if (found := wording.bounds_text(slo)) else ""
    sentence = (
        f"{slo.title}: {measured} measured ({wording.decided_text(slo)}{bounds}), "
        f"objective {wording.objective_text(slo)}"
    )
    if slo.outcome is Outcome.CANNOT_TELL or not sound:
        must = slo.applies and slo.decides and sound and cannot_tell == "fail"
        _add(case, "error" if must else "skipped", wording.reasoned_text(slo, sound))
    elif slo.outcome is Outcome.MISSED and not slo.decides:
        _add(case, "skipped", f"{wording.reasoned_text(slo)}; {sentence}")
    elif slo.outcome is Outcome.MISSED:
        _add(case, "failure", sentence)
    ElementTree.SubElement(case, "system-out").text = printable(sentence)
    return case


def _sign(row: HarnessRow, classname: str) -> ElementTree.Element:
    case = _case(classname, row.name)
    if row.is_limit:
        _add(case, "error", f"{wording.HARNESS_INVALID}: {wording.harness_text(row)}")
    elif row.excuse:
        _add(case, "skipped", wording.harness_text(row))
    ElementTree.SubElement(case, "system-out").text = printable(wording.harness_text(row))
    return case
