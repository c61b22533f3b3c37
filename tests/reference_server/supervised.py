"""A server to be supervised, for tests: real processes that do nothing but report and end.

    python -m tests.reference_server.supervised serve FOLDER MODE WORKERS PORT
    python -m tests.reference_server.supervised work FOLDER MODE --worker K --control FD

What a worker did is a file in FOLDER. Modes: ``good``; ``stubborn`` (does not drain); ``fatal`` (ends at
once); ``misconfigured`` (ends with 64); ``babbling`` (sends nonsense first).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import trio

from reference_server.control import Control
from reference_server.metrics.registry import Metrics, MetricsState
from reference_server.metrics.snapshot import Gauges
from reference_server.supervisor import supervise

MODULE = "tests.reference_server.supervised"


def serve(folder: str, mode: str, workers: str, port: str) -> int:
    async def main() -> int:
        return await supervise(
            [sys.executable, "-m", MODULE, "work", folder, mode],
            int(workers),
            pid_file=Path(folder) / "pid",
            metrics_port=int(port),
            environment={**os.environ, "GIVEN": "to workers"},
            drain_seconds=1.0 if mode == "stubborn" else 60.0,
            young_deaths_max=3,
        )

    logging.basicConfig(level=logging.INFO)
    return trio.run(main)


def work(folder: str, mode: str, _worker: str, number: str, _control: str, descriptor: str) -> int:
    if mode == "fatal":
        return 1
    if mode == "misconfigured":
        return 64
    assert os.environ["GIVEN"] == "to workers"
    here, pid = Path(folder), os.getpid()
    if mode == "babbling" and not (here / f"babbled-{number}").exists():
        (here / f"babbled-{number}").touch()
        os.write(int(descriptor), b"\x00\x00\x00\x02{}" + b"\x00\x00\x00\x05[1,2]")
        signal.pause()
    control = Control(int(descriptor))
    metrics = Metrics(int(number), lambda: MetricsState(Gauges(connections=3)))
    for n in range(10 * (int(number) + 1)):
        metrics.published("document", 1_000 * n)

    async def main() -> None:
        ended = trio.Event()

        def orphaned() -> None:
            (here / f"orphaned-{number}").touch()
            ended.set()

        async def heed(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
                task_status.started()
                async for received in signals:
                    if received == signal.SIGHUP:
                        (here / f"reloaded-{number}").touch()
                    elif mode != "stubborn":
                        (here / f"drained-{number}").touch()
                        ended.set()

        async def tell() -> None:
            while True:
                if control.fleet is not None:
                    draft = here / f"fleet-{number}-{pid}"
                    draft.write_text(str(control.fleet.counts.operations))
                    draft.rename(here / f"fleet-{number}")
                await trio.sleep(0.05)

        async with trio.open_nursery() as nursery:
            await nursery.start(heed)
            nursery.start_soon(control.run, metrics.snapshot, orphaned)
            nursery.start_soon(tell)
            await ended.wait()
            nursery.cancel_scope.cancel()

    trio.run(main)
    return 0


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    sys.exit(serve(*arguments) if role == "serve" else work(*arguments))
