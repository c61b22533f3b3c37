"""The supervisor with real processes: restarts, draining, the sum of what workers measure."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from reference_server.control import Control, ControlChannel, ControlError
from reference_server.metrics.snapshot import Counts, MetricsSnapshot
from reference_server.pidfile import PidFileHeldError, pid_file
from reference_server.supervisor import supervise
from simulator.children import group
from tests.conftest import ROOT
from tests.reference_server import supervised
from tests.servers import free_port
from tests.waiting import end_of, happens, until

pytestmark = pytest.mark.slow


class Fleet:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, mode: str, workers: int) -> None:
        self.folder, self.port = folder, free_port()
        self._log = (folder / "log").open("wb")
        self._seen: set[int] = set()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", supervised.MODULE, "serve"),
                *(str(folder), mode, str(workers), str(self.port)),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            process_group=group(),
        )

    def health(self) -> dict[str, Any]:
        try:
            return dict(httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=None).json())
        except httpx.TransportError:
            return {"status": "unreachable", "workers": []}

    def pids(self) -> list[int]:
        pids = [worker["pid"] for worker in self.health()["workers"] if worker["pid"]]
        self._seen.update(pids)
        return pids

    def metric(self, name: str) -> float:
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=None).text
        (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
        return float(line.split()[1])

    def did(self, *names: str) -> bool:
        return all((self.folder / name).exists() for name in names)

    def is_ready(self) -> bool:
        return bool(self.health()["status"] == "ready")

    def ends_with(self) -> int:
        return end_of(self.process)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()  # its workers notice, and end
            self.process.wait()
        for pid in self._seen:  # a worker that did not notice is still none of the next test
            with contextlib.suppress(OSError):
                if str(self.folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
        self._log.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, int], Fleet]]:
    with contextlib.ExitStack() as stack:

        def started(mode: str, workers: int) -> Fleet:
            fleet = Fleet(tmp_path, mode, workers)
            stack.callback(fleet.close)
            return fleet

        yield started


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_dead_worker_is_replaced_and_what_it_counted_stays(start: Callable[[str, int], Fleet]) -> None:
    fleet = start("good", 2)
    until(fleet.is_ready)
    assert fleet.metric("concord_operations_total") == 30
    assert fleet.metric("concord_operation_seconds_count") == 30
    assert fleet.metric("concord_connections") == 6
    first, second = fleet.pids()
    os.kill(first, signal.SIGKILL)
    until(lambda: fleet.is_ready() and fleet.pids()[-1:] == [second] and first not in fleet.pids())
    assert [worker["restarts"] for worker in fleet.health()["workers"]] == [1, 0]
    assert fleet.metric("concord_operations_total") == 40  # 10 of the dead one, 10 and 20 of the living
    assert fleet.metric("concord_operation_seconds_count") == 40
    assert fleet.metric("concord_connections") == 6
    assert fleet.metric("concord_connections_dropped_total") == 3
    # Every worker knows the sum, so any of them can answer for all.
    files = [fleet.folder / f"fleet-{number}" for number in (0, 1)]
    until(lambda: all(file.exists() and file.read_text() == "40" for file in files))


def test_signals_reach_all_workers_and_the_pid_file_is_held(start: Callable[[str, int], Fleet]) -> None:
    fleet = start("good", 2)
    until(fleet.is_ready)
    pids = fleet.pids()
    fleet.process.send_signal(signal.SIGHUP)
    until(lambda: fleet.did("reloaded-0", "reloaded-1"))
    assert fleet.pids() == pids
    held = pytest.raises(PidFileHeldError, match=f"process {fleet.process.pid}")
    with held, pid_file(fleet.folder / "pid"):
        raise AssertionError
    os.kill(int((fleet.folder / "pid").read_text()), signal.SIGTERM)
    assert fleet.ends_with() == 0
    assert fleet.did("drained-0", "drained-1")
    assert not fleet.did("pid")
    assert not any(map(is_alive, pids))


def test_workers_end_when_their_supervisor_is_killed(start: Callable[[str, int], Fleet]) -> None:
    fleet = start("good", 2)
    until(fleet.is_ready)
    pids = fleet.pids()
    fleet.process.kill()
    fleet.process.wait()
    until(lambda: fleet.did("orphaned-0", "orphaned-1") and not any(map(is_alive, pids)))
    # The file it left behind is stale: the next server takes it over.
    again = start("good", 1)
    until(again.is_ready)
    assert int((again.folder / "pid").read_text()) == again.process.pid


def test_a_worker_that_does_not_drain_is_killed(start: Callable[[str, int], Fleet]) -> None:
    fleet = start("stubborn", 1)
    until(fleet.is_ready)
    (pid,) = fleet.pids()
    fleet.process.send_signal(signal.SIGTERM)
    assert fleet.ends_with() == 70
    assert not is_alive(pid)


@pytest.mark.parametrize(("mode", "code"), [("fatal", 70), ("misconfigured", 64)])
def test_a_worker_that_cannot_live_ends_the_server(
    start: Callable[[str, int], Fleet], mode: str, code: int
) -> None:
    fleet = start(mode, 2)
    assert fleet.ends_with() == code
    assert not fleet.did("pid")
    log = (fleet.folder / "log").read_text()
    assert ("giving up" in log) == (mode == "fatal")
    assert "Traceback" not in log


def test_a_worker_that_reports_nonsense_is_replaced(start: Callable[[str, int], Fleet]) -> None:
    fleet = start("babbling", 1)
    until(fleet.is_ready)
    assert fleet.health()["workers"][0]["restarts"] == 1
    assert "reports nonsense" in (fleet.folder / "log").read_text()


def test_a_stale_pid_file_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("1\n")  # a live process, but none that holds the file
    with pid_file(path):
        assert path.read_text() == f"{os.getpid()}\n"
        with pytest.raises(PidFileHeldError), pid_file(path):
            raise AssertionError
        assert path.exists()
    assert not path.exists()
    with pid_file(None):
        pass


def test_a_fleet_needs_a_worker_and_its_port() -> None:
    with pytest.raises(ValueError, match="0 workers"):
        trio.run(supervise, ["true"], 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            trio.run(lambda: supervise(["true"], 1, metrics_port=port))


def test_frames_pass_in_any_pieces_and_nonsense_is_named() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        raw, more = socket.socketpair()
        async with (
            ControlChannel(ours) as near,
            ControlChannel(theirs) as far,
            ControlChannel(more) as channel,
        ):
            snapshots = [MetricsSnapshot(counts=Counts(operations=n)) for n in range(3)]
            for snapshot in snapshots:
                assert await near.send(snapshot)
            assert [await far.receive() for _ in snapshots] == snapshots

            async def drip(data: bytes) -> None:
                for byte in data:
                    raw.send(bytes([byte]))
                    await trio.testing.wait_all_tasks_blocked()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(drip, b"\x00\x00\x00\x02{}\x00\x00\x00\x02[]\xff\xff\xff\xff")
                assert await channel.receive() == MetricsSnapshot()
                with pytest.raises(ControlError, match="object"):
                    await channel.receive()
                with pytest.raises(ControlError, match="4294967299 bytes"):
                    await channel.receive()
        raw.close()

    trio.run(main)


def test_a_worker_is_told_when_the_channel_ends() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        control = Control(theirs.detach())
        lost: list[bool] = []

        def heard() -> MetricsSnapshot | None:
            return control.fleet

        async with trio.open_nursery() as nursery:
            nursery.start_soon(control.run, MetricsSnapshot, lambda: lost.append(True))
            async with ControlChannel(ours) as channel:
                assert await channel.receive() == MetricsSnapshot()
                assert heard() is None
                await channel.send(MetricsSnapshot(counts=Counts(operations=7)))
                await happens(heard)
                fleet = heard()
                assert fleet is not None
                assert fleet.counts.operations == 7
                assert lost == []
        assert lost == [True]

    trio.run(main)
