"""Jupiter and the product's own exchange: the real client, the real core, and a store in memory.

Nothing waits for time here. What a person sends lies in its outbox until its exchange, what the server sends
lies in its inbox until then; the server itself answers at once, and a commit is durable at once.

Under Jupiter a connection lasts, however long its messages are held: every edit goes the way of an online
one. In the product a person who is offline has no connection; coming back, it joins again, and the server
decides whether what was done meanwhile is a blip, which goes the Jupiter way, or a branch, which is merged
in FugueMax order (D15). Without the rule of the blip everything done offline is a branch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from model.identity import ConnectionId, DocumentId, SiteId
from model.jupiter import Replica
from model.protocol import ClientMessage, Fate, Join, decode_server, encode, operation_to_plain
from model.text import Operation
from reference_server.core.document import Document
from reference_server.core.effects import Close, Closed, LogRow, Opened, Received
from reference_server.core.limits import Limits
from reference_server.core.room import Room
from reference_server.in_process import InProcessServer
from reference_server.store.memory import MemoryStore
from simulator.algorithms.arena.engines.engine import ArenaEngine, BytesSent, Footprint

DOCUMENT: Final = DocumentId("arena")
_LIMITS: Final = Limits(outbox_bytes_max=1 << 40, snapshot_every_revisions=1 << 40)
"""Nobody is sent away for being slow, and no revision is forgotten."""


class CountingReplica(Replica):
    """A client that counts the pairs of operations that it carries over each other."""

    __slots__ = ("transformations",)

    def __init__(self, site: SiteId) -> None:
        super().__init__(site, DOCUMENT)
        self.transformations = 0

    def _cross(self, mine: Operation, other: Operation, mine_first: bool) -> tuple[Operation, Operation]:
        self.transformations += 1
        return super()._cross(mine, other, mine_first)


class RecordingReplica(CountingReplica):
    """A client that also keeps these pairs: its own operation first, both on one text."""

    __slots__ = ("transformed",)

    def __init__(self, site: SiteId) -> None:
        super().__init__(site)
        self.transformed: list[tuple[Operation, Operation]] = []

    def _cross(self, mine: Operation, other: Operation, mine_first: bool) -> tuple[Operation, Operation]:
        self.transformed.append((mine, other))
        return super()._cross(mine, other, mine_first)


class _BranchRoom(Room):
    """Whatever was done offline is a branch, however short."""

    def _is_branch_wanted(self, join: Join, fate: Fate | None, missed: int) -> bool:
        unapplied = join.in_flight is not None and not (fate is not None and fate.applied)
        return unapplied or join.pending > 0 or super()._is_branch_wanted(join, fate, missed)


class BranchDocument(Document):
    """A document without the rule of the blip."""

    room_type = _BranchRoom


class ArenaClient:
    """One person's replica, and what lies between it and the server."""

    def __init__(self, replica: CountingReplica) -> None:
        self.replica = replica
        self.connection: ConnectionId | None = None
        self.outbox: deque[bytes] = deque()
        self.inbox: deque[bytes] = deque()

    def send(self, messages: Sequence[ClientMessage]) -> None:
        """Put messages into the outbox; without a connection they are lost, and the exchange repeats them."""
        if self.connection is not None:
            self.outbox.extend(map(encode, messages))


class _Server(InProcessServer):
    """The server; its messages go to the inboxes of those who are connected."""

    def __init__(self, text: str, document: type[Document]) -> None:
        store = MemoryStore()
        store.create(DOCUMENT, text)
        super().__init__(store, _LIMITS, document=document)
        self.connected: dict[ConnectionId, ArenaClient] = {}

    def _send(self, connection: ConnectionId, data: bytes) -> None:
        if (client := self.connected.get(connection)) is not None:
            client.inbox.append(data)

    def _close(self, effect: Close) -> None:
        raise ValueError(f"the server closed a connection: {effect.reason}")


class ServerEngine(ArenaEngine):
    """Clients of one real server.

    Attributes:
        clients: by site.
    """

    def __init__(
        self,
        agents: Sequence[SiteId],
        text: str,
        *,
        has_absences: bool = False,
        document: type[Document] = Document,
        replica: type[CountingReplica] = CountingReplica,
    ) -> None:
        """A server with ``text`` and a connection for everybody.

        Args:
            agents: the people.
            text: the first text.
            has_absences: whether a person who is offline has no connection, rather than a slow one.
            document: the server's state machine of a document.
            replica: the client.
        """
        self.clients = {agent: ArenaClient(replica(agent)) for agent in agents}
        self._document = document
        self._server = _Server(text, document)
        self._has_absences = has_absences
        self._connections = 0
        self._up = self._down = 0
        for client in self.clients.values():
            self._connect(client)
            self._settle(client)
        for client in self.clients.values():
            self._settle(client)
        self._up = self._down = 0

    def recording(self, agents: Sequence[SiteId], text: str) -> ServerEngine:
        """An engine of the same kind at the beginning, whose clients are :class:`RecordingReplica`."""
        return ServerEngine(
            agents,
            text,
            has_absences=self._has_absences,
            document=self._document,
            replica=RecordingReplica,
        )

    # --- the engine ---------------------------------------------------------------------------------------

    def text(self, agent: SiteId) -> str:
        """What the client shows."""
        return self.clients[agent].replica.text

    @property
    def server_text(self) -> str:
        """The durable text."""
        return self._server.store.durable(DOCUMENT).read_text()

    @property
    def rows(self) -> Sequence[LogRow]:
        """The log: every revision since the first text."""
        return self._server.store.durable(DOCUMENT).rows

    def edit(self, agent: SiteId, operation: Operation) -> None:
        """An edit of the client."""
        client = self.clients[agent]
        client.send(client.replica.edit(operation))

    def exchange(self, agent: SiteId) -> None:
        """Deliver what lies in both directions until nothing moves."""
        self._settle(self.clients[agent])

    def offline(self, agent: SiteId) -> None:
        """The connection breaks, and what was under way is lost."""
        client = self.clients[agent]
        if self._has_absences and client.connection is not None:
            del self._server.connected[client.connection]
            self._server.handle(Closed(client.connection))
            client.connection = None
            client.outbox.clear()
            client.inbox.clear()
            client.replica.disconnected()

    def online(self, agent: SiteId) -> None:
        """A new connection."""
        client = self.clients[agent]
        if client.connection is None:
            self._connect(client)

    @property
    def traffic(self) -> BytesSent:
        """All messages of all connections, cursors included, as they are."""
        return BytesSent(self._up, self._down)

    def footprint(self) -> Footprint:
        """Of one client, and the server's log; a revision was carried over every one that it did not know."""
        client = next(iter(self.clients.values())).replica
        saved = msgspec.json.encode(client.save(), enc_hook=operation_to_plain)
        online = [row for row in self.rows if not row.branch]
        carried = sum(row.revision - 1 - row.base for row in online)
        carried += sum(other.replica.transformations for other in self.clients.values())
        branches = len(self.rows) - len(online) if self._has_absences else None
        return Footprint(len(client.text), 0, len(self.rows), len(saved), carried, branches)

    # --- connections --------------------------------------------------------------------------------------

    def _connect(self, client: ArenaClient) -> None:
        self._connections += 1
        client.connection = ConnectionId(self._connections)
        self._server.connected[client.connection] = client
        self._server.handle(Opened(client.connection))
        client.send(client.replica.connect("token"))

    def _settle(self, client: ArenaClient) -> None:
        while client.outbox or client.inbox:
            while client.outbox and client.connection is not None:
                data = client.outbox.popleft()
                self._up += len(data)
                self._server.handle(Received(client.connection, data))
            if client.inbox:
                data = client.inbox.popleft()
                self._down += len(data)
                client.send(client.replica.receive(decode_server(data)))
