"""Live runs measure what their faults hit, expect all of them, and try again what hit nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from model import history
from model.history_file import read_history
from model.identity import SiteId
from model.people.actions import Action, Author, Move
from model.verdict import Verdict
from simulator.faults.fault import Fault
from simulator.live.cell import SERVER_FAULTS
from simulator.live.faults import LIVE_FAULTS
from simulator.live.run import run_live
from simulator.live.server import SpawnedServer
from simulator.planning.faultspec import FAULT_KINDS, FaultSpec
from simulator.planning.scenario import ServerSettings
from simulator.running.run import RunOutcome
from simulator.virtual import people
from simulator.workload import catalogue
from tests.simulator.live.peers import SECRET, CoreServer, running
from tests.simulator.live.test_run import (
    QUIET,
    SECOND,
    drive,
    fault,
    options,
    scenario,
    unchecked,
    violated,
)

pytestmark = pytest.mark.slow

STRONG: Mapping[str, dict[str, Any]] = {
    "partition_region": {"region": "here"},
    "partition_one_way": {"direction": "up"},
    "duplicate_resend": {"period_us": 8_000},
}

EXPIRING = ServerSettings(token_lifetime_us=2 * SECOND, workers=2)


def of_kind(kind: str, at_s: float, seconds: float) -> FaultSpec:
    """A fault that hits half of the clients, if it hits some."""
    params = {**FAULT_KINDS[kind].parameters, **STRONG.get(kind, {})}
    if "share" in params:
        params["share"] = 0.5
    return fault(kind, FAULT_KINDS[kind].lane, at_s, seconds, **params)


def with_expiring_tokens(directory: Path, *faults: FaultSpec, **changes: Any) -> RunOutcome:
    """Tokens are renewed every second, so that clocks matter."""
    server = CoreServer()
    with running(server):
        chosen = options(directory, server.url, server=server, token_seconds=2)
        return run_live(scenario(*faults, server=EXPIRING, **changes), chosen, QUIET)


def detail(run: RunOutcome) -> str:
    return next(c.detail for c in run.result.checks if c.name == "non_triviality")


def test_live_faults_without_their_action_hit_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: dict[str, int] = {}

    def without_action(kind: str, real: type[Fault]) -> type[Fault]:
        def begin(_: Fault) -> None:
            tries[kind] = tries.get(kind, 0) + 1

        return type(real.__name__, (real,), {"begin": begin, "end": lambda _: None})

    for kind, real in tuple(LIVE_FAULTS.items()):
        monkeypatch.setitem(LIVE_FAULTS, kind, without_action(kind, real))
    faults = [of_kind(kind, 0.6, 0.7) for kind in LIVE_FAULTS]
    run = with_expiring_tokens(tmp_path, *faults, seconds=2.6)
    assert not violated(run)
    assert {f.name: f.affected for f in run.result.faults} == dict.fromkeys(LIVE_FAULTS, 0)
    assert run.result.verdict is Verdict.UNKNOWN
    assert all(f"fault {kind!r} hit nothing" in detail(run) for kind in LIVE_FAULTS)
    assert min(n for kind, n in tries.items() if kind not in SERVER_FAULTS) >= 2  # those wait for each other


def test_live_faults_hit_what_they_are_meant_for(tmp_path: Path) -> None:
    one_after_another = (
        *("partition_clients", "clog", "partition_region", "flapping"),
        *("client_pause", "slow_reader", "long_offline", "herd"),
    )
    beside = [
        of_kind("gateway_pause", 0.8, 0.8),
        of_kind("store_error", 2.4, 0.8),
        of_kind("clock_skew", 2, 2),
        of_kind("corruption", 5.5, 1.5),
    ]
    faults = [of_kind(kind, 0.5 + 0.9 * n, 0.9) for n, kind in enumerate(one_after_another)]
    run = with_expiring_tokens(tmp_path, *faults, *beside, seconds=9.5, heal_s=15.0)
    assert "too little" not in detail(run)
    assert (violated(run), unchecked(run), run.result.verdict) == ({}, [], Verdict.VALID)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_one_direction_is_dead_and_the_other_one_works_over_real_sockets(
    tmp_path: Path, direction: str
) -> None:
    lame = fault("partition_one_way", "network", 0.8, 1.2, share=0.5, direction=direction)
    run = drive(tmp_path, CoreServer(), lame, seconds=2.6)
    assert (violated(run), run.result.verdict) == ({}, Verdict.VALID)
    records = list(read_history(tmp_path / "history" / "cell-00.jsonl.gz"))
    began = next(r for r in records if isinstance(r, history.FaultBegan))
    ended = next(r for r in records if isinstance(r, history.FaultEnded))
    assert ended.affected > 0
    assert 0 < began.concerned < 16


def test_processes_that_are_really_stopped_go_on(tmp_path: Path) -> None:
    server = SpawnedServer(tmp_path / "server", SECRET)
    try:
        server.start()
        run = run_live(
            scenario(of_kind("gateway_pause", 0.8, 1.2), seconds=3.2, heal_s=20.0),
            options(tmp_path / "run", server.url, server=server),
            QUIET,
        )
        assert server.pid is not None
    finally:
        server.stop()
    assert (violated(run), unchecked(run), run.result.verdict) == ({}, [], Verdict.VALID)
    records = list(read_history(tmp_path / "run" / "history" / "cell-00.jsonl.gz"))
    begin_us, end_us = (
        next(r.time_us for r in records if isinstance(r, kind))
        for kind in (history.FaultBegan, history.FaultEnded)
    )
    heard = [
        r.time_us
        for r in records
        if isinstance(r, history.Acknowledged | history.Delivered) and begin_us < r.time_us < end_us
    ]
    assert all(t - begin_us < 0.6 * SECOND for t in heard), (
        "somebody was answered while everybody was stopped"
    )


class Reader:
    """Somebody who reads, and puts the cursor elsewhere all the time."""

    def __init__(self) -> None:
        self._moves = 0

    def pause_us(self) -> int:
        return SECOND // 5

    def act(self, text: str, caret: int) -> Action:
        del caret
        self._moves += 1
        place = self._moves % min(7, len(text) + 1)
        return Move(place, place)


def test_processes_that_are_really_stopped_show_in_every_figure_of_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def author(*given: Any) -> Author:
        return Reader() if given[3] % 2 else catalogue.author(*given)

    monkeypatch.setattr(people, "author", author)
    plan = scenario(of_kind("gateway_pause", 1, 3), clients=8, seconds=5, heal_s=20.0)
    patient = msgspec.structs.replace(plan.network, keep_alive_us=60 * SECOND)
    server = SpawnedServer(tmp_path / "server", SECRET)
    try:
        server.start()
        chosen = options(tmp_path / "run", server.url, server=server)
        run = run_live(msgspec.structs.replace(plan, documents=1, network=patient), chosen, QUIET)
    finally:
        server.stop()
    assert violated(run) == {}
    records = list(read_history(tmp_path / "run" / "history" / "cell-00.jsonl.gz"))
    begin_us = next(r.time_us for r in records if isinstance(r, history.FaultBegan)) + SECOND // 10
    end_us = next(r.time_us for r in records if isinstance(r, history.FaultEnded))

    def waits_us(kind: type[Any]) -> dict[SiteId, int]:
        """For how long everything was stopped since who did this did it first."""
        meanwhile = [r for r in records if isinstance(r, kind) and begin_us < r.time_us < end_us]
        return {r.site: end_us - r.time_us for r in reversed(meanwhile)}

    edits_us, cursors_us = max(waits_us(history.Edited).values()), max(waits_us(history.Pointed).values())
    for measure, wait_us in {
        "durable_online": edits_us,
        "everywhere_online": edits_us,
        "operation": edits_us - SECOND // 10,  # less the modelled network
        "presence": cursors_us,
    }.items():
        assert run.measures.latency(measure).maximum >= wait_us >= 2 * SECOND, measure
    down_us = sum(phase.wanted_us - phase.connected_us for phase in run.measures.uptime.values())
    unanswered_us = sum(max(0, wait_us - SECOND) for wait_us in waits_us(history.Sent).values())
    assert down_us >= unanswered_us >= SECOND
