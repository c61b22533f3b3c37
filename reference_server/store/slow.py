"""A store whose commits take longer, as on a slow disk: to see what that does before a disk does it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from reference_server.core.effects import Answer, Request
from reference_server.store.port import Store


class SlowStore:
    """Another store, each commit of which waits first."""

    def __init__(self, store: Store, seconds: float) -> None:
        """``seconds`` is how long each commit waits."""
        self._store = store
        self._seconds = seconds

    def perform(self, requests: Sequence[Request]) -> list[Answer]:
        """As the other store, and later."""
        time.sleep(self._seconds)
        return self._store.perform(requests)

    def close(self) -> None:
        """Close the other store."""
        self._store.close()
