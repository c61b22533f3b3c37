"""One worker: its users, its clock, its end. Locust starts users; everything else happens here.

When editing is over the worker lets everybody come to rest, reads every document back, puts the histories of
the sampled ones together, judges, and leaves its results in files. All of it is bounded in time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import gevent  # type: ignore[import-untyped]

from loadgen.audit import Readers
from loadgen.channel import Status
from loadgen.connection import opener
from loadgen.driver import UserDriver
from loadgen.finalizer import Finalizer, read_back, write_results
from loadgen.health import WorkerHealth
from loadgen.outcome import WorkerOutcome
from loadgen.pacing import Arrivals, Pacing, Rhythm
from loadgen.plan import LoadPlan, documents_of, seats_of, stream
from loadgen.state import Room, WorkerState
from loadgen.tokens import tokens_of
from loadgen.user import User
from model import history
from model.identity import SiteId
from model.machine import Patience, allow_open_files, few_collections, slowness
from model.measures import MeasureSet
from model.people.characters import prose
from simulator.workload.catalogue import author as author_of
from simulator.workload.catalogue import initial_text
from simulator.workload.recorded import Recording
from simulator.workload.settings import Workload
from simulator.workload.traces import read_trace

LAG_PERIOD_SECONDS: Final = 0.05
STATUS_SECONDS: Final = 1.0
DEAD_SECONDS: Final = 15.0
"""A worker with users, none of whom is connected for so long, gives up: there is no server."""

START_SPREAD_SECONDS: Final = 1.0
"""Users that start together connect within this time."""

SETTLE_POLL_SECONDS: Final = 0.1


class LoadWorker:
    """One worker's run, from :meth:`start` to :meth:`finish`.

    Attributes:
        state: what its users share.
        health: what it noted about itself.
        ended: why the run has to end before its time; empty if it has not.
    """

    def __init__(
        self,
        plan: LoadPlan,
        *,
        quit: Callable[[], None],  # noqa: A002  # what it does
        status: Callable[[Status], None] = lambda _: None,
        report: Callable[[str, int], None] | None = None,
    ) -> None:
        """A worker that has not begun.

        Args:
            plan: its share of the run.
            quit: asks whoever runs it to end the run now.
            status: told once a second.
            report: told of every latency of an edit, for other statistics.

        Raises:
            PlanError: no token can be had.
            TraceError: the recorded session cannot be read.
            OSError: the name of the server is unknown.
        """
        self.plan = plan
        self.health = WorkerHealth()
        self.ended = ""
        self._quit = quit
        self._status = status
        self._tokens = tokens_of(plan)
        self._address = plan.address
        self._open = opener(self._address)
        self._origin_ns = time.monotonic_ns()
        self.state = WorkerState(plan, self._now_us, documents_of(plan))
        self._seats = seats_of(plan)
        self._workload = Workload(edits_per_second=plan.edits_per_second, text_length=plan.text_length)
        self._recording = Recording(read_trace(Path(plan.recording))) if plan.recording else None
        if report is not None:
            self.state.measures.report(report)
        self._settings = ExitStack()  # of the process, from start to finish
        self._drivers: list[UserDriver] = []
        self._monitors: list[gevent.Greenlet] = []
        self._stage = "running"
        self._settle_seconds = plan.settle_seconds

    def _now_us(self) -> int:
        return (time.monotonic_ns() - self._origin_ns) // 1_000

    def start(self) -> None:
        """Begin: the clock counts from here."""
        allow_open_files()
        self._settings.enter_context(few_collections())
        self._origin_ns = time.monotonic_ns()
        self._monitors = [gevent.spawn(self._measure_lag), gevent.spawn(self._watch)]

    def new_driver(self) -> UserDriver:
        """The next user; to be run in a greenlet of its own."""
        number = len(self._drivers)
        plan, state = self.plan, self.state
        seat = self._seats[number % len(self._seats)]
        room = state.rooms[seat]
        site = SiteId(f"u{plan.worker}-{number}")
        typing, rng = stream(plan, site, "typing"), stream(plan, site, "life")
        count = len(room.users)
        author = author_of(room.kind, self._workload, typing, count, room.supply, self._recording)
        opening = "" if count else self._opening(room)
        rhythm: Rhythm = author
        if plan.model == "open":
            rhythm = Arrivals(stream(plan, site, "arrivals"), plan.edits_per_second)
        delay_seconds = rng.random() * START_SPREAD_SECONDS
        pacing = Pacing(
            rhythm,
            rng,
            state.now + int(delay_seconds * 1e6),
            patient=plan.model == "closed",
            drop_mean_us=plan.drop_mean_seconds * 1e6,
            away_mean_us=plan.away_mean_seconds * 1e6,
        )
        driver = UserDriver(
            state,
            lambda host: User(host, state, room, site, author, self._tokens, rng, opening=opening),
            pacing,
            self.health,
            rng,
            self._open,
            self._address,
            delay_seconds,
        )
        self._drivers.append(driver)
        return driver

    def _opening(self, room: Room) -> str:
        """What the first user of a document begins it with."""
        rng, length = stream(self.plan, room.document), self.plan.text_length
        if room.kind == "human":
            return prose(rng, length)
        return initial_text(room.kind, length, rng, room.supply, self._recording)

    # --- while it runs ------------------------------------------------------------------------------------

    def _measure_lag(self) -> None:
        while True:
            begin = time.monotonic()
            gevent.sleep(LAG_PERIOD_SECONDS)
            late = time.monotonic() - begin - LAG_PERIOD_SECONDS
            self.health.lag.record(max(0, int(late * 1e6)))

    def _watch(self) -> None:
        """Once a second: CPU, status, and whether there still is a server."""
        used, since, patience = time.process_time(), time.monotonic(), Patience(DEAD_SECONDS)
        while True:
            gevent.sleep(STATUS_SECONDS)
            now, used_now = time.monotonic(), time.process_time()
            cpu_percent = 100 * (used_now - used) / (now - since)
            used, since = used_now, now
            if self._stage == "running":
                self.health.cpu_percent.append(round(cpu_percent, 1))
            wanted, connected = self._connected()
            if connected or not wanted:
                patience = Patience(DEAD_SECONDS)
            elif patience.is_over and not self.ended and self._stage == "running":
                self.ended = f"nobody could be connected to {self.plan.url} for {DEAD_SECONDS:.0f} s"
                gevent.spawn(self._quit)
            self._status(self._now_status(wanted, connected, cpu_percent))

    def _connected(self) -> tuple[int, int]:
        """Users who want to be connected, and those who are."""
        users = [driver.user for driver in self._drivers]
        wanted = [user for user in users if user.wants_connection]
        return len(wanted), sum(user.is_connected for user in wanted)

    def _now_status(self, wanted: int, connected: int, cpu_percent: float) -> Status:
        state = self.state
        return Status(
            worker=self.plan.worker,
            pid=os.getpid(),
            seconds=round(state.now / 1e6, 1),
            stage=self._stage,
            users=sum(not driver.user.has_left for driver in self._drivers),
            wanted=wanted,
            connected=connected,
            operations=sum(room.head for room in state.rooms),
            edits=sum(state.triviality.counts.values()),
            cpu_percent=round(cpu_percent, 1),
            errors=sum(state.errors.values()),
        )

    # --- the end ------------------------------------------------------------------------------------------

    def stop_editing(self) -> None:
        """Nobody edits from now on; callable more than once."""
        if not self.state.is_ending:
            self.state.is_ending = True
            wanted = [driver.user for driver in self._drivers if driver.user.wants_connection]
            self.health.wanted = len(wanted)
            self.health.unserved = sum(not user.was_served for user in wanted)
            self._settle_seconds = self.plan.settle_seconds * slowness()
            bound_us = int(self._settle_seconds * 1e6)
            self.state.everywhere(history.Healed(self.state.now, bound_us))

    def finish(self) -> tuple[WorkerOutcome, MeasureSet]:
        """Come to rest, read back, judge, write the files; callable once."""
        self.stop_editing()
        users = [driver.user for driver in self._drivers]
        self._stage = "settling"
        self._settle()
        self._stage = "reading back"
        readers = Readers(self._open, self._address, self._tokens, f"auditor{self.plan.worker}-")
        audit = read_back(self.state, readers, self.ended)
        self._stage = "judging"
        finalizer = Finalizer(self.state, audit)
        finalizer.record_end(users)
        for user in users:
            user.wants_connection = False
            link, user.link = user.link, None
            if link is not None:
                link.close()
        self.health.refresh_failures = self._tokens.failures
        outcome = finalizer.outcome(self.health, len(users), self.ended)
        measures = self.state.measures.result()
        gevent.killall(self._monitors)
        self._settings.close()
        write_results(self.plan, outcome, measures)
        return outcome, measures

    def _settle(self) -> None:
        """Everybody comes back and gets what is missing; nobody waits for a server that is gone."""
        if self.ended:
            return
        deadline = time.monotonic() + self._settle_seconds
        users = [driver.user for driver in self._drivers if not driver.user.has_left]
        for user in users:
            user.restart()
            user.go_online()
        while time.monotonic() < deadline and not all(user.knows_everything for user in users):
            gevent.sleep(SETTLE_POLL_SECONDS)
