"""Whether a server of somebody else's can be judged at all, asked before a run begins."""

from __future__ import annotations

import threading
from typing import Final

from concord.refusals import SubjectError
from loadgen.connection import ConnectionEnded, handshake, opener
from model.client.address import Address
from model.identity import SiteId
from model.machine import Patience, slowness
from model.protocol import PROTOCOL_VERSION, Failure, Hello, ProtocolError, Welcome, decode_server, encode

PATIENCE_SECONDS: Final = 4.0
"""For everything together, from looking up the name to the answer."""

LOOK_SECONDS: Final = 0.02


def greet(address: Address, token: str) -> None:
    """Say hello to a server and hear that we are welcome, within seconds.

    Raises:
        SubjectError: nobody listens there, it is no server of the protocol, or it does not take the token.
    """
    where = f"ws{'s' * address.secure}://{address.authority}"
    problem = [f"no welcome within {PATIENCE_SECONDS:g} s"]

    def ask() -> None:
        problem[0] = _answer(address, token)

    # The name may take its time to be looked up, and a stranger may send one byte a second.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    patience = Patience(PATIENCE_SECONDS)
    while thread.is_alive() and not patience.is_over:
        thread.join(LOOK_SECONDS)
    if problem[0]:
        raise SubjectError(f"{where}: {problem[0]}")


def _answer(address: Address, token: str) -> str:
    """What is wrong with the answer of a server, empty for a welcome."""
    try:
        seconds = PATIENCE_SECONDS * slowness()
        socket = handshake(opener(address, seconds), address, seconds)
    except ConnectionEnded as error:
        return f"no WebSocket there: {error.reason or error}"
    except TimeoutError:
        return f"no welcome within {PATIENCE_SECONDS:g} s"
    except OSError as error:
        return f"cannot be reached: {error.strerror or error}"
    try:
        socket.send(encode(Hello(PROTOCOL_VERSION, SiteId("greeting"), token)))
        message = decode_server(next(socket.messages()))
    except ProtocolError as error:
        return f"speaks another protocol: {error}"
    except ConnectionEnded as error:
        return f"ended the connection instead of a welcome: {error}"
    finally:
        socket.close()
    if isinstance(message, Failure):
        return f"the server says {message.code.value}: {message.detail}"
    return "" if isinstance(message, Welcome) else "speaks another protocol: its first message is no welcome"
