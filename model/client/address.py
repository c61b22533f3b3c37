"""Where a server is: the parts of a ``ws://`` or ``wss://`` URL."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

PORTS: Final = {"ws": 80, "wss": 443}
"""The ports of RFC 6455 for a URL that names none."""

TARGET: Final = "/ws"
"""The path of a URL that names none."""


class AddressError(ValueError):
    """A URL that no WebSocket can be opened to; the message says why."""


class Address(NamedTuple):
    """Where a server listens; ``target`` is the path and query of the WebSocket."""

    secure: bool
    host: str
    port: int
    target: str

    @classmethod
    def of(cls, url: str) -> Address:
        """The address in ``ws://HOST[:PORT][/PATH]`` or ``wss://…``; without a path it is ``/ws``.

        Raises:
            AddressError: it is no such URL.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise AddressError(f"{url}: {error}") from None
        if parts.scheme not in PORTS or not host:
            raise AddressError(f"{url}: expected ws://HOST:PORT or wss://HOST:PORT")
        if port == 0:
            raise AddressError(f"{url}: nobody can listen on port 0")
        path = parts.path if parts.path not in ("", "/") else TARGET
        target = f"{path}?{parts.query}" if parts.query else path
        return cls(parts.scheme == "wss", host, port or PORTS[parts.scheme], target)

    @property
    def authority(self) -> str:
        """``HOST:PORT`` as in a URL and in a ``Host`` header; an IPv6 address stands in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
