"""WorkerHealth, tokens, promises, matching of cursors, and what the server says of itself."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import jwt
import msgspec
import pytest

from loadgen import run as load
from loadgen.audit import Promise, broken_promises
from loadgen.health import WorkerHealth, rows
from loadgen.outcome import WorkerOutcome, judged
from loadgen.plan import LoadPlan, PlanError
from loadgen.server_metrics import MetricsThread
from loadgen.tokens import RefreshedToken, tokens_of
from model.client.address import Address
from model.client.tokens import FixedToken
from model.identity import SiteId
from model.protocol import Row
from model.text import noop
from model.verdict import CheckResult, Verdict, overall
from tests.numbers import rev, seq

SECRET = "s" * 40
A, B = SiteId("a"), SiteId("b")


def unwell(workers: list[WorkerHealth], lost: tuple[str, ...] = ()) -> dict[str, str]:
    return {row.name: row.note for row in rows(workers, lost) if not row.ok}


def test_a_healthy_worker_has_nothing_to_say() -> None:
    health = WorkerHealth(cpu_percent=[95.0, *[40.0] * 30], attempts=10, down=5, wanted=10)
    health.lag.record(1_000)
    health.planned(49_000)
    assert unwell([health]) == {}


def test_each_limit_of_a_worker_is_noticed_with_its_cause() -> None:
    busy = WorkerHealth(cpu_percent=[10.0] * 30 + [99.0] * 10 + [10.0] * 30)
    assert set(unwell([busy])) == {"generator_cpu"}
    assert set(unwell([WorkerHealth(attempts=10, refused=1)])) == {"refused_connections"}
    assert set(unwell([WorkerHealth(wanted=10, unserved=1)])) == {"unconnected_users"}
    assert set(unwell([WorkerHealth(refresh_failures=1)])) == {"token_refreshes"}
    (note,) = unwell([WorkerHealth()], ("worker-01 (exit code 9)",)).values()
    assert "worker-01" in note


def test_users_take_the_old_token_while_one_of_them_waits_for_the_new_one() -> None:
    now = [1_000.0]

    def made(issued: float) -> str:
        return jwt.encode({"iat": int(issued), "exp": int(issued) + 100}, SECRET, algorithm="HS256")

    def refresh(token: FixedToken) -> bytes:
        asked.append(tokens.token("another"))
        if len(asked) == 1:
            raise OSError("down")
        return msgspec.json.encode({"token": made(now[0])})

    asked: list[str] = []
    first = made(1_000)
    tokens = RefreshedToken(first, refresh, lambda: now[0])
    assert tokens.token("u") == first
    now[0] = 1_061.0
    assert tokens.token("u") == first  # the refresh failed; the old one still is good
    assert tokens.token("u") == first
    assert asked == [first]  # not again at once
    now[0] = 1_070.0
    assert tokens.token("u") == made(1_070)
    assert asked == [first, first]
    assert tokens.failures == 1


def test_a_run_without_token_and_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = LoadPlan(url="ws://h:1", users=1, documents=1, spawn_rate=1, run_seconds=1, secret_env="NONE_SUCH")
    with pytest.raises(PlanError, match="NONE_SUCH"):
        tokens_of(plan)
    monkeypatch.setenv("NONE_SUCH", SECRET)
    claims = jwt.decode(tokens_of(plan).token("u1"), SECRET, algorithms=["HS256"])
    assert claims["documents"] == {"load-*": "editor"}


def test_where_workers_cannot_take_over_a_socket_a_run_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load, "needs_posix", lambda what: f"{what} needs something else")
    plan = LoadPlan(url="ws://h:1", users=1, documents=1, spawn_rate=1, run_seconds=1)
    listener = load.LoadListener(status=lambda _: None, stage=lambda _: None)
    with pytest.raises(PlanError, match="needs something else"):
        load.run_load(load.LoadOptions(plan, tmp_path / "out", "load"), listener)
    assert not (tmp_path / "out").exists()


def row(revision: int, site: SiteId, first: int, last: int) -> Row:
    return Row(rev(revision), site, seq(first), seq(last), noop(0))


def test_kept_promises() -> None:
    log = [row(1, A, 1, 2), row(2, B, 1, 1), row(3, A, 3, 3)]
    promises = [Promise(A, seq(3), seq(4)), Promise(B, seq(0), seq(1)), Promise(SiteId("c"), seq(0), seq(2))]
    assert list(broken_promises(log, promises, is_whole=True)) == []


@pytest.mark.parametrize(
    ("log", "what"),
    [
        ([row(1, A, 1, 2)], "is not in the durable log"),
        ([row(1, A, 1, 3), row(2, A, 3, 3)], "twice"),
        ([row(1, A, 1, 1), row(2, A, 3, 3)], "missing before"),
        ([row(1, A, 1, 9)], "never made"),
        ([], "is not in the durable log"),
    ],
)
def test_broken_promises(log: list[Row], what: str) -> None:
    found = list(broken_promises(log, [Promise(A, seq(3), seq(4))], is_whole=True))
    assert len(found) == 1
    assert what in found[0][1]


def test_a_log_without_its_begin_accuses_nobody_for_it() -> None:
    log = [row(9, A, 7, 8)]
    assert (
        list(broken_promises(log, [Promise(A, seq(8), seq(8)), Promise(B, seq(3), seq(3))], is_whole=False))
        == []
    )
    assert list(broken_promises(log, [Promise(A, seq(9), seq(9))], is_whole=False))


def outcome(**changes: object) -> WorkerOutcome:
    plain = WorkerOutcome(
        worker=0,
        checks=[CheckResult("convergence", 5, 0, "texts")],
        happened={"edit:type": 3},
        errors={},
        health=WorkerHealth(),
        documents_read=2,
        missing=[],
        digest="",
        ended="",
        users=1,
        has_unique=False,
        wall_seconds=1.0,
    )
    return msgspec.structs.replace(plain, **changes)


@pytest.mark.parametrize(
    ("checked", "violated", "has_unique", "verdict"),
    [
        (9, 0, True, Verdict.VALID),
        (9, 1, True, Verdict.VIOLATED),
        (9, 1, False, Verdict.VIOLATED),
        (0, 0, True, Verdict.UNKNOWN),  # there was a document that could have shown it
        (0, 0, False, Verdict.VALID),
    ],
)
def test_list_specifications_vote_where_everybody_is_at_one_spot(
    checked: int, violated: int, has_unique: bool, verdict: Verdict
) -> None:
    row = CheckResult("weak_list", checked, violated, "displays")
    workers = [outcome(), outcome(checks=[row], has_unique=has_unique)]
    assert overall(judged(workers, 4)) is verdict


def test_a_run_is_valid_only_if_everything_was_read_back_and_somebody_edited() -> None:
    assert overall(judged([outcome()], 2)) is Verdict.VALID
    assert overall(judged([outcome()], 3)) is Verdict.UNKNOWN
    assert overall(judged([outcome(missing=["d could not be read"])], 2)) is Verdict.UNKNOWN
    assert overall(judged([outcome(happened={})], 2)) is Verdict.UNKNOWN
    wrong = outcome(checks=[CheckResult("convergence", 5, 1, "texts")])
    assert overall(judged([outcome(documents_read=0), wrong], 2)) is Verdict.VIOLATED
    assert overall(judged([], 2)) is Verdict.UNKNOWN


class Pages(BaseHTTPRequestHandler):
    """A server that says the same of itself each time, or nothing at all."""

    pages: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        body = self.pages.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("talks", [True, False])
def test_the_server_is_asked_for_its_metrics_at_the_begin_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch, talks: bool
) -> None:
    pages = {"/api/metrics/connections": b'{"total_connections": 7}'} if talks else {}
    monkeypatch.setattr(Pages, "pages", pages)
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        metrics = MetricsThread(Address.of(f"ws://127.0.0.1:{server.server_address[1]}"))
        metrics.start()
        series = metrics.stop()
        server.shutdown()
        thread.join()
    if talks:
        assert series is not None
        assert series.columns == {"connections": [7.0] * len(series.seconds)}
        assert series.seconds
    else:
        assert series is None
