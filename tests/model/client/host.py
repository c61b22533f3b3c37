"""A host whose time is turned by hand, and a listener that takes down what it is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from model.client.backoff import Backoff
from model.client.client import Client
from model.client.dialect import Controls, Dialect

FIRST_US = 200_000
MAX_US = 1_600_000


class Link:
    """An open connection: what was sent over it, and whether the client left it."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = ""


class Host:
    """The time and the transport of one client; connections open when a test says so."""

    def __init__(self) -> None:
        self.now = 0
        self.attempts: list[int] = []
        self.log: list[str] = []
        self._calls: list[tuple[int, int, Callable[..., object], tuple[Any, ...]]] = []
        self.client: Client[Link, Any]

    def call_after(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> None:
        self._calls.append((self.now + delay_us, len(self._calls), function, arguments))

    def connect(self) -> None:
        self.attempts.append(self.now)

    def send(self, link: Link, frame: bytes) -> None:
        assert self.client.link is link
        self.log.append(f"saved {self.client.saved}")
        link.sent.append(frame)

    def close(self, link: Link, *, abrupt: bool = False) -> None:
        link.closed = "abrupt" if abrupt else "closed"

    def online(self) -> None:
        self.log.append("online")

    def offline(self, cause: str) -> None:
        self.log.append(f"offline {cause}")

    def restarted(self) -> None:
        self.log.append("restarted")

    def gave_up(self, cause: str) -> None:
        self.log.append(f"gave up {cause}")

    def raised(self, what: str, error: Exception) -> None:
        self.log.append(f"raised {error} while it {what}")

    def run(self, until_us: int) -> None:
        """Let everything happen that is due until then."""
        while due := sorted(call for call in self._calls if call[0] <= until_us):
            self._calls.remove(due[0])
            self.now, _, function, arguments = due[0]
            function(*arguments)
        self.now = until_us

    def open(self) -> Link:
        """The connection that was asked for opens."""
        link = Link()
        self.client.opened(link)
        return link


def client_of(host: Host, dialect: Callable[[Controls], Dialect]) -> Client[Link, Any]:
    """A client on this host."""
    host.client = Client(host, host, Backoff(FIRST_US, MAX_US, random.Random(7)), dialect)
    return host.client
