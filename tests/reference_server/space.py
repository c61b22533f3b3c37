"""The space of all states that a few clients and a document can reach, whatever the order of events.

The replicas and the document are the real ones, and the messages on the way are their bytes. An event
concerns one client or the document alone, so what becomes of each of them is computed once for every value it
can have, and a state of the whole is a tuple of small numbers. Two states are one only if everything in them
that can still matter has the same value. Left out are the cursors, and of rows that are durable what only a
repeated submit would ask for: nobody repeats anything here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from model.identity import ConnectionId, SiteId
from model.jupiter import Replica
from model.outgoing import SavedReplica
from model.phases import RULES, Phase
from model.protocol import ClientMessage, Join, Submit, decode_client, decode_server, encode
from model.text import Operation, delete, insert, noop
from reference_server.core.document import Document
from reference_server.core.effects import Appended, Committed, Contents, Effect, Loaded, Role, Send
from reference_server.core.items import JoinItem
from reference_server.core.limits import Limits
from tests.numbers import rev
from tests.reference_server.exchange import DOCUMENT

SITES = tuple(SiteId(site) for site in "amz")

# What a client may do to the text it sees; the letter says whose insert it is.
CHOICES: dict[str, Callable[[int, str], Operation]] = {
    "front": lambda length, letter: insert(length, 0, letter),
    "middle": lambda length, letter: insert(length, length // 2, letter),
    "end": lambda length, letter: insert(length, length, letter),
    "delete": lambda length, letter: delete(length, 0, 1) if length else noop(0),
}

T = TypeVar("T", bound=Hashable)
State: TypeAlias = tuple[int, ...]
"""The number of the document, then those of the seats."""
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


class Seat(NamedTuple):
    """One client, how many of its edits it has made, and what is on its connection."""

    replica: SavedReplica
    edits: int
    up: tuple[int, ...] = ()
    down: tuple[int, ...] = ()


class Seats:
    """What the clients can be, and what becomes of them."""

    def __init__(self, text: str, plan: tuple[tuple[str, ...], ...], messages: Values[bytes]) -> None:
        self.values: Values[Seat] = Values()
        self._text = text
        self._plan = plan
        self._messages = messages
        self._moves: dict[int, tuple[int, ...]] = {}
        self._taken: dict[int, tuple[int, int] | None] = {}
        self._given: dict[tuple[int, int], int] = {}

    def first(self, n: int) -> int:
        replica = Replica(SITES[n], DOCUMENT)
        replica.text, replica.revision, replica.epoch = self._text, rev(0), 1
        return self.values.number(Seat(replica.save(), 0))

    def moves(self, number: int) -> tuple[int, ...]:
        """The seat after its next edit, and after the next message of the server, as far as there are any."""
        if number not in self._moves:
            seat = self.values.all[number]
            moves = (self._edited(seat), self._received(seat))
            self._moves[number] = tuple(self.values.number(moved) for moved in moves if moved is not None)
        return self._moves[number]

    def taken(self, number: int) -> tuple[int, int] | None:
        """The seat after its oldest message was delivered, and the message; None if there is none."""
        if number not in self._taken:
            seat = self.values.all[number]
            left = seat._replace(up=seat.up[1:])
            self._taken[number] = (self.values.number(left), seat.up[0]) if seat.up else None
        return self._taken[number]

    def given(self, number: int, message: int) -> int:
        """The seat with one more message of the server on its way."""
        key = (number, message)
        if key not in self._given:
            seat = self.values.all[number]
            self._given[key] = self.values.number(seat._replace(down=(*seat.down, message)))
        return self._given[key]

    def settled(self, number: int) -> tuple[int, str] | None:
        """The revision and the text of a replica that has nothing of its own."""
        replica = self.values.all[number].replica
        if replica.in_flight is not None or replica.pending:
            return None
        assert replica.revision is not None
        return replica.revision, replica.text

    def _edited(self, seat: Seat) -> Seat | None:
        n = SITES.index(seat.replica.site)
        if seat.edits == len(self._plan[n]):
            return None
        replica = _live(seat.replica)
        op = CHOICES[self._plan[n][seat.edits]](len(replica.text), "abcdef"[n * 2 + seat.edits].upper())
        sent = replica.edit(op)
        replica.check_invariants()
        return Seat(replica.save(), seat.edits + 1, seat.up + self._numbers(sent), seat.down)

    def _received(self, seat: Seat) -> Seat | None:
        if not seat.down:
            return None
        replica = _live(seat.replica)
        sent = replica.receive(decode_server(self._messages.all[seat.down[0]]))
        replica.check_invariants()
        return Seat(replica.save(), seat.edits, seat.up + self._numbers(sent), seat.down[1:])

    def _numbers(self, sent: tuple[ClientMessage, ...]) -> tuple[int, ...]:
        return tuple(self._messages.number(encode(message)) for message in sent)


def _live(saved: SavedReplica) -> Replica:
    replica = Replica(saved.site, saved.document)
    replica.restore(saved)
    replica.phase, replica._accepted = Phase.LIVE, RULES[Phase.LIVE]
    return replica


class Servers:
    """What the document can be, and what becomes of it; it is rebuilt by repeating what happened to it."""

    def __init__(self, text: str, clients: int, messages: Values[bytes]) -> None:
        self._text = text
        self._clients = clients
        self._messages = messages
        self._values: Values[tuple[object, ...]] = Values()
        self._paths: list[Path] = []
        self._steps: dict[tuple[int, Event], tuple[int, Answers]] = {}

    def first(self) -> int:
        return self._number(self._rebuilt(())[0], ())

    def is_appending(self, number: int) -> bool:
        return bool(self._values.all[number][-1])

    def text(self, number: int) -> str:
        return str(self._values.all[number][0])

    def step(self, number: int, event: Event) -> tuple[int, Answers]:
        """The document after an event, and the messages it sent."""
        key = (number, event)
        if key not in self._steps:
            path = (*self._paths[number], event)
            document, effects = self._rebuilt(path)
            answers = tuple(
                (connection - 1, self._messages.number(effect.data))
                for effect in effects
                if isinstance(effect, Send)
                for connection in effect.connections
            )
            self._steps[key] = (self._number(document, path), answers)
        return self._steps[key]

    def _rebuilt(self, path: Path) -> tuple[Document, list[Effect]]:
        """The document at the end of a path, and the effects of the last event."""
        out: list[Effect] = []
        requests = itertools.count(1)
        document = Document(DOCUMENT, Limits(), out, lambda: next(requests))
        for number, site in enumerate(SITES[: self._clients], 1):
            document.join(JoinItem(ConnectionId(number), site, Role.EDITOR, Join(DOCUMENT, 1), 0))
        document.loaded(Loaded(1, DOCUMENT, Contents(rev(0), self._text, (), {}, rev(0))))
        for event in (None, *path):  # the first append lets them in
            out.clear()
            if event is None:
                assert document._batch is not None
                document.appended(Appended(document._batch.request, DOCUMENT, Committed()))
            else:
                seat, message = event
                submit = decode_client(self._messages.all[message])
                assert isinstance(submit, Submit)
                document.submit(ConnectionId(seat + 1), submit, 0)
        document.check_invariants()
        return document, out

    def _number(self, document: Document, path: Path) -> int:
        log = document.log
        durable = tuple((row.site, row.operation) for row in log.rows)
        progress = tuple(log.progress.items())
        members = tuple((m.site, m.live, m.submitted) for m in document.members.values())
        entries = tuple(document._batch.entries) if document._batch is not None else ()
        value = (log.text, durable, progress, members, tuple(document._queue), entries)
        number = self._values.number(value)
        if number == len(self._paths):
            self._paths.append(path)
        return number


class Exploration:
    """All states that are reachable when each client makes the edits of its plan.

    Attributes:
        states: how many there are.
        final_states: how many of them have nothing left to happen.
        texts: the texts that the final states have, in the order they were found.
    """

    def __init__(self, text: str, plan: tuple[tuple[str, ...], ...]) -> None:
        messages: Values[bytes] = Values()
        self._plan = plan
        self._seats = Seats(text, plan, messages)
        self._servers = Servers(text, len(plan), messages)
        self.states = 0
        self.final_states = 0
        self.texts: list[str] = []

    def run(self) -> None:
        """Go everywhere.

        Raises:
            AssertionError: replicas differ where they must not.
        """
        first: State = (self._servers.first(), *(self._seats.first(n) for n in range(len(self._plan))))
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
        server = state[0]
        for n in range(1, len(state)):
            following.extend((*state[:n], moved, *state[n + 1 :]) for moved in self._seats.moves(state[n]))
            taken = self._seats.taken(state[n])
            if taken is not None:
                left, message = taken
                step = self._servers.step(server, (n - 1, message))
                following.append(self._answered((*state[:n], left, *state[n + 1 :]), *step))
        if self._servers.is_appending(server):
            following.append(self._answered(state, *self._servers.step(server, None)))
        return following

    def _answered(self, state: State, server: int, answers: Answers) -> State:
        changed = [server, *state[1:]]
        for n, message in answers:
            changed[n + 1] = self._seats.given(changed[n + 1], message)
        return tuple(changed)

    def _check_agreement(self, state: State) -> None:
        """Replicas with nothing of their own show one text at one revision."""
        texts: dict[int, str] = {}
        for number in state[1:]:
            if (settled := self._seats.settled(number)) is not None:
                revision, text = settled
                assert texts.setdefault(revision, text) == text, (self._plan, state)

    def _check_final(self, state: State) -> None:
        """Everything is done and delivered: all show the text of the document."""
        text = self._servers.text(state[0])
        for n, number in enumerate(state[1:]):
            assert self._seats.values.all[number].edits == len(self._plan[n]), (self._plan, state)
            settled = self._seats.settled(number)
            assert settled is not None, (self._plan, state)
            assert settled[1] == text, (self._plan, state)
        self.final_states += 1
        if text not in self.texts:
            self.texts.append(text)
