"""A canary: two users of one document who edit it in turn, once a second, as long as somebody wants to know.

What it measures is what a load run measures, from the planned time of each edit on. One loop does everything;
only opening a connection has a thread of its own, since it may wait for a server that stands still.
"""

from __future__ import annotations

import heapq
import itertools
import random
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

from loadgen.connection import ConnectionEnded, WebSocket, handshake, opener
from loadgen.plan import LoadPlan, checked, documents_of
from loadgen.state import WorkerState
from loadgen.tokens import tokens_of
from loadgen.user import User
from model import history
from model.client.client import Host
from model.client.websocket import CLOSE_ABNORMAL
from model.histogram import Histogram, bucket_upper
from model.identity import SiteId
from model.machine import Patience
from model.measures import MeasureSet
from model.people.actions import Action, Edit

PERIOD_US: Final = 1_000_000
"""Between two edits."""

TEXT_LENGTH_MAX: Final = 40
SETTLE_SECONDS: Final = 5.0
"""How long it waits in the end for what is still on its way."""

PREFIX: Final = "load-probe-"
"""Of the name of its document, which tokens of load runs open."""

LATENCY_SERIES: Final = "concord_probe_latency_seconds"
LIMITS_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def probe_plan(url: str, secret_env: str = "JWT_SECRET", token: str = "") -> LoadPlan:
    """The smallest load run there is: two users of one document.

    Raises:
        PlanError: the address is none.
    """
    return checked(
        LoadPlan(
            url=url,
            users=2,
            documents=1,
            spawn_rate=2.0,
            run_seconds=1.0,
            rate=1.0,
            sample_documents=0,
            prefix=PREFIX,
            secret_env=secret_env,
            token=token,
        )
    )


class Canary:
    """Types a sign at the end, and begins anew when there are many."""

    def pause_us(self) -> int:
        """Once a period."""
        return PERIOD_US

    def act(self, text: str, caret: int) -> Action:
        """The next edit."""
        del caret
        if len(text) < TEXT_LENGTH_MAX:
            return Edit("type", len(text), 0, "·")
        return Edit("replace", 0, len(text), "·")


class _Seat:
    """The time and the transport of one user."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self.user: User

    @property
    def now(self) -> int:
        return self._probe.now

    def call_after(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> None:
        self._probe.later(delay_us, partial(function, *arguments))

    def connect(self) -> None:
        threading.Thread(target=self._connect, daemon=True).start()

    def _connect(self) -> None:
        probe = self._probe
        try:
            link = handshake(probe.open, probe.address)
        except (ConnectionEnded, OSError):
            probe.post(partial(self.user.broken, None, CLOSE_ABNORMAL))
        else:
            probe.post(partial(self._opened, link))

    def _opened(self, link: WebSocket) -> None:
        self._probe.listen(link, self.news)
        self.user.opened(link)

    def send(self, link: WebSocket, frame: bytes) -> None:
        link.send(frame)

    def close(self, link: WebSocket, *, abrupt: bool = False) -> None:
        self._probe.forget(link)
        link.close(abrupt=abrupt)

    def news(self, link: WebSocket) -> None:
        """Take what has arrived."""
        try:
            for data in link.arrived():
                self.user.received(link, data)
        except ConnectionEnded as lost:
            self._probe.forget(link)
            link.close(abrupt=True)
            if self.user.link is link:
                self.user.broken(link, lost.code)


class Probe:
    """One run of the canary, from :meth:`run` to :meth:`finish`.

    Attributes:
        state: as of a load run.
        edits: how many were made.
        latencies: durations of edits so far, by measure.
        exposition: all of it for Prometheus, as of the last second.
    """

    def __init__(self, plan: LoadPlan) -> None:
        """A canary that has not begun; its plan is a :func:`probe_plan`.

        Raises:
            PlanError: no token can be had.
            OSError: the name of the server is unknown.
        """
        self.address = plan.address
        self.open = opener(self.address)
        self.edits = 0
        self.latencies: dict[str, Histogram] = {}
        self.exposition = b""
        self._origin_ns = time.monotonic_ns()
        self.state = WorkerState(plan, lambda: self.now, documents_of(plan))
        self.state.measures.report(self._measured)
        self._timers: list[tuple[int, int, Callable[[], object]]] = []
        self._number = itertools.count()
        self._is_over = False
        self._posted: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._wake, waker = socket.socketpair()
        self._waker = waker
        self._wake.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        tokens, (room,) = tokens_of(plan), self.state.rooms
        name = secrets.token_hex(4)
        self._users: list[User] = []
        for letter in "ab":
            seat = _Seat(self)
            site, rng = SiteId(f"probe-{name}-{letter}"), random.Random(f"{name}{letter}")
            host: Host[WebSocket] = seat
            seat.user = User(host, self.state, room, site, Canary(), tokens, rng)
            self._users.append(seat.user)

    @property
    def now(self) -> int:
        """Microseconds since it began."""
        return (time.monotonic_ns() - self._origin_ns) // 1_000

    @property
    def connected(self) -> int:
        """How many of its two users are connected."""
        return sum(user.is_connected for user in self._users)

    def _measured(self, measure: str, value_us: int) -> None:
        self.latencies.setdefault(measure, Histogram()).record(value_us)

    # --- the loop -----------------------------------------------------------------------------------------

    def post(self, function: Callable[[], object]) -> None:
        """Have something called by the loop; for other threads."""
        self._posted.put(function)
        self._waker.send(b"!")

    def later(self, delay_us: int, function: Callable[[], object]) -> None:
        """Have something called later."""
        heapq.heappush(self._timers, (self.now + delay_us, next(self._number), function))

    def listen(self, link: WebSocket, news: Callable[[WebSocket], None]) -> None:
        """Hear of what arrives over a connection."""
        self._selector.register(link, selectors.EVENT_READ, partial(news, link))

    def forget(self, link: WebSocket) -> None:
        """Hear no more of it."""
        if not link.is_closed and link in self._selector.get_map():
            self._selector.unregister(link)

    def run(self, until_us: float, told: Callable[[], None]) -> None:
        """Edit until then; ``told`` is called after each planned edit."""
        for user in self._users:
            user.go_online()
        self._edit_at(PERIOD_US, told)
        while self.now < until_us and not self._is_over:
            self._turn(until_us)

    def end(self) -> None:
        """Let :meth:`run` end before its time."""
        self._is_over = True

    def _edit_at(self, planned_us: int, told: Callable[[], None]) -> None:
        """The plan stands, however late the loop is."""

        def edit() -> None:
            self._edit_at(planned_us + PERIOD_US, told)
            if not self.state.is_ending:
                user = self._users[planned_us // PERIOD_US % 2]
                self.edits += user.act(planned_us)
                self.exposition = self._exposed()
                told()

        self.later(planned_us - self.now, edit)

    def _turn(self, until_us: float) -> None:
        """Wait for something to happen, and let it."""
        due_us = min(until_us, self._timers[0][0] if self._timers else until_us)
        for key, _ in self._selector.select(max(0.0, min(due_us - self.now, PERIOD_US) / 1e6)):
            if key.data is not None:
                key.data()
            else:
                self._wake.recv(4_096)
        while not self._posted.empty():
            self._posted.get()()
        while self._timers and self._timers[0][0] <= self.now:
            heapq.heappop(self._timers)[2]()

    def finish(self) -> MeasureSet:
        """Wait a while for what is on its way, and leave; everything measured."""
        self.state.is_ending = True
        patience = Patience(SETTLE_SECONDS)
        while not (patience.is_over or all(user.knows_everything for user in self._users)):
            self._turn(self.now + 100_000)
        self.state.everywhere(history.Finished(self.now))
        measures = self.state.measures.result()
        for user in self._users:
            user.go_offline("left")
        self._selector.close()
        self._wake.close()
        self._waker.close()
        return measures

    # --- for Prometheus -----------------------------------------------------------------------------------

    def _exposed(self) -> bytes:
        pending = sum(user.dialect.pending for user in self._users)
        numbers = {
            "concord_probe_connected": ("gauge", "Users that are connected, of two.", self.connected),
            "concord_probe_edits_total": ("counter", "Edits that were made.", self.edits),
            "concord_probe_unfinished": ("gauge", "Edits that are not known to be durable.", pending),
        }
        lines: list[str] = []
        for name, (kind, help_text, number) in numbers.items():
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", f"{name} {number}"]
        lines += [
            f"# HELP {LATENCY_SERIES} How long edits took, from when they were planned.",
            f"# TYPE {LATENCY_SERIES} histogram",
        ]
        for measure, histogram in sorted(self.latencies.items()):
            lines += _series(f'measure="{measure}"', histogram)
        return "\n".join([*lines, ""]).encode()


def _series(label: str, histogram: Histogram) -> list[str]:
    """A histogram by its limits; a value counts where the end of its bucket does."""
    name = LATENCY_SERIES
    ends = [(bucket_upper(bucket), n) for bucket, n in histogram.buckets.items()]
    return [
        *(
            f'{name}_bucket{{{label},le="{limit:g}"}} {sum(n for end, n in ends if end <= limit * 1e6)}'
            for limit in LIMITS_SECONDS
        ),
        f'{name}_bucket{{{label},le="+Inf"}} {histogram.count}',
        f"{name}_sum{{{label}}} {histogram.total / 1e6:g}",
        f"{name}_count{{{label}}} {histogram.count}",
    ]
