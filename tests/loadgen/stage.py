"""Users of a load run over the real core in one process; time is virtual, a test chooses every delay."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from loadgen.finalizer import Audit, Finalizer
from loadgen.health import WorkerHealth
from loadgen.outcome import WorkerOutcome
from loadgen.plan import LoadPlan, documents_of
from loadgen.state import WorkerState
from loadgen.user import User
from model.audit import Audited
from model.client.tokens import FixedToken
from model.identity import ConnectionId, Revision, SiteId
from model.people.actions import Action, Edit, Move
from model.protocol import Row, ServerMessage, decode_server
from reference_server.core.effects import Close, Closed, Opened, Received
from reference_server.in_process import InProcessServer
from reference_server.store.memory import MemoryStore
from simulator.virtual.clock import Clock

MS = 1_000
SECOND = 1_000_000
UP_US = 10 * MS
DOWN_US = 20 * MS
SITES = tuple(SiteId(site) for site in "abc")


class Typist:
    """Types one character after the other at the beginning, whatever there is; no two are alike."""

    def __init__(self, first: str) -> None:
        self.typed = ""
        self._first = ord(first)

    def pause_us(self) -> int:
        return 1

    def act(self, text: str, caret: int) -> Action:
        del text, caret
        self.typed += chr(self._first + len(self.typed))
        return Edit("type", 0, 0, self.typed[-1])


class Link:
    """One connection, as the user holds it."""

    def __init__(self, number: ConnectionId, user: User) -> None:
        self.number, self.user = number, user


class Seat:
    """The time and the transport of one user."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.user: User

    @property
    def now(self) -> int:
        return self._stage.clock.now_us

    def call_after(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> None:
        self._stage.clock.call(delay_us, function, *arguments)

    def connect(self) -> None:
        self._stage.clock.call(UP_US, self._stage.open, self.user)

    def send(self, link: Link, frame: bytes) -> None:
        self._stage.clock.call(UP_US, self._stage.arrive, link.number, frame)

    def close(self, link: Link, *, abrupt: bool = False) -> None:
        del abrupt
        self._stage.clock.call(UP_US, self._stage.leave, link.number)


class Stage(InProcessServer):
    """A server, and users ``a``, ``b`` … of one document.

    Attributes:
        down_us: how long a message takes to a user; by site, if not as usual.
        stalled_until_us: the server does nothing before.
        withholds: decides for each message (site, message) whether it is lost.
    """

    def __init__(self, users: int = 2, *, sampled: bool = False) -> None:
        super().__init__(MemoryStore())
        self.clock = Clock()
        plan = LoadPlan(
            url="ws://h:1",
            users=users,
            documents=1,
            spawn_rate=1,
            run_seconds=1,
            rate=1,
            sample_documents=int(sampled),
            contention_share=0.0,
        )
        self.state = WorkerState(plan, lambda: self.clock.now_us, documents_of(plan))
        self.down_us: dict[SiteId, int] = {}
        self.stalled_until_us = 0
        self.withholds: Callable[[SiteId, ServerMessage], bool] = lambda site, message: False
        self._links: dict[ConnectionId, Link] = {}
        (room,) = self.state.rooms
        self.document = room.document
        self.store.create(room.document, "")
        self.users: list[User] = []
        self.typists = [Typist(chr(1_000 * (n + 1))) for n in range(users)]
        for site, typist in zip(SITES, self.typists, strict=False):
            seat = Seat(self)
            tokens, rng = FixedToken("", 0.0), random.Random(1)
            seat.user = User(seat, self.state, room, site, typist, tokens, rng)  # type: ignore[arg-type]
            self.users.append(seat.user)
            seat.user.go_online()
        self.clock.run_until(SECOND)
        assert all(user.is_settled for user in self.users)

    # --- the network --------------------------------------------------------------------------------------

    def open(self, user: User) -> None:
        number = ConnectionId(len(self._links) + 1)
        link = self._links[number] = Link(number, user)
        self.handle(Opened(number))
        user.opened(link)  # type: ignore[arg-type]

    def leave(self, number: ConnectionId) -> None:
        self.handle(Closed(number))

    def arrive(self, number: ConnectionId, frame: bytes) -> None:
        wait_us = self.stalled_until_us - self.clock.now_us
        if wait_us > 0:
            self.clock.call(wait_us, self.arrive, number, frame)
        else:
            self.handle(Received(number, frame))

    def _time_us(self) -> int:
        return self.clock.now_us

    def _send(self, number: ConnectionId, data: bytes) -> None:
        link = self._links[number]
        site = link.user.dialect.engine.site
        if not self.withholds(site, decode_server(data)):
            self.clock.call(self.down_us.get(site, DOWN_US), link.user.received, link, data)

    def _close(self, effect: Close) -> None:
        raise AssertionError(effect)

    # --- a run --------------------------------------------------------------------------------------------

    def type_at(self, user: User, planned_us: int, late_us: int = 0) -> None:
        """Let the user type what was planned for then, so much later."""
        self.clock.call(planned_us + late_us - self.clock.now_us, user.act, planned_us)

    def move_at(self, user: User, planned_us: int, head: int, late_us: int = 0) -> None:
        """Let the user move the cursor, as was planned for then, so much later."""
        when_us = planned_us + late_us - self.clock.now_us
        self.clock.call(when_us, user._perform, Move(head, head), planned_us)

    def values_us(self, measure: str) -> list[int]:
        """The smallest and the largest latency, after how many there are."""
        found = self.state.measures.result().latency(measure)
        return [found.count, found.minimum, found.maximum]

    def finish(self) -> WorkerOutcome:
        """Read the document back and judge."""
        self.state.is_ending = True
        stored = self.store.durable(self.document)
        rows = tuple(Row(r.revision, r.site, r.first, r.last, r.operation) for r in stored.rows)
        text = self.gateway.documents[self.document].log.text
        audited = Audited(self.document, rows, Revision(stored.head), text)
        finalizer = Finalizer(self.state, Audit({self.document: audited}, []))
        finalizer.record_end(self.users)
        return finalizer.outcome(WorkerHealth(), len(self.users), "")
