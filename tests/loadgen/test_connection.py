"""One WebSocket over a real socket: what arrives before a close is read, and every way to end is noticed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from loadgen.connection import ConnectionEnded, WebSocket, opener
from model.client.address import Address
from model.client.websocket import CLOSE_ABNORMAL
from tests.waiting import PATIENCE_SECONDS

Behaviour = Callable[[socket.socket, WSConnection], None]


@contextmanager
def served(behaviour: Behaviour, *, accept: bool = True) -> Iterator[WebSocket]:
    """A connection to a server that does ``behaviour`` after the handshake, and then hangs up."""

    def serve() -> None:
        plain, _ = listener.accept()
        with plain:
            plain.settimeout(PATIENCE_SECONDS)
            protocol = WSConnection(ConnectionType.SERVER)
            while not any(isinstance(e, Request) for e in received(plain, protocol)):
                pass
            answer: Event = AcceptConnection() if accept else RejectConnection(status_code=503)
            plain.sendall(protocol.send(answer))
            if accept:
                behaviour(plain, protocol)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(False, "127.0.0.1", listener.getsockname()[1], "/ws")
        thread = threading.Thread(target=serve)
        thread.start()
        plain = opener(address)()
        try:
            yield WebSocket(plain, address, silent_seconds=30)
        finally:
            plain.close()
            thread.join(30)


def received(plain: socket.socket, protocol: WSConnection) -> list[Event]:
    protocol.receive_data(plain.recv(65_536) or None)
    return list(protocol.events())


def collect(link: WebSocket) -> tuple[list[bytes], ConnectionEnded]:
    messages: list[bytes] = []
    with pytest.raises(ConnectionEnded) as lost:
        messages.extend(link.messages())  # keeps what came before the exception
    return messages, lost.value


def test_messages_in_the_same_packet_as_the_close_are_read() -> None:
    def behaviour(plain: socket.socket, protocol: WSConnection) -> None:
        frames = protocol.send(TextMessage(data="one")) + protocol.send(TextMessage(data="zwei €"))
        plain.sendall(frames + protocol.send(CloseConnection(code=1001)))
        plain.recv(65_536)

    with served(behaviour) as link:
        messages, lost = collect(link)
    assert messages == [b"one", "zwei €".encode()]
    assert lost.code == 1001


def test_a_message_in_parts_is_put_together_and_a_ping_is_answered() -> None:
    answers: list[Event] = []

    def behaviour(plain: socket.socket, protocol: WSConnection) -> None:
        plain.sendall(protocol.send(TextMessage(data="one ", message_finished=False)))
        plain.sendall(protocol.send(Ping(payload=b"p")))
        plain.sendall(protocol.send(TextMessage(data="message")))
        answers.extend(received(plain, protocol))

    with served(behaviour) as link:
        assert next(link.messages()) == b"one message"
    assert [type(a) for a in answers] == [Pong]


def test_what_is_sent_arrives_as_text() -> None:
    arrived: list[Event] = []

    def behaviour(plain: socket.socket, protocol: WSConnection) -> None:
        arrived.extend(received(plain, protocol))

    with served(behaviour) as link:
        link.send("é".encode())
        collect(link)
    (message,) = [e for e in arrived if isinstance(e, TextMessage)]
    assert message.data == "é"


def test_a_socket_closed_without_a_word_is_abnormal() -> None:
    with served(lambda _plain, _protocol: None) as link:
        assert collect(link)[1].code == CLOSE_ABNORMAL


def test_a_binary_message_nobody_agreed_to_ends_the_connection() -> None:
    def behaviour(plain: socket.socket, protocol: WSConnection) -> None:
        plain.sendall(protocol.send(BytesMessage(data=b"x")))

    with served(behaviour) as link:
        assert "binary" in str(collect(link)[1])


def test_a_refused_handshake_is_said_with_its_status() -> None:
    with pytest.raises(ConnectionEnded, match="503"), served(lambda _p, _q: None, accept=False):
        pass
