"""A struct is its own schema: the reader of YAML into structs.

Annotations give types and bounds (``msgspec.Meta``), defaults give what may be left out. A field whose name
ends in ``_us`` is written without the ending and with a unit: ``duration: 120s``. A key is named by its path:
``network.regions.0.latency``.

Reading goes on after a mistake, so that one look at a file is enough. Nothing in a file is ever built or
called: a tag of YAML changes no more than how its text is taken.

A value is what is written. YAML 1.1 reads 22:22 as 1342, 017 as 15, 1_0 as 10 and ``on`` as true; where a
number or a truth value is expected, such a text is refused. Where a text is expected it is that text.
"""

from __future__ import annotations

import contextlib
import difflib
import math
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
import yaml

from model.settings.durations import duration_us, is_duration, key_of
from model.settings.written import WRITTEN

_TAG: Final = "tag:yaml.org,2002:"
NULL: Final = f"{_TAG}null"
TEXT: Final = f"{_TAG}str"
_TEXT_TAGS: Final = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "timestamp"))
_SHOWN_MAX: Final = 40
Variant: TypeAlias = Callable[[Mapping[str, Any]], tuple[frozenset[str], Mapping[str, Any]]]
"""For structs whose fields depend on one of them: takes the fields given (scalars as text) and returns the
fields allowed and the values of those left out; raises :class:`SettingError`."""


class SettingError(ValueError):
    """A value is missing, unknown or of the wrong kind.

    Attributes:
        key: path of the value, empty for the whole.
        message: what is wrong with it, without the key.
        line: line in the file, counted from 1; None if it has none.
    """

    def __init__(self, key: str, message: str, line: int | None = None) -> None:
        super().__init__(f"{key}: {message}" if key else message)
        self.key = key
        self.message = message
        self.line = line


class Problem(NamedTuple):
    """One mistake; ``line`` counts from 1 and is None where the file has no line for it."""

    place: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.place}:{self.line}" if self.line else self.place
        return ": ".join(part for part in (where, self.key, self.message) if part)


class Scalar(NamedTuple):
    """A single value: its text, the tag by which YAML understands it, and how a message may show it."""

    text: str
    tag: str
    shown: str


class Wrong:
    """Stands for a value that could not be read."""


WRONG: Final = Wrong()


def text_of(data: bytes, bytes_max: int) -> str:
    """The text in a file.

    Raises:
        SettingError: it is too large, or not UTF-8.
    """
    if len(data) > bytes_max:
        raise SettingError("", f"larger than {bytes_max} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingError("", "not UTF-8 text") from None


def parse(text: str) -> yaml.Node | None:
    """The YAML tree with the line of every node; None for an empty text.

    Raises:
        SettingError: the text is not YAML, or several documents.
    """
    with _refusing_no_yaml():
        return yaml.compose(text, Loader=yaml.SafeLoader)


def parse_all(text: str) -> list[yaml.Node]:
    """The YAML trees of a text of several documents; empty ones are left out.

    Raises:
        SettingError: the text is not YAML.
    """
    with _refusing_no_yaml():
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    return [node for node in nodes if node.tag != NULL]


@contextlib.contextmanager
def _refusing_no_yaml() -> Iterator[None]:
    try:
        yield
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        what = str(error.problem or error.context)
        # The name of an alias may be a password that wanted quotes.
        if "alias" in what or "anchor" in what:
            what = "an alias or anchor that is not used rightly; a text that begins with * or & wants quotes"
        raise SettingError("", f"not YAML: {what}", line) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingError("", f"not YAML: {str(error).splitlines()[0]}") from None


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
    """Turns YAML nodes into values of annotated types.

    Attributes:
        place: the name of the file in messages; empty for a text that is no file, which has no lines.
        problems: the mistakes so far, in the order in which they were found.
        lines: of every key.
    """

    def __init__(self, place: str, variants: Mapping[type, Variant] = types.MappingProxyType({})) -> None:
        self.place = place
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}
        self._failed: set[str] = set()
        self._variants = variants

    # --- mistakes -----------------------------------------------------------------------------------------

    def problem(self, key: str, message: str, line: int | None = None) -> None:
        """Note a mistake; without a line, that of the key or of the nearest one around it."""
        self._failed.add(key)
        around = key
        while line is None and around:
            line = self.lines.get(around)
            around = around.rpartition(".")[0]
        self.problems.append(Problem(self.place, line if self.place else None, key, message))

    def has_failed(self, key: str) -> bool:
        """Whether the key, something around it or something within it has a mistake already."""
        return any(
            key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.")
            for other in self._failed
        )

    @property
    def sorted_problems(self) -> list[Problem]:
        """The mistakes in the order of their lines; those of the whole file come first."""
        return sorted(self.problems, key=lambda problem: problem.line or 0)

    def _wrong(self, node: yaml.Node, key: str, message: str) -> Wrong:
        self.problem(key, message, _line(node))
        return WRONG

    # --- what a subclass may do otherwise -------------------------------------------------------------------

    def scalar(self, node: yaml.ScalarNode, _base: Any) -> Scalar:
        """A single value that is to become a ``_base``.

        Raises:
            SettingError: it cannot be taken.
        """
        return Scalar(node.value, node.tag, _shown(node))

    def described(self, node: yaml.Node) -> str:
        """What stands where something else should."""
        if isinstance(node, yaml.ScalarNode):
            return _shown(node)
        return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"

    # --- values -------------------------------------------------------------------------------------------

    def read(self, kind: Any, node: yaml.Node, key: str) -> Any:
        """The value of type ``kind`` that ``node`` stands for, or :data:`WRONG` after noting why not."""
        self.lines.setdefault(key, _line(node))
        base, meta = _parts(kind)
        origin = get_origin(base)
        if origin in (Union, types.UnionType):
            return None if node.tag == NULL else self.read(inner_of(base), node, key)
        if origin is tuple:
            return self._tuple(get_args(base), node, key)
        if isinstance(base, type) and issubclass(base, msgspec.Struct):
            return self._struct(base, node, key)
        return self._value(kind, base, meta, node, key)

    def _tuple(self, arms: tuple[Any, ...], node: yaml.Node, key: str) -> Any:
        if node.tag == NULL:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            return self._wrong(node, key, f"must be a list, not {self.described(node)}")
        kinds = arms
        if arms[-1] is Ellipsis:
            kinds = (arms[0],) * len(node.value)
        elif len(node.value) != len(arms):
            return self._wrong(node, key, f"must be a list of {len(arms)} values, not of {len(node.value)}")
        pairs = zip(kinds, node.value, strict=True)
        values = [self.read(kind, item, f"{key}.{i}") for i, (kind, item) in enumerate(pairs)]
        if arms[-1] is not Ellipsis and WRONG in values:
            return WRONG
        return tuple(value for value in values if value is not WRONG)

    def _struct(self, cls: type[msgspec.Struct], node: yaml.Node, key: str) -> Any:
        """A section; what is wrong in it is noted and left at its default."""
        required = [field.name for field in msgspec.structs.fields(cls) if field.required]
        if not isinstance(node, yaml.MappingNode):
            if node.tag == NULL:  # a heading with nothing below it
                return self._wrong(node, key, "is empty") if required else cls()
            return self._wrong(node, key, f"must be a mapping of keys to values, not {self.described(node)}")
        prefix = f"{key}." if key else ""
        types_of = fields_of(cls)
        given = self._members(node, prefix, types_of)
        variant = self._variant(cls, given, node, prefix)
        if isinstance(variant, Wrong):
            return WRONG
        allowed, defaults = variant
        values: dict[str, Any] = dict(defaults)
        for field, (line, value_node) in given.items():
            if field not in allowed:
                known = nearest(key_of(field), [key_of(name) for name in types_of if name in allowed])
                self.problem(prefix + key_of(field), f"does not belong here; {known}", line)
                continue
            value = self.read(types_of[field], value_node, prefix + key_of(field))
            if value is not WRONG:
                values[field] = value
        absent = [field for field in required if field not in values]
        for field in absent:
            if field not in given:
                self.problem(prefix + key_of(field), "is missing", _line(node))
        return WRONG if absent else cls(**values)

    def _members(
        self, node: yaml.MappingNode, prefix: str, types_of: Mapping[str, Any]
    ) -> dict[str, tuple[int, yaml.Node]]:
        """The members of a mapping: field to line and value."""
        by_key = {key_of(field): field for field in types_of}
        given: dict[str, tuple[int, yaml.Node]] = {}
        for name_node, value_node in node.value:
            scalar = isinstance(name_node, yaml.ScalarNode)
            name = str(name_node.value) if scalar else self.described(name_node)
            line = _line(name_node)
            if name not in by_key:
                self.problem(f"{prefix}{name}", f"unknown key; {nearest(name, by_key)}", line)
            elif (field := by_key[name]) in given:
                self.problem(f"{prefix}{name}", f"is given twice, first in line {given[field][0]}", line)
            else:
                given[field] = (line, value_node)
                self.lines[f"{prefix}{name}"] = line
        return given

    def _variant(
        self, cls: type, given: Mapping[str, tuple[int, yaml.Node]], node: yaml.Node, prefix: str
    ) -> tuple[Iterable[str], Mapping[str, Any]] | Wrong:
        """The fields that a struct may have here, and the values of those left out."""
        if cls not in self._variants:
            return fields_of(cls), {}
        nodes = {field: value for field, (_, value) in given.items()}
        texts = {f: n.value if isinstance(n, yaml.ScalarNode) else n for f, n in nodes.items()}
        try:
            return self._variants[cls](texts)
        except SettingError as error:
            return self._wrong(nodes.get(error.key, node), prefix + error.key, error.message)

    def _value(self, kind: Any, base: Any, meta: msgspec.Meta, node: yaml.Node, key: str) -> Any:
        expected = _expected(base, meta)
        if not isinstance(node, yaml.ScalarNode):
            return self._wrong(node, key, f"must be {expected}, not {self.described(node)}")
        if node.tag == NULL:
            return self._wrong(node, key, f"must be {expected}, but has no value")
        try:
            scalar = self.scalar(node, base)
        except SettingError as error:
            return self._wrong(node, key, error.message)
        value = _plain(scalar, base, meta)
        if not is_duration(meta) and base in WRITTEN and not WRITTEN[base].fullmatch(scalar.text):
            return self._wrong(
                node, key, f"must be {expected}, not {scalar.shown}{_remedy(scalar, value, base)}"
            )
        try:
            if is_text(base) and base is not str and isinstance(base, type):
                return base(msgspec.convert(value, str))
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            return self._wrong(node, key, f"must be {expected}, not {scalar.shown}")


def is_text(base: Any) -> bool:
    """Whether values of a type are texts, so that what looks like a number is none."""
    return get_origin(base) is Literal or (isinstance(base, type) and issubclass(base, str))


def inner_of(kind: Any) -> Any:
    """The type itself where it may be None as well."""
    base, _ = _parts(kind)
    if get_origin(base) in (Union, types.UnionType):
        (base,) = (arm for arm in get_args(base) if arm is not type(None))
    return base


def _parts(kind: Any) -> tuple[Any, msgspec.Meta]:
    if get_origin(kind) is Annotated:
        base, meta = get_args(kind)[:2]
        return base, meta
    return kind, msgspec.Meta()


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _plain(scalar: Scalar, base: Any, meta: msgspec.Meta) -> Any:
    """The value as YAML understands it; text stays text even where it looks like a number."""
    if is_duration(meta):
        return duration_us(scalar.text)
    if is_text(base) and scalar.tag in _TEXT_TAGS:
        return scalar.text
    try:
        return yaml.SafeLoader("").construct_object(yaml.ScalarNode(scalar.tag, scalar.text))
    except (ValueError, KeyError, yaml.YAMLError):
        return None


def _remedy(scalar: Scalar, value: Any, base: type) -> str:
    """What to write instead of a number or truth value that YAML reads otherwise than it is written."""
    kinds = (int, float) if base is float else (base,)
    if type(value) not in kinds or not math.isfinite(value):
        return ""
    if scalar.shown != scalar.text:  # not to be shown, so neither is its value
        return "; write it in decimal digits, or as true or false"
    meant = str(value).lower()
    return f", which YAML 1.1 reads as {meant}; write {meant} if that is meant"


def _shown(node: yaml.ScalarNode) -> str:
    text = node.value if len(node.value) <= _SHOWN_MAX else node.value[:_SHOWN_MAX] + "…"
    return text if text and node.tag in _TEXT_TAGS - {TEXT} else repr(text)


def _expected(base: Any, meta: msgspec.Meta) -> str:
    if get_origin(base) is Literal:
        return "one of " + ", ".join(arm or "''" for arm in get_args(base))
    if is_duration(meta):
        least = " above 0" if meta.ge else ""
        return f"a duration{least} such as 120s, 250ms or 2m, up to 24h"
    if meta.pattern is not None:
        return "1 to 64 of the signs A-Z a-z 0-9 . _ -"
    what: str = {int: "a whole number", float: "a number", bool: "true or false"}.get(base, "a text")
    if meta.min_length:
        return f"{what} that is not empty"
    if meta.ge is None:
        return what
    bounds = [
        f"{bound:.12g}" if base is float else str(bound) for bound in (meta.ge, meta.le) if bound is not None
    ]
    return f"{what} of at least {bounds[0]}" if meta.le is None else f"{what} from {' to '.join(bounds)}"
