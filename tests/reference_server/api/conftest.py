"""A server and its usual callers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reference_server.api.server import Caller, SmallServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmallServer]:
    server = SmallServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def nobody(server: SmallServer) -> Caller:
    return Caller(server)


@pytest.fixture
def ann(server: SmallServer) -> Caller:
    return Caller(server, server.token("ann"))


@pytest.fixture
def bob(server: SmallServer) -> Caller:
    return Caller(server, server.token("bob"))


@pytest.fixture
def admin(server: SmallServer) -> Caller:
    return Caller(server, server.token("root", "admin"))
