"""The whole system: clients, the connections between them and the server, and what can happen next.

A connection that the client has left, or lost, stays with the server for a while: what was sent over it may
still arrive, until the server notices. What the server sent and the client has not received is lost with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from model.client.answers import LOST as CONNECTION_LOST
from model.history import Record
from model.identity import ConnectionId
from reference_server.core.effects import Append, Request
from simulator.exploring.client import ClientFacts
from simulator.exploring.server import CONNECTIONS_MAX
from simulator.exploring.state import Left, Move, Seat, State
from simulator.exploring.tables import client_table, server_table
from simulator.exploring.values import Values
from simulator.planning.scope import (
    APPLIED,
    COMMITTED,
    LATE,
    LOST,
    Scope,
    Step,
)
from simulator.virtual.cell import Parts

ATTEMPTS_MAX: Final = 6
"""A client that has connected so often, and once more for each fault, has come back in vain."""

PATIENT_ATTEMPTS: Final = 3
"""The last of them are made when the store has nothing left to do, which is a time that always comes."""

JOINING_STEPS_MAX: Final = 200
"""Steps in which everybody has to be in; a broken product is tried from where it is then."""


class System:
    """All that can happen within a scope.

    Attributes:
        first: everybody has joined, nobody has done anything.
        first_records: the history until then.
    """

    def __init__(self, scope: Scope, parts: Parts, *, reduced: bool = True) -> None:
        """A system at its beginning.

        Args:
            scope: how far it goes.
            parts: the classes it is made of.
            reduced: whether to leave out steps whose order changes nothing, and what other clients of the
                same kind could do as well.
        """
        self.scope = scope
        self.messages: Values[bytes] = Values()
        memo = parts.memo()
        self._reduced = reduced
        self._server = server_table(scope, parts, memo, self.messages)
        self._clients = [client_table(n, parts.replica, memo, self.messages) for n in range(scope.clients)]
        self._greetings: set[int] = set()  # messages that only say who is there
        self._seats: Values[Seat] = Values()
        self.first_records: tuple[Record, ...] = ()
        self.first = self._joined()

    @property
    def made(self) -> int:
        """Parts that were made again so far."""
        return self._server.made + sum(table.made for table in self._clients)

    def _joined(self) -> State:
        """Let everybody in, one after another."""
        records = list(self._server.first_records)
        for table in self._clients:
            records += table.first_records
        seats = [self._seats.number(Seat(table.first)) for table in self._clients]
        state = State(self._server.first, Left(0, 0, 0, 0, 0), tuple(seats))
        self._reduced, reduced = False, self._reduced
        for _ in range(JOINING_STEPS_MAX):
            moves = list(self._quiet_moves(state))
            if not moves:
                break
            records += moves[-1].records  # the store answers first, so that nobody waits for another one
            state = moves[-1].after
        self._reduced = reduced
        self.first_records = tuple(records)
        scope = self.scope
        left = Left(scope.edits, scope.faults, scope.breaks, scope.crashes, scope.unknown)
        self._untouched = [self._seats.all[n] for n in state.seats]
        return state._replace(left=left)

    # --- what can happen ----------------------------------------------------------------------------------

    def moves(self, state: State) -> list[Move]:
        """Everything that can happen next; what goes wrong comes last."""
        if self._reduced and (eager := self._eager(state)) is not None:
            return [eager]
        return [*self._quiet_moves(state), *self._edits(state), *self._faults(state)]

    def is_over(self, moves: list[Move]) -> bool:
        """Whether nothing more has to happen: of ``moves``, all are edits and faults."""
        return all(move.step.kind == "act" or move.step.fault for move in moves)

    def _eager(self, state: State) -> Move | None:
        """A step whose order changes nothing, so that it may as well come first.

        Nothing can go wrong any more with what it concerns, and it gives one result whatever else is done
        before. To come back and to greet concern one connection that nobody else knows yet. A client that
        nobody edits any more receives one message after another, whatever the others do.
        """
        left = state.left
        if left.faults and (left.breaks or left.crashes):
            return None
        may_leave = bool(left.edits) and "absence" in self.scope.actions
        facts = self._server.facts[state.server]
        for n, number in enumerate(state.seats):
            seat = self._seats.all[number]
            client = self._clients[n].facts[seat.client]
            if not left.edits and seat.is_open and seat.down and not client.is_waiting:
                return self._down(state, n)
            if client.is_down or client.is_away:
                if not client.wants_connection and not (client.is_away and left.edits):
                    return next(self._comings(state, n, seat, client))
            elif not may_leave and self._may_connect(state, n, seat, client):
                return next(self._comings(state, n, seat, client))
            if not may_leave and seat.up and seat.up[0] in self._greetings:
                return self._up(state, n)
        for n, is_up in enumerate(facts.are_up):
            if not is_up:
                return self._serve(state, Step("start", n), ("start", n))
        return None

    def _quiet_moves(self, state: State) -> Iterator[Move]:
        """What happens by itself."""
        facts = self._server.facts[state.server]
        for n, number in enumerate(state.seats):
            seat = self._seats.all[number]
            client = self._clients[n].facts[seat.client]
            if seat.up:
                yield self._up(state, n)
            if seat.down and not self._must_wait(state, n):
                yield self._down(state, n)
            yield from self._comings(state, n, seat, client)
            for place, (connection, up) in enumerate(seat.lost):
                yield from self._lost(state, n, place, connection, up)
        for n, asked in enumerate(facts.asked):
            if asked is not None:
                yield self._serve(state, Step("store", n, COMMITTED), ("store", n, COMMITTED))
            if not facts.are_up[n]:
                yield self._serve(state, Step("start", n), ("start", n))
            if facts.are_merging[n]:
                yield self._serve(state, Step("merge", n), ("merge", n))
            if facts.have_hints[n]:
                yield self._serve(state, Step("hint", n), ("hint", n))
        if facts.has_late:
            yield self._serve(state, Step("late", 0), ("commit_late", 0))

    def _comings(self, state: State, n: int, seat: Seat, client: ClientFacts) -> Iterator[Move]:
        """A client comes back, in one way or another."""
        if self._may_connect(state, n, seat, client):
            draft = _Draft(self, state)
            draft.connect(n)
            yield draft.move(Step("connect", n))
        for kind, command, is_possible in (
            ("restart", "restart", client.is_down),
            ("online", "come_back", client.is_away),
            ("wait", "wait", client.is_waiting),
        ):
            if is_possible:
                draft = _Draft(self, state)
                draft.act(n, (command, None))
                yield draft.move(Step(kind, n))

    def _may_connect(self, state: State, n: int, seat: Seat, client: ClientFacts) -> bool:
        facts = self._server.facts[state.server]
        if not client.wants_connection or seat.is_open or not facts.are_up[n % self.scope.workers]:
            return False
        attempts_max = ATTEMPTS_MAX + self.scope.faults
        if seat.connections < attempts_max - PATIENT_ATTEMPTS:
            return True
        return seat.connections < attempts_max and not any(facts.asked)

    def _up(self, state: State, n: int) -> Move:
        draft = _Draft(self, state)
        seat = draft.seats[n]
        draft.seats[n] = seat._replace(up=seat.up[1:])
        draft.arrive(n, seat.connections, seat.up[0])
        return draft.move(Step("up", n))

    def _down(self, state: State, n: int) -> Move:
        draft = _Draft(self, state)
        seat = draft.seats[n]
        message = seat.down[0]
        draft.seats[n] = seat._replace(down=seat.down[1:])
        if message < 0:
            draft.seats[n] = seat._replace(is_open=False, is_closed=False, down=())
            draft.act(n, ("broken", -message))
        else:
            draft.act(n, ("receive", self.messages.all[message]))
        return draft.move(Step("down", n))

    def _lost(self, state: State, n: int, place: int, connection: int, up: tuple[int, ...]) -> Iterator[Move]:
        """What becomes of a connection that its client does not have any more."""
        draft = _Draft(self, state)
        lost = draft.seats[n].lost
        draft.seats[n] = draft.seats[n]._replace(lost=lost[:place] + lost[place + 1 :])
        draft.serve(("closed", n % self.scope.workers, _number(n, connection)))
        yield draft.move(Step("end", n, str(place)))
        if up:
            draft = _Draft(self, state)
            rest = (*lost[:place], (connection, up[1:]), *lost[place + 1 :])
            draft.seats[n] = draft.seats[n]._replace(lost=rest)
            draft.arrive(n, connection, up[0])
            yield draft.move(Step("stray", n, str(place)))

    def _serve(self, state: State, step: Step, command: tuple[object, ...]) -> Move:
        draft = _Draft(self, state)
        draft.serve(command)
        return draft.move(step)

    def _edits(self, state: State) -> Iterator[Move]:
        """What people can do."""
        left = state.left
        if not left.edits:
            return
        for n in range(self.scope.clients - self.scope.readers):
            seat = self._seats.all[state.seats[n]]
            if not self._clients[n].facts[seat.client].may_act or self._must_wait(state, n):
                continue
            for action in self.scope.actions:
                draft = _Draft(self, state)
                draft.left = left._replace(edits=left.edits - 1)
                draft.act(n, ("act", action))
                if draft.told:  # otherwise there was nothing to undo, or nobody saw it
                    yield draft.move(Step("act", n, action))

    def _faults(self, state: State) -> Iterator[Move]:
        """What can go wrong."""
        left = state.left
        if not left.faults:
            return
        left = left._replace(faults=left.faults - 1)
        for n, number in enumerate(state.seats):
            if self._must_wait(state, n):
                continue
            seat = self._seats.all[number]
            if left.breaks and seat.is_open:
                draft = _Draft(self, state)
                draft.left = left._replace(breaks=left.breaks - 1)
                draft.lose(n)
                draft.act(n, ("broken", CONNECTION_LOST))
                yield draft.move(Step("break", n))
            if left.crashes and not self._clients[n].facts[seat.client].is_down:
                draft = _Draft(self, state)
                draft.left = left._replace(crashes=left.crashes - 1)
                draft.act(n, ("crash", None))
                yield draft.move(Step("crash", n))
        facts = self._server.facts[state.server]
        for n, asked in enumerate(facts.asked):
            hows: tuple[str, ...] = (APPLIED, LOST, LATE) if isinstance(asked, Append) else (LOST,)
            if left.unknown and asked is not None:
                after = left._replace(unknown=left.unknown - 1)
                for how in hows:
                    draft = _Draft(self, state)
                    draft.left = after
                    draft.serve(("store", n, how))
                    yield draft.move(Step("store", n, how))
            if left.crashes and facts.are_up[n]:
                for how in (LOST, LATE) if isinstance(asked, Append) else (LOST,):
                    draft = _Draft(self, state)
                    draft.left = left._replace(crashes=left.crashes - 1)
                    draft.serve(("death", n, how))
                    yield draft.move(Step("death", n, how))

    def _must_wait(self, state: State, n: int) -> bool:
        """Whether another client of the same kind, to which nothing has happened yet, goes first."""
        if not self._reduced or n <= self.scope.clients - self.scope.readers:
            return False
        seats = self._seats.all
        return (
            all(seats[state.seats[m]]._replace(down=()) == self._untouched[m] for m in (n - 1, n))
            and (n - 1) % self.scope.workers == n % self.scope.workers
        )

    # --- what there is --------------------------------------------------------------------------------------

    def seat(self, state: State, n: int) -> tuple[Seat, ClientFacts]:
        """A client and its connections, and what can happen to it next."""
        seat = self._seats.all[state.seats[n]]
        return seat, self._clients[n].facts[seat.client]

    def asked(self, state: State) -> tuple[Request | None, ...]:
        """What the store has to answer next, worker by worker."""
        return self._server.facts[state.server].asked

    def ending(self, state: State) -> tuple[Record, ...]:
        """What is recorded when nothing happens any more."""
        records: list[Record] = []
        for n, number in enumerate(state.seats):
            records += self._clients[n].outcome(self._seats.all[number].client, ("final", None)).records
        records += self._server.outcome(state.server, ("final", 0)).records
        return tuple(records)


class _Draft:
    """A state in the making."""

    def __init__(self, system: System, state: State) -> None:
        self.system = system
        self.server = state.server
        self.left = state.left
        self.seats = [system._seats.all[number] for number in state.seats]
        self.told: list[tuple[int, int]] = []
        self.records: list[Record] = []

    def move(self, step: Step) -> Move:
        """The step that has led here."""
        number = self.system._seats.number
        after = State(self.server, self.left, tuple([number(seat) for seat in self.seats]))
        return Move(step, after, tuple(self.told), tuple(self.records))

    def connect(self, n: int) -> None:
        """Open another connection of a client."""
        seat = self.seats[n]
        connections = seat.connections + 1
        self.seats[n] = seat._replace(connections=connections, is_open=True, up=(), down=())
        self.serve(("opened", n % self.system.scope.workers, _number(n, connections)))
        self.act(n, ("opened", None))

    def lose(self, n: int) -> None:
        """A client has its connection no more; the server may not know."""
        seat = self.seats[n]
        lost = seat.lost if seat.is_closed else (*seat.lost, (seat.connections, seat.up))
        self.seats[n] = seat._replace(is_open=False, is_closed=False, up=(), down=(), lost=lost)

    def arrive(self, n: int, connection: int, message: int) -> None:
        """A message reaches the server."""
        data = self.system.messages.all[message]
        self.serve(("received", n % self.system.scope.workers, _number(n, connection), data))

    def act(self, n: int, command: tuple[str, object]) -> None:
        """Something happens to a client."""
        seat = self.seats[n]
        outcome = self.system._clients[n].outcome(seat.client, command)
        if outcome.told:
            self.told.append((n + 1, outcome.told))
            self.records += outcome.records
        sent, left = outcome.said
        seat = seat._replace(client=outcome.after)
        if sent and seat.is_open and not seat.is_closed:
            seat = seat._replace(up=seat.up + sent)
            if command[0] == "opened":
                self.system._greetings.update(sent)
        self.seats[n] = seat
        if left and seat.is_open:
            self.lose(n)

    def serve(self, command: tuple[object, ...]) -> None:
        """Something happens to the server."""
        outcome = self.system._server.outcome(self.server, command)
        self.server = outcome.after
        if outcome.told:
            self.told.append((0, outcome.told))
            self.records += outcome.records
        for connection, message in outcome.said.said:
            n, number = divmod(connection, CONNECTIONS_MAX)
            seat = self.seats[n]
            if seat.is_open and number == seat.connections and not seat.is_closed:
                if message < 0:
                    seat = seat._replace(is_closed=True, up=())
                self.seats[n] = seat._replace(down=(*seat.down, message))
            elif message < 0:
                lost = tuple(item for item in seat.lost if item[0] != number)
                self.seats[n] = seat._replace(lost=lost)
        if outcome.said.died is not None:
            self._worker_died(outcome.said.died)

    def _worker_died(self, worker: int) -> None:
        """Its connections are gone, and everything on them."""
        for n, seat in enumerate(self.seats):
            if n % self.system.scope.workers == worker:
                self.seats[n] = seat._replace(lost=())
                if seat.is_open:
                    self.seats[n] = Seat(seat.client, seat.connections)
                    self.act(n, ("broken", CONNECTION_LOST))


def _number(n: int, connection: int) -> ConnectionId:
    return ConnectionId(n * CONNECTIONS_MAX + connection)
