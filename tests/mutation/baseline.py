"""The healthy product, looked at once: what each simulation comes to, and who executes which line.

It is kept in a file named after all that it depends on, and made anew when that changes.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple, TypeVar

import msgspec

from tests.mutation.areas import AREAS, ROOT, files_of, source_of
from tests.mutation.battery import BATTERY, Judged, play_noted
from tests.mutation.child import told
from tests.mutation.suite import HealthyTest, map_lines

PARTS: Final = (
    ("tests/model", "-m", "not slow"),
    ("tests/reference_server", "-m", "not slow"),
    ("tests/simulator", "tests/clients", "-m", "not slow"),
    ("tests/model/client", "tests/reference_server/core", "-m", "slow"),
)
"""The tests that are asked, in parts that run at once: those of the fast tier that are about what is broken,
and the slow ones that are nearest to it.
"""

PRODUCT: Final = ("concord", "model", "reference_server", "simulator")
TESTS: Final = ("tests",)
"""Folders whose sources decide what simulations and tests come to."""

HERE: Final = Path(__file__).parent

T = TypeVar("T")


class BaselineError(Exception):
    """The healthy product does not pass, so nothing can be said of a broken one."""


class Played(msgspec.Struct, frozen=True):
    """A simulation of the healthy product, with the lines that it executes, by file."""

    judged: Judged
    lines: dict[str, list[int]]


class Baseline(NamedTuple):
    """What the healthy product does, each with a name for the sources that it depends on."""

    played: list[Played]
    tests: list[HealthyTest]
    product: str
    suite: str

    def simulations_of(self, file: str, line: int) -> list[int]:
        """The numbers of the simulations that execute a line."""
        return [n for n, played in enumerate(self.played) if _executes(played.lines, file, line)]

    def tests_of(self, file: str, line: int) -> list[HealthyTest]:
        """The tests that execute a line; the cheapest first.

        What is only executed when it is imported, like a table, is asked of all tests of what is beside it.
        """
        found = [test for test in self.tests if _executes(test.lines, file, line)]
        if not found and statement_at(file, line)[1] == 0:
            beside = PurePosixPath(file).parent
            found = [
                test for test in self.tests if any(PurePosixPath(f).parent == beside for f in test.lines)
            ]
        return sorted(found, key=lambda test: test.cpu_seconds)


def _executes(lines: dict[str, list[int]], file: str, line: int) -> bool:
    """Whether the statement was executed; one at the top of a module is by all who execute anything of it."""
    here = lines.get(file, [])
    begin, end = statement_at(file, line)
    return bool(here) if end == 0 else any(begin <= known <= end for known in here)


@cache
def _statements(file: str) -> list[tuple[int, int, bool]]:
    """Begin and end of each statement's own lines, and whether it is inside of a function."""
    found: list[tuple[int, int, bool]] = []

    def walk(body: list[ast.stmt], inside: bool) -> None:
        for node in body:
            assert node.end_lineno is not None
            inner = list(_inner(node))
            end = max(node.lineno, min(part.lineno for part in inner) - 1) if inner else node.end_lineno
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.append((node.lineno, end, inside))
            walk(inner, inside or isinstance(node, ast.FunctionDef))

    walk(ast.parse(source_of(file)).body, False)
    return found


def _inner(node: ast.stmt) -> Iterator[ast.stmt]:
    """The statements right inside of another one."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.stmt):
            yield part
        elif isinstance(part, ast.match_case | ast.ExceptHandler):
            yield from part.body


def statement_at(file: str, line: int) -> tuple[int, int]:
    """First and last line of the statement that a line belongs to; an end of 0 at the top of a module."""
    around = [(begin, end, inside) for begin, end, inside in _statements(file) if begin <= line <= end]
    if not around:  # a line between the parts of a statement, such as a `case`
        return line, line
    begin, end, inside = min(around, key=lambda place: place[1] - place[0])
    return (begin, end) if inside else (begin, 0)


def state_of(folders: Iterable[str]) -> str:
    """A name for all the sources in these folders, as they are now; what is here is not asked."""
    digest = hashlib.blake2b(digest_size=6)
    for folder in folders:
        files = {path for pattern in ("*.py", "*.yaml") for path in (ROOT / folder).rglob(pattern)}
        for path in sorted(path for path in files if path.parent != HERE):
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def load_baseline(
    folder: Path, report: Callable[[str], None], workers: int = 1, *, with_tests: bool = True
) -> Baseline:
    """That of the sources as they are; what files of this folder have is not made again.

    Raises:
        BaselineError: a simulation of the healthy product is violated, or something did not end.
    """
    product = hashlib.blake2b(f"{state_of(PRODUCT)}{BATTERY}".encode(), digest_size=6).hexdigest()
    suite = state_of((*PRODUCT, *TESTS)) if with_tests else ""
    played = _kept(folder / f"simulations-{product}.json", list[Played], lambda: _play_all(report, workers))
    tests: list[HealthyTest] = []
    if with_tests:
        tests = _kept(folder / f"tests-{suite}.json", list[HealthyTest], lambda: _test_all(report, workers))
    return Baseline(played, tests, product, suite)


def _kept(file: Path, kind: type[T], make: Callable[[], T]) -> T:
    """What a file has; it is made if it is not there."""
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=kind)
    made = make()
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(made))
    part.replace(file)
    return made


def _files() -> list[str]:
    return [file for area in AREAS for file in files_of(area)]


def _play_all(report: Callable[[str], None], workers: int) -> list[Played]:
    def play(number: int) -> Played:
        played = _played(number)
        judged = played.judged
        report(f"{judged.cpu_seconds:6.2f} s  {judged.verdict:8}  {BATTERY[number].command}")
        return played

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(play, range(len(BATTERY))))


def _played(number: int) -> Played:
    *words, end = told(play_noted, _files(), number)
    command = BATTERY[number].command
    judged = next((word for word in words if isinstance(word, Judged)), None)
    lines = next((word for word in words if isinstance(word, dict)), None)
    if judged is None or lines is None:
        raise BaselineError(f"{command}: {end.why}")
    if judged.verdict not in ("valid", "unknown"):
        raise BaselineError(f"{command}: {judged.verdict}, {judged.check}: {judged.message}")
    return Played(judged, lines)


def _test_all(report: Callable[[str], None], workers: int) -> list[HealthyTest]:
    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(_tested, PARTS))
    for arguments, tests in zip(PARTS, parts, strict=True):
        seconds = sum(test.cpu_seconds for test in tests)
        report(f"{seconds:6.2f} s  {len(tests):,} tests: {' '.join(arguments)}")
    return [test for tests in parts for test in tests]


def _tested(arguments: tuple[str, ...]) -> list[HealthyTest]:
    *words, end = told(map_lines, _files(), arguments)
    if end.why:
        raise BaselineError(f"the tests of {' '.join(arguments)}: {end.why}")
    return words
