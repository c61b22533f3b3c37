from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.gateway.head import Head, Refusal, check_upgrade, parse_head

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def parsed(data: bytes) -> Head:
    head = parse_head(data, 1_000)
    assert head is not None
    return head


def decide(data: bytes, bytes_max: int) -> None:
    head = parse_head(data, bytes_max)
    assert head is not None
    check_upgrade(head)


def status(data: bytes, bytes_max: int = 1_000) -> int:
    with pytest.raises(Refusal) as caught:
        decide(data, bytes_max)
    assert caught.value.response.startswith(f"HTTP/1.1 {caught.value.status} ".encode())
    return caught.value.status


def test_a_whole_head_is_parsed() -> None:
    head = parsed(b"POST /api HTTP/1.1\r\nHost: h\r\nX-A:  b \r\n\r\nbody")
    assert head == Head("POST", "/api", {"host": "h", "x-a": "b"})
    assert not head.is_upgrade


@pytest.mark.parametrize("size", range(1, len(UPGRADE)))
def test_an_unfinished_head_waits_for_more(size: int) -> None:
    assert parse_head(UPGRADE[:size], 1_000) is None


def test_an_upgrade_is_recognised_and_accepted() -> None:
    head = parsed(UPGRADE)
    assert head.is_upgrade
    check_upgrade(head)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"GET", b"POST", 405),
        (b"/ws", b"/other", 404),
        (b"Version: 13", b"Version: 8", 426),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"short", 400),
        (b"Host: h\r\n", b"", 400),
        (b"Sec-WebSocket-Version: 13\r\n", b"", 426),
    ],
)
def test_a_handshake_that_cannot_succeed_is_refused(old: bytes, new: bytes, expected: int) -> None:
    assert status(UPGRADE.replace(old, new)) == expected


def test_a_path_may_carry_a_query_and_be_the_root() -> None:
    for path in (b"/ws?x=1", b"/", b"/?x"):
        check_upgrade(parsed(UPGRADE.replace(b"/ws", path)))


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00",  # TLS to a plain port
        b"hello\r\n",
        b"GET / HTTP/2.0\r\n",
        b"GET  / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nName : v\r\n\r\n",
        UPGRADE.replace(b"Host: h", b"Host: \xff"),
        UPGRADE.replace(b"Host: h", b"Host: h\r\nSEC-WebSocket-Protocol: \xff\r\nSec-WebSocket-Protocol: a"),
        b"A" * 9_000,
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    assert status(data, 100_000) == 400


def test_a_head_may_have_the_limit_and_no_more() -> None:
    size = len(UPGRADE) - len(b"\r\n\r\n")
    assert parse_head(UPGRADE, size) is not None
    assert status(UPGRADE, size - 1) == 431
    assert status(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1_000) == 431


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_wait_but_never_break(data: bytes) -> None:
    with contextlib.suppress(Refusal):
        parse_head(data, 200)
