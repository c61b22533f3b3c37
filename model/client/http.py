"""One request over HTTP, sans-IO: the bytes to send, and the body out of the bytes that come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import h11

from model.client.address import Address

BODY_BYTES_MAX: Final = 8 << 20


class HttpError(OSError):
    """There is no answer that is of any use; the message says why."""


class HttpRequest:
    """A request without a body, alone on its connection.

    Attributes:
        to_send: its bytes.
    """

    def __init__(
        self, address: Address, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> None:
        self._connection = h11.Connection(h11.CLIENT)
        self._path = path
        self._body = bytearray()
        fields = {"Host": address.authority, "Connection": "close", **(headers or {})}
        request = h11.Request(method=method, target=path, headers=list(fields.items()))
        self.to_send: bytes = self._connection.send(request) or b""
        self._connection.send(h11.EndOfMessage())  # has no bytes of its own

    def received(self, data: bytes) -> bytes | None:
        """The body, once it is whole; ``data`` is empty when the server has closed.

        Raises:
            HttpError: the status is not 200, the body longer than :data:`BODY_BYTES_MAX`, or it is no HTTP.
        """
        try:
            self._connection.receive_data(data)
            while True:
                event = self._connection.next_event()
                match event:
                    case h11.Response() if event.status_code != 200:
                        raise HttpError(f"{self._path}: status {event.status_code}")
                    case h11.Data():
                        self._body += event.data
                        if len(self._body) > BODY_BYTES_MAX:
                            raise HttpError(f"{self._path}: more than {BODY_BYTES_MAX:,} bytes")
                    case h11.EndOfMessage():
                        return bytes(self._body)
                    case h11.NEED_DATA:
                        return None
                    case h11.ConnectionClosed():
                        raise HttpError(f"{self._path}: closed without an answer")
                    case _:
                        pass  # the head of a good answer
        except h11.RemoteProtocolError as error:
            raise HttpError(f"{self._path}: no HTTP: {error}") from None
