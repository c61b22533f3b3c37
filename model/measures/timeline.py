"""The time line of one cell: phases, who is connected for how long, and one row for each second.

A moment is in phase *fault* while at least one fault acts, in *recovery* after the last one ended, and
*steady* otherwise; after the heal everything is *heal*. A recovery takes :data:`RECOVERY_US`, and longer
while clients are missing that lost their connection during the fault, but at most :data:`RECOVERY_MAX_US`:
clients pause between two tries, and that pause belongs to the fault; a server that does not let them back in
for longer does not. Some changes come with no record (a recovery is over, a second is full); so whoever uses
a :class:`Timeline` calls :meth:`Timeline.advance` before anything that happens at or after ``next_us``.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from model.measures.measure_set import (
    FAULT,
    HEAL,
    PHASES,
    RECOVERY,
    STEADY,
    Agreement,
    FaultRow,
    Series,
    Uptime,
)

RECOVERY_US: Final = 5_000_000
RECOVERY_MAX_US: Final = 15_000_000
"""Longer than the longest pause of a client (8 s, half as much again by chance) and the try after it."""

GRACE_US: Final = 5_000_000
"""How long somebody who comes online may take to connect before it counts as being down."""

ANSWER_US: Final = 1_000_000
"""How long a client that has sent something waits for the answer before its server counts as down."""

SECOND_US: Final = 1_000_000
_NEVER_US: Final = 1 << 62


class Connectivity:
    """What the time line knows of one client."""

    __slots__ = (
        "answer_us",
        "connected",
        "grace_us",
        "has_offline_edits",
        "is_unanswered",
        "known",
        "struck",
        "wanted",
    )

    def __init__(self) -> None:
        self.wanted = False
        self.connected = False
        self.struck = False  # lost its connection during a fault and is not back
        self.known = False  # was connected at least once
        self.has_offline_edits = False
        self.grace_us = 0  # end of the grace after coming online; 0 for none
        self.answer_us = 0  # until when an answer is waited for; 0 if none is
        self.is_unanswered = False  # none came until then

    @property
    def is_served(self) -> bool:
        """Whether it is connected to a server that answers."""
        return self.connected and not self.is_unanswered


class Timeline:
    """Phases, integrals over them, and the series of one cell.

    Attributes:
        phase: of the present moment.
        next_us: the next moment at which something changes by itself.
        edits, broadcasts, deliveries: counts of the present second, kept up by the user.
        in_flight: operations handed to a connection and not acknowledged, kept up by the user.
    """

    __slots__ = (
        "_asked",
        "_connected",
        "_diverged",
        "_faults",
        "_graces",
        "_known",
        "_offline_with_edits",
        "_open",
        "_recovery_max_us",
        "_recovery_us",
        "_second",
        "_series",
        "_since_us",
        "_struck",
        "_up",
        "_wanted",
        "_watched",
        "agreement",
        "broadcasts",
        "deliveries",
        "edits",
        "in_flight",
        "next_us",
        "phase",
        "phases_us",
        "uptime",
    )

    def __init__(self) -> None:
        self.phase = STEADY
        self.phases_us = dict.fromkeys(PHASES, 0)
        self.uptime = {phase: Uptime() for phase in PHASES}
        self.agreement = {phase: Agreement() for phase in PHASES}
        self.edits = self.broadcasts = self.deliveries = 0
        self.in_flight = 0
        self._connected = self._wanted = self._up = self._known = self._offline_with_edits = 0
        self._struck = 0
        self._watched = self._diverged = 0
        self._since_us = 0
        self._second = 0
        self._series = Series()
        self._graces: deque[tuple[int, Connectivity]] = deque()
        self._asked: deque[tuple[int, Connectivity]] = deque()
        self._recovery_us = _NEVER_US  # when the recovery may end
        self._recovery_max_us = _NEVER_US  # when it ends whoever is missing
        self._open: dict[tuple[str, str], deque[int]] = {}
        self._faults: list[FaultRow] = []
        self.next_us = SECOND_US

    # --- time ---------------------------------------------------------------------------------------------

    def advance(self, time_us: int) -> None:
        """Let everything happen that happens by itself up to and including ``time_us``."""
        while self.next_us <= time_us:
            now_us = self.next_us
            while self._graces and self._graces[0][0] <= now_us:
                grace_us, client = self._graces.popleft()
                if client.grace_us == grace_us:
                    self._want(client, now_us)
            while self._asked and self._asked[0][0] <= now_us:
                answer_us, client = self._asked.popleft()
                if client.answer_us == answer_us:
                    self._accumulate(now_us)
                    self._up -= client.wanted and client.is_served
                    client.is_unanswered = True
            if self._recovery_us <= now_us:
                self._recovery_us = self._recovery_max_us if self._struck else now_us
                if self._recovery_us <= now_us:
                    self._recovered(now_us)
            if (self._second + 1) * SECOND_US <= now_us:
                self._close_second()
            self._schedule()

    def _schedule(self) -> None:
        self.next_us = min(
            (self._second + 1) * SECOND_US,
            self._recovery_us,
            self._graces[0][0] if self._graces else _NEVER_US,
            self._asked[0][0] if self._asked else _NEVER_US,
        )

    def _close_second(self) -> None:
        series = self._series
        series.edits.append(self.edits)
        series.broadcasts.append(self.broadcasts)
        series.deliveries.append(self.deliveries)
        series.connected.append(self._connected)
        series.wanted.append(self._wanted)
        series.offline.append(self._known - self._connected)
        series.offline_with_edits.append(self._offline_with_edits)
        series.in_flight.append(self.in_flight)
        self.edits = self.broadcasts = self.deliveries = 0
        self._second += 1

    def _accumulate(self, now_us: int) -> None:
        """Add the time since the last change to what was true since then."""
        elapsed_us = now_us - self._since_us
        if elapsed_us > 0:
            self.phases_us[self.phase] += elapsed_us
            uptime = self.uptime[self.phase]
            uptime.wanted_us += elapsed_us * self._wanted
            uptime.connected_us += elapsed_us * self._up
            agreement = self.agreement[self.phase]
            agreement.watched_us += elapsed_us * self._watched
            agreement.diverged_us += elapsed_us * self._diverged
            self._since_us = now_us

    @property
    def second(self) -> int:
        """The number of the present second."""
        return self._second

    @property
    def series(self) -> Series:
        """The rows of the seconds that are full, and the histograms, which others fill."""
        return self._series

    def finish(self, time_us: int) -> list[FaultRow]:
        """End at ``time_us``: close the last second, and every fault that nobody ended: it has hit nothing.

        Returns:
            The faults in order of their begin.
        """
        self.advance(time_us)
        self._accumulate(time_us)
        if time_us > self._second * SECOND_US or self.edits or self.broadcasts or self.deliveries:
            self._close_second()
        for (lane, name), begun in self._open.items():
            self._faults += [FaultRow(name, lane, begin_us, time_us, 0) for begin_us in begun]
        self._open.clear()
        return sorted(self._faults, key=lambda f: (f.begin_us, f.end_us, f.lane, f.name))

    # --- phases -------------------------------------------------------------------------------------------

    def _change_phase(self, phase: str, now_us: int) -> None:
        self._accumulate(now_us)
        if self.phase != HEAL:
            self.phase = phase

    def fault_began(self, time_us: int, lane: str, name: str) -> None:
        """A fault acts from now on; several of one lane and name end in the order they began."""
        self._open.setdefault((lane, name), deque()).append(time_us)
        self._recovery_us = self._recovery_max_us = _NEVER_US
        self._change_phase(FAULT, time_us)
        self._schedule()

    def fault_ended(self, time_us: int, lane: str, name: str, affected: int) -> None:
        """A fault is over; one whose begin was not recorded is taken as an instant."""
        begun = self._open.get((lane, name))
        begin_us = begun.popleft() if begun else time_us
        if not begun:
            self._open.pop((lane, name), None)
        self._faults.append(FaultRow(name, lane, begin_us, time_us, affected))
        if not self._open:
            self._recovery_us = time_us + RECOVERY_US
            self._recovery_max_us = time_us + RECOVERY_MAX_US
            self._change_phase(RECOVERY, time_us)
            self._schedule()

    def _recovered(self, now_us: int) -> None:
        self._recovery_us = self._recovery_max_us = _NEVER_US
        self._change_phase(STEADY, now_us)

    def _back(self, client: Connectivity, now_us: int) -> None:
        """Nobody waits for this client any more; if it was the last one missing, the recovery is over."""
        if not client.struck:
            return
        client.struck = False
        self._struck -= 1
        if not self._struck and self._recovery_us == self._recovery_max_us != _NEVER_US:
            self._recovered(now_us)
            self._schedule()

    def healed(self, time_us: int) -> None:
        """Everything from now on is the heal."""
        self._change_phase(HEAL, time_us)

    # --- clients ------------------------------------------------------------------------------------------

    def _want(self, client: Connectivity, now_us: int) -> None:
        self._accumulate(now_us)
        client.grace_us = 0
        client.wanted = True
        self._wanted += 1
        self._up += client.is_served

    def online(self, client: Connectivity, time_us: int) -> None:
        """A client wants to be connected; it has a grace until then."""
        if client.connected and not client.wanted:
            self._want(client, time_us)
        elif not client.wanted and not client.grace_us:
            client.grace_us = time_us + GRACE_US
            self._graces.append((client.grace_us, client))
            self._schedule()

    def offline(self, client: Connectivity, time_us: int) -> None:
        """A client does not want to be connected any more."""
        client.grace_us = 0
        self._back(client, time_us)
        if client.wanted:
            self._accumulate(time_us)
            client.wanted = False
            self._wanted -= 1
            self._up -= client.is_served

    def connected(self, client: Connectivity, time_us: int) -> None:
        """A client is connected."""
        if not client.connected:
            self._accumulate(time_us)
            client.connected = True
            self._connected += 1
            self._up += client.wanted
            if not client.known:
                client.known = True
                self._known += 1
            self._back(client, time_us)
        if client.grace_us:
            self._want(client, time_us)

    def disconnected(self, client: Connectivity, time_us: int) -> None:
        """A client's connection is gone."""
        if client.connected:
            self._accumulate(time_us)
            client.connected = False
            self._connected -= 1
            self._up -= client.wanted and not client.is_unanswered
            client.is_unanswered, client.answer_us = False, 0
            if client.wanted and self.phase == FAULT:
                client.struck = True
                self._struck += 1

    def asked(self, client: Connectivity, time_us: int) -> None:
        """A client has sent something, and waits for the answer to what it sent first."""
        if not client.answer_us:
            client.answer_us = time_us + ANSWER_US
            self._asked.append((client.answer_us, client))
            self._schedule()

    def answered(self, client: Connectivity, time_us: int) -> None:
        """It has the answer."""
        client.answer_us = 0
        if client.is_unanswered:
            self._accumulate(time_us)
            client.is_unanswered = False
            self._up += client.wanted and client.is_served

    def offline_edits(self, client: Connectivity, there_are: bool) -> None:
        """Whether a client has edits that nobody else knows, and no connection."""
        self._offline_with_edits += there_are - client.has_offline_edits
        client.has_offline_edits = there_are

    # --- documents ----------------------------------------------------------------------------------------

    def documents(self, watched: int, diverged: int, time_us: int) -> None:
        """So many more documents are watched by several replicas, and so many more of these diverged."""
        self._accumulate(time_us)
        self._watched += watched
        self._diverged += diverged
