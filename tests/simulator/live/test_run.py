from __future__ import annotations

import itertools
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from model import history
from model.client import health
from model.crowding import CrowdWatch
from model.harness import Crowding
from model.history_file import read_history
from model.judging import judge, recorded_as, survey
from model.measures import load_measures
from model.result import load
from model.verdict import ExitCode, Verdict, overall
from reports.people import impact_text
from simulator.live import run as live
from simulator.live.run import LiveError, LiveOptions, run_live
from simulator.live.server import SpawnedServer, free_port
from simulator.planning.faultspec import FaultSpec
from simulator.planning.scenario import Region, Scenario, load_scenario
from simulator.planning.seeds import Seeds
from simulator.running.options import RunListener
from simulator.running.run import RunOutcome, save
from tests.servers import RunningPostgres
from tests.simulator.live.peers import (
    SECRET,
    AckBreakingServer,
    CoreServer,
    ForgetfulServer,
    RepeatingDocument,
    deaf,
    running,
)

pytestmark = pytest.mark.slow

QUIET = RunListener(progress=lambda _: None, stage=lambda _: None)
SECOND = 1_000_000


def fault(kind: str, lane: Any, at_s: float, seconds: float, **params: Any) -> FaultSpec:
    return FaultSpec(
        kind=kind, lane=lane, at_us=int(at_s * SECOND), duration_us=int(seconds * SECOND), **params
    )


def scenario(
    *faults: FaultSpec, clients: int = 16, seconds: float = 3.0, heal_s: float = 10.0, **changes: Any
) -> Scenario:
    """People who type fast, next door to the server, in rooms of four; some documents are contended."""
    calm = load_scenario("calm")
    return msgspec.structs.replace(
        calm,
        clients=clients,
        documents=clients // 4,
        duration_us=int(seconds * SECOND),
        heal_bound_us=int(heal_s * SECOND),
        popularity=msgspec.structs.replace(calm.popularity, hot_room=0, skew=0.0),
        workload=msgspec.structs.replace(
            calm.workload, edits_per_second=3.0, text_length=300, contention_share=0.3
        ),
        sessions=msgspec.structs.replace(calm.sessions, join_ramp_us=300_000, idle_share=0.0),
        network=msgspec.structs.replace(
            calm.network,
            regions=(Region("here", 1.0, 8_000, 2_000),),
            keep_alive_us=600_000,
            connect_timeout_us=400_000,
            retry_us=100_000,
            retry_max_us=400_000,
        ),
        **{"faults": faults, "requires": ()} | changes,
    )


def options(directory: Path, url: str, **changes: Any) -> LiveOptions:
    return LiveOptions(1, directory, "concord simulate --live", url, secret=SECRET)._replace(**changes)


def drive(directory: Path, server: CoreServer, *faults: FaultSpec, **changes: Any) -> RunOutcome:
    with running(server):
        return run_live(scenario(*faults, **changes), options(directory, server.url, server=server), QUIET)


def sites() -> list[str]:
    return [f"c{number:05d}" for number in range(16)]


def readers(idle_share: float) -> Scenario:
    some = scenario(seconds=2.0, heal_s=1.0)
    return msgspec.structs.replace(
        some, sessions=msgspec.structs.replace(some.sessions, idle_share=idle_share)
    )


def is_reader(site: str, idle_share: float) -> bool:
    """Whether this client of `readers` only reads: the fourth draw of its life."""
    rng = Seeds(1).stream("life", site)
    return [rng.random() for _ in range(4)][3] < idle_share


def violated(run: RunOutcome) -> dict[str, str]:
    """The violated claimed checks and what they say first."""
    return {c.name: c.violations[0].message for c in run.result.checks if c.claimed and c.violated}


def unchecked(run: RunOutcome) -> Sequence[str]:
    return [c.name for c in run.result.checks if c.claimed and not c.checked]


# --- a good server ----------------------------------------------------------------------------------------


def test_a_good_server_is_valid_under_faults_of_every_family(tmp_path: Path) -> None:
    server = CoreServer()
    run = drive(
        tmp_path,
        server,
        fault("partition_halves", "network", 0.5, 1.2, share=0.6),
        fault("client_crash", "clients", 1.2, 0.4, share=0.3),
        fault("crash_before_ack", "gateway", 2.0, 0.4, cells=1, restart_us=100_000),
        fault("duplicate_resend", "clients", 2.4, 0.5, share=0.8, period_us=8_000),
        fault("gateway_crash", "gateway", 3.0, 0.3, cells=1),
        seconds=3.6,
    )
    result = run.result
    assert (violated(run), unchecked(run), result.verdict) == ({}, [], Verdict.VALID)
    assert (result.kind, result.clients, result.documents, result.cells) == ("live", 16, 4, 1)
    assert {f.name for f in result.faults if f.affected} >= {
        "partition_halves",
        "crash_before_ack",
        "gateway_crash",
    }
    assert sum(one.histories for one in result.histories) == 4
    assert any(one.concurrent and one.faults for one in result.histories)
    assert server.starts >= 3  # a fault that hit nothing is made again
    assert {"close frame", "end without a close frame"} <= set(server.endings)
    # Whoever was left half open came back beside its own old connection.
    assert any("left half open" in note and " 0 were left" not in note for note in result.notes)


def test_a_live_run_has_to_reach_what_it_is_told_to(tmp_path: Path) -> None:
    result = drive(tmp_path, CoreServer(), seconds=1.5, requires=("composed", "trimmed_loaded")).result
    assert result.required == ["composed", "trimmed_loaded"]
    assert result.verdict is Verdict.UNKNOWN
    (triviality,) = [check for check in result.checks if check.name == "non_triviality"]
    assert "'trimmed_loaded' was not reached" in triviality.detail
    assert "'composed'" not in triviality.detail


def test_a_generator_that_is_late_while_others_have_the_machine_is_excused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LAG_P99_MS_MAX", -1.0)
    for crowded, code in ((9, ExitCode.GOOD), (0, ExitCode.HARNESS_LIMIT)):
        seen = Crowding(seconds=10, crowded=crowded, others_percent=70.0)
        monkeypatch.setattr(CrowdWatch, "crowding", lambda _, seen=seen: seen)
        result = drive(tmp_path / str(crowded), CoreServer(), seconds=1.5).result
        (lag,) = [row for row in result.harness if row.name == "loop_lag"]
        assert (lag.ok, bool(lag.excuse), result.exit_code) == (False, crowded > 0, code)
        assert any("took 70 %" in note for note in result.notes) == (crowded > 0)


class Calm(NamedTuple):
    run: RunOutcome
    directory: Path
    server: CoreServer


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """One run in which nothing goes wrong, looked at by several tests."""
    directory, server = tmp_path_factory.mktemp("calm"), CoreServer()
    return Calm(drive(directory, server), directory, server)


def test_the_history_is_whole_and_in_order(calm: Calm) -> None:
    assert calm.run.result.verdict is Verdict.VALID
    assert {(one.faults, one.offline) for one in calm.run.result.histories} == {(False, False)}
    records = list(read_history(calm.directory / "history" / "cell-00.jsonl.gz"))
    head = records[0]
    assert isinstance(head, history.Header)
    assert (head.producer, head.clock, head.run["scenario"]) == ("live", "client", "calm")
    assert isinstance(records[-1], history.Finished)
    times = [r.time_us for r in records if not isinstance(r, history.Header)]
    assert all(a <= b for a, b in itertools.pairwise(times))
    stored: set[tuple[str, int]] = set()
    for record in records:
        match record:
            case history.Stored():
                stored.add((record.document, record.revision))
            case history.Delivered() | history.Acknowledged() | history.Broadcast():
                assert (record.document, record.revision) in stored
            case _:
                pass
    # The first text of every document is its first revision, made by its founder, before anybody joined.
    founded = [r for r in records if isinstance(r, history.Edited) and r.kind == "setup"]
    assert len(founded) == 4
    assert all(r.time_us == 0 and r.sequence == 1 and r.operation.base_length == 0 for r in founded)
    sent = [r for r in records if isinstance(r, history.Broadcast) and r.received_us]
    assert len(sent) > 50
    assert all(0 < r.received_us <= r.time_us for r in sent)
    # What the server stored as sent is what went over the wire, not what it made of it.
    carried = [r for r in records if isinstance(r, history.Stored) and r.base < r.revision - 1]
    assert any(r.original != r.operation for r in carried)


def test_its_history_is_judged_again_to_the_same_end(calm: Calm) -> None:
    path = calm.directory / "history" / "cell-00.jsonl.gz"
    found = survey(path.name, partial(read_history, path))
    assert (found.producer, found.is_told, found.is_whole) == ("live", True, True)
    result = calm.run.result
    again = {check.name: check for check in recorded_as(judge([found]), result.checks)}
    assert overall(again.values()) is result.verdict
    assert {row.name: row.verdict for row in result.checks if row.claimed}.items() <= {
        name: check.verdict for name, check in again.items() if check.claimed
    }.items()


def test_what_only_the_server_knows_does_not_vote(calm: Calm) -> None:
    rows = {row.name: row for row in calm.run.result.checks}
    assert rows["presence"].claimed  # by what is seen of it
    assert rows["presence"].checked > 0
    assert "not known" in rows["presence"].detail
    assert rows["audit"].claimed
    assert rows["audit"].checked == 4


def test_a_result_is_written_and_read_back(calm: Calm, tmp_path: Path) -> None:
    run = calm.run
    save(run, tmp_path)
    again = load((tmp_path / "result.json").read_bytes())
    assert (again.kind, again.digest, again.verdict) == ("live", run.result.digest, Verdict.VALID)
    assert {row.name for row in again.harness} == {"loop_lag", "missed_sends", "refused_connections"}
    assert again.edits > 0
    measures = load_measures((tmp_path / "measures.json").read_bytes())
    assert measures.clock == "client"
    assert measures.latency("operation").count > 20
    authenticate = measures.latency("authenticate")
    assert (authenticate.count, authenticate.minimum > 0) == (16, True)


def test_tokens_are_renewed_in_band_before_they_expire(tmp_path: Path) -> None:
    server = CoreServer()
    with running(server):
        run = run_live(scenario(seconds=3.0), options(tmp_path, server.url, token_seconds=2), QUIET)
    assert run.result.verdict is Verdict.VALID
    assert not run.result.errors
    users = [claims["sub"] for claims in server.tokens]
    assert users.count("c00000") >= 2
    grants = {pattern for claims in server.tokens for pattern in claims["documents"]}
    assert len(grants) == 1
    assert grants.pop().startswith("live-")


def test_a_part_of_the_clients_takes_compressed_messages(calm: Calm) -> None:
    assert calm.server.compressed > 20


def test_a_stretch_without_the_store_loses_nothing(tmp_path: Path) -> None:
    server = CoreServer()
    run = drive(tmp_path, server, fault("store_stall", "store", 1.0, 1.6, cells=1), seconds=3.5)
    assert run.result.verdict is Verdict.VALID
    assert server.store_deaths == 1
    assert run.result.faults[0].affected > 0
    noticed = {impact.fault: impact for impact in run.result.impact}
    assert noticed["store_stall"].delayed.maximum > 1_000_000
    assert noticed["store_stall"].documents > 0
    assert "No acknowledged edit was lost." in impact_text(run.result)


def test_what_cannot_be_done_to_a_foreign_server_is_said_and_not_expected(tmp_path: Path) -> None:
    server = CoreServer()
    begun: list[str] = []
    said: list[tuple[int, str]] = []
    faults = (
        fault("gateway_crash", "gateway", 0.5, 0.5, cells=1),
        fault("store_error", "store", 0.5, 0.5, cells=1, rate=0.5),
        fault("rival_writer", "store", 0.5, 0.5, cells=1, period_us=1_000),
    )
    with running(server):
        listener = QUIET._replace(stage=begun.append, note=lambda note: said.append((len(begun), note)))
        run = run_live(scenario(*faults, seconds=2.0), options(tmp_path, server.url, kill=True), listener)
    assert server.starts == 1
    assert run.result.verdict is Verdict.VALID
    assert run.result.faults == []
    told = " ".join(run.result.notes)
    for kind in ("gateway_crash", "store_error", "rival_writer"):
        assert f"Fault {kind} was left out" in told
    assert "was not killed" in told
    assert {stages for stages, _ in said} == {0}  # before anything has begun
    assert {note for _, note in said} <= set(run.result.notes)
    assert len(said) == 4


# --- bad servers ------------------------------------------------------------------------------------------


def test_a_server_that_forgets_what_it_acknowledged_is_found_out(tmp_path: Path) -> None:
    crash = fault("gateway_crash", "gateway", 1.2, 0.2, cells=1)
    run = drive(tmp_path, ForgetfulServer(), crash, seconds=2.5, heal_s=1.0)
    assert run.result.verdict is Verdict.VIOLATED
    assert run.result.exit_code == 1
    assert {"ledger", "total_order"} & violated(run).keys()
    assert any("cannot be made smaller" in note for note in run.result.notes)
    assert (tmp_path / "history" / "cell-00.jsonl.gz").exists()


def test_a_server_that_applies_what_is_sent_again_is_found_out(tmp_path: Path) -> None:
    run = drive(tmp_path, AckBreakingServer(document=RepeatingDocument), seconds=2.0, heal_s=1.0)
    assert run.result.verdict is Verdict.VIOLATED
    assert "a second time" in violated(run)["ledger"]


def test_breaks_instead_of_acknowledgements_do_no_harm_to_a_good_server(tmp_path: Path) -> None:
    server = AckBreakingServer()
    run = drive(tmp_path, server, seconds=2.0)
    assert run.result.verdict is Verdict.VALID
    assert run.result.errors["closed 1001"] > 3


def test_a_server_that_withholds_broadcasts_from_one_client_is_found_out(tmp_path: Path) -> None:
    # One who only reads: whoever writes notices the gap before its own next revision, and comes back.
    reader = next(c for c in sites() if is_reader(c, idle_share=0.5))
    with running(CoreServer(delivers=deaf(reader))) as server:
        run = run_live(readers(idle_share=0.5), options(tmp_path, server.url), QUIET)
    assert run.result.verdict is Verdict.VIOLATED
    assert reader in violated(run)["quiescence"]


# --- an end before its time -------------------------------------------------------------------------------


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine may be busy; what is judged is what was read back."""
    monkeypatch.setattr(live, "READ_BACK_SECONDS", 60.0)


def interrupted(folder: Path, server: CoreServer, *faults: FaultSpec, at: float) -> RunOutcome:
    """A run that meets a Ctrl-C when this share of it is done."""

    def progress(share: float) -> None:
        if share >= at:
            signal.raise_signal(signal.SIGINT)

    listener = RunListener(progress=progress, stage=lambda _: None)
    with running(server):
        return run_live(scenario(*faults, seconds=4.0), options(folder, server.url), listener)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("at", [0.4, 0.6, 0.9])
def test_a_run_that_is_interrupted_is_judged_as_far_as_it_came(tmp_path: Path, at: float) -> None:
    clog = fault("clog", "network", 0.8, 1.8, share=0.5, impatient=0.5)
    run = interrupted(tmp_path, CoreServer(), clog, at=at)
    assert violated(run) == {}
    assert run.result.interrupted
    assert run.result.edits > 10
    assert any("The run was interrupted" in note for note in run.result.notes)


@pytest.mark.usefixtures("patient")
def test_what_was_found_before_an_interrupt_is_a_violation(tmp_path: Path) -> None:
    run = interrupted(tmp_path, AckBreakingServer(document=RepeatingDocument), at=0.7)
    assert run.result.interrupted
    assert "a second time" in violated(run)["ledger"]
    assert (tmp_path / "history" / "cell-00.jsonl.gz").exists()


def test_an_interrupt_before_anything_has_begun_is_passed_on(tmp_path: Path) -> None:
    def stage(text: str) -> None:
        if text == "making the documents":
            signal.raise_signal(signal.SIGINT)

    server = CoreServer()
    with running(server), pytest.raises(KeyboardInterrupt):
        run_live(scenario(), options(tmp_path, server.url), RunListener(lambda _: None, stage))


# --- no server --------------------------------------------------------------------------------------------


def test_where_sockets_cannot_be_broken_a_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "needs_posix", lambda what: f"{what} needs something else")
    with pytest.raises(LiveError, match="needs something else"):
        run_live(scenario(), options(tmp_path / "out", "ws://127.0.0.1:1"), QUIET)
    assert not (tmp_path / "out").exists()


def test_without_a_server_there_is_no_run(tmp_path: Path) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    with pytest.raises(LiveError, match="refused"):
        run_live(scenario(), options(tmp_path, url), QUIET)


def test_a_server_that_lets_nobody_in_ends_the_run_at_once(tmp_path: Path) -> None:
    server = CoreServer()
    with running(server), pytest.raises(LiveError, match="unauthenticated"):
        run_live(scenario(), options(tmp_path, server.url, secret="another secret" * 4), QUIET)


@pytest.mark.parametrize(
    ("url", "secret", "problem"),
    [
        ("http://127.0.0.1:1", SECRET, "expected ws://"),
        ("wss://127.0.0.1:1", SECRET, "use ws://"),
        ("ws://127.0.0.1:1", "", "JWT_SECRET"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(tmp_path: Path, url: str, secret: str, problem: str) -> None:
    with pytest.raises(LiveError, match=problem):
        run_live(scenario(), options(tmp_path, url, secret=secret), QUIET)


# --- the reference server ---------------------------------------------------------------------------------


def test_the_reference_server_survives_its_own_death(tmp_path: Path) -> None:
    """A process of its own, killed while everybody types."""
    run = run_live(scenario(seconds=3.0, heal_s=15.0), options(tmp_path, "spawn", kill=True), QUIET)
    assert (violated(run), unchecked(run), run.result.verdict) == ({}, [], Verdict.VALID)
    assert [f.name for f in run.result.faults if f.affected] == ["gateway_crash"]
    assert any("killed 1 time." in note or "killed 1 time," in note for note in run.result.notes)
    assert run.result.server is not None
    assert run.result.server.latencies["operation"].count > 20
    # The server of the second life found revisions, and says so.
    assert run.result.reached["loaded"] > 0
    assert max(n or 0 for n in run.result.server.columns["connections"]) >= 16


class WithPostgres(SpawnedServer):
    """The reference server on a PostgreSQL that may be killed too."""

    has_store_control = True

    def __init__(self, directory: Path, postgres: RunningPostgres, url: str) -> None:
        super().__init__(directory, SECRET, store=url)
        self._postgres = postgres

    def kill_store(self) -> None:
        self._postgres.kill()

    def start_store(self) -> None:
        self._postgres.start()


def test_the_reference_server_survives_the_death_of_its_database(
    tmp_path: Path, postgres: RunningPostgres, database_url: str
) -> None:
    server = WithPostgres(tmp_path / "server", postgres, database_url)
    stall = fault("store_stall", "store", 0.8, 0.8, cells=1)
    try:
        server.start()
        run = run_live(
            scenario(stall, seconds=3.0, heal_s=20.0),
            options(tmp_path / "run", server.url, server=server),
            QUIET,
        )
    finally:
        server.stop()
        if not postgres.is_running:
            postgres.start()
    assert (violated(run), unchecked(run), run.result.verdict) == ({}, [], Verdict.VALID)
    assert [f.name for f in run.result.faults if f.affected] == ["store_stall"]


def test_a_disk_that_is_full_of_history_leaves_the_verdict(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "cell-00.jsonl.gz").symlink_to("/dev/full")
    run = drive(tmp_path, CoreServer(), seconds=1.5)
    assert run.result.checks
    assert run.result.lost == [f"{tmp_path}/history/cell-00.jsonl.gz: No space left on device"]
