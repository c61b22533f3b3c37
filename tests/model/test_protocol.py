"""The codec of messages: round trips, strictness, limits, and nothing but ProtocolError for bad bytes."""

from __future__ import annotations

import json
import typing
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model import protocol
from model.identity import DocumentId, SiteId
from model.protocol import (
    BRANCH_CHUNK_OPERATIONS_MAX,
    DOCUMENT_LENGTH_MAX,
    MESSAGE_BYTES_MAX,
    NAME_LENGTH_MAX,
    NATURAL_MAX,
    Branch,
    ClientMessage,
    Edits,
    ErrorCode,
    Failure,
    Hello,
    InFlight,
    Join,
    Presence,
    ProtocolError,
    Renew,
    ServerMessage,
    Submit,
    decode_client,
    decode_server,
    encode,
)
from model.text import Operation, insert
from tests.model.strategies import any_operation, chains, structs
from tests.numbers import rev, seq

CLIENT_KINDS = typing.get_args(ClientMessage)
SERVER_KINDS = typing.get_args(ServerMessage)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=NAME_LENGTH_MAX)
counts = st.integers(0, NATURAL_MAX)
selections = st.none() | st.tuples(counts, counts)
ranges = st.tuples(st.integers(1, 2**52), st.integers(0, 2**51)).map(lambda r: (seq(r[0]), seq(r[0] + r[1])))


@st.composite
def joins(draw: st.DrawFn) -> Join:
    revision = draw(st.none() | counts.map(rev))
    in_flight = None
    if revision is not None and draw(st.booleans()):
        in_flight = InFlight(*draw(ranges), branch=draw(st.booleans()))
    epoch, pending = draw(st.integers(1, NATURAL_MAX)), draw(counts)
    return Join(DocumentId(draw(names)), epoch, revision, in_flight, pending)


@st.composite
def submits(draw: st.DrawFn) -> Submit:
    first, last = draw(ranges)
    return Submit(rev(draw(counts)), seq(first), seq(last), draw(any_operation()), draw(selections))


@st.composite
def branches(draw: st.DrawFn) -> Branch:
    edits: list[Edits] = []
    last = draw(st.integers(0, 2**52))
    for operation in draw(chains(draw(st.integers(0, 8)), draw(st.integers(1, 4)))):
        first, last = last + 1, last + draw(st.integers(1, 5))
        edits.append(Edits(seq(first), seq(last), operation))
    return Branch(rev(draw(counts)), edits, draw(st.booleans()))


tokens = st.text(st.characters(exclude_categories=["Cs"]))

CLIENT_MESSAGES: dict[type, st.SearchStrategy[Any]] = {
    Hello: st.builds(Hello, counts, names, tokens, st.lists(names, max_size=8)),
    Renew: st.builds(Renew, tokens),
    Join: joins(),
    Submit: submits(),
    Branch: branches(),
    Presence: st.builds(Presence, counts, selections),
}
client_messages = st.one_of(*CLIENT_MESSAGES.values())
server_messages = st.one_of(*map(structs, SERVER_KINDS))

HELLO = b'{"type":"hello","version":1,"site":"a","token":"t"}'
SUBMIT = b'{"type":"submit","base":0,"first":1,"last":1,"operation":{"length":2,"ops":[1,"x",{"d":1}]}}'


def refusal(data: bytes) -> ErrorCode:
    with pytest.raises(ProtocolError) as caught:
        decode_client(data)
    assert "\n" not in caught.value.detail
    return caught.value.code


def changed(data: bytes, **fields: object) -> bytes:
    return json.dumps({**json.loads(data), **fields}).encode()


@pytest.mark.slow
class TestRoundTrip:
    def test_every_client_message_is_drawn(self) -> None:
        assert set(CLIENT_MESSAGES) == set(CLIENT_KINDS)

    @pytest.mark.parametrize("kind", CLIENT_KINDS)
    @given(data=st.data())
    def test_client_messages(self, kind: type, data: st.DataObject) -> None:
        message = data.draw(CLIENT_MESSAGES[kind])
        assert decode_client(encode(message)) == message

    @pytest.mark.parametrize("kind", SERVER_KINDS)
    @given(data=st.data())
    def test_server_messages(self, kind: Any, data: st.DataObject) -> None:
        message = data.draw(structs(kind))
        assert decode_server(encode(message)) == message

    @given(client_messages)
    def test_equal_messages_give_equal_bytes(self, message: ClientMessage) -> None:
        assert encode(decode_client(encode(message))) == encode(message)

    @given(server_messages)
    def test_the_text_is_plain_json_with_a_type(self, message: ServerMessage) -> None:
        data = encode(message)
        assert b"\n" not in data
        assert isinstance(json.loads(data)["type"], str)

    def test_the_wire_form_of_a_submit(self) -> None:
        assert encode(Submit(rev(0), seq(1), seq(1), Operation(2, [1, "x", -1]))).startswith(SUBMIT[:-1])
        assert decode_client(SUBMIT) == Submit(rev(0), seq(1), seq(1), Operation(2, [1, "x", -1]))

    def test_tags_differ(self) -> None:
        tags = [kind.__struct_config__.tag for kind in CLIENT_KINDS + SERVER_KINDS]
        assert len(tags) == len(set(tags))


class TestStrictness:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"null",
            b"[]",
            b"\xff",
            b'"hello"',
            HELLO[:-1],
            HELLO + b"x",
            HELLO + HELLO,
            b'{"version":1,"site":"a","token":"t"}',
            changed(HELLO, type="nothing"),
            changed(HELLO, type="welcome"),
            changed(HELLO, other=1),
            changed(HELLO, version=True),
            changed(HELLO, version=1.0),
            changed(HELLO, version="1"),
            changed(HELLO, site=1),
            changed(HELLO, token=None),
            HELLO.replace(b'"a"', b'"\\ud800"'),
            HELLO.replace(b'"a"', b'"\xed\xa0\x80"'),
            changed(SUBMIT, base=True),
            changed(SUBMIT, selection=[1]),
            changed(SUBMIT, selection=[1, True]),
            changed(SUBMIT, selection=[1, 2, 3]),
            changed(SUBMIT, operation=[1, "x"]),
            changed(SUBMIT, operation={"length": True, "ops": []}),
            changed(SUBMIT, operation={"length": 2.0, "ops": []}),
            changed(SUBMIT, operation={"length": 2, "ops": [True]}),
            changed(SUBMIT, operation={"length": 2, "ops": [1.0]}),
            changed(SUBMIT, operation={"length": 2, "ops": [{"d": True}]}),
            changed(SUBMIT, operation={"length": 2, "ops": [3]}),
            changed(SUBMIT, operation={"length": -1, "ops": []}),
            changed(SUBMIT, operation={"length": 2}),
            changed(SUBMIT, operation={"length": 2, "ops": [], "other": 1}),
        ],
    )
    def test_what_is_not_exactly_a_message_is_malformed(self, data: bytes) -> None:
        assert refusal(data) is ErrorCode.MALFORMED

    @pytest.mark.parametrize("opening", [b"[", b'{"a":'])
    def test_deep_nesting_is_malformed(self, opening: bytes) -> None:
        deep = opening * (MESSAGE_BYTES_MAX // len(opening) // 2)
        assert refusal(deep) is ErrorCode.MALFORMED
        assert refusal(SUBMIT[: SUBMIT.index(b"[") + 1] + deep) is ErrorCode.MALFORMED

    def test_the_detail_of_an_error_does_not_repeat_a_long_message(self) -> None:
        with pytest.raises(ProtocolError) as caught:
            decode_client(changed(SUBMIT, operation={"length": 2, "ops": [["x" * 100_000]]}))
        assert len(encode(Failure(caught.value.code, caught.value.detail))) < 1_000

    @given(st.binary())
    @example(b'{"type":"submit","operation":{"length":1e400,"ops":[]}}')
    @example(b'{"type":"presence","revision":' + b"9" * 5_000 + b"}")
    @example(b'{"type":"presence","revision":0,"selection":null}')
    def test_random_bytes_decode_or_raise_a_protocol_error(self, data: bytes) -> None:
        for decode in (decode_client, decode_server):
            try:
                message = decode(data)
            except ProtocolError:
                continue
            assert decode(encode(message)) == message

    @given(st.data())
    def test_damaged_messages_decode_or_raise_a_protocol_error(self, data: st.DataObject) -> None:
        message = bytearray(encode(data.draw(client_messages)))
        for _ in range(data.draw(st.integers(1, 3))):
            message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
        try:
            decoded = decode_client(bytes(message))
        except ProtocolError:
            return
        assert decode_client(encode(decoded)) == decoded


class TestLimits:
    def test_a_message_of_exactly_the_limit_is_read(self) -> None:
        empty = encode(Hello(1, SiteId("a"), ""))
        full = Hello(1, SiteId("a"), "t" * (MESSAGE_BYTES_MAX - len(empty)))
        assert len(encode(full)) == MESSAGE_BYTES_MAX
        assert decode_client(encode(full)) == full
        assert refusal(encode(full) + b" ") is ErrorCode.TOO_LARGE

    def test_a_message_of_the_server_has_the_same_limit(self) -> None:
        with pytest.raises(ProtocolError) as caught:
            decode_server(b" " * (MESSAGE_BYTES_MAX + 1))
        assert caught.value.code is ErrorCode.TOO_LARGE

    @pytest.mark.parametrize(
        "operation",
        [
            Operation(DOCUMENT_LENGTH_MAX + 1, [1, "x"]),
            insert(DOCUMENT_LENGTH_MAX, 0, "x"),
            Operation(10**30, []),
        ],
    )
    def test_a_text_beyond_the_limit_is_too_large(self, operation: Operation) -> None:
        assert refusal(encode(Submit(rev(0), seq(1), seq(1), operation))) is ErrorCode.TOO_LARGE
        assert refusal(encode(Branch(rev(0), [Edits(seq(1), seq(1), operation)]))) is ErrorCode.TOO_LARGE

    def test_a_text_of_exactly_the_limit_is_read(self) -> None:
        message = Submit(rev(0), seq(1), seq(1), insert(DOCUMENT_LENGTH_MAX - 1, 0, "x"))
        assert decode_client(encode(message)) == message

    @pytest.mark.parametrize(
        "message",
        [
            Hello(1, SiteId(""), "t"),
            Hello(1, SiteId("a" * (NAME_LENGTH_MAX + 1)), "t"),
            Hello(1, SiteId("a"), "t", ["deflate"] * 9),
            Join(DocumentId(""), 1),
            Join(DocumentId("d" * (NAME_LENGTH_MAX + 1)), 1),
            Join(DocumentId("d"), 0),
            Join(DocumentId("d"), 1, rev(-1)),
            Join(DocumentId("d"), 1, rev(0), None, -1),
            Join(DocumentId("d"), 1, None, InFlight(seq(1), seq(1))),
            Join(DocumentId("d"), 1, rev(0), InFlight(seq(0), seq(1))),
            Join(DocumentId("d"), 1, rev(0), InFlight(seq(2), seq(1))),
            Submit(rev(-1), seq(1), seq(1), insert(0, 0, "x")),
            Submit(rev(0), seq(0), seq(1), insert(0, 0, "x")),
            Submit(rev(0), seq(2), seq(1), insert(0, 0, "x")),
            Submit(rev(0), seq(1), seq(1), insert(0, 0, "x"), (-1, 0)),
            Presence(rev(-1), None),
            Presence(rev(0), (0, -1)),
            Branch(rev(0), []),
            Branch(rev(-1), [Edits(seq(1), seq(1), insert(0, 0, "x"))]),
            Branch(rev(0), [Edits(seq(1), seq(0), insert(0, 0, "x"))]),
            Branch(
                rev(0), [Edits(seq(1), seq(1), insert(0, 0, "x")), Edits(seq(3), seq(3), insert(1, 0, "x"))]
            ),
            Branch(
                rev(0), [Edits(seq(1), seq(1), insert(0, 0, "x")), Edits(seq(2), seq(2), insert(0, 0, "x"))]
            ),
        ],
        ids=str,
    )
    def test_numbers_and_names_that_cannot_be_are_malformed(self, message: ClientMessage) -> None:
        assert refusal(encode(message)) is ErrorCode.MALFORMED

    def test_a_branch_is_sent_in_chunks(self) -> None:
        edits = [
            Edits(seq(i + 1), seq(i + 1), insert(i, i, "x")) for i in range(BRANCH_CHUNK_OPERATIONS_MAX + 1)
        ]
        assert decode_client(encode(Branch(rev(0), edits[:-1]))) == Branch(rev(0), edits[:-1])
        assert refusal(encode(Branch(rev(0), edits))) is ErrorCode.TOO_LARGE

    def test_every_published_limit_is_the_constant_of_its_name(self) -> None:
        assert protocol.LIMITS
        assert {name: getattr(protocol, name.upper()) for name in protocol.LIMITS} == protocol.LIMITS


class TestErrors:
    def test_both_sides_errors_are_protocol_errors(self) -> None:
        for kind in (protocol.LocalProtocolError, protocol.RemoteProtocolError):
            error = kind(ErrorCode.OUT_OF_ORDER, "a submit before a join")
            assert isinstance(error, ProtocolError)
            assert str(error) == "out_of_order: a submit before a join"

    def test_the_hooks_take_nothing_but_operations(self) -> None:
        with pytest.raises(NotImplementedError):
            protocol.operation_to_plain(object())
        with pytest.raises(NotImplementedError):
            protocol.operation_from_plain(int, 1)
