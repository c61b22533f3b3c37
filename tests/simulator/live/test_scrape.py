from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trio

from model.histogram import Histogram
from simulator.live import scrape
from simulator.live.scrape import Scraper


def histogram(*values: int) -> Histogram:
    result = Histogram()
    for value in values:
        result.record(value)
    return result


def answers(count: int) -> dict[str, Any]:
    """What a server with so many operations behind it says."""
    operations = histogram(*[1_000] * count).to_json()
    return {
        "/api/metrics": {"operations_per_second": 5.0, "queue_depth": count, "unheard_of": 1},
        "/api/metrics/connections": {"total_connections": 12, "cpu_usage": None},
        "/api/metrics/histograms": {
            "latencies": {
                "operation": {"since_start": operations, "last_minute": operations},
                "commit": {"since_start": operations, "last_minute": operations},
                "strange": {"since_start": 3},
            }
        },
    }


@contextmanager
def serving(pages: dict[str, Any] | None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = b"no" if pages is None else json.dumps(pages[self.path]).encode()
            self.send_response(404 if pages is None else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def scraped(monkeypatch: pytest.MonkeyPatch, authority: str, until: int = 0, then: Any = None) -> Scraper:
    """Read until there are so many samples; for ever (until it gives up) if 0."""
    monkeypatch.setattr(scrape, "EVERY_SECONDS", 0.01)
    scraper = Scraper(authority)

    async def run() -> None:
        with trio.fail_after(20.0):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scraper.run)
                while until and not _samples(scraper) >= until:
                    await trio.sleep(0.01)
                if then is not None:
                    then()
                    while _samples(scraper) < until * 2:
                        await trio.sleep(0.01)
                if until:
                    nursery.cancel_scope.cancel()

    trio.run(run)
    return scraper


def _samples(scraper: Scraper) -> int:
    series = scraper.series()
    return 0 if series is None else len(series.seconds)


def test_metrics_become_columns_and_histograms(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answers(7)) as authority:
        series = scraped(monkeypatch, authority, 3).series()
    assert series is not None
    assert len(series.seconds) >= 3
    assert series.seconds == sorted(series.seconds)
    assert {name: column[0] for name, column in series.columns.items()} == {
        "operations_per_second": 5.0,
        "queue_depth": 7.0,
        "connections": 12.0,
        "store_commit_p95_ms": pytest.approx(1.0, rel=0.02),
    }
    assert {name: h.count for name, h in series.latencies.items()} == {"operation": 7, "store_commit": 7}


def test_a_server_that_began_anew_adds_to_what_its_first_life_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = answers(7)
    with serving(pages) as authority:
        series = scraped(monkeypatch, authority, 2, lambda: pages.update(answers(3))).series()
    assert series is not None
    assert series.latencies["operation"].count == 10


def test_a_server_without_metrics_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(None) as authority:
        assert scraped(monkeypatch, authority).series() is None
    assert scraped(monkeypatch, authority).series() is None  # nobody there at all


@pytest.mark.parametrize("page", [[], "text", {"latencies": [1]}, {"latencies": {"operation": None}}])
def test_strange_answers_do_no_harm(monkeypatch: pytest.MonkeyPatch, page: Any) -> None:
    pages = answers(1) | {"/api/metrics/histograms": page}
    with serving(pages) as authority:
        series = scraped(monkeypatch, authority, 2 if isinstance(page, dict) else 0).series()
    assert series is None or series.latencies == {}
