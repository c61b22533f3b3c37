"""From the url of the configuration to a bus."""

from __future__ import annotations

from reference_server.bus.memory import MemoryBus
from reference_server.bus.port import Bus


def open_bus(url: str, worker: str) -> Bus:
    """The bus that a url names; it connects when it is started.

    Args:
        url: ``memory:`` for a single worker, or ``redis://…``, ``rediss://…``, ``unix://…`` as for redis-py.
        worker: name of this worker, no other's.

    Raises:
        ValueError: the url names no bus; the message names the url without its password.
    """
    if url == "memory:":
        return MemoryBus()
    scheme, colon, rest = url.partition("://")
    if colon and scheme in ("redis", "rediss", "unix"):
        # Here, because a single worker needs no driver of Redis.
        from reference_server.bus.redis import RedisBus

        try:
            return RedisBus(url, worker)
        except ValueError as error:
            raise ValueError(f"not the url of a bus: {scheme}://{rest.rpartition('@')[2]}: {error}") from None
    raise ValueError(f"not the url of a bus: {url.rpartition('@')[2]} (memory: or redis://host:port/db)")
