"""A worker, its clients and everything that can happen to them, one step at a time.

Both a state machine of Hypothesis and plain random walks drive it. Every step takes plain integers and does
nothing where it makes no sense, so any sequence of steps is allowed.
"""

from __future__ import annotations

from collections import Counter

from model.identity import Revision
from model.phases import Phase
from model.protocol import BLIP_EDITS_MAX, Failure, Merged
from model.text import Operation, apply, replace
from reference_server.core.document import Document
from reference_server.core.effects import Announced, Append, Appended, Conflict, Progress, Unknown
from reference_server.core.items import EditsItem, JoinItem
from reference_server.core.limits import Limits
from reference_server.core.room import Room
from tests.reference_server.exchange import DOCUMENT, Client, Connection, Exchange, settle

SITES = ("a", "m", "z")
LIMITS = Limits(snapshot_every_revisions=16, batch_items_max=2)


class System:
    """Three clients, a worker and a rival worker.

    Attributes:
        seen: how often each interesting thing happened.
    """

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.exchange = Exchange("hello", LIMITS, document_type=_counted(self.seen))
        self.clients = [Client(self.exchange, site) for site in SITES]
        self._late: list[tuple[Connection, bytes]] = []
        self._half_open: list[Connection] = []
        self._repetitive: list[Connection] = []
        self._texts: list[str] = ["hello"]
        self._supply = 0

    # --- people -------------------------------------------------------------------------------------------

    def edit(self, who: int, at: int, count: int, length: int) -> None:
        client = self.clients[who]
        if client.replica.revision is not None:
            client.edit(self._drawn(client.text, at, count, length))

    def work_offline(self, who: int, at: int) -> None:
        """Enough edits for a branch."""
        if self.clients[who].connection is not None:
            self.drop(who, noticed=at % 2 == 0)
        for n in range(BLIP_EDITS_MAX + 1):
            self.edit(who, at + n, n % 2, 1)

    def undo(self, who: int) -> None:
        if self.clients[who].replica.revision is not None:
            self.clients[who].undo()

    def redo(self, who: int) -> None:
        if self.clients[who].replica.revision is not None:
            self.clients[who].redo()

    def select(self, who: int, at: int) -> None:
        client = self.clients[who]
        if client.replica.revision is not None:
            end = at % (len(client.text) + 1)
            client.select((end // 2, end))

    def _drawn(self, text: str, at: int, count: int, length: int) -> Operation:
        at %= len(text) + 1
        inserted = "".join(chr(0x4E00 + self._supply + n) for n in range(length))
        self._supply += length
        return replace(len(text), at, min(count, len(text) - at), inserted)

    # --- the network --------------------------------------------------------------------------------------

    def connect(self, who: int) -> None:
        if self.clients[who].connection is None:
            self.clients[who].connect()

    def drop(self, who: int, *, noticed: bool) -> None:
        """The connection breaks for the client; the gateway may go on with it for a while."""
        client = self.clients[who]
        connection = client.connection
        if connection is None:
            return
        late = client.drop(noticed=noticed)
        if not noticed:
            self._half_open.append(connection)
            self._late.extend(late)

    def restart(self, who: int) -> None:
        """A client dies and comes back with what it saved."""
        self.drop(who, noticed=False)
        self.clients[who].restart()
        self.seen["restarts"] += 1

    def up(self, who: int) -> None:
        if self.clients[who].outbox:
            self.clients[who].up()

    def down(self, who: int) -> None:
        client = self.clients[who]
        if not client.has_news:
            return
        connection = client.connection
        message = client.down()
        if isinstance(message, Failure):
            # Who repeats itself may have overtaken its own second copy, which is against the rules.
            allowed = ["superseded", "unavailable"] + ["out_of_order"] * (connection in self._repetitive)
            assert message.code in allowed, message
        if isinstance(message, Merged):
            self.seen["merges"] += 1

    def resend(self, who: int) -> None:
        """What is in flight is sent a second time, as after `busy`."""
        client = self.clients[who]
        if client.connection is not None:
            client.resend()
            self._repetitive.append(client.connection)

    def late(self) -> None:
        """The oldest message of a dead connection reaches the gateway after all."""
        if self._late:
            connection, data = self._late.pop(0)
            if connection.close_code is None:
                connection.send(data)
                self.seen["late"] += 1

    def notice(self) -> None:
        """The gateway learns that a connection is dead."""
        if self._half_open:
            self._half_open.pop(0).close()

    # --- the store and the workers ------------------------------------------------------------------------

    def commit(self) -> None:
        for event in self.exchange.commit():
            if isinstance(event, Appended) and isinstance(event.outcome, Conflict):
                self.seen["conflicts"] += 1

    def lose(self, *, applied: bool) -> None:
        for event in self.exchange.lose(applied=applied):
            if isinstance(event, Appended) and isinstance(event.outcome, Unknown):
                self.seen[f"unknown, {'' if applied else 'not '}applied"] += 1

    def rival(self, at: int) -> None:
        """Another worker appends an edit of a client of its own."""
        self.exchange.rival(self._drawn(self.exchange.text, at, 1, 1))

    def announce(self) -> None:
        """The other worker says that it appended something, or said so again."""
        self.exchange.handle(Announced(DOCUMENT))

    def rival_fence(self, who: int) -> None:
        """The client was at another worker in between, so its epoch there is newer than the one here."""
        client = self.clients[who]
        if client.connection is not None:
            self.drop(who, noticed=False)
        client.replica.epoch += 1
        client.saved = client.replica.save()
        stored = self.exchange.store.durable(DOCUMENT)
        site = client.replica.site
        if stored.progress.get(site, Progress(0)).epoch < client.replica.epoch:
            fence = Append(0, DOCUMENT, stored.head, (), (), ((site, client.replica.epoch),))
            self.exchange.store.request(fence)
            self.exchange.store.write()
            self.exchange.store.sync()

    def crash(self, *, applied: bool) -> None:
        self.exchange.crash(applied=applied)
        self.seen["crashes"] += 1

    # --- what must hold -----------------------------------------------------------------------------------

    def check(self) -> None:
        """A replica with nothing of its own shows the text of its revision: equal revisions, equal texts."""
        self.exchange.gateway.check_invariants()
        for client in self.clients:
            client.replica.check_invariants()
        for client in self.clients:
            replica = client.replica
            if replica.revision is not None and replica.is_settled:
                assert replica.text == self.text_at(replica.revision), replica.site

    def text_at(self, revision: Revision) -> str:
        """The text of a durable revision, from the stored rows alone."""
        stored = self.exchange.store.durable(DOCUMENT)
        while len(self._texts) <= stored.head:
            row = stored.rows[len(self._texts) - stored.trimmed - 1]
            self._texts.append(apply(self._texts[-1], row.operation))
        return self._texts[revision]

    def heal_and_check(self) -> None:
        """Everybody comes back, and nothing that anybody did is missing, doubled or different."""
        while self._half_open:
            self.notice()
        self._bring_back()
        self.announce()
        self._bring_back()
        for client in self.clients:
            replica = client.replica
            assert replica.phase is Phase.LIVE, replica.site
            assert replica.is_settled
            assert replica.unacknowledged == 0
            assert replica.text == self.exchange.text
            self._check_exactly_once(client)
        self.check()

    def _bring_back(self) -> None:
        """Deliver everything; who is sent away or had been, comes back."""
        for _ in range(3):
            for n in range(len(self.clients)):
                self.connect(n)
            settle(self.exchange, *self.clients)

    def _check_exactly_once(self, client: Client) -> None:
        edits = [
            sequence
            for row in self.exchange.store.durable(DOCUMENT).rows
            if row.site == client.replica.site
            for sequence in range(row.first, row.last + 1)
        ]
        assert edits == list(range(1, client.replica.sequence + 1))


def _counted(seen: Counter[str]) -> type[Document]:
    """A document that counts what it was asked to do twice, and what it drops."""

    class CountedRoom(Room):
        def answer_repeated(self, item: EditsItem, known: Progress) -> None:
            seen["repeated"] += 1
            super().answer_repeated(item, known)

        def complete_join(self, item: JoinItem) -> None:
            before = len(self.members)
            super().complete_join(item)
            seen["superseded"] += len(self.members) <= before and item.connection in self.members

    class CountedDocument(Document):
        room_type = CountedRoom

        def _is_fenced(self, item: EditsItem) -> bool:
            fenced = super()._is_fenced(item)
            seen["fenced"] += fenced
            return fenced

    return CountedDocument
