from __future__ import annotations

import ast

import pytest

from tests.mutation.areas import source_of
from tests.mutation.operators import Mutation, is_program, mutations


def becomes(source: str, operator: str = "") -> list[str]:
    """What a source becomes, by one operator or by any."""
    return [m.applied(source) for m in mutations("a.py", source) if operator in ("", m.operator)]


@pytest.mark.parametrize(
    ("operator", "source", "others"),
    [
        ("comparison", "a < b", ["a <= b", "a >= b"]),
        ("comparison", "a <= b < c", ["a < b < c", "a > b < c", "a <= b <= c", "a <= b >= c"]),
        ("comparison", "(a) == (b)", ["(a) != (b)"]),
        ("comparison", "a is not b", ["a is b"]),
        ("comparison", "a not in b", ["a in b"]),
        ("boolean", "a and b and c", ["a or b and c", "a and b or c"]),
        ("boolean", "a or b", ["a and b"]),
        ("arithmetic", "a + b", ["a - b"]),
        ("arithmetic", "a // b", ["a * b"]),
        ("arithmetic", "a -= b", ["a += b"]),
        ("arithmetic", "'a' + b", []),
        ("negation", "not a", ["(a)"]),
        ("negation", "-a", ["(a)"]),
        ("negation", "if a(b):\n    c", ["if not (a(b)):\n    c"]),
        ("constant", "a(1)", ["a(0)", "a(2)"]),
        ("constant", "a = 0", ["a = 1"]),
        ("constant", "a = True", ["a = False"]),
        ("extreme", "min(a, b)", ["max(a, b)"]),
        ("arguments", "a(b, c, d)", ["a(c, b, d)", "a(b, d, c)"]),
        ("arguments", "isinstance(a, b)", []),
        ("arguments", "a(*b, c)", []),
        ("slice", "a[b:c]", ["a[:c]", "a[(b) + 1:c]", "a[b:]", "a[b:(c) - 1]"]),
        ("condition", "a if b else c", ["a if False else c", "a if True else c"]),
        ("condition", "[a for a in b if c]", ["[a for a in b if False]", "[a for a in b if True]"]),
        ("condition", "if (a := b()):\n    c", []),
        ("condition", "if a:\n    b\nelif c:\n    d", None),
        ("condition", "while a:\n    b", ["while False:\n    b"]),
        ("branch", "if a:\n    b\nelse:\n    c\n    d", ["if a:\n    b\nelse:\n    pass"]),
        ("branch", "match a:\n    case B():\n        c", ["match a:\n    case B() if False:\n        c"]),
        ("branch", "match a:\n    case _:\n        c", []),
        ("loop", "for a in b:\n    c", ["for a in ():\n    c"]),
        ("statement", "a(b)", ["pass"]),
        ("statement", "def f():\n    self.a = b", ["def f():\n    pass"]),
        ("statement", "def __init__():\n    self.a = b", []),
        ("statement", "a = b", []),
        ("statement", "a += b", ["pass"]),
        ("statement", "del a[b]", ["pass"]),
        ("statement", "raise A(b, c)", ["pass"]),
        ("return", "def f():\n    return a", ["def f():\n    pass", "def f():\n    return None"]),
        ("return", "def f():\n    return", ["def f():\n    pass"]),
        ("jump", "for a in b:\n    continue", ["for a in b:\n    break", "for a in b:\n    pass"]),
        ("jump", "while a:\n    break", ["while a:\n    pass"]),
    ],
)
def test_an_operator_makes_of_a_line(operator: str, source: str, others: list[str] | None) -> None:
    found = becomes(source, operator)
    if others is None:
        others = [source.replace(test, value) for test in ("a:", "c:") for value in ("False:", "True:")]
    assert sorted(found) == sorted(others)


@pytest.mark.parametrize(
    "source",
    [
        '"""1 < 2"""',
        "assert a < 1",
        "def f(a: Literal[1] = b) -> Literal[2]: ...",
        "A: TypeAlias = B | C",
        'f"{a + 1} {b(c, d)}"',
        "if TYPE_CHECKING:\n    from a import b",
        "class A(Protocol):\n    a = 1",
        "class A(Protocol[T]):\n    a = 1",
        "class A:\n    def __repr__(self):\n        return a(1)",
        "def check_invariants(self):\n    if a:\n        b()",
        "import a",
        "a: int",
        "isinstance(a, B | C)",
        "mark(A.B, 1)",
        "A.mark(b, 1)",
        "if a < 1:\n    mark(A.B)\nelif b:\n    for c in d[1:]:\n        mark(A.C)",
    ],
)
def test_what_decides_nothing_is_left_alone(source: str) -> None:
    assert [m for m in mutations("a.py", source) if m.operator != "statement"] == []


def test_a_branch_that_counts_and_decides_is_not_left_alone() -> None:
    assert becomes("if a < 1:\n    mark(A.B)\nelse:\n    b = 0", "comparison")


def test_places_are_those_of_the_bytes_of_a_source() -> None:
    source = "a = 'é𝄞'; b = c < 'ü'\n# ß\nd = e('ö', 1)\n"
    assert {m.line for m in mutations("a.py", source)} == {1, 3}
    assert "a = 'é𝄞'; b = c <= 'ü'\n# ß\nd = e('ö', 1)\n" in becomes(source)
    assert "a = 'é𝄞'; b = c < 'ü'\n# ß\nd = e(1, 'ö')\n" in becomes(source)


def test_functions_are_named_from_outside() -> None:
    source = "class A:\n    def f(self):\n        def g():\n            return 1\n"
    assert {m.function for m in mutations("a.py", source)} == {"A.f.g"}


def test_every_change_has_a_key_of_its_own_which_other_functions_do_not_change() -> None:
    source = "a(1)\na(1)\n"
    keys = [m.key_in(source) for m in mutations("a.py", source)]
    assert len(set(keys)) == len(keys)
    assert {m.key_in(source) for m in mutations("b.py", source)}.isdisjoint(keys)
    later = "# here\ndef f():\n    b(1)\n" + source
    assert {m.key_in(later) for m in mutations("a.py", later)} > set(keys)


def test_a_change_of_the_product_is_the_one_it_says() -> None:
    source = source_of("model/cursors.py")
    for mutation in mutations("a.py", source):
        assert is_program(mutation.applied(source))
        assert ast.dump(ast.parse(mutation.applied(source))) != ast.dump(ast.parse(source))


def test_what_does_not_compile_is_no_program() -> None:
    assert not is_program("def f(:\n")
    assert not is_program("return 1\n")
    assert Mutation("a.py", 1, "", "constant", 0, 1, "2").applied("1 + 1") == "2 + 1"
