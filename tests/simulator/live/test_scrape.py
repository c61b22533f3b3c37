"""What is asked over HTTP beside a live run: metrics, and fresh tokens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
import trio

from model.client.address import Address
from model.client.http import HttpError, HttpRequest
from model.client.server_metrics import ServerMetrics
from model.client.tokens import FixedToken
from simulator.live import scrape as scraping
from simulator.live.http import ask
from simulator.live.scrape import scrape
from simulator.live.tokens import keep_fresh, tokens_of
from tests.waiting import patient

SECRET = "s" * 40


@contextmanager
def serving(pages: dict[str, Any]) -> Iterator[Address]:
    """A server that answers with JSON; a page may be a function of the request's token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            data = json.dumps(page(self.headers["Authorization"]) if callable(page) else page).encode()
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815  # the name that the library looks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Address.of(f"ws://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
        thread.join()


def until(condition: Callable[[], bool], task: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Let a task run until something has come of it."""

    async def run() -> None:
        with patient():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(task, *arguments)
                while not condition():
                    await trio.sleep(0.01)
                nursery.cancel_scope.cancel()

    trio.run(run)


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scraping, "PERIOD_SECONDS", 0.01)


def test_a_server_is_asked_again_and_again() -> None:
    metrics = ServerMetrics()

    def has_three() -> bool:
        series = metrics.series()
        return series is not None and len(series.seconds) >= 3

    with serving({"/api/metrics": {"queue_depth": 3}}) as address:
        until(has_three, scrape, address, metrics)
    series = metrics.series()
    assert series is not None
    assert set(series.columns["queue_depth"]) == {3.0}
    assert series.seconds == sorted(series.seconds)


def test_a_server_without_metrics_is_left_alone() -> None:
    with serving({}) as address:
        trio.run(scrape, address, ServerMetrics())  # ends by itself
    trio.run(scrape, address, ServerMetrics())  # nobody there at all


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_asked() -> None:
    async def test() -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with listener:
            address = Address(False, "127.0.0.1", listener.socket.getsockname()[1], "/ws")
            with pytest.raises(HttpError, match=r"within 0\.1 s"):
                await ask(address, HttpRequest(address, "/"), 0.1)

    trio.run(test)


def test_a_fixed_token_is_refreshed_when_it_is_due() -> None:
    now = int(time.time())
    shown: list[str] = []

    def refresh(authorization: str) -> dict[str, str]:
        shown.append(authorization)
        return {"token": jwt.encode({"iat": now, "exp": now + 1_000}, SECRET, algorithm="HS256")}

    old = jwt.encode({"iat": now - 90, "exp": now + 10}, SECRET, algorithm="HS256")
    tokens = tokens_of("", old, "live-*", 20)
    assert isinstance(tokens, FixedToken)
    with serving({"/api/auth/refresh": refresh}) as address:
        until(lambda: tokens.token("u") != old, keep_fresh, tokens, address)
    assert shown == [f"Bearer {old}"]


def test_tokens_that_need_no_refresh_end_the_task_at_once() -> None:
    nobody = Address.of("ws://127.0.0.1:1")
    trio.run(keep_fresh, tokens_of("", "opaque", "live-*", 20), nobody)
    trio.run(keep_fresh, tokens_of(SECRET, "", "live-*", 20), nobody)


def test_without_token_and_secret_nobody_is_let_in() -> None:
    with pytest.raises(ValueError, match="JWT_SECRET"):
        tokens_of("", "", "live-*", 20)
