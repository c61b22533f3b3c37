"""What clients may send and should not: a typed error or a close code, and everybody else goes on."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.identity import DocumentId, SiteId
from model.protocol import (
    MESSAGE_BYTES_MAX,
    Ack,
    ErrorCode,
    Hello,
    Join,
    Joined,
    Presence,
    Submit,
    Welcome,
    encode,
)
from model.text import insert
from tests.numbers import rev, seq
from tests.reference_server.wire.kit import Client, check_alive, connection, frame, member, raw_connection
from tests.reference_server.wire.running import DOCUMENT, Running, serving, token
from tests.reference_server.wire.test_connections import UPGRADE
from tests.waiting import happens, patient

HELLO = Hello(1, SiteId("s"), token("s", seconds=86_400))  # made when the tests are collected
JOIN = Join(DocumentId(DOCUMENT), 1)
FIRST = Submit(rev(0), seq(1), seq(1), insert(0, 0, "a"))


def with_joined(test: Callable[[Running, Client], Awaitable[None]], **sections: Mapping[str, object]) -> None:
    """Run a test with a connection that has joined; at its end the document has to be of use to others."""

    async def scenario() -> None:
        async with serving(errors=False, ports=None, hub=None, **sections) as running:
            async with connection(running.port) as client:
                await client.say(HELLO, JOIN)
                assert isinstance(await client.hear(), Welcome)
                assert isinstance(await client.hear(), Joined)
                await test(running, client)
            await check_alive(running.port)

    trio.run(scenario)


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (frame(b"{}", masked=False), {1002}),
        (frame(b"x", 3), {1002}),
        (frame(b"x", 11), {1002}),
        (bytes([0xC1]) + frame(b"x")[1:], {1002}),  # a reserved bit
        (frame(b"x", 0), {1002}),  # a continuation of nothing
        (frame(b"x", final=False) + frame(b"y"), {1002}),  # a message within a message
        (frame(b"p", 9, final=False), {1002}),  # a control frame in fragments
        (frame(b"p" * 126, 9), {1002}),  # a control frame that is too long
        (frame(b"x", 8), {1002}),  # half a close code
        (frame(struct.pack("!H", 999), 8), {1002}),
        (frame(struct.pack("!H", 1000) + b"\xff", 8), {1007, 1002}),
        (frame(b"\xff", final=False), {1007}),
        (frame(b"{", final=False) + frame(b"\xc3", 0), {1007}),
        (frame(b" " * (MESSAGE_BYTES_MAX + 1)), {1009}),
        (frame(b" " * 700_000, final=False) + frame(b" " * 700_000, 0), {1009}),
        (struct.pack("!BBQ", 0x81, 0xFF, 2**63 - 1) + bytes(4) + b" " * 3_000_000, {1009}),
        (struct.pack("!BBQ", 0x81, 0xFF, 2**63) + bytes(4), {1002}),
    ],
)
def test_frames_against_the_rules_close_with_their_code(data: bytes, codes: set[int]) -> None:
    async def scenario(running: Running, client: Client) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            await client.raw(data)
        assert await client.closed() in codes
        await happens(lambda: running.snapshot.closes)
        assert set(running.snapshot.closes) <= codes

    with_joined(scenario)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", ErrorCode.MALFORMED),
        (b"\xff\xfe", ErrorCode.MALFORMED),
        (
            b'{"type": "presence", "revision": 0, "selection": null}'.replace(b"presence", b"\xc3("),
            ErrorCode.MALFORMED,
        ),
        (b"null", ErrorCode.MALFORMED),
        (b"[" * 100_000, ErrorCode.MALFORMED),
        (b'{"type": "submit", "operation": ' + b'{"a":' * 50_000, ErrorCode.MALFORMED),
        (b'{"type": "unheard of"}', ErrorCode.MALFORMED),
        (b'{"type": "presence", "revision": 1e400, "selection": null}', ErrorCode.MALFORMED),
        (b'{"type": "presence", "revision": ' + b"9" * 10_000 + b', "selection": null}', ErrorCode.MALFORMED),
        (b'{"type": "renew", "token": "\\ud800"}', ErrorCode.MALFORMED),
        (encode(HELLO), ErrorCode.OUT_OF_ORDER),
        (encode(JOIN), ErrorCode.OUT_OF_ORDER),
        (encode(Presence(rev(7), (0, 0))), ErrorCode.UNKNOWN_REVISION),
        (encode(Presence(rev(0), (0, 1))), ErrorCode.BASE_LENGTH),
        (encode(Submit(rev(5), seq(1), seq(1), insert(0, 0, "a"))), ErrorCode.UNKNOWN_REVISION),
        (encode(Submit(rev(0), seq(2), seq(2), insert(0, 0, "a"))), ErrorCode.SEQUENCE_GAP),
        (encode(Submit(rev(0), seq(1), seq(1), insert(2, 0, "a"))), ErrorCode.BASE_LENGTH),
        (encode(Submit(rev(0), seq(1), seq(1), insert(200_000, 0, "a"))), ErrorCode.TOO_LARGE),
        (encode(Submit(rev(0), seq(1), seq(1), insert(0, 0, "\x00" * 170_001))), ErrorCode.TOO_LARGE),
        (
            b'{"type": "branch", "base": 0, "edits": '
            b"["
            + b",".join([b'{"first": 1, "last": 1, "operation": {"length": 0, "ops": ["a"]}}'] * 300)
            + b"]}",
            ErrorCode.TOO_LARGE,
        ),
    ],
)
def test_messages_against_the_rules_get_their_error(data: bytes, error: ErrorCode) -> None:
    async def scenario(running: Running, client: Client) -> None:
        await client.say(data, encode(FIRST), encode(FIRST))  # what follows counts no more
        await client.refused(error, 4400)
        assert running.snapshot.errors == {error.value: 1}
        assert running.snapshot.counts.connections_dropped == 0
        assert running.snapshot.counts.operations == 0

    with_joined(scenario)


@pytest.mark.parametrize(
    "early", [JOIN, FIRST, {"type": "renew", "token": token("s")}, Presence(rev(0), None)]
)
def test_nothing_counts_before_hello(early: Any) -> None:
    async def scenario() -> None:
        async with serving() as running:
            async with connection(running.port) as client:
                await client.say(early, HELLO)
                await client.refused(ErrorCode.OUT_OF_ORDER, 4400)
            await check_alive(running.port)

    trio.run(scenario)


def test_a_message_may_come_in_fragments_with_pings_between_them_and_in_single_bytes() -> None:
    async def scenario(running: Running, client: Client) -> None:
        data = encode(FIRST)
        await client.raw(frame(data[:5], final=False))
        await client.raw(frame(b"still there?", 9) + frame(b"", 0, final=False))
        for byte in data[5:-1]:
            await client.raw(frame(bytes([byte]), 0, final=False))
        await client.raw(frame(data[-1:], 0))
        assert await client.hear() == Ack(rev(1), seq(1), seq(1))
        for byte in frame(encode(Submit(rev(1), seq(2), seq(2), insert(1, 1, "b")))):
            await client.raw(bytes([byte]))
        assert await client.hear() == Ack(rev(2), seq(2), seq(2))
        async with member(running.port, "b") as bob:
            assert bob.text == "ab"

    with_joined(scenario)


def test_lengths_in_utf16_units_are_found_out() -> None:
    async def scenario(running: Running, client: Client) -> None:
        await client.say(Submit(rev(0), seq(1), seq(1), insert(0, 0, "\U0001f600")))
        assert await client.hear() == Ack(rev(1), seq(1), seq(1))
        await client.say(
            Submit(rev(1), seq(2), seq(2), insert(2, 2, "x"))
        )  # in UTF-16 that text has the length 2
        await client.refused(ErrorCode.BASE_LENGTH, 4400)

    with_joined(scenario)


def test_messages_that_are_replayed_or_reordered_do_not_change_the_document() -> None:
    async def scenario(running: Running, client: Client) -> None:
        second = Submit(rev(1), seq(2), seq(2), insert(1, 1, "b"))
        await client.say(FIRST, FIRST)
        assert await client.hear() == Ack(rev(1), seq(1), seq(1))
        await client.say(FIRST)  # the same again: the same answer, and nothing happens
        assert await client.hear() == Ack(rev(1), seq(1), seq(1))
        await client.say(second)
        assert await client.hear() == Ack(rev(2), seq(2), seq(2))
        await client.say(FIRST)  # older: its sender had the answer
        await client.say(Submit(rev(1), seq(2), seq(2), insert(1, 1, "c")))
        await client.refused(ErrorCode.SEQUENCE_REUSED, 4400)
        async with member(running.port, "b") as bob:
            assert bob.text == "ab"
        async with connection(running.port) as stale:  # a conversation that was recorded
            await stale.say(HELLO, JOIN)
            await stale.refused(ErrorCode.STALE_EPOCH, 4400)

    with_joined(scenario)


def test_two_operations_in_flight_are_out_of_order() -> None:
    async def scenario(running: Running, client: Client) -> None:
        await client.say(FIRST, Submit(rev(0), seq(2), seq(2), insert(1, 1, "b")))
        await client.refused(ErrorCode.OUT_OF_ORDER, 4400)

    with_joined(scenario)


def test_another_documents_name_does_not_get_past_the_grant() -> None:
    async def scenario() -> None:
        async with (
            serving() as running,
            member(running.port, "own", token("own", {"private": "owner"}), "private") as own,
        ):
            await own.type("secret")
            await own.settle()
            for name in ("private", "private\x00", "open-/../private", "open", "", "x" * 129):
                async with connection(running.port) as thief:
                    await thief.enter(token("thief", {"open-*": "editor"}), name)
                    if name == "open-/../private":  # only a name, and an allowed one
                        assert thief.code is None
                        continue
                    assert await thief.closed() in (4403, 4400)
                    assert not any(b"secret" in data for _, data in thief.received)

    trio.run(scenario)


@pytest.mark.slow
def test_a_flood_of_pings_is_answered_or_ended_and_costs_others_nothing() -> None:
    async def scenario(running: Running, client: Client) -> None:
        async with connection(running.port, receive_bytes=4_096) as deaf:
            await deaf.enter(token("deaf"))
            for session in running.server._sessions:  # else megabytes would have to fill it
                session.outbox._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
            with contextlib.suppress(trio.BrokenResourceError), patient():
                for _ in range(250):  # it never reads what it is answered
                    await deaf.raw(frame(b"p" * 125, 9) * 100)
            await happens(lambda: running.snapshot.closes)
            assert running.snapshot.closes == {1013: 1}
            assert running.snapshot.counts.outbox_overflows == 1
        await client.raw(frame(b"p", 9) * 1_000)
        await client.say(FIRST)
        while await client.hear() != Ack(rev(1), seq(1), seq(1)):
            assert client.code is None

    with_joined(scenario, websocket={"outbox_bytes": 65_536})


@pytest.mark.slow
def test_who_goes_on_sending_still_gets_the_error_and_the_code() -> None:
    """A socket that is closed with something unread is reset, and the answer is lost with it."""

    async def scenario(running: Running, client: Client) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.say, b"nonsense", *[encode(Presence(rev(0), None))] * 50_000)
            await client.refused(ErrorCode.MALFORMED, 4400)
            assert await client.stream.receive_some() == b""  # the end, and no reset
            nursery.cancel_scope.cancel()

    for _ in range(3):
        with_joined(scenario)


def test_a_lower_limit_of_the_message_size_holds() -> None:
    async def scenario(running: Running, client: Client) -> None:
        await client.say(Submit(rev(0), seq(1), seq(1), insert(0, 0, "x" * 70_000)))
        await client.refused(ErrorCode.TOO_LARGE, 4400)

    with_joined(scenario, websocket={"max_message_size": 65_536})


MESSAGES = [encode(m) for m in (HELLO, JOIN, FIRST, Presence(rev(0), (0, 0)))]
MESSAGES += [b'{"type": "branch", "base": 0, "edits": []}', b'{"type": "renew", "token": ""}', b"{}"]


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A valid message with some bytes changed, left out or put in."""
    data = bytearray(draw(st.sampled_from(MESSAGES)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data)


_frames = st.builds(
    frame,
    st.one_of(st.sampled_from(MESSAGES), _mutated(), st.binary(max_size=200)),
    st.sampled_from([1, 1, 1, 1, 2, 0, 8, 9, 10, 3]),
    final=st.sampled_from([True, True, True, False]),
    masked=st.sampled_from([True, True, True, True, False]),
)
_streams = st.lists(st.one_of(_frames, _frames, st.binary(max_size=40)), max_size=8).map(b"".join)


@pytest.mark.slow
def test_whatever_is_sent_harms_nobody_else() -> None:
    """One server for all examples: it must survive the sum of them, and forget all of them."""

    async def scenario() -> None:
        async with (
            serving(server={"handshake_timeout_seconds": 0.5}) as running,
            member(running.port, "a") as ann,
            member(running.port, "b") as bob,
        ):

            async def example(stream: bytes, hello: bool, cut: int, reset: bool) -> None:
                async with raw_connection(running.port) as client:
                    with contextlib.suppress(trio.BrokenResourceError):
                        if hello:
                            await client.raw(UPGRADE)
                            await client.stream.receive_some()
                        await client.raw(stream[:cut])
                        await client.raw(stream[cut:])
                    if reset:
                        client.reset()
                length = len(ann.text)
                await ann.type(".", length)
                await ann.settle()
                await bob.until(lambda: bob.replica.revision == ann.replica.revision)
                assert bob.text == ann.text

            examples: list[tuple[bytes, bool, int, bool]] = []

            @settings(max_examples=150, suppress_health_check=list(HealthCheck), database=None)
            @given(_streams, st.booleans(), st.integers(0, 300), st.booleans())
            def collect(stream: bytes, hello: bool, cut: int, reset: bool) -> None:
                examples.append((stream, hello, cut, reset))

            collect()
            for one in examples:
                await example(*one)

    trio.run(scenario)


def test_an_operation_that_cannot_be_carried_is_counted() -> None:
    async def test(running: Running, client: Client) -> None:
        await client.say(Submit(rev(0), seq(1), seq(1), insert(5, 5, "a")))
        await client.refused(ErrorCode.BASE_LENGTH, 4400)
        assert running.snapshot.counts.conflicts_failed == 1
        assert sum(running.snapshot.conflict_failures.values()) == 1

    with_joined(test)
