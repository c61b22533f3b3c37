from __future__ import annotations

import pytest

from tests.reference_server.api.server import Caller, SmallServer


def test_a_server_that_is_ready(nobody: Caller) -> None:
    response = nobody.get("/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "dependencies": {"store": {"status": "up", "ms": 0.25}, "bus": {"status": "up", "ms": 0.5}},
    }


def test_a_degraded_server_serves(server: SmallServer, nobody: Caller) -> None:
    server.status = "degraded"
    response = nobody.get("/health")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")


@pytest.mark.parametrize(("draining", "status"), [(True, "draining"), (False, "down")])
def test_a_server_that_takes_nobody(server: SmallServer, nobody: Caller, draining: bool, status: str) -> None:
    if draining:
        server.status = "draining"
    else:
        server.store_is_down = True
    response = nobody.get("/health")
    assert (response.status_code, response.json()["status"]) == (503, status)
    assert response.headers["retry-after"]
