"""A client on the simulated network, and whoever sits in front of it: time, transport and a person.

What the client does with them is :mod:`model.client`; a simulated cell and a live run have the same clients.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from model import history
from model.client.backoff import Backoff
from model.client.client import Client
from model.client.concord import Concord
from model.client.recorder import RecordSink
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.jupiter import Replica
from model.memo import Memo
from model.people.actions import Action, Author
from model.protocol import Branch, ErrorCode, Submit
from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock
from simulator.virtual.conduct import Conduct
from simulator.virtual.connection import Connection, Path
from simulator.virtual.holds import Holds
from simulator.virtual.network import Network
from simulator.virtual.notices import ClientNotices
from simulator.virtual.sessions import absences_of
from simulator.virtual.testimony import Testimony
from simulator.virtual.transport import Transport
from simulator.virtual.ways import edits_in
from simulator.virtual.witness import Symptom, Witness

LEAVE_RETRY_US: Final = 500_000
"""Somebody who wants to leave with edits on their way looks again after this long."""


_STOPPED: Final = "stopped"
"""Why a client reads nothing while its process is stopped."""


class ClientHost(RecordSink, Protocol):
    """What the clients of one plan need of the run they are part of: a simulated cell, or a live run.

    Attributes:
        is_healing: no fault acts any more and nobody edits.
        witness: sees what really happens.
    """

    plan: CellPlan
    seeds: Seeds
    memo: Memo
    witness: Witness
    network: Network
    is_healing: bool

    @property
    def clock(self) -> Clock:
        """The time, and what happens when."""
        ...

    def new_replica(self, site: SiteId, document: DocumentId) -> Replica:
        """A replica that shares the memo of this run."""
        ...

    def open(self, client: SimulatedClient) -> None:
        """Connect a client to the gateway."""
        ...

    def token_of(self, client: SimulatedClient) -> str:
        """What a client shows to be let in."""
        ...

    def authentication_us(self, connection: Connection) -> int:
        """How long the gateway took for the token of a connection."""
        ...

    def refused(self, client: SimulatedClient, code: ErrorCode) -> None:
        """The server told a client that something is wrong."""

    def count(self, kind: str) -> None:
        """Something went wrong that leaves no record."""


class SimulatedClient(Client[Connection, Concord]):
    """One client of one document.

    Attributes:
        path: the way it comes.
        reads_slowly: whether what is sent to it has to wait; asked for every message.
        absences: keep it offline; whether its person does not type meanwhile.
        deaths: while they last, it has no process.
        pauses: while they last, its process is stopped, unless it is another one than it was.
        hindrances: why it reads slowly.
        skews: how far its own clock is off; the newest one counts.
        conduct: watches what it asks of its host.
        testimony: of a sampled document, compares its records with what it does.
    """

    __slots__ = (
        "_recorder",
        "_run",
        "_waiting",
        "absences",
        "author",
        "conduct",
        "deaths",
        "document",
        "hindrances",
        "network_random",
        "path",
        "pauses",
        "plan",
        "reads_slowly",
        "skews",
        "testimony",
    )

    def __init__(
        self, host: ClientHost, document: DocumentPlan, plan: ClientPlan, author: Author | None
    ) -> None:
        self._run = host
        self.document = document
        self.plan = plan
        self.author = author
        self.path = Path(plan.site, host.clock)
        self.reads_slowly = False
        self.absences = absences_of(self)
        self.deaths: Holds[None] = Holds(self.crash, self.restart)
        self.pauses: Holds[None] = Holds(self._pause, self._resume)
        self.hindrances: Holds[None] = Holds(self._hindrances_changed)
        self.skews: Holds[int] = Holds(self._skews_changed)
        self._waiting: list[Callable[[], object]] | None = None  # for its process to go on, while stopped
        self.network_random = host.seeds.stream("network", plan.site)
        network = host.plan.network
        backoff = Backoff(network.retry_us, network.retry_max_us, host.seeds.stream("retry", plan.site))
        self.conduct = conduct = Conduct(host, self)
        self.testimony: Testimony | None = None
        if document.displayed:
            self.testimony = Testimony(host, self, conduct)
        self._recorder = recorder = ClientNotices(host, self, lambda code: host.refused(self, code))
        super().__init__(
            Transport(host, conduct, self.testimony, self.due, lambda: host.open(self)),
            recorder,
            backoff,
            lambda controls: Concord(
                controls,
                recorder,
                plan.site,
                lambda site: host.new_replica(site, document.document),
                lambda: conduct.offers(host.token_of(self)),
                lambda frame: conduct.hears(host.memo.decode(frame)),
            ),
        )

        recorder.client = self.dialect

    @property
    def site(self) -> SiteId:
        """The identity it edits under at present."""
        return self.dialect.site

    @property
    def revision(self) -> Revision:
        """The newest revision it knows."""
        return self.dialect.engine.revision or EMPTY_LOG

    @property
    def base(self) -> Revision:
        """The oldest revision that what it sends now is based on."""
        in_flight = self.dialect.engine.resend()
        bases = [m.base for m in in_flight if isinstance(m, Submit | Branch)]
        return min([self.revision, *bases])

    @property
    def epoch(self) -> int:
        """How often it has connected under its identity."""
        return self.dialect.engine.epoch

    @property
    def skew_us(self) -> int:
        """How far its own clock is off."""
        return self._recorder.skew_us

    # --- what is withheld from it -------------------------------------------------------------------------

    def _hindrances_changed(self) -> None:
        self.reads_slowly = bool(self.hindrances)
        if self.link is not None and not self.reads_slowly:
            self._run.network.read(self.link, sys.maxsize)

    def _skews_changed(self) -> None:
        self._recorder.skew_us = self.skews.values[-1] if self.skews else 0

    # --- what happens to it -------------------------------------------------------------------------------

    def received(self, link: Connection, frame: bytes) -> None:
        """A message arrives; whatever is recorded of it says how long it was on its way."""
        self._recorder.network_us = link.down_us
        super().received(link, frame)

    def carried(self, connection: Connection, data: bytes) -> None:
        """A message comes to the server; of edits that is recorded."""
        edits = edits_in(data) if connection is self.link else None
        if edits is not None:
            name, took_us = self.document.document, connection.up_us
            self._run.record(history.Arrived(self._run.now, self.site, name, *edits, took_us))

    def garbled(self, connection: Connection, direction: str) -> None:
        """A message from it or to it was garbled; on a connection that it has left, that is all the same."""
        run = self._run
        if connection is self.link:
            run.record(history.Garbled(run.now, self.site, self.document.document, direction))

    def reopen(self) -> None:
        """The person closes a document that would not open any more, and opens it again."""
        if self._waiting is None:
            self.go_offline(self.gave_up)
            self.go_online()

    def record_final(self) -> None:
        """Record what it shows at the end of the history."""
        try:
            self._recorder.final(online=self.wants_connection)
        except Exception as error:
            self._recorder.raised("was read back", error)
        if self.is_settled != (self.conduct.is_joined and not self.dialect.pending):
            told = "at rest" if self.is_settled else "not at rest"
            self.conduct.accuse("person", f"says that it is {told}, and that is not so")
        if self.testimony is not None:
            self.testimony.ends()

    def leave_when_durable(self) -> None:
        """Close the document for good, once everything is durable; until then keep trying."""
        if self._waiting is not None or not (self.has_left or self._run.is_healing or self.leave()):
            self._run.clock.call(LEAVE_RETRY_US, self.leave_when_durable)

    def reconnect_elsewhere(self) -> None:
        """Lose patience with a path that carries nothing and connect over another one.

        The old connection is left as it is: what is held on it may still arrive at the server.
        """
        if self.link is not None and self.path.is_blocked and self._waiting is None:
            self.path = Path(self.plan.site, self._run.clock)
            self.conduct.leaves()
            self.reconnect("impatient")
            self.conduct.left()

    # --- a process that is stopped ------------------------------------------------------------------------

    @property
    def is_stopped(self) -> bool:
        """Whether its process does nothing until it goes on."""
        return self._waiting is not None

    def _pause(self) -> None:
        """Stop the client's process as SIGSTOP does: it reads nothing, its timers and its person wait."""
        if self.is_down or self._waiting is not None:
            return
        waiting: list[Callable[[], object]] = []
        self._waiting = waiting
        self.conduct.was_stopped = True
        self.hindrances.take(_STOPPED, None)
        if self.link is not None:
            rng = self._run.seeds.stream("pause", self.plan.site, self._run.now)
            self._run.network.fell_silent(self.link, rng, lambda: self._waiting is waiting, client=True)

    def _resume(self) -> None:
        """Let it go on: it takes what has come meanwhile."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return  # it was killed
        self.hindrances.let_go(_STOPPED)
        for happens in waiting:
            self._run.witness.notice(Symptom.LATE, self.plan.site)
            happens()

    def due(self, function: Callable[..., object], *arguments: Any) -> None:
        """A timer fires."""
        self._when_it_goes_on(function, *arguments)

    def _when_it_goes_on(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call this, now or when the process that is stopped goes on."""
        if self._waiting is None:
            function(*arguments)
        else:
            self._waiting.append(partial(function, *arguments))

    def opened(self, link: Connection) -> None:
        """A connection is open, once the process looks."""
        self._when_it_goes_on(self._opened, link)

    def _opened(self, link: Connection) -> None:
        self.conduct.opened(link)
        super().opened(link)
        self.conduct.keeps(link)

    def broken(self, link: Connection | None, code: int) -> None:
        """A connection is gone, once the process looks."""
        self._when_it_goes_on(self._broken, link, code)

    def _broken(self, link: Connection | None, code: int) -> None:
        self.conduct.broken(link, code)
        super().broken(link, code)

    def go_online(self) -> None:
        """Open the laptop, unless it has to stay closed; what is stopped hears of it later."""
        self._when_it_goes_on(self._go_online)

    def _go_online(self) -> None:
        if self.absences:
            return
        if not (self.wants_connection or self.is_down or self.has_left):
            self.conduct.comes()
        super().go_online()

    def go_offline(self, cause: str, *, silent: bool = True, abrupt: bool = False) -> None:
        """Close it; what is stopped hears of it later."""
        self._when_it_goes_on(self._go_offline, cause, silent, abrupt)

    def _go_offline(self, cause: str, silent: bool, abrupt: bool) -> None:
        self.conduct.goes()
        super().go_offline(cause, silent=silent, abrupt=abrupt)

    def crash(self) -> None:
        """The process dies, stopped or not; what waited for it finds it dead."""
        waiting, self._waiting = self._waiting, None
        super().crash()
        self.hindrances.let_go(_STOPPED)
        for happens in waiting or ():
            happens()

    def perform(self, action: Action) -> bool:
        """The person does something, which a stopped process takes no notice of."""
        if self._waiting is not None:
            return False
        if self.testimony is None:
            return super().perform(action)
        return self.testimony.performs(action, partial(super().perform, action))

    def resend(self) -> bool:
        """Send what is in flight again; whether there was anything, and somebody to do it."""
        return self._waiting is None and super().resend()

    # --- the person ---------------------------------------------------------------------------------------

    def act(self, author: Author | None = None) -> None:
        """The person, or another ``author``, does the next thing, if there is a document to do it to."""
        author = author or self.author
        if author is None or self._waiting is not None:
            return
        if self.may_type:
            self.perform(author.act(self.text, self.dialect.caret))
        else:
            self.conduct.types()
