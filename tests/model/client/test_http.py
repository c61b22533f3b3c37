from __future__ import annotations

import pytest

from model.client.address import Address
from model.client.http import BODY_BYTES_MAX, HttpError, HttpRequest

ADDRESS = Address.of("ws://[::1]:8080/ws")


def whole(*parts: bytes) -> bytes | None:
    request = HttpRequest(ADDRESS, "/health")
    *before, last = parts
    assert all(request.received(part) is None for part in before)
    return request.received(last)


def test_a_request_says_what_it_wants() -> None:
    sent = HttpRequest(ADDRESS, "/a", method="POST", headers={"Authorization": "Bearer t"}).to_send
    head, *fields = sent.decode().split("\r\n")
    assert head == "POST /a HTTP/1.1"
    assert {"Host: [::1]:8080", "Connection: close", "Authorization: Bearer t"} <= set(fields)


def test_a_body_comes_in_parts_of_a_known_length_in_chunks_or_until_the_end() -> None:
    assert whole(b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 3\r\n\r\na", b"bc") == b"abc"
    assert whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"0\r\n\r\n") == b"ab"
    assert whole(b"HTTP/1.1 200 OK\r\n\r\nab", b"c", b"") == b"abc"


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((b"HTTP/1.1 404 Not Found\r\n\r\n",), "status 404"),
        ((b"",), "closed|no HTTP"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na", b""), "no HTTP"),
        ((b"\x00\x01\x02\r\n\r\n",), "no HTTP"),
        ((b"HTTP/1.1 200 OK\r\n\r\n", b"x" * (BODY_BYTES_MAX + 1)), "more than"),
    ],
)
def test_what_is_no_use_says_why(parts: tuple[bytes, ...], why: str) -> None:
    with pytest.raises(HttpError, match=why):
        whole(*parts)
