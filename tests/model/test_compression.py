from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.compression import deflate, inflate
from model.protocol import MESSAGE_BYTES_MAX, ErrorCode, ProtocolError


@given(st.binary(max_size=2_000))
def test_what_was_deflated_inflates(data: bytes) -> None:
    assert inflate(deflate(data)) == data


def test_text_gets_smaller() -> None:
    data = b'{"type": "committed", "revision": 118, "site": "03aa"}' * 20
    assert len(deflate(data)) < len(data) // 4


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    bomb = zlib.compress(b"\0" * (64 * MESSAGE_BYTES_MAX), 9)
    assert len(bomb) < MESSAGE_BYTES_MAX
    with pytest.raises(ProtocolError) as caught:
        inflate(bomb)
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_a_message_of_exactly_the_limit_passes() -> None:
    assert len(inflate(deflate(bytes(100)), 100)) == 100
    with pytest.raises(ProtocolError, match="more than 99"):
        inflate(deflate(bytes(100)), 99)


@given(st.binary(max_size=100))
def test_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        inflate(data)
    assert caught.value.code is ErrorCode.MALFORMED


@pytest.mark.parametrize("data", [deflate(b"abc")[:-1], deflate(b"abc") + b"x", b""])
def test_what_is_cut_or_continued_is_malformed(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        inflate(data)
    assert caught.value.code is ErrorCode.MALFORMED
