"""A worker, its store and its clients on a table: every step is taken by hand.

Nothing happens by itself here: a request waits until :meth:`Exchange.commit`, a merge until
:meth:`Exchange.resume`, a message of a client until :meth:`Client.up`, one of the server until
:meth:`Client.down`.
"""

from __future__ import annotations

from model.identity import ConnectionId, DocumentId, Revision, SiteId
from model.jupiter import Replica
from model.outgoing import SavedReplica
from model.protocol import (
    PROTOCOL_VERSION,
    ClientMessage,
    Edits,
    Failure,
    Hello,
    InFlight,
    Join,
    ProtocolError,
    ServerMessage,
    Submit,
    decode_server,
    encode,
)
from model.text import Operation, Selection, delete, insert
from reference_server.core.document import Document
from reference_server.core.effects import (
    Answer,
    Append,
    Authenticate,
    Authenticated,
    Authorize,
    Close,
    Closed,
    Effect,
    Identity,
    LogRow,
    Opened,
    Progress,
    Received,
    Request,
    Resume,
    Resumed,
    Role,
    TimerFired,
)
from reference_server.core.limits import Limits
from reference_server.in_process import InProcessServer
from reference_server.store.memory import MemoryStore
from tests.numbers import rev, seq

DOCUMENT = DocumentId("d")
ROLES = {role.value: role for role in Role}
"""A token is the name of the role it gives; any other token is refused."""


class Connection:
    """The client's end of one connection."""

    def __init__(self, exchange: Exchange, number: ConnectionId) -> None:
        self.number = number
        self.inbox: list[ServerMessage] = []
        self.close_code: int | None = None
        self._exchange = exchange

    def send(self, message: ClientMessage | bytes) -> None:
        data = message if isinstance(message, bytes) else encode(message)
        self._exchange.handle(Received(self.number, data))

    def close(self) -> None:
        self._exchange.handle(Closed(self.number))

    def take(self) -> list[ServerMessage]:
        """What arrived since the last time."""
        taken, self.inbox = self.inbox, []
        return taken

    def take_one(self) -> ServerMessage:
        (message,) = self.take()
        return message

    def refusal(self) -> tuple[str, int | None]:
        """The error code of the last message, and the code the connection was closed with."""
        message = self.take()[-1]
        assert isinstance(message, Failure), message
        return message.code.value, self.close_code


class Exchange(InProcessServer):
    """One gateway and one store with one document."""

    def __init__(
        self,
        text: str = "",
        limits: Limits | None = None,
        *,
        document_type: type[Document] = Document,
    ) -> None:
        store = MemoryStore()
        store.create(DOCUMENT, text)
        super().__init__(store, limits, document=document_type)
        self.effects: list[Effect] = []
        self.now_us = 0
        self.reports_closed = True  # whether a connection that the gateway closes is gone at once
        self.user = "somebody"
        self.expires_us: int | None = None  # of the next token that is looked at
        self.roles: dict[ConnectionId, Role | None] = {}
        self.merging: list[DocumentId] = []  # documents with a branch of which a slice is to be merged
        self._requests: list[Request] = []
        self._connections: dict[ConnectionId, Connection] = {}
        self._workers = 1

    @property
    def document(self) -> Document:
        return self.gateway.documents[DOCUMENT]

    @property
    def text(self) -> str:
        """The durable text."""
        return self.store.durable(DOCUMENT).read_text()

    @property
    def requests(self) -> tuple[Request, ...]:
        """What waits for the store."""
        return tuple(self._requests)

    # --- effects ------------------------------------------------------------------------------------------

    def _time_us(self) -> int:
        return self.now_us

    def _perform(self, effect: Effect) -> None:
        self.effects.append(effect)
        super()._perform(effect)

    def _send(self, number: ConnectionId, data: bytes) -> None:
        connection = self._connections[number]
        if connection.close_code is None:
            connection.inbox.append(decode_server(data))

    def _close(self, effect: Close) -> None:
        self._connections[effect.connection].close_code = effect.code
        if self.reports_closed:
            self.handle(Closed(effect.connection))

    def _authenticated(self, effect: Authenticate) -> Authenticated:
        known = effect.token in ROLES
        self.roles[effect.connection] = ROLES.get(effect.token)
        identity = Identity(self.user, effect.token, self.expires_us) if known else None
        return Authenticated(effect.connection, identity)

    def _role(self, effect: Authorize) -> Role | None:
        return self.roles[effect.connection]

    def _resume(self, effect: Resume) -> None:
        self.merging.append(effect.document)

    def _request(self, request: Request) -> None:
        self._requests.append(request)

    # --- connections --------------------------------------------------------------------------------------

    def open(self) -> Connection:
        connection = Connection(self, ConnectionId(len(self._connections) + 1))
        self._connections[connection.number] = connection
        self.handle(Opened(connection.number))
        return connection

    def greet(self, site: str, token: str = "editor") -> Connection:
        """A connection that is authenticated."""
        connection = self.open()
        connection.send(Hello(PROTOCOL_VERSION, SiteId(site), token))
        connection.take()
        return connection

    def ask(
        self,
        site: str,
        epoch: int = 1,
        revision: Revision | None = None,
        *,
        in_flight: InFlight | None = None,
        pending: int = 0,
        token: str = "editor",
    ) -> Connection:
        """A connection that waits for the answer to its join."""
        connection = self.greet(site, token)
        connection.send(Join(DOCUMENT, epoch, revision, in_flight, pending))
        return connection

    def join(self, site: str, epoch: int = 1, *, token: str = "editor") -> Connection:
        """A live connection with an empty inbox."""
        connection = self.ask(site, epoch, token=token)
        self.settle()
        connection.take()
        return connection

    def fire_timer(self, connection: Connection) -> None:
        self.handle(TimerFired(connection.number))

    # --- the store ----------------------------------------------------------------------------------------

    def commit(self) -> list[Answer]:
        """One commit of everything that waits, and its answers."""
        return self._answered(self._commit())

    def lose(self, *, applied: bool) -> list[Answer]:
        """One commit of which the answer is lost."""
        self._write()
        return self._answered(self.store.fail(applied=applied))

    def _answered(self, answers: list[Answer]) -> list[Answer]:
        for answer in answers:
            self.handle(answer)
        return answers

    def resume(self) -> None:
        """The next slice of a branch is merged."""
        self.handle(Resumed(self.merging.pop(0)))

    def settle(self) -> None:
        """Commits and merges until nothing waits."""
        while self._requests or self.merging:
            if self.merging:
                self.resume()
            if self._requests:
                self.commit()

    def rival(self, op: Operation, site: str = "rival") -> None:
        """Another worker appends an operation, before anything that waits here."""
        stored = self.store.durable(DOCUMENT)
        name, head = SiteId(site), stored.head
        known = stored.progress.get(name, Progress(0))
        last = known.last + 1
        row = LogRow(
            rev(head + 1), name, seq(last), seq(last), head, False, (Edits(seq(last), seq(last), op),), op
        )
        progress = ((name, Progress(known.epoch, seq(last), rev(head + 1))),)
        self.store.request(Append(0, DOCUMENT, head, (row,), progress, ()))
        self.store.write()
        self.store.sync()

    def crash(self, *, applied: bool = False) -> None:
        """The worker dies and another one takes its place; ``applied``: what waited reached the store."""
        if applied:
            self._commit()
        self._requests.clear()
        self.merging.clear()
        for connection in self._connections.values():
            if connection.close_code is None:
                connection.close_code = 1006
        self._workers += 1
        self.gateway = self._new_gateway(1_000_000 * self._workers)

    def _write(self) -> None:
        for request in self._requests:
            self.store.request(request)
        self._requests.clear()
        self.store.write()

    def _commit(self) -> list[Answer]:
        self._write()
        return self.store.sync()


class Client:
    """A replica with a connection; what it sends and receives waits in two queues."""

    def __init__(self, exchange: Exchange, site: str, token: str = "editor") -> None:
        self.replica = Replica(SiteId(site), DOCUMENT)
        self.saved: SavedReplica = self.replica.save()
        self.connection: Connection | None = None
        self.outbox: list[bytes] = []
        self._exchange = exchange
        self._token = token

    @property
    def text(self) -> str:
        return self.replica.text

    def connect(self) -> None:
        self.connection = self._exchange.open()
        self._send(self.replica.connect(self._token))

    def drop(self, *, noticed: bool = True) -> list[tuple[Connection, bytes]]:
        """The connection breaks; what it had sent is returned and may still arrive if nobody noticed."""
        connection, self.connection = self.connection, None
        assert connection is not None
        late = [(connection, data) for data in self.outbox]
        self.outbox.clear()
        self.replica.disconnected()
        if noticed:
            connection.close()
        return late

    def restart(self) -> None:
        """The client's process dies and comes back with what it had saved."""
        if self.connection is not None:
            self.drop()
        replica = Replica(self.replica.site, self.replica.document)
        replica.restore(self.saved)
        self.replica = replica

    # --- editing ------------------------------------------------------------------------------------------

    def edit(self, op: Operation) -> None:
        self._send(self.replica.edit(op))

    def type(self, position: int, text: str) -> None:
        self.edit(insert(len(self.text), position, text))

    def erase(self, position: int, count: int = 1) -> None:
        self.edit(delete(len(self.text), position, count))

    def select(self, selection: Selection) -> None:
        self._send(self.replica.select(selection))

    def undo(self) -> None:
        if (undone := self.replica.undo()) is not None:
            self._send(undone[1])

    def redo(self) -> None:
        if (redone := self.replica.redo()) is not None:
            self._send(redone[1])

    def resend(self) -> None:
        self._send(self.replica.resend())

    # --- the network --------------------------------------------------------------------------------------

    def _send(self, messages: tuple[ClientMessage, ...]) -> None:
        if messages:
            self.saved = self.replica.save()  # before sending, and as seldom as that allows
        if self.connection is not None:
            self.outbox.extend(encode(message) for message in messages)

    def up(self) -> None:
        """The oldest message that was sent reaches the gateway."""
        assert self.connection is not None
        data = self.outbox.pop(0)
        if self.connection.close_code is None:
            self.connection.send(data)

    def down(self) -> ServerMessage | None:
        """The oldest message of the server reaches the client; None if it is the end of the connection."""
        assert self.connection is not None
        if not self.connection.inbox:
            assert self.connection.close_code is not None
            self.drop()
            return None
        message = self.connection.inbox.pop(0)
        try:
            self._send(self.replica.receive(message))
        except ProtocolError:
            self.drop()
            raise
        return message

    @property
    def has_news(self) -> bool:
        """Whether a message or the end of the connection is waiting for the client."""
        connection = self.connection
        return connection is not None and (bool(connection.inbox) or connection.close_code is not None)


def settle(exchange: Exchange, *clients: Client) -> None:
    """Deliver and commit everything until nothing moves; broken connections stay broken."""
    moved = True
    while moved:
        moved = False
        for client in clients:
            while client.connection is not None and client.outbox:
                client.up()
                moved = True
            while client.has_news:
                client.down()
                moved = True
        if exchange.merging:
            exchange.resume()
            moved = True
        if exchange.requests:
            exchange.commit()
            moved = True


def joined(exchange: Exchange, *sites: str) -> list[Client]:
    """Clients of these sites, connected and live."""
    clients = [Client(exchange, site) for site in sites]
    for client in clients:
        client.connect()
        settle(exchange, *clients)
    return clients


def submit(
    base: int, sequence: int, op: Operation, last: int = 0, selection: Selection | None = None
) -> Submit:
    """A submit of edit ``sequence``, or of the edits up to ``last``."""
    return Submit(rev(base), seq(sequence), seq(max(sequence, last)), op, selection)
