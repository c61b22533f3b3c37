"""Who takes the CPU that a run needed: arithmetic over readings, and the readings themselves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterable

import psutil
import pytest

from model.crowding import CrowdWatch, Reading, Seconds
from model.harness import Crowding
from model.machine import Patience
from simulator.children import group

BURN = "import time\nwhile time.process_time() < 20: pass"
"""So much CPU time and no more, whatever becomes of who started it."""

ORPHAN = (
    "import subprocess, sys\n"
    "quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
    f"print(subprocess.Popen([sys.executable, '-c', {BURN!r}], **quiet).pid)"
)
"""Starts a burner and ends, so that nobody counts it among their own."""


def seen(seconds: Iterable[tuple[float, float]], cores: int = 2) -> Crowding:
    """What comes of seconds of which so many CPU seconds were idle and so many of the run."""
    whole = idle = own = 0.0
    counted = Seconds(Reading(0.0, 0.0, 0.0))
    for spare, used in seconds:
        whole, idle, own = whole + cores, idle + spare, own + used
        counted.add(Reading(whole, idle, own))
    return counted.crowding()


def test_a_run_that_uses_the_machine_itself_has_no_excuse() -> None:
    assert seen([(0.0, 2.0)] * 20).excuse == ""


def test_others_on_a_machine_with_cpu_to_spare_are_no_excuse() -> None:
    assert seen([(0.3, 0.7)] * 20).excuse == ""


def test_others_who_leave_nothing_to_spare_are_one() -> None:
    crowding = seen([(1.0, 1.0)] * 15 + [(0.0, 0.8)] * 5)
    assert (crowding.seconds, crowding.crowded, crowding.others_percent) == (20, 5, 60.0)
    assert crowding.excuse == (
        "Other programs took 60 % of the CPU of this machine, and nothing of it was to spare, "
        "in 5 of 20 seconds."
    )


def test_a_second_among_many_is_none() -> None:
    assert seen([(1.0, 1.0)] * 24 + [(0.0, 0.8)]).excuse == ""
    assert seen([(1.0, 1.0)] * 23 + [(0.0, 0.8)]).excuse != ""


def test_a_little_of_others_beside_a_run_that_fills_the_machine_is_none() -> None:
    assert seen([(0.0, 1.6)] * 20).excuse == ""


def test_a_machine_that_does_not_say_has_no_excuse() -> None:
    counted = Seconds(Reading(0.0, 0.0, 0.0))
    counted.add(Reading(0.0, 0.0, 5.0))
    assert counted.crowding() == Crowding()


@pytest.mark.slow
def test_what_children_use_is_of_the_run_while_they_live_and_after() -> None:
    root = psutil.Process()
    before = Reading.now(root).own
    child = subprocess.Popen(
        [sys.executable, "-c", "import time\nwhile time.process_time() < 0.6: pass"], process_group=group()
    )
    child.wait()
    assert Reading.now(root).own - before >= 0.5  # the system counts in ticks


@pytest.mark.slow
def test_a_program_that_is_not_of_the_run_shows_as_another() -> None:
    """Burners without a parent, one for each core and one more."""
    burners = [
        psutil.Process(
            int(
                subprocess.run(
                    [sys.executable, "-c", ORPHAN], capture_output=True, check=True, process_group=group()
                ).stdout
            )
        )
        for _ in range((psutil.cpu_count() or 1) + 1)
    ]
    try:
        patience = Patience(30.0)
        with CrowdWatch() as watch:
            while not ((crowding := watch.crowding()) and crowding.crowded) and not patience.is_over:
                time.sleep(0.1)
        assert crowding is not None
        assert crowding.crowded, crowding
    finally:
        for burner in burners:
            with contextlib.suppress(psutil.NoSuchProcess):
                burner.kill()
