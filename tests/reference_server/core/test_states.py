"""Every state of a connection with everything that may happen in it, allowed or not."""

from __future__ import annotations

from typing import get_args

import pytest

from model.identity import ConnectionId, SiteId
from model.protocol import (
    PROTOCOL_VERSION,
    Branch,
    ClientMessage,
    Edits,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Presence,
    Renew,
    ServerMessage,
    Submit,
    decode_server,
    encode,
)
from model.text import insert
from reference_server.core.effects import (
    Append,
    Appended,
    Authenticated,
    Authorized,
    Event,
    Identity,
    Load,
    Opened,
    Read,
    Received,
    Resume,
    Resumed,
    Role,
    Send,
    Snapshot,
)
from reference_server.core.gateway import Gateway
from reference_server.core.states import RULES, State, Trigger
from reference_server.store.memory import MemoryStore
from tests.numbers import rev, seq
from tests.reference_server.exchange import DOCUMENT

NUMBER = ConnectionId(1)
MANY = 9  # edits, one more than a blip
BRANCH = Branch(rev(0), [Edits(seq(n), seq(n), insert(n - 1, n - 1, "x")) for n in range(1, MANY + 1)])
MESSAGES: list[ClientMessage] = [
    Hello(PROTOCOL_VERSION, SiteId("a"), "token"),
    Renew("another"),
    Join(DOCUMENT, 1, rev(0), None, MANY),
    Submit(rev(1), seq(MANY + 1), seq(MANY + 1), insert(MANY, 0, "y")),
    BRANCH,
    Presence(rev(1), (0, 0)),
]
HELLO, RENEW, JOIN, SUBMIT, _, _ = MESSAGES
AUTHENTICATED = Authenticated(NUMBER, Identity("somebody"))
AUTHORIZED = Authorized(NUMBER, Role.EDITOR)
COMMIT = None


class Worker:
    """A gateway with one connection; what it asks for is answered by hand."""

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.store = MemoryStore()
        self.store.create(DOCUMENT, "")
        self.sent: list[ServerMessage] = []
        self.give(Opened(NUMBER))

    @property
    def state(self) -> State | None:
        session = self.gateway._sessions.get(NUMBER)
        return None if session is None else session.state_of(NUMBER)

    def give(self, event: Event) -> None:
        for effect in self.gateway.handle(event, 0):
            if isinstance(effect, Send):
                self.sent.append(decode_server(effect.data))
            elif isinstance(effect, Load | Read | Append | Snapshot):
                self.store.request(effect)
            elif isinstance(effect, Resume):
                self.give(Resumed(effect.document))

    def say(self, message: ClientMessage) -> None:
        self.give(Received(NUMBER, encode(message)))

    def do(self, what: ClientMessage | Event | None) -> None:
        if what is COMMIT:
            self.commit()
        elif isinstance(what, ClientMessage):
            self.say(what)
        else:
            self.give(what)

    def commit(self) -> None:
        while self.store.has_requests:
            self.store.write()
            for answer in self.store.sync():
                self.give(answer)


def reach(state: State, join: ClientMessage = JOIN) -> Worker:
    """A connection that has come so far; a live one has handed in its branch before."""
    worker = Worker()
    steps: dict[State, tuple[ClientMessage | Event | None, ...]] = {
        State.GREETING: (),
        State.AUTHENTICATING: (HELLO,),
        State.READY: (AUTHENTICATED,),
        State.AUTHORIZING: (join,),
        State.JOINING: (AUTHORIZED,),
        State.HANDING_IN: (COMMIT,),
        State.LIVE: (BRANCH, COMMIT),
    }
    for name, step in steps.items():
        for what in step:
            worker.do(what)
        if name is state:
            break
    assert worker.state is state
    return worker


def is_out_of_order(message: ServerMessage) -> bool:
    return isinstance(message, Failure) and message.code is ErrorCode.OUT_OF_ORDER


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_everything_in_every_state_does_what_the_rules_say(state: State) -> None:
    """What a client may not say is out of order and ends the connection; the rest leads where they say."""
    came: dict[Trigger, set[State | None]] = {}
    for message in MESSAGES:
        worker = reach(state)
        worker.say(message)
        if type(message) in RULES[state]:
            came[type(message)] = {worker.state}
            assert not any(isinstance(m, Failure) for m in worker.sent)
        else:
            assert is_out_of_order(worker.sent[-1])
            assert worker.state is None
    for event in (AUTHENTICATED, AUTHORIZED):
        worker = reach(state)
        if type(event) in RULES[state]:
            if Renew in RULES[state]:
                worker.say(RENEW)
            worker.give(event)
            came[type(event)] = {worker.state}
        else:
            with pytest.raises(AssertionError, match="nobody asked"):
                worker.give(event)
    if Appended in RULES[state]:
        came[Appended] = set()
        for join in (JOIN, Join(DOCUMENT, 1)) if state is State.JOINING else (JOIN,):
            worker = reach(state, join)
            if state is not State.JOINING:
                worker.say(BRANCH if state is State.HANDING_IN else SUBMIT)
            worker.commit()
            came[Appended].add(worker.state)
    assert came == RULES[state]


def test_every_message_is_among_those_that_were_tried() -> None:
    assert {type(message) for message in MESSAGES} == set(get_args(ClientMessage))


def test_a_second_renewal_before_the_answer_to_the_first_is_out_of_order() -> None:
    worker = reach(State.LIVE)
    worker.say(RENEW)
    worker.say(RENEW)
    assert is_out_of_order(worker.sent[-1])


def test_a_branch_that_was_not_merged_on_this_connection_is_out_of_order_when_live() -> None:
    worker = reach(State.LIVE)
    worker.say(Branch(rev(1), [Edits(seq(MANY + 1), seq(MANY + 1), insert(MANY, 0, "y"))]))
    assert is_out_of_order(worker.sent[-1])
