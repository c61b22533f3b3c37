"""Which names there are in the project, to hold against those that its documents speak of.

A document writes a name in code font: a file, a module, a class, a field, a command with its options, a key,
an endpoint, a code of the protocol. Each kind is looked up where it is defined: in the syntax tree of the
product, in its YAML files, in its command line.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

from concord.defaults import SETTINGS, variable_of
from concord.program import COMMANDS, app

ROOT = Path(__file__).parents[1]
PRODUCT = ("concord", "model", "reference_server", "simulator", "loadgen", "reports")

CHAIN = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
HOLE = re.compile(r"<\w+>|\bN+\b|[*…]|\.\.\.")
PATH = re.compile(r"[\w.<>*-]+(/[\w.<>*-]*)+|[\w*-]+\.(py|md|json|yaml|html|xml|gz|toml|db)")


def sources() -> Iterator[Path]:
    """Every Python file of the product."""
    for folder in PRODUCT:
        yield from sorted((ROOT / folder).rglob("*.py"))


class Vocabulary:
    """What is defined, from the syntax trees of the product.

    Attributes:
        defined: every module, class, function, field, constant, enumerated value and tag of a message.
        strings: every text of the code that is no docstring, whole or as a part of a formatted one; the keys,
            values and names of the YAML files; the settings of the tests and the variables of the options.
        members: what a class or a module has, each with what its annotation says.
    """

    def __init__(self) -> None:
        self.defined: set[str] = set()
        self.strings: set[str] = set()
        self.members: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for path in sources():
            module = path.relative_to(ROOT).with_suffix("")
            self.defined |= set(module.parts)
            tree = ast.parse(path.read_text(encoding="utf-8"))
            self._body(tree, path.parent.name if path.stem == "__init__" else path.stem)
            self._texts(tree)
            for parent, child in zip(module.parts, module.parts[1:], strict=False):
                self.members[parent][child] = child
        for name in ("conftest", "servers", "tiers"):
            tree = ast.parse((ROOT / "tests" / f"{name}.py").read_text(encoding="utf-8"))
            self._body(tree, name)
            self._texts(tree)
        self.strings |= {variable_of(key) for key in SETTINGS}
        for folder in PRODUCT:
            for path in (ROOT / folder).rglob("*.yaml"):
                self.strings |= {
                    path.stem,
                    *_yaml_names(list(yaml.safe_load_all(path.read_text(encoding="utf-8")))),
                }

    def _body(self, tree: ast.Module | ast.ClassDef, owner: str) -> None:
        """What a module or a class defines; of a class what its constructor sets, too."""
        for node in tree.body:
            match node:
                case ast.ClassDef(name=name):
                    self._define(owner, name, name)
                    self._class(node)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    self._define(owner, name, ast.unparse(node.returns) if node.returns else "")
                    for inner in ast.walk(node) if name == "__init__" else ():
                        self._assignment(inner, owner)
                case _:
                    self._assignment(node, owner)
                    if isinstance(tree, ast.ClassDef) and isinstance(node, ast.Assign):
                        self.defined |= {
                            str(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant)
                        }

    def _assignment(self, node: ast.AST, owner: str) -> None:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=hint):
                self._define(owner, name, ast.unparse(hint))
            case ast.Assign(targets=targets):
                for target in targets:
                    for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                        if isinstance(part, ast.Name | ast.Attribute):
                            self._define(owner, part.id if isinstance(part, ast.Name) else part.attr, "")
            case _:
                pass

    def _class(self, node: ast.ClassDef) -> None:
        self._body(node, node.name)
        for keyword in node.keywords:
            if keyword.arg == "tag" and isinstance(keyword.value, ast.Constant):
                tag = str(keyword.value.value)
                self.defined.add(tag)
                self.members[tag] = self.members[node.name]
        for base in node.bases:  # inherited members, by the name of the class
            self.members[node.name] |= {f"\0{ast.unparse(base)}": ast.unparse(base)}

    def _define(self, owner: str, name: str, hint: str) -> None:
        self.defined.add(name)
        self.members[owner][name] = hint

    def _texts(self, tree: ast.Module) -> None:
        prose = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in prose:
                match node.value:
                    case str() as text:
                        self.strings.add(text)
                    case bytes() as text:
                        self.strings.add(text.decode("latin-1"))
                    case _:
                        pass

    def has(self, chain: str, *, strings: bool) -> bool:
        """Whether there is such a name; of ``a.b``, whether some ``a`` has a ``b``."""
        first, *rest = chain.split(".")
        if chain in self.strings and strings:
            return True
        if not (first in self.defined or (strings and first in self.strings)):
            return False
        owners = {first}
        for name in rest:
            hints = [
                self.members[owner][name] for owner in self._kinds(owners) if name in self.members[owner]
            ]
            if not hints:
                return False
            owners = {name} | {word for hint in hints for word in CHAIN.findall(hint)}
        return True

    def _kinds(self, names: set[str]) -> set[str]:
        """The classes and modules that these names are, are of, or inherit from."""
        found = set(names)
        for name in names:
            for members in list(self.members.values()):
                found |= set(CHAIN.findall(members.get(name, "")))
        reached = list(found)
        for kind in reached:
            if kind in self.members:
                reached += [
                    base for key, base in self.members[kind].items() if key[0] == "\0" and base not in reached
                ]
        return {kind for kind in reached if kind in self.members}


def _yaml_names(document: object, above: str = "") -> Iterator[str]:
    """Keys, each by itself and after those above it, and values."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield str(key)
            yield f"{above}{key}"
            yield from _yaml_names(value, f"{above}{key}.")
    elif isinstance(document, list):
        for item in document:
            yield from _yaml_names(item, above)
    else:
        yield str(document)


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of the product, read once."""
    return Vocabulary()


@cache
def options_of(command: str) -> frozenset[str]:
    """The options of a command, ``--help`` and ``-h`` included."""
    context: Any = None
    group: Any = get_command(app)
    parameters = group.get_command(context, command).params if command else group.params
    named = {text for parameter in parameters for text in (*parameter.opts, *parameter.secondary_opts)}
    return frozenset(named | {"--help", "-h"})


def unknown(code: str, *, strings: bool = True) -> list[str]:
    """What a piece of code font names that does not exist.

    Args:
        code: the text between the backticks, or a line of a block of commands.
        strings: whether a name may also be a text of the code: a key, a code, a phase. Without, it has to be
            defined: a module, a class, a function, a field, a value of an enumeration, a command.
    """
    words = re.sub(r"[\[\]|]", " ", code.removeprefix("uv run ")).split()
    if not words or code in ("uv run",):
        return []
    if words[0] == "pytest" or words[0].startswith("scripts/"):
        return [word for word in words if "/" in word and not _is_file(word)]
    program = words[1:] if words[0] == "concord" and len(words) > 1 else words
    if program is not words or (words[0] in COMMANDS and len(words) > 1 and "-" in code):
        return _unknown_of_command(program)
    if re.match(r"(GET|POST|PUT|PATCH|DELETE) /|/", code):
        path = words[-1]
        return [] if path == "/" or path in vocabulary().strings else [path]
    if PATH.fullmatch(code):
        return [] if _is_file(code) else [code]
    if strings and code in vocabulary().strings:
        return []
    lost = _unknown_options(words)
    text = " ".join(word for word in words if not word.startswith("--"))
    scheme, separator, _ = text.partition("://")
    if separator:
        return lost if any(f"{scheme}://" in known for known in vocabulary().strings) else [*lost, scheme]
    return lost + [name for name in CHAIN.findall(text) if _is_name(name) and not _is_known(name, strings)]


def _is_name(name: str) -> bool:
    """Whether it stands for something; single letters and capitals without underscore stand for any value."""
    return len(name) > 1 and not (name.isupper() and "_" not in name)


def _is_known(name: str, strings: bool) -> bool:
    return name in COMMANDS or name in PRODUCT or vocabulary().has(name, strings=strings)


def _is_file(path: str) -> bool:
    """Whether there is such a file or module here, or the product writes one of this name."""
    pattern = HOLE.sub("*", path).rstrip("/")
    places = (ROOT, ROOT / "docs")
    if any(any(place.glob(f"{pattern}{suffix}")) for place in places for suffix in ("", ".py")):
        return True
    parts = [part for component in pattern.split("/") for part in component.split("*") if part]
    return all(
        any(part == text or text.endswith(f"/{part}") for text in vocabulary().strings) for part in parts
    )


def _unknown_of_command(words: list[str]) -> list[str]:
    command = words[0] if words[0] in COMMANDS else ""
    if not command and not words[0].startswith("-") and not words[0].isupper():
        return [words[0]]
    return [
        word for word in words if word.startswith("--") and word.partition("=")[0] not in options_of(command)
    ]


def _unknown_options(words: list[str]) -> list[str]:
    everywhere = frozenset().union(*(options_of(name) for name in ("", *COMMANDS)))
    return [word for word in words if re.match(r"--\w", word) and word.partition("=")[0] not in everywhere]
