"""One request to the server over HTTP, on a connection of its own."""

from __future__ import annotations

import trio

from model.client.address import Address
from model.client.http import HttpError, HttpRequest


async def ask(address: Address, request: HttpRequest, timeout: float) -> bytes:
    """The body of the answer.

    Raises:
        OSError: there is none of any use within ``timeout`` seconds.
    """
    with trio.move_on_after(timeout):
        try:
            async with await trio.open_tcp_stream(address.host, address.port) as stream:
                await stream.send_all(request.to_send)
                while (body := request.received(await stream.receive_some())) is None:
                    pass
                return body
        except trio.BrokenResourceError as error:
            raise HttpError(f"the connection broke: {error}") from None
    raise HttpError(f"no answer within {timeout:g} s")
