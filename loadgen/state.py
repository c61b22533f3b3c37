"""What the users of one worker share: clock, documents, measures, judges, and the records of sampled ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from loadgen.audit import Promise
from loadgen.measuring import LoadMeasures
from loadgen.plan import LoadPlan, PlannedDocument
from model import history
from model.assembly import Assembly
from model.checkers import Judge
from model.checkers.check import Check
from model.checkers.convergence import Convergence, Quiescence
from model.checkers.exceptions import Exceptions
from model.checkers.protocol import Protocol as ProtocolCheck
from model.checkers.triviality import NonTriviality
from model.history import Record
from model.identity import EMPTY_LOG, Revision, SequenceNumber, SiteId
from model.impact import Impacts
from model.memo import Memo
from model.people.characters import Supply


class JudgedSink:
    """Where the records of one kind of documents go: the ``RecordSink`` of :mod:`model.client.recorder`."""

    __slots__ = ("_judge", "_keep", "_state", "fingerprint", "record")

    def __init__(self, state: WorkerState, judge: Judge, keep: Callable[[Record], None] | None) -> None:
        self._state = state
        self._judge = judge
        self._keep = keep
        self.fingerprint = state.memo.fingerprint
        self.record: Callable[[Record], None] = self._record

    @property
    def now(self) -> int:
        """Microseconds since the run began."""
        return self._state.now

    def _record(self, record: Record) -> None:
        if self._keep is not None:
            self._keep(record)
        self._judge.feed((record,))


class Member(Protocol):
    """A user, as the end of the run sees it."""

    @property
    def promises(self) -> list[Promise]:
        """What the server promised to all sites that the user ever was."""
        ...


class Room:
    """One document and its users.

    ``newest`` is the newest revision that any of its sockets was sent, ``head`` the newest one heard of in
    any way.
    """

    __slots__ = ("document", "head", "is_sampled", "kind", "newest", "sink", "supply", "users")

    def __init__(self, planned: PlannedDocument, sink: JudgedSink) -> None:
        self.document = planned.name
        self.sink = sink
        self.is_sampled = planned.is_sampled
        self.kind = planned.kind
        self.supply = Supply() if planned.kind == "contention" else None
        self.users: list[Member] = []
        self.head: Revision = EMPTY_LOG
        self.newest: Revision = EMPTY_LOG


class WorkerState:
    """What the users of one worker share.

    Attributes:
        errors: how often what went wrong, by kind.
        checkers: of the documents that are not sampled.
        is_ending: nobody edits any more.
        was_served: whether a connection was ever accepted, so that there is a server.
    """

    def __init__(self, plan: LoadPlan, clock_us: Callable[[], int], documents: list[PlannedDocument]) -> None:
        self.plan = plan
        self.memo = Memo()
        self.measures = LoadMeasures()
        self.triviality = NonTriviality()
        self.impacts = Impacts()
        self.checkers: tuple[Check, ...] = (Convergence(), Quiescence(), ProtocolCheck(), Exceptions())
        self.assembly = Assembly(self.memo.fingerprint)
        self.errors: dict[str, int] = {}
        self.is_ending = False
        self.was_served = False
        self._clock_us = clock_us
        self._measuring = Judge([self.measures, self.triviality, self.impacts])
        self._judging = Judge(self.checkers)
        everything = Judge([self.measures, self.triviality, self.impacts, *self.checkers])
        self.plain = JudgedSink(self, everything, None)
        self.sampled = JudgedSink(self, self._measuring, self.assembly.record)
        self.rooms = [
            Room(planned, self.sampled if planned.is_sampled else self.plain) for planned in documents
        ]
        self._begin()

    def _begin(self) -> None:
        run = {
            "url": self.plan.url,
            "seed": self.plan.seed,
            "worker": self.plan.worker,
            "engine": "jupiter",
        }
        header = history.Header(history.HISTORY_VERSION, "load", "client", run)
        self.assembly.record(header)
        self._measuring.feed((header,))
        for room in self.rooms:
            is_unique = room.kind == "contention"
            created = history.DocumentCreated(0, room.document, "", is_unique, room.is_sampled)
            self._measuring.feed((created,))
            if room.is_sampled:
                self.assembly.create(0, room.document, "", unique=is_unique, displayed=True)
            else:
                self._judging.feed((created,))

    @property
    def now(self) -> int:
        """Microseconds since the run began."""
        return self._clock_us()

    def count(self, kind: str) -> None:
        """Something went wrong."""
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def judge(self, record: Record) -> None:
        """A record that is no user's, about a document that is not sampled."""
        self._judging.feed((record,))

    def everywhere(self, record: Record) -> None:
        """A record about the whole run."""
        self.assembly.record(record)
        self._measuring.feed((record,))

    # --- sightings ----------------------------------------------------------------------------------------

    def sighted(
        self,
        room: Room,
        revision: Revision,
        site: SiteId,
        first: SequenceNumber,
        last: SequenceNumber,
    ) -> None:
        """A socket of ours heard of a revision."""
        if revision > room.newest:
            room.newest = revision
            room.head = max(room.head, revision)
            now = self.now
            record = history.Broadcast(now, room.document, revision, site, first, last, 0, 0, 0)
            self._measuring.feed((record,))
