r"""Text operations over Unicode code points: apply, compose, transform, invert.

An operation walks its base text from the left and is made of three components, written as in
the conformance vectors: skip ``n`` code points (a positive int), insert a string (a str), delete ``n``
code points (a negative int here, ``{"d": n}`` in JSON). A skip to the end is left out. Every operation
knows the length of the text it applies to; a text of another length is an error, never a silent slice.

Normal form (D2): neighbours of one kind are merged, trailing skips are dropped, empty components are
dropped; an insert and a delete that meet are never swapped, because the order between them decides where
a concurrent insert goes.

The overwhelmingly common operation is one insert or one delete at one place. It is recognised once,
when the operation is built (``Operation.splice``), and every function below has a short path for it
that gives the same result as the general walk; the tests compare the two. An operation and its functions are
one algebra and stand in one file, so that the short paths are read beside the walks they stand for.

Source of the transformation rule: the ``text-unicode`` type of the ottypes family; its law is TP1
(both ways round give one text), also along sequences. It does not satisfy TP2 and needs a server that orders
operations, and ``T(a·b, c)`` may differ from going by steps if ``a`` deletes, so logs are not composed (D5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

Component: TypeAlias = int | str
JsonComponent: TypeAlias = int | str | dict[str, int]


class OperationError(ValueError):
    """An operation is malformed or does not fit the text or operation it was used with."""


class Operation:
    """An immutable text operation in normal form.

    Attributes:
        base_length: length in code points of the text it applies to.
        target_length: length in code points of the text it results in.
        components: skips (> 0), inserts (str) and deletes (< 0), without the trailing skip.
        splice: ``(position, inserted, deleted)`` if this is one insert or one delete, else None.
    """

    __slots__ = ("_hash", "base_length", "components", "splice", "target_length")

    base_length: int
    target_length: int
    components: tuple[Component, ...]
    splice: tuple[int, str, int] | None
    _hash: int

    def __init__(self, base_length: int, components: Iterable[Component]) -> None:
        """Normalise and validate ``components``.

        Raises:
            OperationError: the components need more text than ``base_length``.
        """
        normal = _merge_neighbours(components)
        consumed = 0
        change = 0
        for c in normal:
            if isinstance(c, str):
                change += len(c)
            elif c > 0:
                consumed += c
            else:
                consumed -= c
                change += c
        if consumed > base_length or base_length < 0:
            raise OperationError(f"operation spans {consumed} code points of a text of {base_length}")
        if normal and isinstance(normal[-1], int) and normal[-1] > 0:
            normal.pop()
        form = tuple(normal)
        _fill(self, base_length, base_length + change, form, _splice_of(form))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            type(other) is Operation
            and self.base_length == other.base_length
            and self.components == other.components
        )

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:  # most operations are never asked
            _set(self, "_hash", hash((self.base_length, self.components)))
            return self._hash

    def __repr__(self) -> str:
        return f"Operation({self.base_length}, {list(self.components)!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an Operation is immutable")

    def __reduce__(self) -> tuple[type[Operation], tuple[int, tuple[Component, ...]]]:
        return (Operation, (self.base_length, self.components))

    @property
    def is_noop(self) -> bool:
        """Whether the text stays as it is."""
        return not self.components

    @property
    def inserted(self) -> int:
        """Number of code points inserted."""
        if self.splice is not None:
            return len(self.splice[1])
        return sum(len(c) for c in self.components if isinstance(c, str))

    @property
    def deleted(self) -> int:
        """Number of code points deleted."""
        return -sum(c for c in self.components if not isinstance(c, str) and c < 0)

    def check_invariants(self) -> None:
        """The components are in normal form, and the lengths and the short form are those of them."""
        again = Operation(self.base_length, self.components)
        assert self.components == again.components, self
        assert self.target_length == again.target_length, (self, self.target_length)
        assert self.splice == again.splice, (self, self.splice)

    def to_json(self) -> list[JsonComponent]:
        """The components as in the conformance vectors; the base length travels beside them."""
        return [c if isinstance(c, str) or c > 0 else {"d": -c} for c in self.components]

    @staticmethod
    def from_json(base_length: int, components: Sequence[object]) -> Operation:
        """Build an operation from its JSON form.

        Raises:
            OperationError: a component is of no known form, empty, or spans beyond the base length.
        """
        parsed = [_component(c) for c in components]
        # The usual operation, a skip and one insert or delete, needs no normalisation.
        if len(parsed) == 2:
            at, change = parsed
            if isinstance(at, int) and at > 0:
                if isinstance(change, str):
                    return insert(base_length, at, change)
                if change < 0:
                    return delete(base_length, at, -change)
        return Operation(base_length, parsed)


def _component(c: object) -> Component:
    if type(c) is str and c:
        return c
    if type(c) is int and c > 0:
        return c
    if type(c) is dict and len(c) == 1:
        n = c.get("d")
        if type(n) is int and n > 0:
            return -n
    raise OperationError(f"component {c!r} is neither a skip, a string nor a delete")


_set = object.__setattr__


def _fill(
    op: Operation,
    base_length: int,
    target_length: int,
    components: tuple[Component, ...],
    splice: tuple[int, str, int] | None,
) -> None:
    _set(op, "base_length", base_length)
    _set(op, "target_length", target_length)
    _set(op, "components", components)
    _set(op, "splice", splice)


def _splice_of(components: tuple[Component, ...]) -> tuple[int, str, int] | None:
    match components:
        case (int(first), str(inserted)) if first > 0:
            return (first, inserted, 0)
        case (int(first), int(count)) if first > 0:
            return (first, "", -count)
        case (str(inserted),):
            return (0, inserted, 0)
        case (int(count),):
            return (0, "", -count)
        case _:
            return None


def _merge_neighbours(components: Iterable[Component]) -> list[Component]:
    out: list[Component] = []
    for c in components:
        if not c:
            continue
        last = out[-1] if out else None
        if isinstance(c, str):
            if isinstance(last, str):
                out[-1] = last + c
                continue
        elif isinstance(last, int) and (c > 0) == (last > 0):
            out[-1] = last + c
            continue
        out.append(c)
    return out


def insert(base_length: int, position: int, text: str) -> Operation:
    """Insert ``text`` before code point ``position``.

    Raises:
        OperationError: the position is outside ``0..base_length``.
    """
    if not 0 <= position <= base_length:
        raise OperationError(f"position {position} is outside 0..{base_length}")
    if not text:
        return noop(base_length)
    op = Operation.__new__(Operation)
    form = (position, text) if position else (text,)
    _fill(op, base_length, base_length + len(text), form, (position, text, 0))
    return op


def delete(base_length: int, position: int, count: int) -> Operation:
    """Delete ``count`` code points from ``position`` on.

    Raises:
        OperationError: the range is outside ``0..base_length``.
    """
    if position < 0 or count < 0 or position + count > base_length:
        raise OperationError(f"range {position}..{position + count} is outside 0..{base_length}")
    if not count:
        return noop(base_length)
    op = Operation.__new__(Operation)
    form = (position, -count) if position else (-count,)
    _fill(op, base_length, base_length - count, form, (position, "", count))
    return op


def replace(base_length: int, position: int, count: int, text: str) -> Operation:
    """Delete ``count`` code points at ``position``, then insert ``text`` there."""
    if position < 0 or count < 0 or position + count > base_length:
        raise OperationError(f"range {position}..{position + count} is outside 0..{base_length}")
    return Operation(base_length, (position, -count, text))


def noop(base_length: int) -> Operation:
    """The operation that leaves a text of ``base_length`` code points as it is."""
    op = Operation.__new__(Operation)
    _fill(op, base_length, base_length, (), None)
    return op


def apply(text: str, op: Operation) -> str:
    """The text after ``op``.

    Raises:
        OperationError: ``text`` has not the operation's base length.
    """
    if len(text) != op.base_length:
        raise OperationError(f"operation on {op.base_length} code points met a text of {len(text)}")
    splice = op.splice
    if splice is not None:
        position, inserted, deleted = splice
        return text[:position] + inserted + text[position + deleted :]
    out: list[str] = []
    at = 0
    for c in op.components:
        if isinstance(c, str):
            out.append(c)
        elif c > 0:
            out.append(text[at : at + c])
            at += c
        else:
            at -= c
    out.append(text[at:])
    result = "".join(out)
    assert len(result) == op.target_length, op
    return result


class _Taker:
    """Hands out the components of an operation in pieces of a wanted length."""

    __slots__ = ("components", "index", "used")

    def __init__(self, components: tuple[Component, ...]) -> None:
        self.components = components
        self.index = 0
        self.used = 0

    def peek(self) -> Component | None:
        return self.components[self.index] if self.index < len(self.components) else None

    def take(self, limit: int, *, whole_insert: bool = False, whole_delete: bool = False) -> Component:
        """The next piece, at most ``limit`` long; past the end, a skip of ``limit``."""
        if self.index == len(self.components):
            return limit
        c = self.components[self.index]
        if isinstance(c, str):
            rest: Component = c[self.used :] if self.used else c
            if whole_insert or len(rest) <= limit:  # type: ignore[arg-type]
                self.index += 1
                self.used = 0
                return rest
            self.used += limit
            return rest[:limit]  # type: ignore[index]
        size = abs(c) - self.used
        if (whole_delete and c < 0) or size <= limit:
            self.index += 1
            self.used = 0
        else:
            self.used += limit
            size = limit
        return size if c > 0 else -size

    def rest(self) -> Iterator[Component]:
        while self.index < len(self.components):
            c = self.components[self.index]
            if self.used:
                c = c[self.used :] if isinstance(c, str) else (c - self.used if c > 0 else c + self.used)
            yield c
            self.index += 1
            self.used = 0


def compose_all(operations: Sequence[Operation]) -> Operation:
    """The composition of consecutive operations, at least one; pairwise as a tree, so that many stay cheap.

    Raises:
        OperationError: one is not based on the result of the one before.
    """
    level = list(operations)
    while len(level) > 1:
        paired = [compose(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def compose(first: Operation, second: Operation) -> Operation:
    """One operation with the effect of ``first`` followed by ``second``.

    Raises:
        OperationError: ``second`` is not based on the result of ``first``.
    """
    if first.target_length != second.base_length:
        raise OperationError(
            f"composing an operation that results in {first.target_length} code points "
            f"with one based on {second.base_length}"
        )
    out: list[Component] = []
    taker = _Taker(first.components)
    for c in second.components:
        if isinstance(c, str):
            out.append(c)
            continue
        left = abs(c)
        while left:
            piece = taker.take(left, whole_delete=True)
            if isinstance(piece, str):
                left -= len(piece)
                if c > 0:
                    out.append(piece)
            elif piece > 0:
                left -= piece
                out.append(piece if c > 0 else -piece)
            else:
                out.append(piece)
    out.extend(taker.rest())
    result = Operation(first.base_length, out)
    assert result.target_length == second.target_length, (first, second)
    return result


def transform(op: Operation, other: Operation, *, first: bool) -> Operation:
    """``op`` changed to run after the concurrent ``other``; both are based on one text.

    Args:
        op: the operation to change.
        other: the operation that will have run before it.
        first: whether an insert of ``op`` goes before an insert of ``other`` at the same position
            (in this project: whether its site id is the smaller one, D4).

    Raises:
        OperationError: the two have different base lengths.
    """
    if op.base_length != other.base_length:
        raise OperationError(
            f"transforming an operation on {op.base_length} code points against one on {other.base_length}"
        )
    a, b = op.splice, other.splice
    if a is not None and b is not None:
        result = _transform_splice(a, other, b, first)
        if result is not None:
            return result
    return _transform_walk(op, other, first)


def _transform_splice(
    a: tuple[int, str, int], other: Operation, b: tuple[int, str, int], first: bool
) -> Operation | None:
    """The short path of two single inserts or deletes; None where the delete ``a`` would be split."""
    at, text, count = a
    other_at, other_text, other_count = b
    length = other.target_length
    if other_text:
        n = len(other_text)
        if text:
            return insert(length, at if at < other_at or (at == other_at and first) else at + n, text)
        if at + count <= other_at:
            return delete(length, at, count)
        if at >= other_at:
            return delete(length, at + n, count)
        return None
    if text:
        if at <= other_at:
            return insert(length, at, text)
        return insert(length, max(other_at, at - other_count), text)
    end, other_end = at + count, other_at + other_count
    overlap = min(end, other_end) - max(at, other_at)
    if overlap > 0:
        return delete(length, min(at, other_at), count - overlap)
    return delete(length, at if at < other_at else at - other_count, count)


def _transform_walk(op: Operation, other: Operation, first: bool) -> Operation:
    out: list[Component] = []
    taker = _Taker(op.components)
    for c in other.components:
        if isinstance(c, str):
            if first and isinstance(taker.peek(), str):
                out.append(taker.take(0, whole_insert=True))
            out.append(len(c))
            continue
        left = abs(c)
        while left:
            piece = taker.take(left, whole_insert=True)
            if isinstance(piece, str):
                out.append(piece)
                continue
            left -= abs(piece)
            if c > 0:
                out.append(piece)
    out.extend(taker.rest())
    return Operation(other.target_length, out)


def transform_pair(a: Operation, b: Operation, *, a_first: bool) -> tuple[Operation, Operation]:
    """``(a', b')`` with ``a·b' == b·a'``; ``a_first`` as ``first`` of :func:`transform`, seen from ``a``."""
    a_after_b, b_after_a = transform(a, b, first=a_first), transform(b, a, first=not a_first)
    assert a_after_b.target_length == b_after_a.target_length, (a, b)
    return a_after_b, b_after_a


def invert(op: Operation, text: str) -> Operation:
    """The operation that undoes ``op``, given the text that ``op`` applied to.

    Raises:
        OperationError: ``text`` has not the operation's base length.
    """
    if len(text) != op.base_length:
        raise OperationError(f"inverting an operation on {op.base_length} code points with {len(text)}")
    out: list[Component] = []
    at = 0
    for c in op.components:
        if isinstance(c, str):
            out.append(-len(c))
        elif c > 0:
            out.append(c)
            at += c
        else:
            out.append(text[at : at - c])
            at -= c
    return Operation(op.target_length, out)


def transform_position(position: int, op: Operation, *, follows_insert: bool = False) -> int:
    """Where a cursor at ``position`` stands after ``op`` (D7).

    The result is always within ``0..op.target_length`` if the argument was within ``0..op.base_length``.

    Args:
        position: a gap between code points, 0 being before the first.
        op: the operation that was applied.
        follows_insert: whether text inserted exactly at the cursor pushes it along (the owner's own
            typing) or leaves it with its left neighbour (everybody else's).
    """
    splice = op.splice
    if splice is not None:
        at, inserted, deleted = splice
        if inserted:
            if at < position or (at == position and follows_insert):
                return position + len(inserted)
            return position
        if at >= position:
            return position
        return max(at, position - deleted)
    result = position
    at = 0  # in coordinates of the text before the operation
    for c in op.components:
        if at > position:
            break
        if isinstance(c, str):
            if at < position or follows_insert:
                result += len(c)
        elif c > 0:
            at += c
        else:
            result -= min(-c, max(0, position - at))
            at -= c
    return result


Selection: TypeAlias = tuple[int, int]
"""``(anchor, head)`` of a selection; equal for a bare cursor."""

CARET: Final[Selection] = (0, 0)


def transform_selection(selection: Selection, op: Operation, *, follows_insert: bool = False) -> Selection:
    """Both ends of a selection after ``op``, each as in :func:`transform_position`."""
    anchor, head = selection
    moved = transform_position(anchor, op, follows_insert=follows_insert)
    if anchor == head:
        return (moved, moved)
    return (moved, transform_position(head, op, follows_insert=follows_insert))
