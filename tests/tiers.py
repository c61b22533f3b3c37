"""The fast tier, and what keeps it fast: a test that does much is marked ``slow``.

With ``--count`` every test's calls of Python functions and the processes it starts are counted. A test that
is not marked must stay below a bound, and all of them together below another. Unlike seconds, these figures
are the same on a busy machine.
"""

from __future__ import annotations

import cProfile
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

CALLS_MAX: Final = 400_000
"""Of one test that is not slow, its fixtures included: about a third of a second."""

CALLS_TOTAL_MAX: Final = 85_000_000
"""Of all that are not slow, together: about half a minute on two cores."""

STARTS: Final = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})
CALLS: Final = "calls"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that counts."""
    parser.addoption(
        "--count", action="store_true", help="count what the tests do; fail what is slow unmarked"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Count, if asked to."""
    config.addinivalue_line("markers", "slow: does much; left out by `scripts/test --fast`")
    if config.getoption("count"):
        config.pluginmanager.register(Counting())


class Counting:
    """Counts what each test does, in the process that runs it, and adds up, in the one that reports."""

    def __init__(self) -> None:
        self._profile = cProfile.Profile(builtins=False)
        self._starts = 0
        self._is_counting = False
        self._total = 0
        sys.addaudithook(self._heed)

    def _heed(self, event: str, _arguments: object) -> None:
        self._starts += self._is_counting and event in STARTS

    @contextmanager
    def _counted(self, is_counting: bool) -> Iterator[None]:
        before = self._is_counting
        self._set(is_counting)
        try:
            yield
        finally:
            self._set(before)

    def _set(self, is_counting: bool) -> None:
        if is_counting and not self._is_counting:
            self._profile.enable()
        elif self._is_counting and not is_counting:
            self._profile.disable()
        self._is_counting = is_counting

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """What is made once for all tests is no test's."""
        with self._counted(self._is_counting and fixturedef.scope != "session"):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """A test begins with its fixtures."""
        self._profile.clear()
        self._starts = 0
        with self._counted(True):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """And is judged when it has passed."""
        with self._counted(True):
            yield
        calls = sum(entry.callcount for entry in self._profile.getstats())
        if item.get_closest_marker("slow") is None:
            item.user_properties.append((CALLS, calls))
            if self._starts or calls > CALLS_MAX:
                pytest.fail(
                    f"{calls:,} calls, {self._starts} processes started: more than {CALLS_MAX:,} and 0; "
                    "make it smaller, or mark it slow",
                    pytrace=False,
                )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what the workers counted."""
        if report.when == "call":
            self._total += sum(int(str(value)) for name, value in report.user_properties if name == CALLS)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """All together may be too much, too."""
        if self._total > CALLS_TOTAL_MAX and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The sum, and what it may be."""
        verdict = "too much" if self._total > CALLS_TOTAL_MAX else "of at most"
        terminalreporter.write_line(
            f"not slow: {self._total:,} calls, {verdict} {CALLS_TOTAL_MAX:,}", red=verdict == "too much"
        )
