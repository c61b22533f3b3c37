"""OpenSLO files: what is accepted, and that everything else is said with its line and key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from reports.objectives import RUNBOOK, ObjectiveError, load, load_objectives
from reports.objectives.documents import KINDS, read_documents
from reports.objectives.loading import SOURCE

PRESENCE = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: mine
  displayName: Mine
  annotations: {concord.phase: steady}
spec:
  service: editor
  indicator:
    spec:
      thresholdMetric:
        metricSource:
          type: concord
          spec: {measure: presence, unit: ms}
  budgetingMethod: Occurrences
  objectives:
    - {op: lt, value: 200, target: 0.95}
"""
SERVICE = "---\napiVersion: openslo/v1\nkind: Service\nmetadata: {name: editor}\nspec: {}\n"
SYNC = """\
apiVersion: openslo/v1
kind: SLI
metadata: {name: sync}
spec:
  ratioMetric:
    counter: true
    good: {metricSource: {type: concord, spec: {measure: reconciliations.successes}}}
    total: {metricSource: {type: concord, spec: {measure: reconciliations.attempts}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: sync}
spec:
  service: editor
  indicatorRef: sync
  budgetingMethod: Occurrences
  objectives: [{target: 0.9}]
"""


def refused(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ObjectiveError) as caught:
        load([path])
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines)
    return [line.removeprefix(f"{path}:") for line in lines]


def assert_refused(path: Path, text: str, old: str, new: str, message: str) -> None:
    """A good text with one change is refused with this message."""
    assert old in text
    found = refused(path, text.replace(old, new, 1))
    assert any(message in line for line in found), found


# --- the shipped objectives -------------------------------------------------------------------------------


def test_those_of_the_runbook_of_what_people_wait_and_of_convergence_are_shipped() -> None:
    found = {o.name: (o.comparison, o.objective, o.unit, o.percentile, o.phase) for o in load_objectives()}
    assert found == {
        "operation-latency": ("<", 50, "ms", 95, "steady"),
        "websocket-uptime": (">=", 99.9, "%", None, "run"),
        "concurrent-connections": (">=", 10_000, "connections", None, "run"),
        "transformation-time": ("<", 10, "ms", 99, "run"),
        "document-sync-success": (">=", 99.99, "%", None, "run"),
        "presence-latency": ("<", 200, "ms", 95, "steady"),
        "authentication-latency": ("<", 100, "ms", 95, "run"),
        "durable-online": ("<", 500, "ms", 95, "steady"),
        "everywhere-online": ("<", 500, "ms", 95, "steady"),
        "durable-cut-off": ("<", 30, "s", 95, "run"),
        "everywhere-cut-off": ("<", 30, "s", 95, "run"),
        "reconcile": ("<", 5, "s", 95, "run"),
        "visibility": ("<=", 500, "ms", 99.9, "run"),
        "convergence-after-healing": ("<=", 10, "s", 100, "run"),
    }


def test_the_shipped_file_refers_to_nothing_outside_of_it() -> None:
    found = load([RUNBOOK])
    assert (found.absent, found.foreign) == ((), ())
    policies = {policy.name: (policy.burn_rate, policy.window) for policy in found.policies}
    assert policies == {"budget-burns-fast": (14.4, "1h"), "budget-burns-slowly": (6, "6h")}
    assert {name for objective in found.objectives for name in objective.alerts} == set(policies)
    assert {objective.window for objective in found.objectives} == {"28d"}


# --- OpenSLO's own judgement ------------------------------------------------------------------------------


def openslo(folder: Path) -> Draft7Validator:
    """The validator of whole documents, from the published schemas."""
    contents = [json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json"))]
    registry: Registry[Any] = Registry().with_resources(
        (content["$id"], Resource.from_contents(content)) for content in contents
    )
    (whole,) = [content for content in contents if content["$id"].endswith("openslo.schema.json")]
    return Draft7Validator(whole, registry=registry)


def test_the_shipped_schemas_are_those_of_openslo(data: Path) -> None:
    ours = Path(RUNBOOK).parent / "openslo" / "v1"
    theirs = data / "openslo" / "v1"
    names = sorted(path.relative_to(theirs) for path in theirs.rglob("*.json"))
    assert names == sorted(path.relative_to(ours) for path in ours.rglob("*.json"))
    for name in names:
        assert json.loads((ours / name).read_bytes()) == json.loads((theirs / name).read_bytes())


def test_openslo_accepts_the_shipped_objectives(data: Path) -> None:
    schema = openslo(data / "openslo" / "v1")
    documents = list(yaml.safe_load_all(RUNBOOK.read_text()))
    assert {document["kind"] for document in documents} >= {"Service", "SLI", "SLO", "AlertPolicy"}
    for document in documents:
        schema.validate(document)


REFUSED = {
    "invalid-apiversion.yaml": ["apiVersion", "metadata.name"],
    "alert-condition/alert-condition-no-condition.yaml": ["spec.condition"],
    "alert-condition/alert-condition-no-sev.yaml": ["spec.severity"],
    "alert-notification-target/alert-notification-target-no-target.yaml": ["spec.target"],
    "alert-policy/alert-policy-malformed-cond.yaml": ["spec.conditions.0"],
    "alert-policy/alert-policy-malformed-targetref.yaml": ["spec.notificationTargets.0"],
    "alert-policy/alert-policy-many-cond.yaml": ["spec.conditions"],  # OpenSLO allows one
    "alert-policy/alert-policy-no-cond.yaml": ["spec.conditions"],
    "alert-policy/alert-policy-no-notification.yaml": ["spec.notificationTargets"],
    "service/service-long-description.yaml": ["spec.description"],
    "sli/sli-description-ratio-inline-metricsource.yaml": [  # good and bad, and a source without anything
        "spec.ratioMetric",
        "spec.ratioMetric.total.metricSource.spec",
    ],
    "sli/sli-ratio-good-and-bad.yaml": ["spec.ratioMetric"],
}
"""Which of the examples are wrong, and where."""


@pytest.mark.slow
def test_the_examples_of_openslo_are_accepted_or_refused_as_their_names_say(data: Path) -> None:
    folder = data / "openslo" / "examples"
    schema = openslo(data / "openslo" / "v1")
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml"))
    assert set(names) > set(REFUSED)
    for name in names:
        documents, problems = read_documents(folder / name)
        assert [problem.key for problem in problems] == REFUSED.get(name, []), name
        assert all(problem.line for problem in problems)
        assert all(schema.is_valid(document.value) for document in documents)
        if name not in REFUSED:
            load([folder / name])  # a file on its own may refer to others


@pytest.mark.slow
def test_nothing_is_accepted_or_refused_otherwise_than_by_openslo(data: Path, tmp_path: Path) -> None:
    """Every value of every kind of document in turn left out, or put in place of what it must not be."""
    schema = openslo(data / "openslo" / "v1")
    documents = [document for document in yaml.safe_load_all(RUNBOOK.read_text()) if document]
    kinds = {document["kind"]: document for document in documents}
    by_target = {"target": "page"}
    kinds["AlertCondition"] = kinds["AlertPolicy"]["spec"]["conditions"][0] | {"apiVersion": "openslo/v1"}
    kinds["DataSource"] = {
        "apiVersion": "openslo/v1",
        "kind": "DataSource",
        "metadata": {"name": "here"},
        "spec": {"type": "concord", "connectionDetails": by_target},
    }
    assert set(kinds) == set(KINDS)
    path = tmp_path / "changed.yaml"
    verdicts = []
    for document in kinds.values():
        for changed in changes(document):
            path.write_text(yaml.safe_dump(changed))
            accepted, problems = read_documents(path)
            assert bool(accepted) != bool(problems)
            assert bool(accepted) == schema.is_valid(changed), (changed, problems)
            verdicts.append(bool(accepted))
    assert verdicts.count(False) > 100
    assert verdicts.count(True) > 20


def changes(value: Any) -> list[Any]:
    """A value with one thing in it left out, or changed to something of another kind."""
    inner: list[Any] = []
    if isinstance(value, dict):
        for key, part in value.items():
            rest = {k: v for k, v in value.items() if k != key}
            inner.append(rest)
            inner += [{**value, key: changed} for changed in [*changes(part), "No!", {}]]
    elif isinstance(value, list):
        inner += [[*value, *value], []]
        for index, part in enumerate(value):
            inner += [[*value[:index], changed, *value[index + 1 :]] for changed in changes(part)]
    return inner


# --- what a file means ------------------------------------------------------------------------------------


def test_an_objective_says_what_its_slo_says(tmp_path: Path) -> None:
    path = tmp_path / "slos.yaml"
    path.write_text(PRESENCE + SERVICE)
    (objective,) = load_objectives(path)
    assert (objective.name, objective.title, objective.service) == ("mine", "Mine", "editor")
    assert (objective.measure, objective.comparison, objective.objective) == ("presence", "<", 200)
    assert (objective.percentile, objective.unit, objective.phase) == (95, "ms", "steady")


def test_several_files_are_one_set(tmp_path: Path) -> None:
    mine, sync, service = (tmp_path / name for name in ("mine.yaml", "sync.yaml", "service.yaml"))
    mine.write_text(PRESENCE)
    sync.write_text(SYNC)
    service.write_text(SERVICE)
    found = load([mine, sync, service])
    assert [objective.name for objective in found.objectives] == ["mine", "sync"]
    assert found.absent == ()
    assert load([mine]).absent == (f"{mine}:8: spec.service: the Service 'editor' is in none of the files",)


def test_several_objectives_of_one_slo_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "slos.yaml"
    more = "    - {op: lte, value: 1, target: 0.999, displayName: Worst}\n"
    path.write_text((PRESENCE + more + SERVICE).replace("unit: ms", "unit: s"))
    found = load_objectives(path)
    assert [(o.name, o.title, o.comparison, o.percentile) for o in found] == [
        ("mine.1", "Mine", "<", 95),
        ("mine.2", "Worst", "<=", 99.9),
    ]


def test_every_value_may_have_to_count(tmp_path: Path) -> None:
    path = tmp_path / "slos.yaml"
    path.write_text(PRESENCE.replace("concord.phase: steady", 'concord.every: "true"') + SERVICE)
    (objective,) = load_objectives(path)
    assert (objective.percentile, objective.phase) == (100, "run")


def test_what_another_source_measures_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "slos.yaml"
    other = PRESENCE.replace("type: concord", "type: Prometheus").replace("name: mine", "name: theirs")
    path.write_text(f"{PRESENCE}---\n{other}{SERVICE}")
    found = load([path])
    assert ([o.name for o in found.objectives], found.foreign) == (["mine"], ("theirs",))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("measure: presence", "measure: presense", "14: spec.indicator.spec.thresholdMetric.metricSource."),
        ("measure: presence", "measure: uptime", "uptime is a ratio: use ratioMetric"),
        ("measure: presence", "measure: [presence]", "must be a text"),
        ("unit: ms", "unit: h", "presence is measured in ms or s, not in 'h'"),
        (", unit: ms", "", "spec.unit: is missing"),
        ("unit: ms", "unit: ms, phase: steady", "unknown key; known: measure, unit"),
        ("type: concord", "type: Concord", f"type: must be {SOURCE}, not 'Concord'"),
        ("concord.phase: steady", "concord.phase: always", "6: metadata.annotations.concord.phase: must be"),
        (
            "concord.phase",
            "concord.fase",
            "6: metadata.annotations.concord.fase: unknown annotation; did you",
        ),
        (
            "concord.phase: steady",
            "concord.clients-min: many",
            "must be a whole number of at least 0, not 'many'",
        ),
        ("concord.phase: steady", "concord.clients-min: -1", "must be a whole number of at least 0, not -1"),
        ("concord.phase: steady", "concord.every: always", "must be true or false, not 'always'"),
        ("measure: presence", "measure: transform", "transform is known for the whole run only"),
        ("op: lt", "op: gt", "17: spec.objectives.0.op: presence can be kept < or <= a number, not >"),
        ("op: lt, ", "", "17: spec.objectives.0.op: is missing"),
        ("value: 200, ", "", "17: spec.objectives.0.value: is missing"),
        ("value: 200", "value: 0", "0 ms cannot be reached or missed"),
        ("value: 200", "value: fast", "17: spec.objectives.0.value: must be a number, not 'fast'"),
        ("value: 200", "value: 3:20", "3:20 is not a number in decimal digits"),
        ("value: 200", "value: .inf", ".inf is not a number in decimal digits"),
        ("target: 0.95", "target: 95", "17: spec.objectives.0.target: 95 must be below 1"),
        ("target: 0.95", "target: 0", "0 is no share that can be missed"),
        ("- {op", "- {op: lt, op", "17: spec.objectives.0.op: is given twice, first in line 17"),
        ("    - {op: lt, value: 200, target: 0.95}", "    []", "spec.objectives: has no objective"),
        ("name: mine", "name: My_SLO", "4: metadata.name: 'My_SLO' must be of the form"),
        ("kind: SLO", "kind: SLA", "2: kind: must be one of "),
        (
            "service: editor",
            "service: edtor",
            "8: spec.service: there is no Service 'edtor'; did you mean editor?",
        ),
        ("budgetingMethod: Occurrences", "budgetingMethod: Both", "15: spec.budgetingMethod: must be one of"),
        ("  objectives:", "  objectives: [", "not YAML: "),
        ("apiVersion: openslo/v1\nkind: SLO", "kind: SLO", "apiVersion: is missing"),
        ("kind: SLO\n", "kind: SLO\nkind: SLO\n", "kind: is given twice"),
    ],
)
def test_a_mistake_has_its_line_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert_refused(tmp_path / "slos.yaml", PRESENCE + SERVICE, old, new, message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("reconciliations.successes", "reconciliations.success", "did you mean reconciliations.successes?"),
        ("reconciliations.attempts", "uptime.wanted", "must be reconciliations.attempts, of which"),
        (
            "good: {metricSource: {type: concord",
            "good: {metricSource: {type: other",
            "from the concord source",
        ),
        ("good:", "bad:", "spec.ratioMetric.bad: must be what is good"),
        ("{target: 0.9}", "{target: 0.9, op: gte, value: 3}", "has no meaning for a ratio"),
        ("indicatorRef: sync", "indicatorRef: snyc", "there is no SLI 'snyc'; did you mean sync?"),
        (
            "{name: sync}\nspec:\n  service",
            "{name: sync, annotations: {concord.every: 'true'}}\nspec:\n  service",
            "has no meaning for reconciliations",
        ),
        (
            "Occurrences\n  objectives: [{target: 0.9}]",
            "Timeslices\n  objectives: [{target: 0.9, timeSliceTarget: 0.9, timeSliceWindow: 1m}]",
            "Concord counts Occurrences",
        ),
    ],
)
def test_a_mistake_in_a_ratio_has_its_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert_refused(tmp_path / "slos.yaml", SYNC + SERVICE, old, new, message)


def test_all_mistakes_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = (PRESENCE + SERVICE).replace("0.95", "2").replace("name: mine", "name: ''").replace("editor", "")
    found = refused(tmp_path / "slos.yaml", text)
    assert [line.split(":")[0] for line in found] == ["4", "8", "17", "21"]
    meaning = (PRESENCE + SERVICE).replace("unit: ms", "unit: h").replace("service: editor", "service: e")
    assert [line.split(":")[0] for line in refused(tmp_path / "slos.yaml", meaning)] == ["8", "14"]


def test_a_name_may_occur_once(tmp_path: Path) -> None:
    path = tmp_path / "slos.yaml"
    assert (
        f"metadata.name: 'editor' is that of {path}:21 too" in refused(path, PRESENCE + SERVICE + SERVICE)[0]
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.write_bytes(b"\xff"), "not UTF-8 text"),
        (lambda path: path.write_text("# nothing\n"), "holds no document"),
        (lambda path: path.write_text("17\n"), "must be a mapping of keys to values, not 17"),
        (lambda path: path.write_text("a: &a [*a]\n"), "contains itself"),
        (lambda path: path.write_text(f"a: &a [{'1, ' * 99}]\nb: &b [{'*a, ' * 99}]\nc: [{'*b, ' * 99}]\n"),
         "which is more than are read"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_objectives_is_one_line(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "slos.yaml"
    make(path)
    with pytest.raises(ObjectiveError) as caught:
        load([path])
    assert any(message in line for line in str(caught.value).splitlines())
    assert str(path) in str(caught.value)
