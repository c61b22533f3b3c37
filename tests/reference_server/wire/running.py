"""The real server in the loop of a test.

Whatever happens in a test, the server's log must not have an error at its end, and nothing may be left open.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

import msgspec
import trio

from reference_server import logs
from reference_server.auth.keys import Keys, KeySource
from reference_server.auth.tokens import Tokens
from reference_server.bus.memory import MemoryBus, MemoryHub
from reference_server.config import Config
from reference_server.core.effects import Role
from reference_server.gateway.listener import open_listener
from reference_server.metrics.snapshot import MetricsSnapshot
from reference_server.server import Server
from reference_server.store.open import open_store
from reference_server.store.port import Catalogue, Store
from tests.waiting import PATIENCE_SECONDS, happens, patient

SECRET: Final = "a secret of tests, which is longer than 32 bytes"
DOCUMENT: Final = "notes"
ALL: Final = {"*": "editor"}


def token(
    user: str = "ann",
    documents: dict[str, str] | None = None,
    *,
    seconds: int = 600,
    role: str = "user",
    secret: str = SECRET,
) -> str:
    """A token; ``documents`` grants (everything if left out), ``seconds`` until it expires, also negative."""
    long = 100_000
    return Tokens(Keys("HS256", [KeySource(None, secret=secret)])).issue(
        user,
        role="admin" if role == "admin" else "user",
        documents={name: Role(value) for name, value in (ALL if documents is None else documents).items()},
        lifetime_seconds=long,
        now=time.time() - long + seconds,
    )


# --- the server -------------------------------------------------------------------------------------------


def check_log(text: str) -> None:
    """What every log must be free of, whatever clients did."""
    for line in text.splitlines():
        assert "Traceback" not in line, text[-4_000:]
        if line.startswith("{"):
            record = json.loads(line)
            assert record["level"] != "error", line
            assert "traceback" not in record, line


@contextlib.contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """What the server logs in this process."""
    stream = io.StringIO()
    logs.configure("info", stream=stream)
    try:
        yield stream
    finally:
        root = logging.getLogger()
        for handler in [h for h in root.handlers if getattr(h, "stream", None) is stream]:
            root.removeHandler(handler)
        logging.getLogger("concord").setLevel(logging.NOTSET)


class Running:
    """A server in this loop."""

    def __init__(self, server: Server, port: int, log: io.StringIO, ended: trio.Event) -> None:
        self.server, self.port, self.log, self.ended = server, port, log, ended

    @property
    def snapshot(self) -> MetricsSnapshot:
        """What it measured."""
        return self.server.own_metrics()

    def is_empty(self) -> bool:
        """Whether nobody is connected and nothing is kept for anybody."""
        worker = self.server.worker
        return not (
            worker.connections
            or worker.claims
            or worker.gateway.connections
            or worker.gateway.documents
            or self.server._sessions
            or self.server._listener.open
        )


def config(**sections: Mapping[str, object]) -> Config:
    """The defaults with some settings changed: ``websocket={"ping_interval": 0.1}``."""
    settings = Config()
    changed = {name: msgspec.structs.replace(getattr(settings, name), **s) for name, s in sections.items()}
    return msgspec.structs.replace(settings, **changed)


@contextlib.asynccontextmanager
async def serving(
    *,
    errors: bool = False,
    ports: tuple[Store, Catalogue] | None = None,
    hub: MemoryHub | None = None,
    **sections: Mapping[str, object],
) -> AsyncIterator[Running]:
    """A server; drained at the end, and then nothing may be left of anybody.

    ``errors`` says that the test makes the server fail on purpose, so its log has errors. Its documents are
    in memory if ``ports`` do not say otherwise; with a ``hub`` it is one of several workers.
    """
    settings = config(**sections)
    files = len(os.listdir("/proc/self/fd"))
    with captured_log() as log:
        store, catalogue = ports or open_store("memory:")
        listeners = await open_listener("127.0.0.1", 0)
        server = Server(settings, store, catalogue, MemoryBus(hub), SECRET, shared=hub is not None)
        ended = trio.Event()
        running = Running(server, listeners[0].socket.getsockname()[1], log, ended)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run, listeners, ended)
            try:
                with patient(2 * PATIENCE_SECONDS):
                    yield running
                await happens(running.is_empty)
                counts = running.snapshot.counts
                assert counts.connections_opened == counts.connections_closed
                assert counts.connections_dropped <= counts.connections_closed
            finally:
                ended.set()
        catalogue.close()
        store.close()
    if not errors:
        check_log(log.getvalue())
    await happens(lambda: len(os.listdir("/proc/self/fd")) <= files)
