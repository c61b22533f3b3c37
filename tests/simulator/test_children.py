"""Nothing outlives a killed process: neither the programs it started nor the workers of its pools."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.children import group
from tests.conftest import ROOT
from tests.servers import is_alive
from tests.waiting import until

pytestmark = pytest.mark.slow

PROGRAM = """
import subprocess, sys
from simulator.children import group
nested = "import subprocess, time; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"
shell = subprocess.Popen(
    [sys.executable, "-c", nested], stdout=subprocess.PIPE, text=True, process_group=group()
)
assert group() == group()
print(shell.pid, shell.stdout.readline().strip(), group(), flush=True)
shell.wait()
"""

POOL = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from simulator.children import end_with_parent
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, initializer=end_with_parent) as pool:
        idle, busy = pool.submit(os.getpid), pool.submit(time.sleep, 600)
        idle.result()
        print(*pool._processes, flush=True)
        busy.result()
"""

INTERRUPTED = """
import multiprocessing, os, signal, threading, time
from simulator.children import WorkerPool

def wait_with(what):
    time.sleep(600)

def children_after_a_signal(real=multiprocessing.active_children):
    os.kill(os.getpid(), signal.SIGINT)  # once more, in the middle of ending them
    return real()

if __name__ == "__main__":
    multiprocessing.active_children = children_after_a_signal
    try:
        with WorkerPool(2) as pool:
            # More than a pipe holds: who writes it waits for a worker that reads.
            tasks = [pool.submit(wait_with, bytes(1_000_000)) for _ in range(8)]
            while sum(task.running() for task in tasks) < 3:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(600)
    except KeyboardInterrupt:
        print(threading.active_count())
"""


def started(program: str, folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A process that runs the program, and the ids it says."""
    path = folder / "program.py"  # the workers of a pool need a file that they can import
    path.write_text(program)
    process = subprocess.Popen(
        [sys.executable, path],
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        process_group=group(),
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


@pytest.mark.parametrize("program", [PROGRAM, POOL], ids=["programs", "pool"])
@pytest.mark.parametrize("end", [subprocess.Popen.kill, subprocess.Popen.terminate])
def test_everything_below_a_process_ends_with_it(
    program: str, end: Callable[[subprocess.Popen[str]], None], tmp_path: Path
) -> None:
    process, below = started(program, tmp_path)
    with process:
        assert len(below) >= 2
        assert all(is_alive(pid) for pid in below)
        end(process)
        assert process.wait() != 0
        until(lambda: not any(is_alive(pid) for pid in below))


def test_the_leader_of_the_group_is_waited_for_in_the_end() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "from simulator.children import group; print(group())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        process_group=group(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not is_alive(int(done.stdout))


def test_the_group_is_not_that_of_the_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpgrp())"],
        capture_output=True,
        text=True,
        check=True,
        process_group=group(),
    )
    assert int(done.stdout) == group()


def test_a_pool_that_is_interrupted_twice_leaves_nobody_to_wait_for(tmp_path: Path) -> None:
    process, threads = started(INTERRUPTED, tmp_path)
    with process:
        try:
            until(lambda: process.poll() is not None)
        finally:
            process.kill()
    assert (threads, process.returncode) == ([1], 0)
