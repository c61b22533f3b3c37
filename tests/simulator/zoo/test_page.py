"""The page of the zoo names every bug, and the tests that see what no scenario can."""

from __future__ import annotations

import ast
import re

from simulator.zoo.bug import Kind
from simulator.zoo.catalogue import bugs
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")


def test_every_bug_has_its_row_and_every_row_its_bug() -> None:
    rows = re.findall(r"^\| (\w+) \| `([\w-]+)` \| (.+?) \| ([\w-]+) \| (.+?) \| ", PAGE, re.MULTILINE)
    shown = {name: (kind, title, scenario) for kind, name, title, scenario, _ in rows}
    assert shown == {b.name: (b.kind.value, b.title, b.scenario) for b in bugs().values()}
    for _, name, _, _, found_by in rows:
        assert found_by.split(", ")[0] in bugs()[name].expected, name


def test_every_kind_is_explained() -> None:
    for kind in Kind:
        assert f"| {kind.value} | {kind.meaning} |" in PAGE


def test_what_only_a_test_can_see_has_a_test() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`, (\w+) \|", PAGE)
    assert len(named) >= 10
    for path, function in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert function in functions, f"{path}::{function}"
