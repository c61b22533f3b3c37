from __future__ import annotations

import pytest

from model.client.address import Address, AddressError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://h:8080", Address(False, "h", 8080, "/ws")),
        ("ws://h:8080/", Address(False, "h", 8080, "/ws")),
        ("ws://h:8080/other?a=b", Address(False, "h", 8080, "/other?a=b")),
        ("ws://[::1]:9", Address(False, "::1", 9, "/ws")),
        ("ws://h", Address(False, "h", 80, "/ws")),
        ("wss://h/path?q=1", Address(True, "h", 443, "/path?q=1")),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert Address.of(url) == address


@pytest.mark.parametrize(
    "url", ["http://h:1", "ws://", "h:80", "ws://h:port", "ws://h:99999", "ws://h:0", "ws://[::1"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(AddressError) as refused:
        Address.of(url)
    assert str(refused.value).startswith(f"{url}: ")


def test_an_address_is_written_as_in_a_url() -> None:
    assert Address.of("ws://[::1]:9").authority == "[::1]:9"
