"""What a replica has on disk: a journal of its events, and what is left of it when its process dies."""

from __future__ import annotations

from collections.abc import Iterable

from model import history
from model.crdt.replicas.port import Event, Replica
from model.identity import NO_EDIT, SequenceNumber
from model.marks import Mechanism, mark


class SavedPeer:
    """A replica as it was saved, and a fingerprint of the text it showed."""

    __slots__ = ("data", "fingerprint", "sequence")

    def __init__(self, replica: Replica, sequence: SequenceNumber) -> None:
        self.data = replica.save()
        self.fingerprint = history.fingerprint(replica.text)
        self.sequence = sequence


class Disk:
    """The journal of one replica: every event it took over, in order.

    It is written through by own edits, and before anything is told to others: they never hear what a crash
    could take back.

    Attributes:
        sequence: of the last own edit in it.
    """

    __slots__ = ("_events", "_synced", "sequence")

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = list(events)
        self._synced = len(self._events)
        self.sequence: SequenceNumber = NO_EDIT

    def append(self, events: Iterable[Event]) -> None:
        """Events were taken over; they may still be lost."""
        self._events.extend(events)

    def sync(self) -> None:
        """Everything appended is durable."""
        self._synced = len(self._events)

    def after_crash(self, replica: Replica) -> SavedPeer:
        """What the next process finds; events that were not synced are gone."""
        if self._synced == len(self._events):
            return SavedPeer(replica, self.sequence)
        mark(Mechanism.UNSYNCED_LOST)
        del self._events[self._synced :]
        before = type(replica)(replica.site)
        for event in self._events:
            before.apply(event)
        return SavedPeer(before, self.sequence)
