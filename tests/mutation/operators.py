"""What a mutation is, and all that a source can be given: one small change of its text each.

A mutation replaces a stretch of the source and nothing else, so that what is shown is what ran, comments and
line breaks included. Left alone is what decides nothing: annotations, docstrings, wording, assertions, and
functions that only check or describe.

Written here because the kept libraries do not fit: cosmic-ray rewrites files of the working tree and has no
operators for statements, arguments, branches and slices; mutmut runs pytest alone and cannot be asked for
the verdict of a simulation.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

LEFT_ALONE: Final = frozenset({"__repr__", "__str__", "check_invariants", "described"})
"""Functions that describe or check, and decide nothing."""

COUNTED: Final = "mark"
"""What only counts that something happened."""

NOT_SWAPPED: Final = frozenset({"isinstance", "issubclass", "cast", "TypeVar", "NewType", "getattr", "range"})
"""Calls whose arguments are kept in their order: swapped ones fail at once, whoever looks."""

COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, tuple[str, ...]]]] = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
ARITHMETIC: Final[dict[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.FloorDiv: ("//", "*"),
    ast.Div: ("/", "*"),
    ast.Mod: ("%", "//"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
}


class Mutation(NamedTuple):
    """One change of one source.

    Attributes:
        file: relative to the root of the project.
        line: where it begins, from 1.
        function: the qualified name of what it is in; empty at the top of a module.
        operator: the kind of change.
        start: first byte that is replaced.
        end: the byte after the last.
        text: what stands there instead.
        nth: which one it is of all that look the same in this function, from 0.
    """

    file: str
    line: int
    function: str
    operator: str
    start: int
    end: int
    text: str
    nth: int = 0

    def key_in(self, source: str) -> str:
        """A short name, which does not change with other functions of the source."""
        old = source.encode()[self.start : self.end].decode()
        look = "\0".join((self.file, self.function, self.operator, old, self.text, str(self.nth)))
        return hashlib.blake2b(look.encode(), digest_size=5).hexdigest()

    def applied(self, source: str) -> str:
        """The source with this change."""
        data = source.encode()
        return (data[: self.start] + self.text.encode() + data[self.end :]).decode()


def mutations(file: str, source: str) -> list[Mutation]:
    """All changes of a source, in the order of their places; see :func:`is_program`."""
    return found_by(Finder(file, source), source)


def found_by(finder: Finder, source: str) -> list[Mutation]:
    """What a finder finds in a source, in the order of the places."""
    finder.visit(ast.parse(source))
    data = source.encode()
    found = sorted((m for m in set(finder.found) if data[m.start : m.end] != m.text.encode()), key=_place)
    seen: Counter[tuple[str, str, bytes, str]] = Counter()
    numbered = []
    for mutation in found:
        look = (mutation.function, mutation.operator, data[mutation.start : mutation.end], mutation.text)
        numbered.append(mutation._replace(nth=seen[look]))
        seen[look] += 1
    return numbered


def _place(mutation: Mutation) -> tuple[int, int, str]:
    return mutation.start, mutation.end, mutation.text


def is_program(source: str) -> bool:
    """Whether it compiles: a few changes leave no program, which is looked at only when one is drawn."""
    try:
        compile(source, "mutated", "exec")
    except SyntaxError:
        return False
    return True


class Finder(ast.NodeVisitor):
    """Collects the mutations of a source."""

    def __init__(self, file: str, source: str) -> None:
        self.found: list[Mutation] = []
        self._file = file
        self._data = source.encode()
        self._lines = [0]
        for line in self._data.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._names: list[str] = []

    # --- places -------------------------------------------------------------------------------------------

    def _begin(self, node: ast.expr | ast.stmt | ast.pattern) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt | ast.pattern) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        return self._data[self._begin(node) : self._end(node)].decode()

    def _replace(self, operator: str, start: int, end: int, text: str) -> None:
        line = self._data.count(b"\n", 0, start) + 1
        name = ".".join(self._names)
        self.found.append(Mutation(self._file, line, name, operator, start, end, text))

    def _change(self, operator: str, node: ast.expr | ast.stmt, text: str) -> None:
        self._replace(operator, self._begin(node), self._end(node), text)

    def _sign(
        self, operator: str, left: ast.expr, right: ast.expr, sign: str, others: tuple[str, ...]
    ) -> None:
        """Replace a sign between two operands."""
        start, end = self._end(left), self._begin(right)
        at = self._data.find(sign.encode(), start, end)
        if at >= 0:
            for other in others:
                self._replace(operator, at, at + len(sign), other)

    # --- what is left alone -------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Not its annotations and decorators."""
        if node.name in LEFT_ALONE:
            return
        self._names.append(node.name)
        for part in (*node.args.defaults, *node.args.kw_defaults, *node.body):
            if part is not None:
                self.visit(part)
        self._names.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Not a protocol, which has no code."""
        bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
        if "Protocol" in bases:
            return
        self._names.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self._names.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """The value alone; a name of a type is none."""
        if node.value is not None and "TypeAlias" not in ast.unparse(node.annotation):
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        """It checks."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """It words."""

    # --- expressions --------------------------------------------------------------------------------------

    def visit_Compare(self, node: ast.Compare) -> None:
        """Its neighbour, and its opposite."""
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            sign, others = COMPARISONS[type(op)]
            self._sign("comparison", left, right, sign, others)
            left = right
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """And, or."""
        sign, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._sign("boolean", left, right, sign, (other,))
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Not of texts and types, where no other sign means anything."""
        if not any(
            isinstance(side, ast.JoinedStr | ast.List | ast.Tuple) or _is_text(side) for side in _sides(node)
        ):
            sign, other = ARITHMETIC[type(node.op)]
            self._sign("arithmetic", node.left, node.right, sign, (other,))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Without its sign."""
        if isinstance(node.op, ast.Not | ast.USub):
            self._change("negation", node, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """One more, one less; true, false."""
        if isinstance(node.value, bool):
            self._change("constant", node, str(not node.value))
        elif isinstance(node.value, int):
            self._change("constant", node, str(node.value + 1))
            if node.value > 0:
                self._change("constant", node, str(node.value - 1))

    def visit_Call(self, node: ast.Call) -> None:
        """Two arguments that changed places; the other extreme."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("min", "max"):
            self._change("extreme", node.func, "max" if name == "min" else "min")
        if name not in NOT_SWAPPED | {"min", "max"}:
            for left, right in zip(node.args, node.args[1:], strict=False):
                if isinstance(left, ast.Starred) or isinstance(right, ast.Starred):
                    continue
                gap = self._data[self._end(left) : self._begin(right)].decode()
                swapped = self._text(right) + gap + self._text(left)
                self._replace("arguments", self._begin(left), self._end(right), swapped)
        self.visit(node.func)
        for argument in node.args[:1] if name in ("isinstance", "issubclass") else node.args:
            self.visit(argument)
        for keyword in node.keywords:
            self.visit(keyword.value)

    def visit_Slice(self, node: ast.Slice) -> None:
        """A bound that is one off, or none."""
        for bound, step in ((node.lower, "+"), (node.upper, "-")):
            if bound is not None:
                self._change("slice", bound, "")
                if not isinstance(bound, ast.Constant):
                    self._change("slice", bound, f"({self._text(bound)}) {step} 1")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Always the one, always the other."""
        self._condition(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        """Everything goes through its condition, or what should not."""
        for test in node.ifs:
            self._condition(test)
        self.generic_visit(node)

    def _condition(self, test: ast.expr, constants: tuple[str, ...] = ("True", "False")) -> None:
        binds = any(isinstance(n, ast.NamedExpr) for n in ast.walk(test))
        for constant in () if binds else constants:
            self._change("condition", test, constant)
        if not isinstance(test, ast.Compare | ast.UnaryOp):
            self._change("negation", test, f"not ({self._text(test)})")

    # --- statements ---------------------------------------------------------------------------------------

    def visit_If(self, node: ast.If) -> None:
        """Always, never, without what is done else."""
        if ast.unparse(node.test) == "TYPE_CHECKING" or _only_counts(node):
            return
        self._condition(node.test)
        if node.orelse and not self._data.startswith(b"elif", self._begin(node.orelse[0])):
            self._replace("branch", self._begin(node.orelse[0]), self._end(node.orelse[-1]), "pass")
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        """Not once."""
        self._condition(node.test, ("False",))
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        """Over nothing."""
        if _only_counts(node):
            return
        self._change("loop", node.iter, "()")
        self.generic_visit(node)

    def visit_match_case(self, node: ast.match_case) -> None:
        """Never."""
        if node.guard is not None:
            self._condition(node.guard)
        elif not (isinstance(node.pattern, ast.MatchAs) and node.pattern.pattern is None):
            colon = self._data.find(b":", self._end(node.pattern))
            self._replace("branch", colon, colon, " if False")
        for part in (node.guard, *node.body):
            if part is not None:
                self.visit(part)

    def visit_Expr(self, node: ast.Expr) -> None:
        """A call that is not made."""
        if isinstance(node.value, ast.Call):
            if _only_counts(node):
                return
            self._change("statement", node, "pass")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Something that is not kept, unless that fails at once."""
        kept = all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets)
        if kept and self._names and self._names[-1] != "__init__":
            self._change("statement", node, "pass")
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Not done, or with the other sign."""
        self._change("statement", node, "pass")
        sign, other = ARITHMETIC[type(node.op)]
        self._sign("arithmetic", node.target, node.value, f"{sign}=", (f"{other}=",))
        self.visit(node.value)

    def visit_Delete(self, node: ast.Delete) -> None:
        """Kept."""
        self._change("statement", node, "pass")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Let go on; what it says is wording."""
        self._change("statement", node, "pass")

    def visit_Return(self, node: ast.Return) -> None:
        """Not returned, or nothing is."""
        self._change("return", node, "pass")
        if node.value is not None:
            if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                self._change("return", node, "return None")
            self.visit(node.value)

    def visit_Continue(self, node: ast.Continue) -> None:
        """Fall through, or leave."""
        self._change("jump", node, "pass")
        self._change("jump", node, "break")

    def visit_Break(self, node: ast.Break) -> None:
        """Go on."""
        self._change("jump", node, "pass")


def _sides(node: ast.BinOp) -> Iterator[ast.expr]:
    yield node.left
    yield node.right


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes | None)


def _only_counts(node: ast.stmt) -> bool:
    """Whether a statement does nothing but count, under whatever condition."""
    match node:
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function).rpartition(".")[2] == COUNTED
        case ast.If() | ast.For():
            return all(_only_counts(inner) for inner in (*node.body, *node.orelse))
        case _:
            return False
