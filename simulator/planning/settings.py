"""Frozen structs read from YAML, where every mistake is reported with its line and its key.

A struct is its own schema: the annotations give types and bounds (``msgspec.Meta``), defaults give what may
be left out. A field whose name ends in ``_us`` is written without the ending and with a unit: ``duration:
120s``. A key is named by its path, ``network.regions.0.latency``; the same path sets a single value from
outside.
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
import yaml

_UNITS_US: Final = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*(us|ms|s|m|h)")
_DAY_US: Final = 86_400_000_000

_UNIT: Final = {"unit": "duration"}
Duration: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_DAY_US, extra=_UNIT)]
PositiveDuration: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=_DAY_US, extra=_UNIT)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]

Variant: TypeAlias = Callable[[Mapping[str, Any]], tuple[frozenset[str], Mapping[str, Any]]]
"""For structs whose fields depend on one of them: takes the fields given (scalars as text) and returns the
fields allowed and the values of those left out."""


class SettingError(ValueError):
    """A value is missing, unknown or of the wrong kind.

    Attributes:
        key: path of the value, empty for the whole.
        message: what is wrong with it, without the key.
        line: line in the file, counted from 1; None if it came from elsewhere.
    """

    def __init__(self, key: str, message: str, line: int | None = None) -> None:
        super().__init__(f"{key}: {message}" if key else message)
        self.key = key
        self.message = message
        self.line = line


def parse_yaml(text: str) -> yaml.Node | None:
    """The YAML tree with the line of every node; None for an empty text.

    Raises:
        SettingError: the text is not YAML.
    """
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise SettingError("", f"not YAML: {error.problem or error.context}", line) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingError("", f"not YAML: {str(error).splitlines()[0]}") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the most similar known one, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"


def key_of(field: str) -> str:
    """How a field is written in a file."""
    return field.removesuffix("_us")


def fields_of(cls: type) -> dict[str, Any]:
    """The fields of a struct with their annotated types, in order."""
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in msgspec.structs.fields(cls)}


class Reader:
    """Turns YAML nodes into values of annotated types and remembers the line of every key."""

    def __init__(self, variants: Mapping[type, Variant], *, has_lines: bool = True) -> None:
        """``has_lines`` is false for a text that is no file."""
        self.lines: dict[str, int] = {}
        self._variants = variants
        self._has_lines = has_lines

    def read(self, kind: Any, node: yaml.Node, key: str) -> Any:
        """The value of type ``kind`` that ``node`` stands for.

        Raises:
            SettingError: it stands for none.
        """
        if self._has_lines:
            self.lines[key] = node.start_mark.line + 1
        base, _ = _base_of(kind)
        origin = get_origin(base)
        if origin in (Union, types.UnionType):
            return self._optional(base, node, key)
        if origin is tuple:
            return self._tuple(get_args(base), node, key)
        if isinstance(base, type) and issubclass(base, msgspec.Struct):
            return self._struct(base, node, key)
        return self._scalar(kind, node, key)

    def _fail(self, node: yaml.Node, key: str, message: str) -> SettingError:
        return SettingError(key, message, node.start_mark.line + 1 if self._has_lines else None)

    def _optional(self, kind: Any, node: yaml.Node, key: str) -> Any:
        if node.tag == "tag:yaml.org,2002:null":
            return None
        (inner,) = (arm for arm in get_args(kind) if arm is not type(None))
        return self.read(inner, node, key)

    def _tuple(self, arms: tuple[Any, ...], node: yaml.Node, key: str) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._fail(node, key, f"must be a list, not {_shown(node)}")
        if arms[-1] is not Ellipsis:
            if len(node.value) != len(arms):
                raise self._fail(node, key, f"must be a list of {len(arms)} values, not of {len(node.value)}")
            kinds = arms
        else:
            kinds = (arms[0],) * len(node.value)
        pairs = zip(kinds, node.value, strict=True)
        return tuple(self.read(kind, item, f"{key}.{i}") for i, (kind, item) in enumerate(pairs))

    def _struct(self, cls: type[msgspec.Struct], node: yaml.Node, key: str) -> msgspec.Struct:
        prefix = f"{key}." if key else ""
        types_of = fields_of(cls)
        by_key = {key_of(field): field for field in types_of}
        given = self._members(node, key, by_key)
        allowed = frozenset(types_of)
        values: dict[str, Any] = {}
        if cls in self._variants:
            texts = {f: v.value if isinstance(v, yaml.ScalarNode) else v for f, (_, v) in given.items()}
            try:
                allowed, defaults = self._variants[cls](texts)
            except SettingError as error:
                where = given[error.key][1] if error.key in given else node
                raise self._fail(where, prefix + error.key, error.message) from None
            values.update(defaults)
        for field, (name, value) in given.items():
            if field not in allowed:
                known = nearest(key_of(field), [key_of(f) for f in types_of if f in allowed])
                raise self._fail(name, prefix + key_of(field), f"does not belong here; {known}")
            values[field] = self.read(types_of[field], value, prefix + key_of(field))
        for info in msgspec.structs.fields(cls):
            if info.required and info.name not in values:
                raise self._fail(node, prefix + key_of(info.name), "is missing")
        return cls(**values)

    def _members(
        self, node: yaml.Node, key: str, by_key: Mapping[str, str]
    ) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The members of a mapping: field to (node of the key, node of the value)."""
        if not isinstance(node, yaml.MappingNode):
            raise self._fail(node, key, f"must be a mapping of keys to values, not {_shown(node)}")
        prefix = f"{key}." if key else ""
        given: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for name, value in node.value:
            text = str(name.value) if isinstance(name, yaml.ScalarNode) else _shown(name)
            if text not in by_key:
                raise self._fail(name, prefix + text, f"unknown key; {nearest(text, by_key)}")
            if by_key[text] in given:
                raise self._fail(name, prefix + text, "is given twice")
            given[by_key[text]] = (name, value)
        return given

    def _scalar(self, kind: Any, node: yaml.Node, key: str) -> Any:
        base, meta = _base_of(kind)
        value: Any = None
        if isinstance(node, yaml.ScalarNode):
            value = _duration_us(node.value) if _is_duration(meta) else _plain(node, base)
        try:
            if value is None:
                raise msgspec.ValidationError
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise self._fail(node, key, f"must be {_expected(base, meta)}, not {_shown(node)}") from None


def replaced(value: Any, kind: Any, path: list[str], read: Callable[[Any], Any], done: str = "") -> Any:
    """``value`` with the part at ``path`` replaced by what ``read`` returns for that part's type.

    Raises:
        SettingError: there is no such part.
    """
    if not path:
        return read(kind)
    name, rest = path[0], path[1:]
    here = f"{done}.{name}" if done else name
    if isinstance(value, msgspec.Struct):
        types_of = fields_of(type(value))
        by_key = {key_of(field): field for field in types_of}
        if name not in by_key:
            raise SettingError(here, f"unknown key; {nearest(name, by_key)}")
        field = by_key[name]
        part = replaced(getattr(value, field), types_of[field], rest, read, here)
        return msgspec.structs.replace(value, **{field: part})
    if isinstance(value, tuple):
        if not (name.isascii() and name.isdigit() and int(name) < len(value)):
            numbers = f"0 to {len(value) - 1}" if value else "nothing, it is empty"
            raise SettingError(here, f"unknown key; {done} has {numbers}")
        arms = get_args(_inner(kind))
        arm = arms[0] if arms[-1] is Ellipsis else arms[int(name)]
        part = replaced(value[int(name)], arm, rest, read, here)
        return (*value[: int(name)], part, *value[int(name) + 1 :])
    raise SettingError(here, f"unknown key; {done} is a single value")


def _inner(kind: Any) -> Any:
    """The type itself where it may be None as well."""
    base, _ = _base_of(kind)
    if get_origin(base) in (Union, types.UnionType):
        (base,) = (arm for arm in get_args(base) if arm is not type(None))
    return base


def _base_of(kind: Any) -> tuple[Any, msgspec.Meta | None]:
    if get_origin(kind) is Annotated:
        base, meta = get_args(kind)[:2]
        return base, meta
    return kind, None


def _is_duration(meta: msgspec.Meta | None) -> bool:
    return meta is not None and meta.extra == _UNIT


def _duration_us(text: str) -> int | None:
    """``250ms`` as microseconds; None if it is no duration, or finer than a microsecond."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    exact = Decimal(match[1]) * _UNITS_US[match[2]]
    return int(exact) if exact == int(exact) else None


def _plain(node: yaml.ScalarNode, base: Any) -> Any:
    """The scalar as YAML understands it; text stays text even where it looks like a number."""
    if base is str or get_origin(base) is Literal:
        return node.value
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError):
        return None


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        text = node.value if len(node.value) <= 40 else node.value[:40] + "…"
        return repr(text) if node.tag == "tag:yaml.org,2002:str" or not text else text
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _expected(base: Any, meta: msgspec.Meta | None) -> str:
    if get_origin(base) is Literal:
        return "one of " + ", ".join(a or "''" for a in get_args(base))
    if meta is not None and _is_duration(meta):
        least = "" if not meta.ge else " above 0"
        return f"a duration{least} such as 120s, 250ms or 2m, up to 24h"
    what = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[base]
    low, high = (meta.ge, meta.le) if meta is not None else (None, None)
    if low is not None and high is not None:
        return f"{what} from {low:g} to {high:g}" if base is float else f"{what} from {low} to {high}"
    return what if low is None else f"{what} of at least {low}"
