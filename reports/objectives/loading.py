"""The one loader: OpenSLO files become objectives, once all of them and their references make sense.

What OpenSLO has words for is said in its words; the rest in annotations named ``concord.…``. An SLO whose
indicator is read from another source than Concord is left alone: it is somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from model.measures.measure_set import RUN
from model.settings.reader import Problem, nearest
from model.settings.written import WRITTEN
from reports.objectives.documents import Document, read_documents
from reports.objectives.objective import (
    EVERY,
    MEASURABLE,
    PHASE_NAMES,
    Comparison,
    Objective,
    contradictions,
)

RUNBOOK: Final = Path(__file__).parent / "runbook.yaml"

SOURCE: Final = "concord"
"""The type of a metric source that a run of Concord measures."""

_PREFIX: Final = "concord."
_PHASE: Final = "concord.phase"
_CLIENTS_MIN: Final = "concord.clients-min"
_EVERY: Final = "concord.every"
ANNOTATIONS: Final = (_PHASE, _CLIENTS_MIN, _EVERY)
"""What OpenSLO has no word for."""

_COMPARISONS: Final[Mapping[str, Comparison]] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_KEYS: Final = {
    "phase": f"metadata.annotations.{_PHASE}",
    "comparison": "spec.objectives.{index}.op",
    "objective": "spec.objectives.{index}.{number}",
    "percentile": "spec.objectives.{index}.target",
}
"""Where in an SLO the fields of an objective stand that may contradict its measure."""


class ObjectiveError(ValueError):
    """Objectives are unreadable or mean nothing; a problem for each thing that is wrong, with its key."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class AlertPolicy(NamedTuple):
    """When the error budget of an objective burns too fast to wait.

    Attributes:
        name: in references.
        severity: how urgent, in the words of the file.
        burn_rate: how many times faster than the objective allows.
        window, after: measured over, and told after, this long, as OpenSLO writes it.
    """

    name: str
    severity: str
    burn_rate: float
    window: str
    after: str


class ObjectiveSet(NamedTuple):
    """Everything that some files say.

    Attributes:
        objectives: those that Concord measures, in the order of the files.
        policies: alert policies by burn rate, in that order.
        foreign: names of the SLOs that other sources are needed for.
        absent: references to what is in none of the files, where they have nothing of that kind; in words.
    """

    objectives: tuple[Objective, ...]
    policies: tuple[AlertPolicy, ...]
    foreign: tuple[str, ...]
    absent: tuple[str, ...]


def load(paths: Sequence[Path]) -> ObjectiveSet:
    """What several files say together.

    Raises:
        ObjectiveError: one is missing or no YAML, is no OpenSLO, or something in it makes no sense; with
            everything that is wrong.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in paths:
        found, wrong = read_documents(path)
        documents += found
        problems += wrong
    meaning = _Meaning(documents)
    # What is refused by the schemas is missing from the rest, which would be told as references to nothing.
    problems = problems or meaning.problems
    if problems:
        order = {str(path): index for index, path in enumerate(paths)}
        problems.sort(key=lambda problem: (order[problem.place], problem.line or 0))
        raise ObjectiveError(*map(str, problems))
    return ObjectiveSet(
        tuple(meaning.objectives), tuple(meaning.policies), tuple(meaning.foreign), tuple(meaning.absent)
    )


def load_objectives(path: Path = RUNBOOK) -> tuple[Objective, ...]:
    """The objectives of a file that Concord measures, in its order.

    Raises:
        ObjectiveError: as :func:`load` does, or an indicator or an alert policy is in no file.
    """
    found = load([path])
    if found.absent:
        raise ObjectiveError(*found.absent)
    return found.objectives


class _Meaning:
    """What documents mean together."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.problems: list[Problem] = []
        self.objectives: list[Objective] = []
        self.policies: list[AlertPolicy] = []
        self.foreign: list[str] = []
        self.absent: list[str] = []
        self._by_kind: dict[str, dict[str, Document]] = {}
        ordered = list(documents)
        for document in ordered:
            known = self._by_kind.setdefault(document.kind, {})
            first = known.setdefault(document.name, document)
            if first is not document:
                where = f"{first.place}:{first.lines['metadata.name']}"
                self._wrong(document, "metadata.name", f"{document.name!r} is that of {where} too")
        for document in ordered:
            self._annotations(document)
            if document.kind == "SLO":
                self._slo(document)
            elif document.kind == "AlertPolicy":
                self._policy(document)
            elif document.kind == "SLI":
                self._measure(document, document.spec, "spec")

    def _wrong(self, document: Document, key: str, message: str) -> None:
        problem = document.problem(key, message)
        if problem not in self.problems:
            self.problems.append(problem)

    def _referred(self, document: Document, key: str, kind: str, name: str) -> Document | None:
        """The document that a reference names."""
        known = self._by_kind.get(kind, {})
        if name in known:
            return known[name]
        if known:
            self._wrong(document, key, f"there is no {kind} {name!r}; {nearest(name, known)}")
        else:
            line = document.lines.get(key, document.lines[""])
            self.absent.append(f"{document.place}:{line}: {key}: the {kind} {name!r} is in none of the files")
        return None

    # --- what OpenSLO has no word for ---------------------------------------------------------------------

    def _annotations(self, document: Document) -> None:
        annotations = document.value["metadata"].get("annotations", {})
        for name, value in annotations.items():
            key = f"metadata.annotations.{name}"
            if not name.startswith(_PREFIX):
                continue
            if name not in ANNOTATIONS:
                self._wrong(document, key, f"unknown annotation; {nearest(name, ANNOTATIONS)}")
            elif document.kind != "SLO":
                self._wrong(document, key, f"is for an SLO, not for the {document.kind} {document.name!r}")
            elif name == _PHASE and value not in PHASE_NAMES:
                self._wrong(document, key, f"must be one of {', '.join(PHASE_NAMES)}, not {value!r}")
            elif name == _EVERY and value not in ("true", "false", True, False):
                self._wrong(document, key, f"must be true or false, not {value!r}")
            elif name == _CLIENTS_MIN and _whole(value) is None:
                self._wrong(document, key, f"must be a whole number of at least 0, not {value!r}")

    # --- indicators ---------------------------------------------------------------------------------------

    def _measure(self, document: Document, spec: Mapping[str, Any], key: str) -> tuple[str, str] | None:
        """What an indicator measures, and in which unit; None if that is not for Concord to measure."""
        if "thresholdMetric" in spec:
            where = f"{key}.thresholdMetric.metricSource"
            asked = self._asked(document, spec["thresholdMetric"]["metricSource"], where)
            if asked is None or not self._is_known(document, asked, ("measure", "unit"), f"{where}.spec"):
                return None
            return self._value(document, asked["measure"], asked["unit"], f"{where}.spec")
        if "ratioMetric" not in spec:  # the schema lets an indicator within its SLO be empty
            self._wrong(document, key, "needs one of thresholdMetric, ratioMetric")
            return None
        return self._ratio(document, spec["ratioMetric"], f"{key}.ratioMetric")

    def _value(self, document: Document, measure: str, unit: str, key: str) -> tuple[str, str] | None:
        known = MEASURABLE.get(measure)
        if known is None:
            message = f"{measure!r} cannot be measured; {nearest(measure, MEASURABLE)}"
            self._wrong(document, f"{key}.measure", message)
        elif known.statistic == "ratio":
            self._wrong(document, f"{key}.measure", f"{measure} is a ratio: use ratioMetric")
        elif unit not in known.units:
            units = " or ".join(known.units)
            self._wrong(document, f"{key}.unit", f"{measure} is measured in {units}, not in {unit!r}")
        else:
            return measure, unit
        return None

    def _ratio(self, document: Document, ratio: Mapping[str, Any], key: str) -> tuple[str, str] | None:
        part = "good" if "good" in ratio else "bad"
        good, total = (
            self._asked(document, ratio[name]["metricSource"], f"{key}.{name}.metricSource")
            for name in (part, "total")
        )
        if good is None and total is None:
            return None
        if good is None or total is None or part == "bad":
            self._wrong(document, f"{key}.{part}", f"must be what is good, from the {SOURCE} source too")
            return None
        for name, asked in ((part, good), ("total", total)):
            if not self._is_known(document, asked, ("measure",), f"{key}.{name}.metricSource.spec"):
                return None
        for name, known in MEASURABLE.items():
            if known.statistic == "ratio" and good["measure"] == known.good:
                if total["measure"] == known.total:
                    return name, "%"
                where = f"{key}.total.metricSource.spec.measure"
                self._wrong(document, where, f"must be {known.total}, of which {known.good} is a part")
                return None
        goods = [known.good for known in MEASURABLE.values() if known.good]
        where = f"{key}.{part}.metricSource.spec.measure"
        self._wrong(
            document, where, f"{good['measure']!r} cannot be measured; {nearest(good['measure'], goods)}"
        )
        return None

    def _asked(self, document: Document, source: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
        """What a metric source is asked for; None if the source is another one."""
        kind = source.get("type", "")
        if kind != SOURCE and kind.lower() == SOURCE:
            self._wrong(document, f"{key}.type", f"must be {SOURCE}, not {kind!r}")
        spec: Mapping[str, Any] = source["spec"]
        return spec if kind == SOURCE else None

    def _is_known(self, document: Document, asked: Mapping[str, Any], names: Sequence[str], key: str) -> bool:
        """Whether a source of Concord's is asked for what it understands, and nothing else."""
        before = len(self.problems)
        for name, value in asked.items():
            if name not in names:
                self._wrong(document, f"{key}.{name}", f"unknown key; {nearest(name, names)}")
            elif not isinstance(value, str):
                self._wrong(document, f"{key}.{name}", f"must be a text, not {value!r}")
        for name in names:
            if name not in asked:
                self._wrong(document, f"{key}.{name}", "is missing")
        return len(self.problems) == before

    # --- objectives ---------------------------------------------------------------------------------------

    def _slo(self, document: Document) -> None:
        spec = document.spec
        self._referred(document, "spec.service", "Service", spec["service"])
        alerts = spec.get("alertPolicies", [])
        for index, name in enumerate(alerts):
            self._referred(document, f"spec.alertPolicies.{index}", "AlertPolicy", name)
        if "indicator" in spec:
            measured = self._measure(document, spec["indicator"].get("spec", {}), "spec.indicator.spec")
        else:
            indicator = self._referred(document, "spec.indicatorRef", "SLI", spec["indicatorRef"])
            measured = self._measure(indicator, indicator.spec, "spec") if indicator is not None else None
            if indicator is None:
                return
        if measured is None:
            self.foreign.append(document.name)
            return
        if spec["budgetingMethod"] != "Occurrences":
            self._wrong(document, "spec.budgetingMethod", "Concord counts Occurrences, no slices of time")
        if not spec["objectives"]:
            self._wrong(document, "spec.objectives", "has no objective")
        names = _names(document.name, len(spec["objectives"]))
        for index, name in enumerate(names):
            self._objective(document, index, name, *measured)

    def _objective(self, document: Document, index: int, name: str, measure: str, unit: str) -> None:
        spec, given = document.spec, document.spec["objectives"][index]
        annotations = document.value["metadata"].get("annotations", {})
        statistic = MEASURABLE[measure].statistic
        is_ratio = statistic == "ratio"
        key, before = f"spec.objectives.{index}", len(self.problems)
        for field in ("op", "value"):
            if is_ratio and field in given:
                self._wrong(document, f"{key}.{field}", "has no meaning for a ratio; its target is the share")
            elif not is_ratio and field not in given:
                self._wrong(document, f"{key}.{field}", "is missing: what every value is compared with")
        if given["target"] <= 0:
            self._wrong(document, f"{key}.target", f"{given['target']:g} is no share that can be missed")
        if len(self.problems) > before or annotations.get(_PHASE, RUN) not in PHASE_NAMES:
            return
        share = float(Decimal(str(given["target"])) * 100)
        every = annotations.get(_EVERY) in ("true", True)
        if every and statistic != "distribution":
            self._wrong(document, f"metadata.annotations.{_EVERY}", f"has no meaning for {measure}")
        objective = Objective(
            name=name,
            title=given.get("displayName") or document.title,
            measure=measure,
            comparison=">=" if is_ratio else _COMPARISONS[given["op"]],
            objective=share if is_ratio else float(given["value"]),
            unit=unit,
            phase=annotations.get(_PHASE, RUN),
            source=" ".join(spec.get("description", "").split()),
            percentile=(EVERY if every else share) if statistic == "distribution" else None,
            clients_min=_whole(annotations.get(_CLIENTS_MIN, 0)) or 0,
            service=spec["service"],
            window=" ".join(window["duration"] for window in spec.get("timeWindow", [])),
            alerts=tuple(spec.get("alertPolicies", [])),
        )
        for field, message in contradictions(objective):
            where = _KEYS[field].format(index=index, number="target" if is_ratio else "value")
            self._wrong(document, where, message)
        self.objectives.append(objective)

    # --- alert policies -----------------------------------------------------------------------------------

    def _policy(self, document: Document) -> None:
        for index, target in enumerate(document.spec["notificationTargets"]):
            if "targetRef" in target:
                key = f"spec.notificationTargets.{index}.targetRef"
                self._referred(document, key, "AlertNotificationTarget", target["targetRef"])
        for index, condition in enumerate(document.spec["conditions"]):
            key = f"spec.conditions.{index}"
            spec = condition.get("spec")
            if "conditionRef" in condition:
                referred = self._referred(
                    document, f"{key}.conditionRef", "AlertCondition", condition["conditionRef"]
                )
                if referred is None:
                    continue
                spec = referred.spec
            self._burn_rate(document, f"{key}.spec", spec)

    def _burn_rate(self, document: Document, key: str, spec: Any) -> None:
        try:
            alert = msgspec.convert(spec, _Alert)
        except msgspec.ValidationError as error:
            # The schema does not look into a condition that stands within its policy.
            self._wrong(document, key, " ".join(str(error).split()))
            return
        burn = alert.condition
        self.policies.append(
            AlertPolicy(document.name, alert.severity, burn.threshold, burn.lookback_window, burn.alert_after)
        )


_Window: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]*[mhdwMQY]$")]


class _Burn(msgspec.Struct, frozen=True, rename="camel"):
    """A burn rate at which somebody is told; examples write ``op`` both ways round, so it says nothing."""

    threshold: float
    lookback_window: _Window
    alert_after: _Window
    kind: Literal["burnrate"] = "burnrate"


class _Alert(msgspec.Struct, frozen=True):
    severity: str
    condition: _Burn


def _whole(value: object) -> int | None:
    """The number that an annotation stands for; None if it is none, or negative."""
    text = str(value)
    return int(text) if WRITTEN[int].fullmatch(text) and int(text) >= 0 else None


def _names(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}.{number}" for number in range(1, count + 1)]


def combined(found: ObjectiveSet, required: Iterable[Objective]) -> tuple[Objective, ...]:
    """The objectives of files and those of single requirements, each once by name; the later one counts."""
    return tuple({o.name: o for o in (*found.objectives, *required)}.values())
