"""The tests, as a mutation meets them: those that execute its line, in one process, until one fails."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from tests.mutation.areas import ROOT
from tests.mutation.child import Say, limit_cpu
from tests.mutation.overlay import Overlay

if TYPE_CHECKING:
    from coverage import Coverage

ARGUMENTS: Final = (
    *("-q", "-n0", "--no-header", "--tb=no", "-p", "no:cacheprovider"),
    *(
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ),  # of what was imported before the process was copied
)
CPU_FACTOR: Final = 10.0
CPU_SECONDS_SPARE: Final = 30.0


class HealthyTest(NamedTuple):
    """A test that passes on the healthy product.

    Attributes:
        name: as pytest calls it.
        cpu_seconds: it takes, fixtures included, while lines are noted.
        lines: that it executes, by file.
    """

    name: str
    cpu_seconds: float
    lines: dict[str, list[int]]


class Failed(NamedTuple):
    """A test that failed, or a file that could not be collected."""

    name: str
    cpu_seconds: float


class Passed(NamedTuple):
    """All tests passed; so many ran."""

    tests: int
    cpu_seconds: float


def map_lines(say: Say, files: Sequence[str], arguments: Sequence[str]) -> None:
    """In a child: run tests, and say of each :class:`HealthyTest` which lines of these files it executes."""
    import coverage

    _prepare()
    noted = coverage.Coverage(data_file=None, include=[str(ROOT / file) for file in files])
    plugin = _Map(noted)
    noted.start()
    pytest.main([*ARGUMENTS, *arguments], plugins=[plugin])
    noted.stop()
    data = noted.get_data()
    lines: dict[str, dict[str, list[int]]] = {}
    for file in files:
        for line, names in data.contexts_by_lineno(str(ROOT / file)).items():
            for name in names:
                lines.setdefault(name, {}).setdefault(file, []).append(line)
    for name, seconds in plugin.cpu_seconds.items():
        if name not in plugin.failed:
            say(HealthyTest(name, round(seconds, 4), lines.get(name, {})))


def run_tests(say: Say, sources: Mapping[str, str], names: Sequence[str], healthy_cpu_seconds: float) -> None:
    """In a child: run these tests with changed sources; says :class:`Failed` or :class:`Passed`."""
    _prepare()
    Overlay(sources).put_on()
    limit_cpu(CPU_SECONDS_SPARE + CPU_FACTOR * healthy_cpu_seconds)
    plugin = _Selected(names)
    files = dict.fromkeys(name.partition("::")[0] for name in names)
    begin = time.process_time()
    code = pytest.main([*ARGUMENTS, "-x", *files], plugins=[plugin])
    seconds = time.process_time() - begin
    if plugin.failed:
        say(Failed(plugin.failed[0], seconds))
    elif code == pytest.ExitCode.OK:
        say(Passed(plugin.ran, seconds))
    else:  # the project's own configuration of pytest does not load
        say(Failed(f"pytest ended with {int(code)}", seconds))


def _prepare() -> None:
    """The same examples each time, and no words."""
    os.environ["HYPOTHESIS_PROFILE"] = "fast"
    os.chdir(ROOT)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


class _Map:
    """Notes lines test by test."""

    def __init__(self, noted: Coverage) -> None:
        self.cpu_seconds: dict[str, float] = {}
        self.failed: set[str] = set()
        self._noted = noted

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """A test begins and ends."""
        self._noted.switch_context(item.nodeid)
        begin = time.process_time()
        try:
            return (yield)
        finally:
            self.cpu_seconds[item.nodeid] = time.process_time() - begin
            self._noted.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Whatever does not pass says nothing of a mutation."""
        if not report.passed:
            self.failed.add(report.nodeid)


class _Selected:
    """Runs chosen tests in their order, and notes the first that fails."""

    def __init__(self, names: Sequence[str]) -> None:
        self.failed: list[str] = []
        self.ran = 0
        self._turn = {name: turn for turn, name in enumerate(names)}

    def pytest_configure(self) -> None:
        """What fails is not made smaller."""
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", parent=settings.get_profile("fast"), phases=phases)
        settings.load_profile("mutation")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Those that were chosen."""
        items[:] = [item for item in items if item.nodeid in self._turn]
        items.sort(key=lambda item: self._turn[item.nodeid])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be imported."""
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has been run."""
        self.ran += report.when == "call"
        if report.failed:
            self.failed.append(report.nodeid)
