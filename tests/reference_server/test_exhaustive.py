"""Every state that three clients with two edits each can reach, whatever the order of events.

The replicas and the document are the real ones. A transition depends on one replica or on the document alone,
so each of them is computed once for every value of that part, and a state of the whole is a tuple of small
numbers. Two states are one only if every part has the same value: texts, logs, queues, what is in flight,
and the messages on the way.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import pytest

from model.identity import ConnectionId, SiteId
from model.jupiter import Phase, Replica, SavedReplica
from model.protocol import ClientMessage, Join, Submit, decode_client, decode_server, encode
from model.text import Operation, delete, insert, noop
from reference_server.core.document import Document
from reference_server.core.effects import (
    Appended,
    Committed,
    Contents,
    Effect,
    Loaded,
    Role,
    Send,
)
from reference_server.core.items import JoinItem
from reference_server.core.limits import Limits
from tests.reference_server.exchange import DOCUMENT

TEXT = "ab"
SITES = tuple(SiteId(site) for site in "amz")
EDITS_EACH = 2

# What a client may do to the text it sees; the letter says whose insert it is.
CHOICES: dict[str, Callable[[int, str], Operation]] = {
    "front": lambda length, letter: insert(length, 0, letter),
    "middle": lambda length, letter: insert(length, length // 2, letter),
    "end": lambda length, letter: insert(length, length, letter),
    "delete": lambda length, letter: delete(length, 0, 1) if length else noop(0),
}
Pair = tuple[str, str]
PAIRS: tuple[Pair, ...] = (
    ("front", "front"),
    ("front", "delete"),
    ("middle", "end"),
    ("delete", "middle"),
    ("delete", "delete"),
    ("end", "front"),
)
FEW = (
    (("middle", "middle"), ("middle", "middle"), ("middle", "middle")),
    (("delete", "front"), ("front", "delete"), ("middle", "end")),
)
ALL = FEW + tuple(itertools.islice(itertools.permutations(PAIRS, 3), 0, None, 10))
COMBINATIONS = ALL if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else FEW


class Seat(NamedTuple):
    """One client and its connection; numbers stand for values."""

    replica: int
    edits: int
    up: tuple[int, ...] = ()
    down: tuple[int, ...] = ()


class State(NamedTuple):
    """Everything."""

    server: int
    seats: tuple[Seat, ...]


T = TypeVar("T", bound=Hashable)
Answers: TypeAlias = tuple[tuple[int, int], ...]
"""Which client gets which message."""
Event: TypeAlias = tuple[int, int] | None
"""A client's message reaches the document, or (None) the append in progress is committed."""
Path: TypeAlias = tuple[Event, ...]


class Values(Generic[T]):
    """Values by number; equal values have one number."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._numbers: dict[T, int] = {}

    def number(self, value: T) -> int:
        number = self._numbers.setdefault(value, len(self.all))
        if number == len(self.all):
            self.all.append(value)
        return number


class Replicas:
    """What replicas can be, and what becomes of them."""

    def __init__(self, messages: Values[bytes]) -> None:
        self._messages = messages
        self._values: Values[SavedReplica] = Values()
        self._known: dict[tuple[object, ...], tuple[int, tuple[int, ...]]] = {}

    def first(self, site: SiteId) -> int:
        replica = Replica(site, DOCUMENT)
        replica.text, replica.revision, replica.epoch = TEXT, 0, 1
        return self._values.number(replica.save())

    def edit(self, number: int, choice: str, letter: str) -> tuple[int, tuple[int, ...]]:
        """The replica afterwards, and the messages it sent."""
        key = (number, choice, letter)
        if key not in self._known:
            replica = self._revived(number)
            self._known[key] = self._after(replica, replica.edit(CHOICES[choice](len(replica.text), letter)))
        return self._known[key]

    def receive(self, number: int, message: int) -> tuple[int, tuple[int, ...]]:
        """The replica afterwards, and the messages it sent."""
        key = (number, message)
        if key not in self._known:
            replica = self._revived(number)
            self._known[key] = self._after(
                replica, replica.receive(decode_server(self._messages.all[message]))
            )
        return self._known[key]

    def settled(self, number: int) -> tuple[int, str] | None:
        """The revision and the text of a replica that has nothing of its own."""
        saved = self._values.all[number]
        if saved.in_flight is not None or saved.pending:
            return None
        assert saved.revision is not None
        return saved.revision, saved.text

    def _revived(self, number: int) -> Replica:
        replica = Replica(SITES[0], DOCUMENT)
        replica.restore(self._values.all[number])
        replica.phase = Phase.LIVE
        return replica

    def _after(self, replica: Replica, sent: tuple[ClientMessage, ...]) -> tuple[int, tuple[int, ...]]:
        numbers = tuple(self._messages.number(encode(message)) for message in sent)
        return self._values.number(replica.save()), numbers


class Servers:
    """What the document can be, and what becomes of it; it is rebuilt by repeating what happened to it."""

    def __init__(self, messages: Values[bytes]) -> None:
        self._messages = messages
        self._values: Values[tuple[object, ...]] = Values()
        self._paths: list[Path] = []
        self._known: dict[tuple[object, ...], tuple[int, Answers]] = {}

    def first(self) -> int:
        return self._number(self._revived(())[0], ())

    def submit(self, number: int, seat: int, message: int) -> tuple[int, Answers]:
        """The document after a message of a client, and the messages it sent, each with its receiver."""
        return self._step(number, (seat, message))

    def commit(self, number: int) -> tuple[int, Answers]:
        """The document after its append was committed."""
        return self._step(number, None)

    def is_appending(self, number: int) -> bool:
        return bool(self._values.all[number][-1])

    def text(self, number: int) -> str:
        return str(self._values.all[number][0])

    def _step(self, number: int, event: Event) -> tuple[int, Answers]:
        key = (number, event)
        if key not in self._known:
            path = (*self._paths[number], event)
            document, effects = self._revived(path)
            sent = tuple(
                (connection - 1, self._messages.number(effect.data))
                for effect in effects
                if isinstance(effect, Send)
                for connection in effect.connections
            )
            self._known[key] = (self._number(document, path), sent)
        return self._known[key]

    def _revived(self, path: Path) -> tuple[Document, list[Effect]]:
        """The document at the end of a path, and the effects of the last event."""
        out: list[Effect] = []
        requests = itertools.count(1)
        document = Document(DOCUMENT, Limits(), out, lambda: next(requests))
        for number, site in enumerate(SITES, 1):
            document.join(JoinItem(ConnectionId(number), site, Role.EDITOR, Join(DOCUMENT, 1), 0))
        document.loaded(Loaded(1, DOCUMENT, Contents(0, TEXT, (), {}, 0)))
        for event in (None, *path):  # the first append lets the three in
            out.clear()
            if event is None:
                assert document._batch is not None
                document.appended(Appended(document._batch.request, DOCUMENT, Committed()))
            else:
                seat, message = event
                submit = decode_client(self._messages.all[message])
                assert isinstance(submit, Submit)
                document.submit(ConnectionId(seat + 1), submit, 0)
        return document, out

    def _number(self, document: Document, path: Path) -> int:
        members = tuple((m.site, m.live, m.submitted, m.cursor) for m in document.members.values())
        waiting = tuple(document._queue)
        entries = tuple(document._batch.entries) if document._batch is not None else ()
        number = self._values.number((document.log.text, tuple(document.log.rows), members, waiting, entries))
        if number == len(self._paths):
            self._paths.append(path)
        return number


class Exploration:
    """All states that are reachable when each client makes its pair of edits."""

    def __init__(self, pairs: tuple[Pair, ...]) -> None:
        messages: Values[bytes] = Values()
        self._pairs = pairs
        self._replicas = Replicas(messages)
        self._servers = Servers(messages)
        self.states = 0
        self.final_states = 0
        self.final_texts: list[str] = []

    def run(self) -> None:
        first = State(self._servers.first(), tuple(Seat(self._replicas.first(site), 0) for site in SITES))
        seen = {first}
        waiting = [first]
        while waiting:
            state = waiting.pop()
            self._check_agreement(state)
            following = self._following(state)
            if not following:
                self._check_final(state)
            for after in following:
                if after not in seen:
                    seen.add(after)
                    waiting.append(after)
        self.states = len(seen)

    def _following(self, state: State) -> list[State]:
        """One state for every event that can happen next."""
        following: list[State] = []
        for n, seat in enumerate(state.seats):
            if seat.edits < EDITS_EACH:
                letter = "abcdef"[n * EDITS_EACH + seat.edits].upper()
                replica, sent = self._replicas.edit(seat.replica, self._pairs[n][seat.edits], letter)
                moved = Seat(replica, seat.edits + 1, seat.up + sent, seat.down)
                following.append(_with(state, n, moved))
            if seat.down:
                replica, sent = self._replicas.receive(seat.replica, seat.down[0])
                moved = Seat(replica, seat.edits, seat.up + sent, seat.down[1:])
                following.append(_with(state, n, moved))
            if seat.up:
                server, answers = self._servers.submit(state.server, n, seat.up[0])
                moved = Seat(seat.replica, seat.edits, seat.up[1:], seat.down)
                following.append(_answered(server, _with(state, n, moved).seats, answers))
        if self._servers.is_appending(state.server):
            server, answers = self._servers.commit(state.server)
            following.append(_answered(server, state.seats, answers))
        return following

    def _check_agreement(self, state: State) -> None:
        texts: dict[int, str] = {}
        for seat in state.seats:
            if (settled := self._replicas.settled(seat.replica)) is not None:
                revision, text = settled
                assert texts.setdefault(revision, text) == text, (self._pairs, state)

    def _check_final(self, state: State) -> None:
        self.final_states += 1
        text = self._servers.text(state.server)
        for seat in state.seats:
            assert seat.edits == EDITS_EACH
            settled = self._replicas.settled(seat.replica)
            assert settled is not None, (self._pairs, state)
            assert settled[1] == text, (self._pairs, state)
        if text not in self.final_texts:
            self.final_texts.append(text)


def _with(state: State, n: int, seat: Seat) -> State:
    return State(state.server, (*state.seats[:n], seat, *state.seats[n + 1 :]))


def _answered(server: int, seats: tuple[Seat, ...], answers: Answers) -> State:
    changed = list(seats)
    for n, message in answers:
        changed[n] = changed[n]._replace(down=(*changed[n].down, message))
    return State(server, tuple(changed))


@pytest.mark.parametrize("pairs", COMBINATIONS, ids=lambda pairs: "-".join("+".join(pair) for pair in pairs))
def test_every_order_of_events_converges(
    pairs: tuple[Pair, ...], record_property: Callable[[str, object], None]
) -> None:
    exploration = Exploration(pairs)
    exploration.run()
    record_property("states", exploration.states)
    record_property("final_states", exploration.final_states)
    print(
        f"{exploration.states} states, {exploration.final_states} final ones,"
        f" {len(exploration.final_texts)} texts, of {pairs}"
    )
    assert exploration.final_states > 1
