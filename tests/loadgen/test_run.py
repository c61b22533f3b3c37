"""Whole load runs: Locust workers in processes of their own against servers that are right and wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadgen.channel import Status
from loadgen.plan import LoadPlan, PlanError
from loadgen.run import LoadListener, LoadOptions, run_load
from model.history import Edited
from model.history_file import read_history
from model.measures import MeasureSet
from model.result import RunResult
from model.verdict import ExitCode, Verdict
from reports.people import impact_text
from simulator.children import group
from tests.conftest import ROOT
from tests.servers import free_port, is_alive
from tests.waiting import end_of, until

pytestmark = pytest.mark.slow

SECRET = "secret of the load tests, long enough"
EDITS_ENOUGH = 150
"""A run ends by itself after a minute; a test ends it as soon as so many edits were made."""


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET)


@contextmanager
def server(bug: str = "") -> Iterator[str]:
    """The test server in its own process; its URL."""
    with server_process(bug) as (url, _):
        yield url


@contextmanager
def server_process(bug: str = "") -> Iterator[tuple[str, int]]:
    """The test server in its own process; its URL and the id of the process."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.loadgen.server", bug],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        process_group=group(),
    ) as process:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}", process.pid
        assert process.stdin is not None
        process.stdin.close()
        end_of(process)


def stopped(pid: int, seconds: float) -> None:
    """Stop a process for so long: it does nothing, and learns of it by its clock at most."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def plan(url: str, **changes: object) -> LoadPlan:
    plain: dict[str, object] = {
        "users": 12,
        "documents": 3,
        "spawn_rate": 50.0,
        "run_seconds": 60.0,
        "rate": 150.0,
        "settle_seconds": 10.0,
        "sample_documents": 2,
        "drop_mean_seconds": 4.0,
        "away_mean_seconds": 0.5,
    }
    return LoadPlan(url=url, **{**plain, **changes})  # type: ignore[arg-type]


def run(
    plan: LoadPlan, directory: Path, enough: Callable[[dict[int, Status]], bool] | None = None
) -> tuple[RunResult, MeasureSet]:
    """Run until enough edits were made."""
    latest: dict[int, Status] = {}

    def is_enough() -> bool:
        if enough is not None:
            return enough(latest)
        return sum(status.edits for status in latest.values()) >= EDITS_ENOUGH

    listener = LoadListener(latest.update, lambda _: None)
    return run_load(LoadOptions(plan, directory, "concord load", is_enough), listener)


def checks(result: RunResult) -> dict[str, Verdict]:
    return {row.name: row.verdict for row in result.checks if row.claimed}


def test_a_right_server_is_valid_and_everything_is_measured(tmp_path: Path) -> None:
    with server() as url:
        # Short-lived tokens: everybody renews in the course of the run.
        result, measures = run(
            plan(url, model="open", workers=2, token_seconds=2.0, spawn_rate=100.0), tmp_path
        )
    assert result.verdict is Verdict.VALID, result.checks
    assert set(checks(result).values()) == {Verdict.VALID}
    assert {"ledger", "durability", "protocol", "audit", "convergence"} <= checks(result).keys()
    assert {"weak_list", "presence"} <= checks(result).keys()  # everybody at one spot, in a sampled document
    assert result.kind == "load"
    assert result.cells == 2
    assert result.edits >= EDITS_ENOUGH
    assert "token_not_renewed_in_time" not in result.errors
    assert "unauthenticated" not in result.errors
    assert measures.clock == "client"
    for measure in ("operation", "durable_online", "everywhere_online", "connect", "authenticate"):
        assert measures.latency(measure).count, measure
    assert {row.name: row.ok for row in result.harness}["lost_workers"]
    assert not any("users came" in shortfall for shortfall in result.shortfalls)
    assert sum(one.histories for one in result.histories) == 2  # those that were sampled
    assert any(one.concurrent and one.offline and not one.faults for one in result.histories)
    assert result.reached["peer_cursor_past_own"] + result.reached["composed"] > 0  # in another process
    histories = sorted((tmp_path / "history").iterdir())
    assert len(histories) == 2
    assert sum(1 for path in histories for _ in read_history(path)) > EDITS_ENOUGH
    assert any("interrupted" in note for note in result.notes)


def test_a_generator_whose_loop_is_blocked_was_the_limit(tmp_path: Path) -> None:
    blocks = 0

    def block(latest: dict[int, Status]) -> bool:
        nonlocal blocks
        if sum(status.edits for status in latest.values()) > 30:
            stopped(latest[min(latest)].pid, 0.3)
            blocks += 1
        return blocks == 6

    with server() as url:
        result, _ = run(plan(url, model="open", drop_mean_seconds=0.0), tmp_path, block)
    assert result.verdict is Verdict.VALID, result.checks
    assert result.exit_code == ExitCode.HARNESS_LIMIT
    unwell = {row.name for row in result.harness if not row.ok}
    assert {"loop_lag", "missed_sends"} <= unwell


@pytest.mark.parametrize("sampled", [0, 3])
def test_a_server_that_forgets_an_acknowledged_edit_is_violated(tmp_path: Path, sampled: int) -> None:
    with server("forget") as url:
        result, _ = run(plan(url, sample_documents=sampled), tmp_path)
    assert result.verdict is Verdict.VIOLATED
    assert result.exit_code == ExitCode.VIOLATED
    assert checks(result)["durability"] is Verdict.VIOLATED
    if sampled:
        assert checks(result)["ledger"] is Verdict.VIOLATED


@pytest.mark.parametrize("bug", ["reorder", "lose"])
def test_a_server_that_mixes_up_or_loses_broadcasts_is_violated(tmp_path: Path, bug: str) -> None:
    with server(bug) as url:
        result, _ = run(plan(url), tmp_path)
    assert result.verdict is Verdict.VIOLATED
    assert checks(result)["protocol"] is Verdict.VIOLATED


def test_a_recorded_session_is_replayed_as_load(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    patches = [[[n, 0, chr(97 + n % 26)]] for n in range(400)]
    text = "".join(chr(97 + n % 26) for n in range(400))
    path.write_text(
        json.dumps({"startContent": "", "endContent": text, "txns": [{"patches": p} for p in patches]})
    )
    with server() as url:
        loaded = plan(url, recording=str(path), contention_share=0.0, drop_mean_seconds=0.0)
        result, _ = run(loaded, tmp_path / "out")
    assert result.verdict is Verdict.VALID, result.checks
    assert result.workload == "recorded session.json, closed model"
    histories = (tmp_path / "out" / "history").iterdir()
    typed = {
        insertion
        for history in histories
        for record in read_history(history)
        if isinstance(record, Edited)
        for insertion in record.operation.components
        if isinstance(insertion, str)
    }
    assert typed == set(text)


def test_a_recording_that_cannot_be_read_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"--recording .*nothing\.json"):
        run(plan("ws://127.0.0.1:1", recording=str(tmp_path / "nothing.json")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_that_ends_before_its_users_came_says_so(tmp_path: Path) -> None:
    with server() as url:
        result, _ = run(
            plan(url, spawn_rate=2.0), tmp_path, lambda latest: any(s.edits > 5 for s in latest.values())
        )
    assert len(result.shortfalls) == 2
    users, rate = result.shortfalls
    assert users.endswith("of the planned 12 users came")
    assert rate.endswith("of the planned 150 edits were made each second")


def test_a_server_that_stands_still_shows_in_every_figure_and_is_told_as_people_noticed_it(
    tmp_path: Path,
) -> None:
    was_stopped: list[int] = []

    def is_enough(latest: dict[int, Status]) -> bool:
        edits = sum(status.edits for status in latest.values())
        if edits >= EDITS_ENOUGH / 2 and not was_stopped:
            stopped(pid, 2.5)
            was_stopped.append(edits)
        return bool(was_stopped) and edits > was_stopped[0] + 20

    with server_process() as (url, pid):
        result, measures = run(plan(url, drop_mean_seconds=0.0), tmp_path, is_enough)
    for measure in ("operation", "durable_online", "everywhere_online"):
        assert measures.latency(measure).maximum >= 2_000_000, measure
    wanted_us = sum(phase.wanted_us for phase in measures.uptime.values())
    down_us = wanted_us - sum(phase.connected_us for phase in measures.uptime.values())
    assert down_us >= 12 * 1_000_000  # all had something on its way, and had waited a second for its answer
    (whole,) = result.impact
    assert whole.delayed.count > 0
    assert whole.delayed.maximum > 1_000_000
    assert (whole.documents, whole.lost, whole.handed_back) == (3, 0, 0)
    assert impact_text(result).count("No acknowledged edit was lost.") == 1


def test_a_server_that_dies_is_an_outage_and_no_limit_of_the_generator(tmp_path: Path) -> None:
    errors_before: list[int] = []

    def is_enough(latest: dict[int, Status]) -> bool:
        errors = sum(status.errors for status in latest.values())
        if sum(status.edits for status in latest.values()) >= EDITS_ENOUGH / 2 and not errors_before:
            os.kill(pid, signal.SIGKILL)
            errors_before.append(errors)
        return bool(errors_before) and errors > errors_before[0] + 40

    with server_process() as (url, pid):
        result, measures = run(plan(url, settle_seconds=1.0), tmp_path, is_enough)
    outage = [row for row in result.harness if row.name in ("refused_connections", "unconnected_users")]
    assert [(row.value, row.ok) for row in outage] == [(0.0, True)] * 2
    assert any("were refused while it was down" in row.note for row in outage)
    wanted_us = sum(phase.wanted_us for phase in measures.uptime.values())
    assert sum(phase.connected_us for phase in measures.uptime.values()) < wanted_us


def test_a_disk_that_is_full_of_history_leaves_the_verdict(tmp_path: Path) -> None:
    path = tmp_path / "history" / "worker-00.jsonl.gz"
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    with server() as url:
        result, _ = run(plan(url), tmp_path)
    assert result.checks
    assert result.lost == [f"{path}: No space left on device"]
    assert not path.exists()


def test_without_a_server_a_run_ends_and_says_why(tmp_path: Path) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    result, _ = run(
        plan(url, settle_seconds=1.0), tmp_path, lambda latest: any(s.errors > 20 for s in latest.values())
    )
    assert result.verdict is Verdict.UNKNOWN
    assert result.exit_code == ExitCode.HARNESS_LIMIT
    notes = {row.name: row.note for row in result.harness if not row.ok}
    assert "Is the server running?" in notes["refused_connections"]
    assert "unconnected_users" in notes


def test_a_worker_that_dies_spoils_the_run(tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_one(latest: dict[int, Status]) -> bool:
        if latest and not killed:
            killed.append(latest[min(latest)].pid)
            os.kill(killed[0], signal.SIGKILL)
        return bool(killed)

    with server() as url:
        result, _ = run(plan(url, workers=2), tmp_path, kill_one)
    assert result.exit_code in (ExitCode.HARNESS_LIMIT, ExitCode.VIOLATED)
    assert result.verdict is Verdict.UNKNOWN
    (lost,) = [row for row in result.harness if row.name == "lost_workers"]
    assert not lost.ok
    assert "-9" in lost.note


def test_without_a_token_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_SECRET")
    with pytest.raises(PlanError, match="JWT_SECRET"):
        run(plan("ws://127.0.0.1:1"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_locust_alone_runs_the_file_and_ends_with_the_verdict(tmp_path: Path) -> None:
    with server() as url:
        command = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadgen" / "locustfile.py")]
        command += ["--headless", "-u", "4", "-r", "4", "-t", "3s", "--host", url, "--only-summary"]
        command += ["--documents", "1", "--rate", "20", "--out", str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("LOCUST_SKIP_MONKEY_PATCH", None)
        done = subprocess.run(command, capture_output=True, text=True, env=environment, process_group=group())
    assert done.returncode == ExitCode.GOOD, done.stderr
    assert "durable_online" in done.stdout + done.stderr  # in Locust's own table
    assert (tmp_path / "worker-00.json").is_file()


KILLED = """
import os, sys
from pathlib import Path
from loadgen.run import LoadListener, LoadOptions, run_load
from tests.loadgen.test_run import plan

def say(status):
    if all(worker.edits for worker in status.values()) and len(status) == 2:
        print(*(worker.pid for worker in status.values()), flush=True)

run_load(
    LoadOptions(plan(sys.argv[1], workers=2), Path(sys.argv[2]), "concord load"),
    LoadListener(say, lambda stage: None),
)
"""


def test_workers_end_when_the_run_is_killed(tmp_path: Path) -> None:
    with server() as url:
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, url, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            process_group=group(),
        ) as process:
            assert process.stdout is not None
            workers = [int(pid) for pid in process.stdout.readline().split()]
            process.kill()
        assert len(workers) == 2
        until(lambda: not any(is_alive(pid) for pid in workers))
