"""The monitoring port over real sockets: its answers, and its patience with bad peers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from reference_server.metrics import monitoring
from reference_server.metrics.monitoring import CONNECTIONS_MAX, HEAD_BYTES_MAX, Health, Monitoring
from reference_server.metrics.snapshot import Counts, MetricsSnapshot
from tests.reference_server.metrics.exposition import parse
from tests.waiting import patient

Ask = Callable[[bytes], Awaitable[tuple[int, dict[str, str], bytes]]]
Connect = Callable[[], Awaitable[trio.SocketStream]]


def with_monitoring(main: Callable[[Ask, Connect], Awaitable[None]], health: Health | None = None) -> None:
    def snapshot() -> MetricsSnapshot:
        return MetricsSnapshot(counts=Counts(operations=42))

    def is_well() -> Health:
        if health is None:
            raise RuntimeError("nobody knows")
        return health

    async def run() -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]

        async def connect() -> trio.SocketStream:
            return await trio.open_tcp_stream("127.0.0.1", port)

        async def ask(request: bytes) -> tuple[int, dict[str, str], bytes]:
            async with await connect() as stream:
                await stream.send_all(request)
                return await answer(stream)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(Monitoring(snapshot, is_well).serve, listeners)
            with patient():
                await main(ask, connect)
            nursery.cancel_scope.cancel()

    trio.run(run)


async def answer(stream: trio.SocketStream) -> tuple[int, dict[str, str], bytes]:
    data = b"".join([part async for part in stream])
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


async def ends(stream: trio.SocketStream) -> bytes:
    try:
        return await stream.receive_some()
    except trio.BrokenResourceError:
        return b""


def test_metrics_are_exposed() -> None:
    async def main(ask: Ask, connect: Connect) -> None:
        status, headers, body = await ask(b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status == 200
        assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert int(headers["content-length"]) == len(body)
        (value,) = parse(body.decode())["concord_operations_total"].samples.values()
        assert value == 42
        status, head_headers, body = await ask(b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (status, body) == (200, b"")
        assert head_headers["content-length"] == headers["content-length"]

    with_monitoring(main)


@pytest.mark.parametrize(
    ("status", "code"), [("ready", 200), ("degraded", 200), ("draining", 503), ("down", 503)]
)
def test_health_is_told(status: str, code: int) -> None:
    async def main(ask: Ask, connect: Connect) -> None:
        found, headers, body = await ask(b"GET /health HTTP/1.0\r\n\r\n")
        assert (found, headers["content-type"]) == (code, "application/json")
        assert json.loads(body) == {"status": status, "workers": [1, 2]}

    with_monitoring(main, Health(status, {"workers": [1, 2]}))


def test_other_requests_are_refused() -> None:
    async def main(ask: Ask, connect: Connect) -> None:
        for request, status in [
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404),
            (b"DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405),
            (b"nonsense\r\n\r\n", 400),
            (b"GET /metrics HTTP/1.1\r\n\r\n", 400),  # no Host
            (b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 2 * HEAD_BYTES_MAX, 431),
        ]:
            assert (await ask(request))[0] == status, request[:40]

    with_monitoring(main)


def test_a_failure_inside_is_an_answer_too(caplog: pytest.LogCaptureFixture) -> None:
    async def main(ask: Ask, connect: Connect) -> None:
        assert (await ask(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 500
        assert (await ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 200

    with_monitoring(main)
    assert "cannot answer" in caplog.text


def test_who_says_nothing_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "REQUEST_SECONDS_MAX", 0.05)

    async def main(ask: Ask, connect: Connect) -> None:
        async with await connect() as silent, await connect() as slow:
            await slow.send_all(b"GET /met")
            assert await ends(silent) == b""
            assert await ends(slow) == b""

    with_monitoring(main)


def test_connections_are_limited_and_come_free_again() -> None:
    async def main(ask: Ask, connect: Connect) -> None:
        held = [await connect() for _ in range(CONNECTIONS_MAX)]
        await trio.testing.wait_all_tasks_blocked(0.05)
        async with await connect() as one_too_many:
            assert await ends(one_too_many) == b""
        for stream in held:
            await stream.aclose()
        while True:
            try:
                status, _, _ = await ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            except (trio.BrokenResourceError, IndexError):  # its end has not noticed yet
                await trio.sleep(0.01)
            else:
                break
        assert status == 200

    with_monitoring(main)
