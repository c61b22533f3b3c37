"""What a test does is counted: who does much has to say so."""

from __future__ import annotations

import pytest

from tests import tiers

pytestmark = pytest.mark.slow

TESTS = """
import subprocess, sys
import pytest

def step():
    pass

def many():
    for _ in range(5_000):
        step()

@pytest.fixture(scope="session")
def made_once():
    many()
    subprocess.run([sys.executable, "-c", ""])

@pytest.fixture
def made_for_each():
    many()

def test_small(made_once):
    step()

def test_large():
    many()

def test_with_a_large_fixture(made_for_each):
    step()

def test_with_a_process():
    subprocess.run([sys.executable, "-c", ""])

@pytest.mark.slow
def test_slow():
    many()
    subprocess.run([sys.executable, "-c", ""])
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setattr(tiers, "CALLS_MAX", 4_000)
    pytester.makepyfile(TESTS)
    return pytester


def run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return suite.runpytest_inprocess("-p", "tests.tiers", "-p", "no:cacheprovider", "-n", "0", *options)


def test_a_test_that_does_much_must_be_marked(suite: pytest.Pytester) -> None:
    result = run(suite, "--count", "-rf")
    result.assert_outcomes(passed=2, failed=3)
    failed = {line.split()[1].rpartition("::")[2] for line in result.outlines if line.startswith("FAILED")}
    assert failed == {"test_large", "test_with_a_large_fixture", "test_with_a_process"}


def test_all_together_must_not_do_much(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    only = ("--count", "-k", "small or slow")
    assert run(suite, *only).ret == pytest.ExitCode.OK
    monkeypatch.setattr(tiers, "CALLS_TOTAL_MAX", 1)
    assert run(suite, *only).ret == pytest.ExitCode.TESTS_FAILED


def test_nothing_is_counted_unless_asked_for(suite: pytest.Pytester) -> None:
    run(suite).assert_outcomes(passed=5)
    run(suite, "-m", "not slow").assert_outcomes(passed=4, deselected=1)
