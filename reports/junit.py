"""JUnit XML for a CI server: one test case for each check and one for each objective."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree

from model.result import CheckRow, RunResult, SloRow
from model.verdict import Verdict
from reports import wording
from reports.recorded import Recorded

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold at all, not even escaped; texts under test do hold it."""


def render_junit(recorded: Recorded) -> str:
    """The document as text.

    A violated check and a missed objective are failures. A claimed check with nothing to compare is an error,
    because an unchecked property must not look like a good one. An objective that was not measured, and an
    unclaimed check that did not hold, are skipped.
    """
    result = recorded.result
    suites = ElementTree.Element("testsuites", name="concord")
    _suite(suites, result, "checks", [_check(check) for check in result.checks])
    _suite(suites, result, "slos", [_slo(slo) for slo in result.slos])
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"
    )


def _suite(
    suites: ElementTree.Element, result: RunResult, name: str, cases: list[ElementTree.Element]
) -> None:
    suite = ElementTree.SubElement(suites, "testsuite", name=f"concord.{name}", tests=str(len(cases)))
    for attribute, outcome in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(outcome) is not None for case in cases)))
    properties = ElementTree.SubElement(suite, "properties")
    for key in ("scenario", "seed", "digest", "command"):
        value = _clean(str(getattr(result, key)))
        ElementTree.SubElement(properties, "property", name=key, value=value)
    suite.extend(cases)


def _case(suite: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=f"concord.{suite}", name=_clean(name))


def _add(case: ElementTree.Element, outcome: str, message: str, text: str = "") -> None:
    ElementTree.SubElement(case, outcome, message=_clean(message)).text = _clean(text)


def _check(check: CheckRow) -> ElementTree.Element:
    case = _case("checks", check.name)
    counts = f"{check.violated:,} of {check.checked:,} violated: {check.detail}"
    if check.verdict is Verdict.VIOLATED and check.claimed:
        text = "\n".join(
            f"{v.document} at {wording.moment_text(v.time_us)}: {v.message}" for v in check.violations
        )
        _add(case, "failure", counts, text)
    elif check.verdict is Verdict.VIOLATED:
        _add(case, "skipped", f"not claimed by this engine; {counts}")
    elif check.verdict is Verdict.UNKNOWN:
        _add(case, "error" if check.claimed else "skipped", f"nothing to compare: {check.detail}")
    ElementTree.SubElement(case, "system-out").text = _clean(counts)
    return case


def _slo(slo: SloRow) -> ElementTree.Element:
    case = _case("slos", slo.name)
    measured = wording.value_text(slo.measured, slo.unit)
    sentence = f"{slo.title}: {measured} measured ({slo.phase}), objective {wording.objective_text(slo)}"
    if slo.met is None:
        _add(case, "skipped", wording.outcome_text(slo))
    elif not slo.met:
        _add(case, "failure", sentence)
    ElementTree.SubElement(case, "system-out").text = _clean(sentence)
    return case


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
