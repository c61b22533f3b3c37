from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from model.protocol import MESSAGE_BYTES_MAX
from reference_server.gateway.frames import PING, FrameReader, binary_frame, text_frame, unmask

SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]


class Reading:
    """A reader and what came out of it."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bool]] = []
        self.other = b""
        self.reader = FrameReader(lambda data, binary: self.messages.append((data, binary)), self._other)

    def _other(self, data: bytes) -> None:
        self.other += data


def client_frame(
    payload: bytes, opcode: int = 1, *, final: bool = True, mask: bytes = b"\x01\xf2\x83\x74"
) -> bytes:
    first = opcode | (0x80 if final else 0)
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("frame", "kind"), [(text_frame, str), (binary_frame, bytearray)])
def test_a_frame_is_what_a_client_library_reads(size: int, frame: object, kind: type) -> None:
    payload = b"x" * size
    protocol = FrameProtocol(client=True, extensions=[])
    protocol.receive_bytes(frame(payload))  # type: ignore[operator]
    received = list(protocol.received_frames())
    assert all(isinstance(part.payload, str) == (kind is str) for part in received)
    texts = [part.payload for part in received]
    assert b"".join(t.encode() if isinstance(t, str) else bytes(t) for t in texts) == payload  # type: ignore[arg-type]
    assert received[-1].message_finished


def test_the_ping_is_one() -> None:
    protocol = FrameProtocol(client=True, extensions=[])
    protocol.receive_bytes(PING)
    (frame,) = protocol.received_frames()
    assert (frame.opcode, frame.payload) == (Opcode.PING, b"")


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("binary", [False, True])
def test_a_message_in_one_frame_is_cut_out(size: int, binary: bool) -> None:
    reading = Reading()
    payload = bytes(n % 251 for n in range(size))
    reading.reader.feed(client_frame(payload, 2 if binary else 1))
    assert reading.messages == [(payload, binary)]
    assert reading.other == b""


@pytest.mark.slow
@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=6), st.data())
def test_bytes_may_arrive_in_any_pieces(messages: list[tuple[bytes, bool]], data: st.DataObject) -> None:
    stream = b"".join(client_frame(payload, 2 if binary else 1) for payload, binary in messages)
    reading = Reading()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        reading.reader.feed(stream[:size])
        stream = stream[size:]
    assert reading.messages == messages
    assert reading.other == b""


@pytest.mark.slow
def test_a_message_that_drips_in_is_not_copied_again_with_every_drop() -> None:
    reading = Reading()
    stream = client_frame(b"x" * 1_000_000)
    reading.reader.feed(stream[:500_000])
    for at in range(500_000, len(stream)):  # half a million copies of half a megabyte would take minutes
        reading.reader.feed(stream[at : at + 1])
    assert reading.messages == [(b"x" * 1_000_000, False)]


@pytest.mark.parametrize("opcode", [9, 10])
def test_control_frames_are_handed_on_and_messages_around_them_are_not(opcode: int) -> None:
    control = client_frame(b"abc", opcode)
    stream = client_frame(b"one") + control + client_frame(b"two")
    for size in range(1, len(stream)):
        reading = Reading()
        reading.reader.feed(stream[:size])
        reading.reader.feed(stream[size:])
        assert reading.messages == [(b"one", False), (b"two", False)]
        assert reading.other == control


@pytest.mark.parametrize(
    "odd",
    [
        client_frame(b"part", final=False),
        client_frame(b"rest", 0),
        b"\x81\x03abc",  # not masked
        bytes([0xC1]) + client_frame(b"x")[1:],  # a reserved bit
        client_frame(b"x", 3),  # a reserved opcode
        client_frame(b"\x03\xe8", 8),  # the end: nothing counts after it
        struct.pack("!BBQ", 0x81, 0xFF, MESSAGE_BYTES_MAX + 1) + b"mask",
        struct.pack("!BBQ", 0x81, 0xFF, 2**63) + b"mask",
    ],
)
def test_after_anything_unusual_everything_is_handed_on(odd: bytes) -> None:
    reading = Reading()
    after = client_frame(b"after")
    reading.reader.feed(client_frame(b"before") + odd + after)
    reading.reader.feed(after)
    assert reading.messages == [(b"before", False)]
    assert reading.other == odd + after + after


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_no_bytes_are_lost_or_made_up(parts: list[bytes]) -> None:
    reading = Reading()
    for part in parts:
        reading.reader.feed(part)
    assert len(reading.other) + sum(len(data) for data, _ in reading.messages) <= sum(map(len, parts))
    if reading.reader.is_bypassed and not reading.messages:
        assert reading.other == b"".join(parts)


@given(st.binary(max_size=100), st.binary(min_size=4, max_size=4))
def test_unmasking_twice_changes_nothing(payload: bytes, mask: bytes) -> None:
    assert unmask(unmask(payload, mask), mask) == payload
    assert unmask(payload, mask) == bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
