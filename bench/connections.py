"""Ten thousand open connections on one worker: what each costs, how fast they come, how fast edits still are.

Run with ``uv run python -m bench.connections``; it needs node, as ``bench.server`` does. The connections sit
in rooms of ten; the few edits each second are spread over all of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from bench.peers.subjects import BenchError, Server, install
from bench.peers.trial import Load, run_trial
from bench.server import allow_files, milliseconds, parse_subjects, row_of_trial

PER_ROOM = 10
SAMPLE_SECONDS = 0.05


class Moment(NamedTuple):
    """The server process at one time."""

    seconds: float
    files: int
    resident_bytes: int


class Watch:
    """Looks at a process again and again, until it is left."""

    def __init__(self, pid: int) -> None:
        self.moments: list[Moment] = []
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self.moments.append(moment(self._pid))


def moment(pid: int) -> Moment:
    """How many files a process has open, and what it keeps in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Moment(time.monotonic(), len(os.listdir(f"/proc/{pid}/fd")), pages * os.sysconf("SC_PAGE_SIZE"))


def measure(connections: int, rate: int, seconds: float) -> str:
    """One line of a table.

    Raises:
        BenchError: the server did not start, or not all connections came about.
    """
    (subject,) = parse_subjects("concord")
    load = Load(rooms=connections // PER_ROOM, per_room=PER_ROOM, seconds=seconds)
    with Server(subject, load.server_core) as server, Watch(server.pid) as watch:
        before = moment(server.pid)
        trial = run_trial(server, rate, load)
        moments = list(watch.moments)
    print(row_of_trial(trial), file=sys.stderr)
    full = [m for m in moments if m.files >= before.files + connections]
    if not full:
        raise BenchError(f"at most {max(m.files for m in moments) - before.files} connections were open")
    first = next(m for m in moments if m.files > before.files + 10)
    each = (full[-1].resident_bytes - before.resident_bytes) / connections / 1_000
    connecting = full[0].seconds - first.seconds
    if trial.seen is None:
        raise BenchError(trial.reason)
    times = (trial.seen.p50_ms, trial.seen.p95_ms, trial.seen.p99_ms)
    return (
        f"| {connections:,} | {each:.1f} kB | {connections / connecting:,.0f}/s | {rate:,}/s | "
        f"{' / '.join(map(milliseconds, times))} | {trial.use.server:.0%} |"
    )


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.connections", description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=200, help="edits each second, over all of them")
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    try:
        allow_files(arguments.connections)
        install()
        row = measure(arguments.connections, arguments.rate, arguments.seconds)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 64
    print("| connections | memory of each | connected | edits | p50 / p95 / p99 (ms) | server CPU |")
    print("|--:|--:|--:|--:|--:|--:|")
    print(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
