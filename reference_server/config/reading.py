"""A struct read from YAML, with every mistake in it: file, line, key.

Reading goes on after a mistake, so that one look at the file is enough. What comes from the environment is
not shown in a message, and neither is the value of a secret.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

from reference_server.config.sections import Secret
from reference_server.config.variables import VariableError, expand

_TAG: Final = "tag:yaml.org,2002:"
_NULL: Final = f"{_TAG}null"
_TEXT_TAGS: Final = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "timestamp"))
_SHOWN_MAX: Final = 40


class Problem(NamedTuple):
    """One mistake; ``line`` counts from 1 and is None where the file has no line for it."""

    place: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.place}:{self.line}" if self.line else self.place
        return ": ".join(part for part in (where, self.key, self.message) if part)


class Wrong:
    """Stands for a value that could not be read."""


WRONG: Final = Wrong()


def parse(text: str) -> tuple[yaml.Node | None, tuple[int | None, str] | None]:
    """The YAML tree of a text (None if empty) and, if it is no YAML, the line and what is wrong."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader), None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        what = str(error.problem or error.context)
        # The name of an alias may be a password that wanted quotes.
        if "alias" in what or "anchor" in what:
            what = "an alias or anchor that is not used rightly; a text that begins with * or & wants quotes"
        return None, (line, f"not YAML: {what}")
    except (yaml.YAMLError, RecursionError) as error:
        return None, (None, f"not YAML: {type(error).__name__}: {str(error).splitlines()[:1]}")


def fields_of(cls: type) -> dict[str, Any]:
    """The fields of a struct with their annotated types, in order."""
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in msgspec.structs.fields(cls)}


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the most similar known one, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"


class Reader:
    """Turns YAML nodes into values of annotated types; collects problems and the line of every key."""

    def __init__(self, place: str, environ: Mapping[str, str]) -> None:
        self.place = place
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}
        self.failed: set[str] = set()
        self._environ = environ

    def problem(self, key: str, message: str, line: int | None = None) -> None:
        """Note a mistake; without a line, that of the key or of the nearest one around it."""
        self.failed.add(key)
        around = key
        while line is None and around:
            line = self.lines.get(around)
            around = around.rpartition(".")[0]
        self.problems.append(Problem(self.place, line, key, message))

    def has_failed(self, key: str) -> bool:
        """Whether the key, something around it or something within it has a mistake already."""
        return any(
            key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.")
            for other in self.failed
        )

    def read(self, kind: Any, node: yaml.Node, key: str) -> Any:
        """The value of type ``kind`` that ``node`` stands for, or :data:`WRONG` after noting why not."""
        self.lines.setdefault(key, node.start_mark.line + 1)
        base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        origin = get_origin(base)
        if origin in (Union, types.UnionType):
            if node.tag == _NULL:
                return None
            (inner,) = (arm for arm in get_args(base) if arm is not type(None))
            return self.read(inner, node, key)
        if origin is tuple:
            return self._tuple(get_args(base)[0], node, key)
        if isinstance(base, type) and issubclass(base, msgspec.Struct):
            return self.struct(base, node, key)
        return self._scalar(kind, base, node, key)

    def struct(self, cls: type[msgspec.Struct], node: yaml.Node, key: str) -> Any:
        """A section; what is wrong in it is noted and left at its default."""
        if not isinstance(node, yaml.MappingNode):
            if node.tag == _NULL:  # a heading with nothing below it
                return cls() if not _required(cls) else self._wrong(node, key, "is empty")
            return self._wrong(node, key, f"must be a mapping of keys to values, not {_shape(node)}")
        prefix = f"{key}." if key else ""
        types_of = fields_of(cls)
        values: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value) if isinstance(name_node, yaml.ScalarNode) else _shape(name_node)
            line = name_node.start_mark.line + 1
            path = f"{prefix}{name}"
            if name not in types_of:
                self.problem(path, f"unknown key; {nearest(name, types_of)}", line)
            elif name in seen:
                self.problem(path, f"is given twice, first in line {seen[name]}", line)
            else:
                seen[name] = self.lines[path] = line
                value = self.read(types_of[name], value_node, path)
                if value is not WRONG:
                    values[name] = value
        absent = [name for name in _required(cls) if name not in values]
        for name in absent:
            if name not in seen:
                self.problem(f"{prefix}{name}", "is missing", node.start_mark.line + 1)
        return WRONG if absent else cls(**values)

    def _tuple(self, kind: Any, node: yaml.Node, key: str) -> Any:
        if node.tag == _NULL:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            return self._wrong(node, key, f"must be a list, not {_shape(node)}")
        values = [self.read(kind, item, f"{key}.{i}") for i, item in enumerate(node.value)]
        return tuple(value for value in values if value is not WRONG)

    def _scalar(self, kind: Any, base: Any, node: yaml.Node, key: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return self._wrong(node, key, f"must be {_expected(kind, base)}, not {_shape(node)}")
        try:
            text, names = expand(node.value, self._environ)
        except VariableError as error:
            return self._wrong(node, key, str(error))
        shown = "what is there" if base is Secret else _shown(node)
        if names:
            shown = f"the value of {' and '.join(dict.fromkeys(names))}"
        if not names and node.tag == _NULL:
            return self._wrong(node, key, f"must be {_expected(kind, base)}, but has no value")
        is_text = base is str or base is Secret or get_origin(base) is Literal
        if is_text and (names or node.tag in _TEXT_TAGS):
            value: Any = text
        else:
            value = _plain(node, text, resolve=bool(names))
        try:
            if base is Secret:
                return Secret(msgspec.convert(value, str))
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            return self._wrong(node, key, f"must be {_expected(kind, base)}, not {shown}")

    def _wrong(self, node: yaml.Node, key: str, message: str) -> Wrong:
        self.problem(key, message, node.start_mark.line + 1)
        return WRONG


def _required(cls: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(cls) if field.required]


def _plain(node: yaml.ScalarNode, text: str, *, resolve: bool) -> Any:
    """The scalar as YAML understands it; a text that came from a variable as if it were written there."""
    loader = yaml.SafeLoader("")
    try:
        tag = loader.resolve(yaml.ScalarNode, text, (True, False)) if resolve else node.tag  # type: ignore[no-untyped-call]
        return loader.construct_object(yaml.ScalarNode(tag, text))
    except (ValueError, KeyError, yaml.YAMLError):
        return None


def _shape(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "a single value"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _shown(node: yaml.ScalarNode) -> str:
    text = node.value if len(node.value) <= _SHOWN_MAX else node.value[:_SHOWN_MAX] + "…"
    return text if node.tag in _TEXT_TAGS - {f"{_TAG}str"} else repr(text)


def _expected(kind: Any, base: Any) -> str:
    if get_origin(base) is Literal:
        return "one of " + ", ".join(get_args(base))
    meta = get_args(kind)[1] if get_origin(kind) is Annotated else msgspec.Meta()
    if meta.pattern is not None:
        return "1 to 64 of the signs A-Z a-z 0-9 . _ -"
    what: str = {int: "a whole number", float: "a number", bool: "true or false"}.get(base, "a text")
    if meta.min_length:
        return f"{what} that is not empty"
    if meta.ge is not None and meta.le is not None:
        return f"{what} from {meta.ge:.12g} to {meta.le:.12g}"
    return what
