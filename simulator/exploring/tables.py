"""What becomes of each part of the system, computed once for every state that the part can be in.

An event concerns one client or the server alone. So the part is what is stepped, and a state of the whole is
a tuple of small numbers. A part is not copied: it is made again by repeating what happened to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from model.history import Record
from model.identity import ConnectionId
from model.jupiter import Replica
from model.memo import Memo
from simulator.exploring import client as clients
from simulator.exploring import server as servers
from simulator.exploring.client import ChosenClient, ClientFacts
from simulator.exploring.server import ChosenServer, ServerFacts
from simulator.exploring.values import Snapshots, Values
from simulator.planning.scope import Scope
from simulator.virtual.cell import Parts

Command: TypeAlias = tuple[Any, ...]


KEPT_MAX: Final = 2_000
"""Parts of one table that are kept as they are, for the next thing that happens to them."""

S = TypeVar("S")
F_co = TypeVar("F_co", covariant=True)
F = TypeVar("F")


class Part(Protocol[F_co]):
    """A part of the system."""

    records: list[Record]

    @property
    def facts(self) -> F_co:
        """What can happen to it next."""
        ...

    def do(self, command: Any) -> None:
        """Let one thing happen to it."""

    def check_invariants(self) -> None:
        """Record it if what always holds does not hold after what has just happened."""

    def value(self, snapshots: Snapshots) -> int:
        """The number of what it is now."""
        ...


P = TypeVar("P", bound=Part[Any])


class Outcome(NamedTuple, Generic[S]):
    """What a command does to a part.

    Attributes:
        after: the number of what it is afterwards.
        said: what it sent.
        records: what it put into the history.
        told: the number of this outcome among those with records; 0 without.
    """

    after: int
    said: S
    records: tuple[Record, ...]
    told: int


class Table(Generic[P, S, F]):
    """One part, in all states that were met.

    Attributes:
        facts: of each state, what can happen next.
        made: parts that were made again so far, which is what an exploration costs.
        first: the number of the state it begins in.
        first_records: what was recorded until then.
    """

    def __init__(self, new: Callable[[], P], said: Callable[[P], S], ignored: frozenset[str]) -> None:
        """A table of parts that begin as ``new`` ones; ``said`` is what one has sent after a command."""
        self.made = 0
        self.facts: list[F] = []
        self._new = new
        self._said = said
        self._snapshots = Snapshots(ignored)
        self._numbers: dict[int, int] = {}
        self._ways: list[tuple[int, Command] | None] = []
        self._outcomes: dict[tuple[int, Command], Outcome[S]] = {}
        self._kept: dict[int, P] = {}
        self._told = 0
        first = new()
        self.first_records = tuple(first.records)
        self.first = self._number(first, None)

    def __len__(self) -> int:
        return len(self._ways)

    def outcome(self, number: int, command: Command) -> Outcome[S]:
        """What a command does to the part that has this number."""
        key = (number, command)
        outcome = self._outcomes.get(key)
        if outcome is None:
            part = self._kept.pop(number, None) or self._made(number)
            part.do(command)
            part.check_invariants()
            records = tuple(part.records)
            self._told += bool(records)
            after = self._number(part, key)
            outcome = Outcome(after, self._said(part), records, self._told if records else 0)
            self._outcomes[key] = outcome
            self._kept[after] = part
            if len(self._kept) > KEPT_MAX:
                del self._kept[next(iter(self._kept))]
        return outcome

    def _number(self, part: P, way: tuple[int, Command] | None) -> int:
        number = self._numbers.setdefault(part.value(self._snapshots), len(self._ways))
        if number == len(self._ways):
            self._ways.append(way)
            self.facts.append(part.facts)
        return number

    def _made(self, number: int) -> P:
        """The part that has this number, made again."""
        commands: list[Command] = []
        way = self._ways[number]
        while way is not None:
            commands.append(way[1])
            way = self._ways[way[0]]
        self.made += 1
        part = self._new()
        for command in reversed(commands):
            part.do(command)
        return part


class ClientSaid(NamedTuple):
    """What a client sent over its connection, and whether it left it."""

    sent: tuple[int, ...]
    left: bool


class ServerSaid(NamedTuple):
    """What the server said to which connection (below 0: closed with that code), and which worker died."""

    said: tuple[tuple[ConnectionId, int], ...]
    died: int | None


ClientTable: TypeAlias = Table[ChosenClient, ClientSaid, ClientFacts]
ServerTable: TypeAlias = Table[ChosenServer, ServerSaid, ServerFacts]


def client_table(number: int, replica: type[Replica], memo: Memo, messages: Values[bytes]) -> ClientTable:
    """The table of one client."""

    def said(client: ChosenClient) -> ClientSaid:
        return ClientSaid(tuple(map(messages.number, client.sent)), client.left)

    return Table(lambda: ChosenClient(number, replica, memo), said, clients.IGNORED)


def server_table(scope: Scope, parts: Parts, memo: Memo, messages: Values[bytes]) -> ServerTable:
    """The table of the server."""

    def said(server: ChosenServer) -> ServerSaid:
        said = [
            (connection, -what if isinstance(what, int) else messages.number(what))
            for connection, what in server.said
        ]
        return ServerSaid(tuple(said), server.died)

    return Table(lambda: ChosenServer(scope, parts, memo), said, servers.IGNORED)
