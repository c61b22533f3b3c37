"""From a url to a bus."""

from __future__ import annotations

import pytest

from reference_server.bus.memory import MemoryBus
from reference_server.bus.open import open_bus
from reference_server.bus.redis import RedisBus


def test_urls_name_their_bus() -> None:
    assert isinstance(open_bus("memory:", "0"), MemoryBus)
    assert isinstance(open_bus("redis://user:secret@127.0.0.1:6379/3", "0"), RedisBus)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "redis",
        "redis:",
        "http://127.0.0.1",
        "redis://u:secret@127.0.0.1:port",
        "amqp://u:secret@h",
    ],
)
def test_anything_else_is_refused_and_no_password_is_shown(url: str) -> None:
    with pytest.raises(ValueError, match="not the url of a bus") as refused:
        open_bus(url, "0")
    assert "secret" not in str(refused.value)
