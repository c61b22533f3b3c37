"""The codec against wsproto's own server side, without a socket."""

from __future__ import annotations

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto import events as theirs

from model.client.address import Address
from model.client.websocket import (
    CLOSE_NO_STATUS,
    CLOSE_PROTOCOL_ERROR,
    CLOSE_TOO_BIG,
    Accepted,
    ClientSocket,
    Closed,
    Event,
    Message,
    Rejected,
)
from model.protocol import MESSAGE_BYTES_MAX

ADDRESS = Address(False, "::1", 8080, "/ws?a=b")


class Peers:
    """A client and a server, connected by calls."""

    def __init__(self, *, accept: bool = True) -> None:
        self.client = ClientSocket(ADDRESS)
        self.server = WSConnection(ConnectionType.SERVER)
        (request,) = self.server_heard()
        assert isinstance(request, theirs.Request)
        self.request = request
        if accept:
            assert list(self.said(theirs.AcceptConnection())) == [Accepted()]

    def server_heard(self, frame: bytes = b"") -> list[theirs.Event]:
        self.server.receive_data(self.client.take_to_send() + frame)
        return list(self.server.events())

    def said(self, *events: theirs.Event) -> list[Event]:
        return list(self.client.received(b"".join(self.server.send(event) for event in events)))


def test_the_handshake_says_where_and_offers_no_extensions() -> None:
    request = Peers().request
    assert (request.host, request.target, request.extensions) == ("[::1]:8080", "/ws?a=b", [])


def test_a_refused_handshake_is_told_with_its_status() -> None:
    rejection = theirs.RejectConnection(status_code=503, headers=[(b"content-length", b"0")])
    assert Peers(accept=False).said(rejection) == [Rejected(503)]


def test_messages_travel_as_text_and_compressed_ones_as_binary() -> None:
    peers = Peers()
    frames = peers.client.message("é".encode()) + peers.client.message(b"\x00", compressed=True)
    text, binary = peers.server_heard(frames)
    assert isinstance(text, theirs.TextMessage)
    assert text.data == "é"
    assert isinstance(binary, theirs.BytesMessage)
    assert bytes(binary.data) == b"\x00"


def test_messages_in_the_same_packet_as_the_close_are_given_first() -> None:
    peers = Peers()
    assert peers.said(
        theirs.TextMessage(data="zwei €"), theirs.BytesMessage(data=b"z"), theirs.CloseConnection(code=4409)
    ) == [Message("zwei €".encode(), False), Message(b"z", True), Closed(4409, "")]
    (answer,) = peers.server_heard()
    assert isinstance(answer, theirs.CloseConnection)


def test_a_message_in_parts_is_put_together_and_a_ping_is_answered() -> None:
    peers = Peers()
    assert peers.said(
        theirs.TextMessage(data="one ", message_finished=False),
        theirs.Ping(payload=b"p"),
        theirs.TextMessage(data="message"),
        theirs.BytesMessage(data=b"1", message_finished=False),
        theirs.BytesMessage(data=b"2"),
    ) == [Message(b"one message", False), Message(b"12", True)]
    assert peers.server_heard() == [theirs.Pong(payload=b"p")]


def test_a_close_without_a_code_has_one_of_its_own() -> None:
    assert list(Peers().client.received(b"\x88\x00")) == [Closed(CLOSE_NO_STATUS, "")]


def test_what_is_no_websocket_ends_it() -> None:
    (closed,) = Peers().client.received(b"\xff\xff\xff\xff")
    assert isinstance(closed, Closed)
    assert closed.code == CLOSE_PROTOCOL_ERROR


@pytest.mark.parametrize("kind", [theirs.TextMessage, theirs.BytesMessage])
def test_a_message_may_be_as_long_as_the_protocol_allows_and_no_longer(
    kind: type[theirs.TextMessage] | type[theirs.BytesMessage],
) -> None:
    def part(size: int, *, last: bool) -> theirs.Event:
        if kind is theirs.TextMessage:
            return theirs.TextMessage(data="x" * size, message_finished=last)
        return theirs.BytesMessage(data=b"x" * size, message_finished=last)

    (whole,) = Peers().said(part(1, last=False), part(MESSAGE_BYTES_MAX - 1, last=True))
    assert isinstance(whole, Message)
    peers = Peers()
    assert [event.code for event in peers.said(part(MESSAGE_BYTES_MAX, last=False), part(1, last=True))
            if isinstance(event, Closed)] == [CLOSE_TOO_BIG]  # fmt: skip
    (told,) = peers.server_heard()
    assert isinstance(told, theirs.CloseConnection)
    assert told.code == CLOSE_TOO_BIG


def test_after_the_close_there_is_nothing_to_send() -> None:
    peers = Peers()
    assert peers.client.closing()
    assert peers.client.message(b"late") == b""
    assert peers.client.closing() == b""
