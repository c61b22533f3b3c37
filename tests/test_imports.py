"""The arrow between the folders, and what each of them may bring in from outside.

    model  <-  reference_server  <-  simulator
    model  <-  loadgen               reports: model and recorded files, nothing else
    all of them  <-  concord, the command line, which nobody imports

Imports are read from the syntax tree, so those inside functions and for types alone count too. A new
dependency is a new line in the table below, where a reader sees it.

Below the arrow there are no circles either, not even of imports for types: who needs something from above
defines a protocol of what it needs.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
OWN = frozenset({"model", "reference_server", "simulator", "loadgen", "reports", "tests", "bench", "concord"})


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Standard library without input, output, clock, processes or hidden state. `random` is here for the type
# `random.Random` in signatures; its module-level functions share one global generator and are refused.
PURE = names(
    "__future__ abc array bisect collections contextlib copy dataclasses enum errno fractions functools"
    " hashlib heapq itertools json math operator random re statistics string struct types typing unicodedata"
)
STANDARD = frozenset(sys.stdlib_module_names)
IMPURE_BUILTINS = frozenset({"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"})


class Layer(NamedTuple):
    """What the files below ``folder`` may import; the longest folder that fits a file counts."""

    folder: str
    own: frozenset[str]
    outside: frozenset[str]
    standard: frozenset[str] = STANDARD


def room(name: str, server: str, below: str, outside: str) -> Layer:
    """A room of the simulator: whether it knows the server, the rooms it builds on, what it brings in."""
    rooms = names(" ".join(f"simulator.{other}" for other in (name, *below.split())))
    return Layer(f"simulator/{name}", names("model") | names(server) | rooms, names(outside))


LAYERS = [
    Layer("model", names("model"), names("msgspec"), PURE),
    Layer("model/client", names("model"), names("h11 jwt msgspec wsproto"), PURE),
    Layer("model/settings", names("model"), names("msgspec yaml"), PURE | {"decimal", "difflib"}),
    Layer("reference_server/core", names("model reference_server.core"), names("msgspec"), PURE),
    Layer(
        "reference_server",
        names("model reference_server"),
        names(
            "anycorn anyio cryptography fastapi h11 jwt msgspec psycopg psycopg_pool redis starlette trio"
            " trio_websocket wsproto yaml"
        ),
    ),
    Layer(
        "reference_server/api",
        names("model reference_server"),
        names("fastapi msgspec pydantic starlette trio"),
    ),
    Layer("simulator", names("model"), names("")),
    room("workload", "", "", "msgspec"),
    room("planning", "", "workload", "msgspec"),
    room("virtual", "reference_server", "workload planning", "msgspec simpy"),
    room("faults", "reference_server", "planning virtual", "msgspec"),
    room("exploring", "reference_server", "planning virtual", "msgspec"),
    room("gossip", "", "planning virtual faults", "msgspec"),
    room("engines", "", "planning virtual faults exploring gossip", ""),
    room("failures", "", "planning engines", "msgspec"),
    room("zoo", "reference_server", "planning virtual gossip engines failures children", "msgspec"),
    room("running", "", "planning engines failures zoo children", "msgspec"),
    room("live", "reference_server", "planning virtual faults running children", "jwt msgspec simpy trio"),
    room("algorithms", "reference_server", "workload planning virtual failures", "msgspec"),
    Layer("loadgen", names("model loadgen simulator.workload"), names("gevent jwt msgspec")),
    Layer("reports", names("model reports"), names("jinja2 matplotlib msgspec")),
    Layer(
        "reports/objectives", names("model reports.objectives"), names("jsonschema msgspec referencing yaml")
    ),
    Layer(
        "concord",
        names("model reference_server simulator loadgen reports concord"),
        names("msgspec rich trio typer"),
    ),
]

MACHINE = names("gc os pathlib platform resource time")

# (file, module): why this one file may.
EXCEPTIONS = {
    ("model/history_file.py", "io"): "a history is a stream, and is given up when the disk is full",
    ("model/history_file.py", "gzip"): "histories are gzipped, and this module knows their form",
    (
        "model/history_file.py",
        "zlib",
    ): "a gzip stream without time and name, so that equal histories are equal files",
    ("model/compression.py", "zlib"): "compressing a message is part of what a message is on the wire",
    ("model/client/address.py", "urllib"): "its parser of URLs does nothing but parse",
    ("model/raised.py", "sys"): "the list of Python's own modules, whose calls are left out",
    **{
        ("model/machine.py", name): "what the machine is and allows is asked in one place" for name in MACHINE
    },
    **{
        ("model/crowding.py", name): "who else uses the machine is looked at beside the run"
        for name in ("psutil", "threading")
    },
    ("model/history_file.py", "pathlib"): "a history is streamed from the path it is given, never read whole",
}

# Module, and the folders that may import it: what is wrong on purpose must not be reachable from the server.
CONFINED = {
    "simulator.algorithms.published": ("simulator/algorithms/",),
    "loadgen.locustfile": (),  # locust patches whoever imports it
}


def imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported; ``from a import b`` counts as ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def within(name: str, allowed: frozenset[str]) -> bool:
    """Whether a module or a package above it is allowed."""
    parts = name.split(".")
    return any(".".join(parts[:n]) in allowed for n in range(1, len(parts) + 1))


def impurities(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Uses of the global random generator, of files and of the console."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="random"), attr=attribute) if attribute != "Random":
                yield node.lineno, f"uses random.{attribute}, which is global; take a random.Random"
            case ast.ImportFrom(module="random", names=aliases):
                for alias in aliases:
                    if alias.name != "Random":
                        yield (
                            node.lineno,
                            f"imports random.{alias.name}, which is global; take a random.Random",
                        )
            case ast.Call(func=ast.Name(id=called)) if called in IMPURE_BUILTINS:
                yield node.lineno, f"calls {called}()"


def violations(path: str, source: str) -> list[str]:
    """What ``source``, as the file ``path`` relative to the root, may not do; one line each."""
    layer = max(
        (layer for layer in LAYERS if path.startswith(f"{layer.folder}/")),
        key=lambda layer: len(layer.folder),
    )
    tree = ast.parse(source)
    package = ".".join(Path(path).parent.parts)
    outside = layer.outside
    if path == "loadgen/locustfile.py":
        outside |= {"locust"}
    found = []
    for line, name in imported(tree, package):
        top = name.partition(".")[0]
        if top in OWN:
            allowed = within(name, layer.own) and not any(
                within(name, frozenset({module})) and not path.startswith(folders)
                for module, folders in CONFINED.items()
            )
        elif top in STANDARD:
            allowed = top in layer.standard or (path, top) in EXCEPTIONS
        else:
            allowed = top in outside or (path, top) in EXCEPTIONS
        if not allowed:
            found.append(f"{path}:{line} imports {name}")
    if layer.standard is PURE:
        found += [f"{path}:{line} {what}" for line, what in impurities(tree)]
    return found


def files() -> list[Path]:
    folders = sorted({layer.folder.partition("/")[0] for layer in LAYERS})
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_what_its_layer_allows(path: Path) -> None:
    assert violations(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) == []


def test_the_files_are_found() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in files()}
    assert {"model/text.py", "model/history_file.py", "reference_server/core/document.py"} <= found


def test_every_exception_is_still_needed() -> None:
    for path, module in EXCEPTIONS:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert module in {name.partition(".")[0] for _, name in imported(tree, "model")}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("model/planted.py", "import time"),
        ("model/planted.py", "import os.path"),
        ("model/planted.py", "from datetime import datetime"),
        ("model/planted.py", "from asyncio import sleep"),
        ("model/planted.py", "def f():\n    import socket"),
        ("model/planted.py", "import threading as t"),
        ("model/planted.py", "import gzip"),
        ("model/planted.py", "import random\nrandom.random()"),
        ("model/planted.py", "from random import choice"),
        ("model/planted.py", "open('x')"),
        ("model/planted.py", "import simpy"),
        ("model/planted.py", "import simulator.planning.seeds"),
        ("model/planted.py", "from reference_server import core"),
        ("model/planted.py", "import concord"),
        ("model/checkers/planted.py", "from ...reports import html"),
        ("model/planted.py", "import wsproto"),
        ("model/client/planted.py", "import socket"),
        ("model/client/planted.py", "import time"),
        ("model/client/planted.py", "from loadgen import user"),
        ("simulator/commands.py", "import typer"),
        ("loadgen/planted.py", "from concord.terminal import console"),
        ("concord/planted.py", "import locust"),
        ("concord/planted.py", "def f():\n    from loadgen.locustfile import Person"),
        ("model/planted.py", "from simulator.algorithms.published import ressel"),
        ("reference_server/planted.py", "from simulator.algorithms.published.ressel import Ressel"),
        ("reference_server/planted.py", "from simulator.algorithms import published"),
        ("reference_server/core/planted.py", "def f():\n    import simulator.algorithms.published.ttf"),
        ("simulator/planted.py", "from simulator.algorithms.published import ttf"),
        ("reference_server/core/planted.py", "import trio"),
        ("reference_server/core/planted.py", "import time"),
        ("reference_server/core/planted.py", "from reference_server.store import memory"),
        ("reference_server/core/planted.py", "from ..store import memory"),
        ("reference_server/core/planted.py", "from reference_server import store"),
        ("reference_server/planted.py", "from simulator import seeds"),
        ("simulator/planted.py", "from reports import html"),
        ("simulator/planted.py", "import trio"),
        ("simulator/planning/planted.py", "from simulator.virtual.clock import Clock"),
        ("simulator/planning/planted.py", "if TYPE_CHECKING:\n    from simulator.virtual.cell import Cell"),
        ("simulator/planning/planted.py", "from reference_server.core import limits"),
        ("simulator/virtual/planted.py", "from simulator.faults import fault_of"),
        ("simulator/faults/planted.py", "from simulator.gossip.peer import GossipPeer"),
        ("simulator/failures/planted.py", "def f():\n    from simulator.running import run"),
        ("simulator/zoo/planted.py", "from simulator.running.run import simulate"),
        ("simulator/planted.py", "import typer"),
        ("simulator/planted.py", "from tests.model import elements"),
        ("loadgen/planted.py", "import locust"),
        ("loadgen/planted.py", "from reference_server.core import document"),
        ("reports/planted.py", "from simulator import seeds"),
        ("reports/planted.py", "from reference_server.core import document"),
        ("reports/planted.py", "if True:\n    import concord"),
    ],
)
def test_a_planted_import_is_rejected(path: str, source: str) -> None:
    assert violations(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("model/planted.py", "import random\ndef f(rng: random.Random) -> float:\n    return rng.random()"),
        ("model/planted.py", "from random import Random"),
        ("model/checkers/planted.py", "from ..text import apply\nfrom . import liveness"),
        ("model/history_file.py", "import gzip"),
        ("simulator/algorithms/published/planted.py", "from simulator.algorithms.published import ressel"),
        ("simulator/algorithms/laws/planted.py", "from simulator.algorithms.published.ressel import Ressel"),
        ("reference_server/core/planted.py", "from reference_server.core import effects"),
        ("reference_server/core/planted.py", "from . import effects"),
        ("simulator/virtual/planted.py", "import time, simpy\nfrom reference_server.core import document"),
        ("concord/commands/planted.py", "import typer\nfrom simulator.zoo import ZOO"),
        ("loadgen/locustfile.py", "import locust"),
        ("reports/planted.py", "import matplotlib.pyplot\nfrom model import history"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert violations(path, source) == []


def test_the_architecture_shows_the_rooms_of_the_simulator_as_they_are() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    shown = []
    for name, below, server in re.findall(
        r"^\| `(\w+)` \|[^|]*\|([\w, ]*)\| (yes|no) \|$", text, re.MULTILINE
    ):
        shown.append(
            room(name, "reference_server" if server == "yes" else "", below.replace(",", " "), "").own
        )
    assert shown == [layer.own for layer in LAYERS if layer.folder.startswith("simulator/")]


# --- circles ----------------------------------------------------------------------------------------------


def module_of(path: str) -> str:
    """The dotted name of a file; that of a package for its ``__init__``."""
    return ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")


def arrows(sources: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """For each module what it imports of the others, wherever the import stands; ``sources`` is by path."""
    modules = {module_of(path) for path in sources}
    found: dict[str, frozenset[str]] = {}
    for path, source in sources.items():
        there = set()
        for _, name in imported(ast.parse(source), ".".join(Path(path).parent.parts)):
            module = name if name in modules else name.rpartition(".")[0]
            there |= {module} & modules
        found[module_of(path)] = frozenset(there - {module_of(path)})
    return found


def circles(arrows: Mapping[str, frozenset[str]]) -> list[frozenset[str]]:
    """The sets of modules that reach each other, of more than one module each."""
    reached: dict[str, frozenset[str]] = {}
    for module in arrows:
        seen: set[str] = set()
        waiting = [module]
        while waiting:
            new = arrows[waiting.pop()] - seen
            seen |= new
            waiting += new
        reached[module] = frozenset(seen)
    return sorted(
        {frozenset(n for n in reached[m] if m in reached[n]) for m in arrows} - {frozenset()}, key=sorted
    )


@pytest.mark.slow
def test_no_module_imports_itself_by_way_of_others() -> None:
    sources = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in files()}
    assert circles(arrows(sources)) == []


@pytest.mark.parametrize(
    "back",
    [
        "from p.a import x",
        "import p.a",
        "def f():\n    from p.a import x",
        "if TYPE_CHECKING:\n    from p.a import X",
        "from . import a",
        "from .a import x",
    ],
)
def test_a_planted_circle_is_found(back: str) -> None:
    sources = {
        "p/a.py": "from q import y",
        "q/__init__.py": "from q.b import y",
        "q/b.py": "import p.d",
        "p/d.py": back,
    }
    assert circles(arrows(sources)) == [names("p.a p.d q q.b")]
    assert circles(arrows(sources | {"p/d.py": "import p.e"})) == []
