"""``concord serve --workers N``: starts the workers, keeps them alive, adds up what they measure.

Rules:

* A worker that ends unasked is started again: at once if it had lived, else after a pause that doubles. One
  that dies young ``YOUNG_DEATHS_MAX`` times in a row ends the whole server with exit code 70, and one that
  ends with 64 (the configuration is wrong) ends it with 64.
* SIGTERM and SIGINT drain: every worker gets SIGTERM and time; who is still there afterwards is killed. The
  second one kills at once. SIGHUP is passed on.
* Workers are in a process group of their own: a Ctrl-C reaches them through the supervisor only.
* What a dead worker counted stays in the sum, so that no counter ever shrinks.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import trio

from reference_server import control
from reference_server.logs import Logger
from reference_server.metrics.monitoring import Health, Monitoring
from reference_server.metrics.registry import monotonic_us
from reference_server.metrics.snapshot import MetricsSnapshot, merge
from reference_server.pidfile import pid_file as hold_pid_file

EXIT_OK: Final = 0
EXIT_USAGE: Final = 64
EXIT_BUG: Final = 70

DRAIN_SECONDS: Final = 30.0
YOUNG_SECONDS: Final = 5.0  # who lives no longer died young
YOUNG_DEATHS_MAX: Final = 8
PAUSE_SECONDS_MIN: Final = 0.1
PAUSE_SECONDS_MAX: Final = 5.0
SILENT_US: Final = 5_000_000  # who has not reported for longer counts as not well

_LOG: Final = Logger("supervisor")


async def supervise(
    command: Sequence[str],
    workers: int,
    *,
    pid_file: Path | None = None,
    metrics_port: int = 0,
    metrics_host: str = "127.0.0.1",
    environment: Mapping[str, str] | None = None,
    drain_seconds: float = DRAIN_SECONDS,
    young_deaths_max: int = YOUNG_DEATHS_MAX,
) -> int:
    """Run the workers until a signal ends them; in the main thread only.

    Args:
        command: starts a worker, given ``--worker K --control FD`` at its end; see :class:`control.Control`.
        workers: how many.
        pid_file: holds the id of this process meanwhile.
        metrics_port: of ``/metrics`` and ``/health`` of all workers together; 0 for none.
        metrics_host: the address of that port.
        environment: of the workers; this process's own by default.
        drain_seconds: how long they may take to end.
        young_deaths_max: deaths of one worker in a row, each soon after its start, before giving up.

    Returns:
        The exit code: 0 after draining, 64 or 70 as said above; 70 too if a worker had to be killed.

    Raises:
        PidFileHeldError: another server runs with this pid file.
        OSError: the pid file cannot be written, or the monitoring port is taken.
    """
    if workers < 1:
        raise ValueError(f"no server has {workers} workers")
    with hold_pid_file(pid_file):
        listeners = await trio.open_tcp_listeners(metrics_port, host=metrics_host) if metrics_port else []
        fleet = _Fleet(command, workers, environment, drain_seconds, young_deaths_max)
        return await fleet.run(listeners)


class _Worker:
    """One place in the fleet, and the process that has it now."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: trio.Process | None = None
        self.latest: MetricsSnapshot | None = None
        self.restarts = 0

    @property
    def is_reporting(self) -> bool:
        return self.latest is not None and monotonic_us() - self.latest.taken_us < SILENT_US

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process if there is one."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)


class _Fleet:
    """All workers of one server."""

    def __init__(
        self,
        command: Sequence[str],
        workers: int,
        environment: Mapping[str, str] | None,
        drain_seconds: float,
        young_deaths_max: int,
    ) -> None:
        self._command = list(command)
        self._workers = [_Worker(number) for number in range(workers)]
        self._environment = environment
        self._drain_seconds = drain_seconds
        self._young_deaths_max = young_deaths_max
        self._draining = trio.Event()
        self._exit_code = EXIT_OK
        self._departed = MetricsSnapshot()

    async def run(self, listeners: list[trio.SocketListener]) -> int:
        async with trio.open_nursery() as services:
            await services.start(self._heed_signals)
            services.start_soon(self._drain_in_time)
            if listeners:
                services.start_soon(Monitoring(self._sum, self._health).serve, listeners)
            async with trio.open_nursery() as nursery:
                for worker in self._workers:
                    nursery.start_soon(self._keep, worker)
            services.cancel_scope.cancel()
        _LOG.info("all workers have ended", exit_code=self._exit_code)
        return self._exit_code

    # --- the life of a worker

    async def _keep(self, worker: _Worker) -> None:
        """Start a worker again and again, until the fleet drains."""
        young_deaths = 0
        while True:
            begin = trio.current_time()
            code = await self._run_process(worker)
            self._take_leave(worker)
            if self._draining.is_set():
                # A worker that had not yet learned to drain when it was told to had nothing to lose.
                if code not in (EXIT_OK, -signal.SIGTERM):
                    _LOG.warning("worker did not end well", worker=worker.number, exit_code=code)
                    self._end(EXIT_BUG)
                return
            young_deaths = young_deaths + 1 if trio.current_time() - begin < YOUNG_SECONDS else 0
            _LOG.error("worker died", worker=worker.number, exit_code=code, young_deaths=young_deaths)
            if code == EXIT_USAGE:
                self._end(EXIT_USAGE)
                return
            if young_deaths >= self._young_deaths_max:
                _LOG.error("giving up: a worker does not stay alive", worker=worker.number)
                self._end(EXIT_BUG)
                return
            if young_deaths:
                pause = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN * 2 ** (young_deaths - 1))
                with trio.move_on_after(pause):
                    await self._draining.wait()
                    return
            worker.restarts += 1

    async def _run_process(self, worker: _Worker) -> int:
        """One process from start to end: its exit code, negative for the signal that killed it."""
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = ["--worker", str(worker.number), "--control", str(theirs.fileno())]
            process = await trio.lowlevel.open_process(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
                env=None if self._environment is None else dict(self._environment),
            )
        worker.process = process
        _LOG.info("worker started", worker=worker.number, pid=process.pid)
        if self._draining.is_set():
            worker.signal(signal.SIGTERM)
        try:
            async with (
                control.ControlChannel(ours) as channel,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(self._hear, worker, channel)
                nursery.start_soon(self._tell, channel)
                code = await process.wait()
                nursery.cancel_scope.cancel()
        finally:
            if process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
        return code

    async def _hear(self, worker: _Worker, channel: control.ControlChannel) -> None:
        try:
            while (snapshot := await channel.receive()) is not None:
                worker.latest = snapshot
        except control.ControlError as error:
            _LOG.error("worker reports nonsense", worker=worker.number, reason=str(error))
            worker.signal(signal.SIGKILL)

    async def _tell(self, channel: control.ControlChannel) -> None:
        """Send the sum of all; a worker that does not read holds up nobody else."""
        await trio.sleep(control.INTERVAL_SECONDS)
        while await channel.send(self._sum()):
            await trio.sleep(control.INTERVAL_SECONDS)

    def _take_leave(self, worker: _Worker) -> None:
        if worker.latest is not None:
            now_us = monotonic_us()  # the departed are asked again too, which drops what is an hour old
            self._departed = merge(each.after_death(now_us) for each in (self._departed, worker.latest))
        worker.process = worker.latest = None

    # --- the end

    def _end(self, code: int) -> None:
        """Drain; the first reason other than a signal decides the exit code."""
        self._exit_code = self._exit_code or code
        if not self._draining.is_set():
            self._draining.set()
            self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: signal.Signals) -> None:
        for worker in self._workers:
            worker.signal(number)

    async def _drain_in_time(self) -> None:
        await self._draining.wait()
        await trio.sleep(self._drain_seconds)
        _LOG.warning("workers are killed: they did not drain in time")
        self._signal_all(signal.SIGKILL)
        await trio.sleep_forever()

    async def _heed_signals(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    self._signal_all(signal.SIGHUP)
                elif not self._draining.is_set():
                    _LOG.info("draining", signal=signal.Signals(number).name)
                    self._end(EXIT_OK)
                else:
                    self._signal_all(signal.SIGKILL)

    # --- what is shown

    def _sum(self) -> MetricsSnapshot:
        latest = [worker.latest for worker in self._workers if worker.latest is not None]
        return merge([self._departed, *latest])

    def _health(self) -> Health:
        reporting = sum(worker.is_reporting for worker in self._workers)
        if self._draining.is_set():
            status = "draining"
        elif reporting == len(self._workers):
            status = "ready"
        else:
            status = "degraded" if reporting else "down"
        return Health(status, {"pid": os.getpid(), "workers": [_shown(worker) for worker in self._workers]})


def _shown(worker: _Worker) -> dict[str, Any]:
    silence_us = None if worker.latest is None else monotonic_us() - worker.latest.taken_us
    return {
        "worker": worker.number,
        "pid": None if worker.process is None else worker.process.pid,
        "restarts": worker.restarts,
        "reporting": worker.is_reporting,
        "last_report_ms": None if silence_us is None else silence_us // 1_000,
    }
