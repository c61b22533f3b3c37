"""What the gateways of a cell and their store hold: at most, and when all is at rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from model import history
from model.fitting import owed
from model.identity import ConnectionId, DocumentId
from reference_server.core.effects import (
    Announced,
    Appended,
    Conflict,
    Event,
    Load,
    Loaded,
    Read,
    Request,
    Snapshot,
    Unknown,
    Whispered,
)
from reference_server.core.gateway import Gateway
from reference_server.core.limits import Limits
from reference_server.store.memory import MemoryStore
from simulator.planning.scenario import ServerSettings

SNAPSHOTS_MISSED_MAX: Final = 2
"""A log is trimmed behind every snapshot; one of them may be lost with an answer of the store or a crash."""


def limits_of(server: ServerSettings) -> Limits:
    """The limits of the core that a plan sets; the rest are the core's own."""
    return Limits(
        queue_items_max=server.queue_items_max,
        outbox_bytes_max=server.outbox_bytes_max,
        snapshot_every_revisions=server.snapshot_every_revisions,
        offline_horizon_revisions=server.offline_horizon_revisions,
        renew_grace_us=server.renew_grace_us,
    )


class Holdings:
    """Looks at a gateway and a store now and then."""

    def __init__(self, limits: Limits, workers: int = 1) -> None:
        """Nothing seen yet; ``limits`` are those that the gateways of so many workers and the store keep."""
        self._every = limits.snapshot_every_revisions
        self._workers = workers
        self._asked: dict[tuple[DocumentId, type[Request]], int] = {}
        self._reasons: dict[DocumentId, int] = {}
        self._heads: dict[DocumentId, int] = {}
        self._peaks: dict[tuple[DocumentId, str], int] = {}
        slack = SNAPSHOTS_MISSED_MAX * limits.snapshot_every_revisions + limits.batch_items_max
        rows_max = limits.offline_horizon_revisions + slack
        self._limits = {
            "revisions in memory": rows_max,
            "revisions in the store": rows_max,
            # A batch that met a conflict is put back in front of a queue that has filled up meanwhile.
            "members without a connection": 0,
            "sessions without a connection": 0,
            "waiting operations": limits.queue_items_max + limits.batch_items_max,
        }

    def look(
        self, gateway: Gateway | None, store: MemoryStore, connections: Collection[ConnectionId]
    ) -> None:
        """Note how much there is now, with these connections open."""
        for name in store.documents:
            durable = store.durable(name)
            self._heads[name] = durable.head
            self._note(name, "revisions in the store", len(durable.rows))
        if gateway is None:
            return
        documents = owed(gateway.documents, dict, "the documents in memory")
        for name, document in documents.items():
            held = document.held
            self._note(name, "revisions in memory", held.rows)
            self._note(name, "waiting operations", held.queued)
            gone = sum(number not in connections for number in held.members)
            self._note(name, "members without a connection", gone)
        lost: dict[DocumentId, int] = dict.fromkeys(store.documents, 0)
        for number, of in owed(gateway.held_connections, dict, "the connections that are held").items():
            if number not in connections and of is not None:
                lost[of.name] += 1
        for name, count in lost.items():
            self._note(name, "sessions without a connection", count)

    def _note(self, document: DocumentId, what: str, amount: int) -> None:
        key = (document, what)
        if amount > self._peaks.get(key, -1):
            self._peaks[key] = amount

    def asked(self, request: Request) -> None:
        """A gateway asks the store for something."""
        key = (request.document, type(request))
        self._asked[key] = self._asked.get(key, 0) + 1

    def told(self, event: Event) -> None:
        """A gateway is told something, by the store or by others; it may be a reason to read."""
        match event:
            case Appended(outcome=Conflict() | Unknown()) | Loaded(contents=None) | Announced() | Whispered():
                self._reasons[event.document] = self._reasons.get(event.document, 0) + 1
            case _:
                pass

    def _wasted(self, time_us: int) -> Iterator[history.Held]:
        """What was asked of the store that nobody needs, where it is too much.

        A process that starts may do a little more than its predecessor would have.
        """
        for name, head in self._heads.items():
            loads = self._asked.get((name, Load), 0)
            snapshots_max = self._workers * (head // self._every) + loads
            reads_max = self._reasons.get(name, 0) + loads
            limits = {Snapshot: ("snapshots", snapshots_max), Read: ("reads of the store", reads_max)}
            for kind, (what, most) in limits.items():
                amount = self._asked.get((name, kind), 0)
                if amount > most:
                    yield history.Held(time_us, name, what, amount, most)

    def found(self, time_us: int, at_rest: Iterable[Gateway]) -> Iterator[history.Held]:
        """The most of everything that was seen, and what gateways have left that are at rest."""
        for (document, what), amount in self._peaks.items():
            yield history.Held(time_us, document, what, amount, self._limits[what])
        yield from self._wasted(time_us)
        for gateway in at_rest:
            yield from _left(time_us, gateway)


def _left(time_us: int, gateway: Gateway) -> Iterator[history.Held]:
    """What a gateway holds that it need not hold when all is at rest."""
    for name, document in gateway.documents.items():
        held = document.held
        for what, amount in (
            ("waiting operations at rest", held.queued),
            ("branches under way at rest", held.branches),
            ("edits in parts of branches at rest", held.chunk_edits),
            ("barred connections at rest", held.barred),
            ("documents in memory that nobody needs", int(held.is_idle)),
        ):
            yield history.Held(time_us, name, what, amount, 0)
