"""OpenSLO documents as they are written: YAML with lines, held against the schemas of OpenSLO v1.

The schemas are OpenSLO's own (``openslo/``, Apache-2.0), so a file that is accepted here is accepted by every
tool that keeps to them. What they refuse is said as everything else that is wrong with a file: with its line,
its key, and in words.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from model.settings.reader import NULL, Problem, SettingError, nearest, parse_all, text_of
from model.settings.written import WRITTEN

if TYPE_CHECKING:
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import ValidationError

FILE_BYTES_MAX: Final = 1_048_576
_NODES_MAX: Final = 100_000
"""Of one file, repeats by reference included; a file of that size by hand has fewer."""

_SCHEMAS: Final = Path(__file__).parent / "openslo" / "v1"
_BASE: Final = "https://openslo.com/schemas/v1/parts"
KINDS: Final = (
    "Service",
    "SLI",
    "SLO",
    "AlertPolicy",
    "AlertCondition",
    "AlertNotificationTarget",
    "DataSource",
)
_WHAT: Final = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "boolean": "true or false",
}
_TAG: Final = "tag:yaml.org,2002:"
_NUMBERS: Final = {f"{_TAG}int": int, f"{_TAG}float": float}


class Document(NamedTuple):
    """One document of a file that the schemas accept.

    Attributes:
        place: the name of the file.
        value: as JSON has it.
        lines: of every key, by its path: ``spec.objectives.0.target``.
    """

    place: str
    value: Mapping[str, Any]
    lines: Mapping[str, int]

    @property
    def kind(self) -> str:
        """One of :data:`KINDS`."""
        return str(self.value["kind"])

    @property
    def name(self) -> str:
        """Its name in references."""
        return str(self.value["metadata"]["name"])

    @property
    def title(self) -> str:
        """Its name for people."""
        return str(self.value["metadata"].get("displayName", self.name))

    @property
    def spec(self) -> Mapping[str, Any]:
        """What it says."""
        spec: Mapping[str, Any] = self.value["spec"]
        return spec

    def problem(self, key: str, message: str) -> Problem:
        """A mistake of this document; its line is that of the key or of the nearest one around it."""
        return _problem(self.place, self.lines, key, message)


def read_documents(path: Path) -> tuple[list[Document], list[Problem]]:
    """The documents of a file that the schemas accept, and everything that is wrong with the others."""
    try:
        nodes = parse_all(text_of(path.read_bytes(), FILE_BYTES_MAX))
    except OSError as error:
        return [], [Problem(str(path), None, "", f"cannot be read: {error.strerror or error}")]
    except SettingError as error:
        return [], [Problem(str(path), error.line, "", error.message)]
    documents: list[Document] = []
    problems: list[Problem] = []
    for node in nodes:
        reading = _Reading(str(path))
        try:
            value = reading.value(node, "")
        except RecursionError:
            value = None
            reading.wrong(node, "", "is nested too deeply, or contains itself")
        found = reading.problems or list(_refusals(str(path), value, reading.lines))
        problems += found
        if not found:
            documents.append(Document(str(path), value, reading.lines))
    if not nodes:
        problems.append(Problem(str(path), None, "", "holds no document"))
    return documents, problems


class _Reading:
    """Turns the nodes of one document into what JSON has, and remembers their lines."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}
        self._nodes = 0

    def wrong(self, node: yaml.Node, key: str, message: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(self.place, node.start_mark.line + 1, key, message))

    def value(self, node: yaml.Node, key: str) -> Any:
        """The value of a node; None where it is noted to be wrong."""
        self._nodes += 1
        self.lines.setdefault(key, node.start_mark.line + 1)
        if self._nodes > _NODES_MAX:
            if self._nodes == _NODES_MAX + 1:
                self.wrong(node, key, f"is the value after {_NODES_MAX:,}, which is more than are read")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, _below(key, str(i))) for i, item in enumerate(node.value)]
        return self._scalar(node, key)

    def _mapping(self, node: yaml.MappingNode, key: str) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for name_node, value_node in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                self.wrong(name_node, key, "a key must be a text")
                continue
            path = _below(key, name_node.value)
            if name_node.value in mapping:
                self.wrong(name_node, path, f"is given twice, first in line {self.lines[path]}")
                continue
            self.lines[path] = name_node.start_mark.line + 1
            mapping[name_node.value] = self.value(value_node, path)
        return mapping

    def _scalar(self, node: yaml.Node, key: str) -> Any:
        """A value is what is written: what only YAML 1.1 takes for a number or a truth value is refused."""
        text = str(node.value)
        if node.tag == NULL:
            return None
        if node.tag == f"{_TAG}bool":
            if not WRITTEN[bool].fullmatch(text):
                self.wrong(node, key, f"{text} is true or false in YAML 1.1; write that, or quote it")
            return text.lower() == "true"
        kind = _NUMBERS.get(node.tag)
        if kind is None:
            return text  # a moment too, which JSON does not have
        if not WRITTEN[kind].fullmatch(text) or not math.isfinite(kind(text)):
            self.wrong(node, key, f"{text} is not a number in decimal digits; quote it if it is a text")
            return None
        return kind(text)


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _problem(place: str, lines: Mapping[str, int], key: str, message: str) -> Problem:
    around = key
    while around not in lines and around:
        around = around.rpartition(".")[0]
    return Problem(place, lines.get(around), key, message)


# --- the schemas ------------------------------------------------------------------------------------------


@functools.cache
def _validator(name: str) -> Draft7Validator:
    """The validator of one part; ``general`` is what every document has."""
    # Here, because it takes long to import, and most commands only name what might be read.
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource

    contents = [json.loads(path.read_bytes()) for path in sorted(_SCHEMAS.rglob("*.json"))]
    registry: Registry[Any] = Registry().with_resources(
        (content["$id"], Resource.from_contents(content)) for content in contents
    )
    return Draft7Validator({"$ref": f"{_BASE}/{name}.schema.json"}, registry=registry)


def _refusals(place: str, value: Any, lines: Mapping[str, int]) -> Iterator[Problem]:
    """What the schemas hold against a document, each once, in the order of the lines.

    The schema of all kinds says no more than that none of seven fits; so the kind is looked up here.
    """
    validators = [_validator("general")]
    kind = value.get("kind") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind in KINDS:
        validators.append(_validator(f"{kind.lower()}-spec"))
    found: dict[tuple[str, str], Problem] = {}
    for validator in validators:
        for error in validator.iter_errors(value):
            key = ".".join(map(str, error.absolute_path))
            for name, message in _said(error):
                at = _below(key, name) if name else key
                found.setdefault((at, message), _problem(place, lines, at, message))
    yield from sorted(found.values(), key=lambda problem: problem.line or 0)


def _said(error: ValidationError) -> Iterator[tuple[str, str]]:
    """What a schema refuses, in words; each with the key below the refused value, or an empty one."""
    limit: Any = error.validator_value
    given: Any = error.instance
    match error.validator:
        case "required":
            yield from ((name, "is missing") for name in limit if name not in given)
        case "type":
            yield "", f"must be {_WHAT.get(str(limit), str(limit))}, not {_shown(given)}"
        case "const":
            yield "", f"must be {limit}, not {_shown(given)}"
        case "enum":
            hint = f"; {nearest(given, limit)}" if isinstance(given, str) else ""
            yield "", f"must be one of {', '.join(limit)}, not {_shown(given)}{hint}"
        case "oneOf" if all("required" in arm for arm in limit):
            names = [listed for arm in limit for listed in arm["required"]]
            if not isinstance(given, dict):
                yield "", f"must be {_WHAT['object']}, not {_shown(given)}"
            elif not any(all(name in given for name in arm["required"]) for arm in limit):
                yield "", f"needs one of {', '.join(names)}"
        case "not":
            yield "", f"can have one of {', '.join(limit.get('required', ()))} only"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            yield "", f"{given:g} must be {_BOUNDS[str(error.validator)]} {limit:g}"
        case "minItems" | "maxItems":
            yield "", f"must have {'at least' if error.validator == 'minItems' else 'at most'} {limit} items"
        case "maxLength":
            yield "", f"must have at most {limit} characters, not {len(given)}"
        case "minLength" | "pattern" if not given:
            yield "", "must not be empty"
        case "pattern":
            yield "", f"{_shown(given)} must be of the form {limit}"
        case _:
            yield "", " ".join(error.message.split())


_BOUNDS: Final = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return repr(value if len(value) <= 40 else f"{value[:40]}…")
        case _:
            return str(value)
