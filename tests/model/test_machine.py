from __future__ import annotations

import builtins
import gc
import itertools
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from model import machine


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 6}, raising=False)
    assert machine.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert machine.cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores() == 1


def test_a_machine_without_proc_has_a_name_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(path: Path, *_: Any, **__: Any) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", absent)
    assert machine.this_machine().cpu


class Limits:
    """The module ``resource`` of a system that may refuse."""

    RLIMIT_NOFILE = 7
    RLIM_INFINITY = -1

    def __init__(self, soft: int, hard: int, *, refuses: bool = False) -> None:
        self.limits = (soft, hard)
        self._refuses = refuses

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, _: int, limits: tuple[int, int]) -> None:
        if self._refuses:
            raise ValueError("current limit exceeds maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("limits", "allowed", "soft"),
    [
        (Limits(256, 4_096), 4_096, 4_096),
        (Limits(4_096, 4_096, refuses=True), 4_096, 4_096),
        (Limits(256, -1), None, -1),
        (Limits(256, -1, refuses=True), 256, 256),
    ],
)
def test_as_many_files_are_allowed_as_may_be(
    monkeypatch: pytest.MonkeyPatch, limits: Limits, allowed: int | None, soft: int
) -> None:
    monkeypatch.setitem(sys.modules, "resource", limits)
    assert machine.allow_open_files() == allowed
    assert limits.limits[0] == soft


def test_a_system_without_limits_is_asked_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "resource":
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert machine.allow_open_files() is None


def test_collections_are_few_for_the_time_of_a_block_only() -> None:
    before = gc.get_threshold()
    frozen = gc.get_freeze_count()
    with machine.few_collections():
        assert gc.get_threshold() != before
        held = gc.get_freeze_count()
        assert held > frozen
        with machine.few_collections():
            assert gc.get_freeze_count() == held
        assert gc.get_freeze_count() == held
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_what_needs_posix_says_so_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.needs_posix("a load run") == ""
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "name", "nt")
        said = machine.needs_posix("a load run")
    assert said == "a load run needs Linux or another POSIX system"


# --- how busy it is ---------------------------------------------------------------------------------------


class Hands:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_patience_lasts_longer_the_busier_the_machine_is_meanwhile() -> None:
    clock, busy = Hands(), [1.0]
    patience = machine.Patience(10.0, clock=clock, busy=lambda: busy[0])
    assert not patience.is_over
    clock.seconds += 9.0
    assert not patience.is_over  # one second is left
    busy[0] = 5.0
    clock.seconds += 4.0
    assert not patience.is_over
    clock.seconds += 1.0
    assert patience.is_over
    clock.seconds += 1.0
    assert patience.is_over


def test_a_short_patience_ends_too_and_none_is_over_at_once() -> None:
    clock = Hands()
    patience = machine.Patience(0.1, clock=clock, busy=lambda: 1.0)
    clock.seconds += 0.09
    assert not patience.is_over
    clock.seconds += 0.02
    assert patience.is_over
    assert machine.Patience(0.0, clock=clock, busy=lambda: 1.0).is_over


def test_it_is_measured_how_long_work_takes_for_its_cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which this thread has the core every third time only."""
    used, wall = itertools.count(0.0, 0.004), [1_000.0]
    monkeypatch.setattr(machine, "_measured", [0.0, 1.0])

    def thread_time() -> float:
        wall[0] += 0.012
        return next(used)

    monkeypatch.setattr(time, "thread_time", thread_time)
    monkeypatch.setattr(time, "monotonic", lambda: wall[0])
    assert machine.slowness() == pytest.approx(3.0, rel=0.3)
    before = wall[0]
    assert machine.slowness() == machine.slowness()
    assert wall[0] == before  # good for a while
    wall[0] += 10.0
    assert machine.slowness() == pytest.approx(3.0, rel=0.3)
    assert wall[0] > before + 10.0


def test_a_free_machine_is_not_faster_than_free() -> None:
    assert machine.slowness() >= 1.0
