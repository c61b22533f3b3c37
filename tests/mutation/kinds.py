"""Three more kinds of mutation, which the sample does not have: they are drawn and measured on their own.

``order``: two statements in a row change places, so that something is told before it is so. ``twice``: a call
is made a second time, like an effect that is carried out again. ``units``: a text is measured in units of
UTF-16 instead of code points.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from tests.mutation.operators import COUNTED, LEFT_ALONE, Finder, Mutation, found_by

KINDS: Final = ("order", "twice", "units")

TEXTS: Final = ("text", "inserted", "c", "piece", "change")
"""Names of texts, the last of a chain of attributes."""


def own_mutations(file: str, source: str, kinds: Sequence[str] = KINDS) -> list[Mutation]:
    """All changes of a source that are of these kinds, in the order of their places."""
    return [m for m in found_by(_OwnFinder(file, source), source) if m.operator in kinds]


class _OwnFinder(Finder, ast.NodeVisitor):
    """Collects them, among all others."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """The statements of its body, and of what is inside of that."""
        if node.name not in LEFT_ALONE:
            self._names.append(node.name)
            for part in ast.walk(node):
                for field in ("body", "orelse", "finalbody"):
                    statements = getattr(part, field, None)
                    if isinstance(statements, list):
                        self._exchange(statements)
            self._names.pop()
        super().visit_FunctionDef(node)

    def _exchange(self, statements: list[ast.stmt]) -> None:
        for first, second in pairwise(statements):
            if _acts(first) and _acts(second):
                begin, end = self._begin(first), self._end(second)
                between = self._data[self._end(first) : self._begin(second)].decode()
                self._replace("order", begin, end, self._source(second) + between + self._source(first))

    def _source(self, node: ast.stmt) -> str:
        return self._data[self._begin(node) : self._end(node)].decode()

    def visit_Expr(self, node: ast.Expr) -> None:
        """A call that is made once more, in a line of its own."""
        if self._names and _acts(node):
            text = self._source(node)
            self._change("twice", node, f"{text}\n{' ' * node.col_offset}{text}")
        super().visit_Expr(node)

    def visit_Call(self, node: ast.Call) -> None:
        """The length of a text."""
        match node:
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name) | ast.Attribute(attr=name)]) if (
                name in TEXTS
            ):
                measured = self._text(node.args[0])
                self._change("units", node, f'sum(1 + (unit > "\\uffff") for unit in {measured})')
        super().visit_Call(node)


def _acts(node: ast.stmt) -> bool:
    """Whether a statement does something beside naming a value or counting."""
    match node:
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function).rpartition(".")[2] != COUNTED
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign() | ast.Delete():
            return True
        case _:
            return False
