"""What faults are seen to do, by the parts of the world they do it to.

The network, the store, the gateway's host and the clients notice what happens to them, whoever caused it. A
fault says beforehand whom it concerns and what it must show there; while it lasts, a :class:`Watch` counts
that. So a fault that does nothing has hit nothing, whatever it believes of itself.

What two faults that act at once could both have done to somebody is counted for neither of them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from simulator.virtual.clock import Clock

GATEWAY: Final = "gateway"
STORE: Final = "store"
BUS: Final = "bus"
"""Whom a fault may concern beside clients, which go by their sites."""


class Symptom(enum.Enum):
    """Something that happens to somebody only because something is wrong."""

    HELD_UP = "a message to the server waited on its path"
    HELD_DOWN = "a message to the client waited on its path"
    CARRIED_UP = "a message to the server went through while the other direction was blocked"
    CARRIED_DOWN = "a message to the client went through while the other direction was blocked"
    GIVEN_UP = "one side gave up a silent connection, or none could be opened"
    WAITED = "a message waited for a client that did not read it"
    UNHEARD = "what workers tell each other found no bus"
    LATE = "a process took what had waited for it while it was stopped"
    GARBLED = "a connection ended over which a message had come with a bit flipped"
    RESET = "a connection ended with the process behind it"
    STARTED = "a new process began with what the store holds"
    UNTOLD = "a revision was durable, or may have been, when the process died that had to tell of it"
    SILENT = "a submit was without an answer, and so was everybody's"
    TURNED_AWAY = "the server said that it cannot serve now"
    DELAYED = "a request to the store took longer than commits take"
    UNKNOWN = "an append came back without a word on whether it was made"
    REFUSED = "an append came too late: another writer was first"
    LEFT = "a client went offline"
    RETURNED = "a client came back online"
    RESTARTED = "a client's process came back with what it had saved"
    REPEATED = "a client sent what was in flight again, and nobody had asked for it"
    TOKEN_REFUSED = "a token was refused for what its clock says"
    SIGNED_OUT = "a client was told that its token was revoked"
    NOT_RENEWED = "a token was to be renewed, and there was no other one"
    SENT_AWAY = "a connection was closed because of what was sent over it"
    FORBIDDEN = "a client was told that it may not do this, or not be here, any more"
    DROPPED = "a datagram was lost"
    DOUBLED = "a datagram was sent on its way twice"
    OVERTAKEN = "a datagram was held up so that later ones overtake it"


AT_THE_BEGINNING: Final = frozenset({Symptom.LEFT})
"""What also happens by itself: a fault has done it only if it happens in the instant in which that begins."""

AT_THE_END: Final = frozenset({Symptom.RETURNED, Symptom.RESTARTED, Symptom.SILENT})
"""The same for the instant in which the fault ends."""


class Shows(NamedTuple):
    """What a fault must show: as much as ``counted`` has it hit, or nothing if any ``needed`` is missing."""

    counted: tuple[Symptom, ...]
    needed: tuple[Symptom, ...] = ()


class Watch:
    """What is seen of one fault while it lasts.

    Attributes:
        begin_us, end_us: when it begins and is planned to end.
    """

    def __init__(self, shows: Shows, concerned: Iterable[str], begin_us: int, end_us: int) -> None:
        self.begin_us = begin_us
        self.end_us = end_us
        self._shows = shows
        self._concerned = frozenset(concerned)
        self._seen = dict.fromkeys((*shows.counted, *shows.needed), 0)

    def may_have_done(self, symptom: Symptom, to: Iterable[str], now_us: int, since_us: int | None) -> bool:
        """Whether this fault is a reason for what is noticed at ``now_us``, and was so ``since_us``."""
        if symptom not in self._seen or self._concerned.isdisjoint(to):
            return False
        if since_us is not None and since_us > (self.begin_us + self.end_us) // 2:
            return False
        if symptom in AT_THE_BEGINNING:
            return now_us == self.begin_us
        return symptom not in AT_THE_END or now_us >= self.end_us

    def count(self, symptom: Symptom, times: int) -> None:
        """It is the only reason there is."""
        self._seen[symptom] += times

    @property
    def affected(self) -> int:
        """How much the fault hit so far."""
        if not all(self._seen[symptom] for symptom in self._shows.needed):
            return 0
        return sum(self._seen[symptom] for symptom in self._shows.counted)


class Witness:
    """Where the parts of a run tell what happens to them; who watches, counts.

    Attributes:
        looks: called before a fault heals, for states that nobody notices without looking.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watches: list[Watch] = []
        self.looks: list[Callable[[], None]] = []

    def watch(self, shows: Shows, concerned: Iterable[str], duration_us: int) -> Watch:
        """Watch for a fault that begins now."""
        now_us = self._clock.now_us
        watch = Watch(shows, concerned, now_us, now_us + duration_us)
        self._watches.append(watch)
        return watch

    def look(self) -> None:
        """Notice what can only be seen while it lasts."""
        for look in self.looks:
            look()

    def close(self, watch: Watch) -> int:
        """Watch no longer; how much the fault hit."""
        self._watches.remove(watch)
        return watch.affected

    def notice(self, symptom: Symptom, *to: str, times: int = 1, since_us: int | None = None) -> None:
        """Something happened to whoever is named.

        Args:
            symptom: what.
            to: one or several whom it happened to; a fault that concerns any of them may have done it.
            times: how often.
            since_us: of a state instead of an event: since when it has lasted. It counts for a fault only if
                that was before the middle of it.
        """
        if self._watches:
            now_us = self._clock.now_us
            suspects = [w for w in self._watches if w.may_have_done(symptom, to, now_us, since_us)]
            if len(suspects) == 1:
                suspects[0].count(symptom, times)

    def notice_between(self, of_sender: Symptom, sender: str, of_receiver: Symptom, receiver: str) -> None:
        """One thing happened that is a symptom of either side; a fault of either may have done it."""
        if self._watches:
            now_us = self._clock.now_us
            ends = ((of_sender, sender), (of_receiver, receiver))
            suspects = {
                watch: symptom
                for watch in self._watches
                for symptom, site in ends
                if watch.may_have_done(symptom, (site,), now_us, None)
            }
            if len(suspects) == 1:
                ((watch, symptom),) = suspects.items()
                watch.count(symptom, 1)
