"""Generators of texts, operations and structs."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable

import msgspec
from hypothesis import strategies as st

from model.protocol import NATURAL_MAX
from model.text import Component, Operation

# Few different characters make equal neighbours likely; the last two lie beyond 16 bits.
ALPHABET: typing.Final = "abé\n😀𝄞"


def texts(max_size: int = 12) -> st.SearchStrategy[str]:
    return st.text(ALPHABET, max_size=max_size)


def _fitted(base_length: int, drawn: Iterable[Component]) -> Operation:
    components: list[Component] = []
    left = base_length
    for c in drawn:
        if isinstance(c, str):
            components.append(c)
            continue
        size = min(abs(c), left)
        left -= size
        components.append(size if c > 0 else -size)
    return Operation(base_length, components)


def operations(base_length: int) -> st.SearchStrategy[Operation]:
    """Operations on a text of this length: half of them one insert or delete, half of them a walk."""
    skip = st.integers(1, base_length) if base_length else st.just(1)
    change: st.SearchStrategy[Component] = st.one_of(
        st.text(ALPHABET, min_size=1, max_size=3),
        st.integers(-max(base_length, 1), -1),
    )
    single = st.tuples(st.integers(0, base_length), change)
    walk = st.lists(st.one_of(change, skip), max_size=8)
    return st.one_of(single, walk).map(lambda drawn: _fitted(base_length, drawn))


@st.composite
def chains(draw: st.DrawFn, base_length: int, length: int) -> list[Operation]:
    """Operations of which each is based on the result of the one before."""
    chain: list[Operation] = []
    for _ in range(length):
        chain.append(draw(operations(chain[-1].target_length if chain else base_length)))
    return chain


@st.composite
def concurrent(draw: st.DrawFn, count: int = 2) -> tuple[str, list[Operation]]:
    """A text and operations that are all based on it."""
    text = draw(texts())
    return text, [draw(operations(len(text))) for _ in range(count)]


@st.composite
def any_operation(draw: st.DrawFn) -> Operation:
    return draw(operations(draw(st.integers(0, 12))))


def values(annotation: typing.Any) -> st.SearchStrategy[typing.Any]:
    """Values of a field of a message or record, whatever its type; unbounded in meaning, not in size."""
    annotation = getattr(annotation, "__supertype__", annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Operation:
        return any_operation()
    if origin is typing.Annotated:
        return values(arguments[0])
    if annotation is typing.Any:
        return st.one_of(st.integers(0, NATURAL_MAX), texts(), st.booleans(), st.none())
    if origin is list:
        return st.lists(values(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if origin is tuple and arguments[-1] is ...:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if isinstance(annotation, type) and hasattr(annotation, "_fields"):  # a named tuple
        return st.builds(annotation, *map(values, typing.get_type_hints(annotation).values()))
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values, arguments))
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return structs(annotation)
    simple: dict[typing.Any, st.SearchStrategy[typing.Any]] = {
        int: st.integers(0, NATURAL_MAX),
        str: st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    }
    return simple[annotation] if annotation in simple else st.from_type(annotation)


def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[typing.Any]:
    """Instances of a struct with every field drawn."""
    fields = {field.encode_name: values(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)
