"""Every state that three clients with two edits each can reach, whatever the order of events.

The replicas and the document are the real ones. A transition depends on one replica or on the document alone,
so each of them is computed once for every value of that part, and a state of the whole is a tuple of small
numbers. Two states are one only if every part has the same value: texts, logs, queues, what is in flight,
and the messages on the way.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Hashable
from typing import NamedTuple

import pytest

from model.identity import ConnectionId, SiteId
from model.jupiter import Phase, Replica, SavedReplica
from model.protocol import ClientMessage, Join, ServerMessage, Submit, decode_server
from model.text import Operation, delete, insert, noop
from reference_server.core.document import Document
from reference_server.core.effects import (
    Append,
    Appended,
    Committed,
    Contents,
    Effect,
    Load,
    Loaded,
    Role,
    Send,
)
from reference_server.core.items import JoinItem
from reference_server.core.limits import Limits
from tests.reference_server.exchange import DOCUMENT

TEXT = "ab"
SITES = tuple(SiteId(site) for site in "amz")
EDITS_EACH = 2

# What a client may do to the text it sees; the letter says whose insert it is.
CHOICES: dict[str, Callable[[int, str], Operation]] = {
    "front": lambda length, letter: insert(length, 0, letter),
    "middle": lambda length, letter: insert(length, length // 2, letter),
    "end": lambda length, letter: insert(length, length, letter),
    "delete": lambda length, letter: delete(length, 0, 1) if length else noop(0),
}
Pair = tuple[str, str]
PAIRS: tuple[Pair, ...] = (
    ("front", "front"),
    ("front", "delete"),
    ("middle", "end"),
    ("delete", "middle"),
    ("delete", "delete"),
    ("end", "front"),
)
FEW = (
    (("middle", "middle"), ("middle", "middle"), ("middle", "middle")),
    (("delete", "front"), ("front", "delete"), ("middle", "end")),
)
ALL = FEW + tuple(itertools.islice(itertools.permutations(PAIRS, 3), 0, None, 10))
COMBINATIONS = ALL if os.environ.get("HYPOTHESIS_PROFILE") == "ci" else FEW


class Seat(NamedTuple):
    """One client and its connection; numbers stand for values."""

    replica: int
    edits: int
    up: tuple[int, ...] = ()
    down: tuple[int, ...] = ()


class State(NamedTuple):
    """Everything."""

    server: int
    seats: tuple[Seat, ...]


class Values:
    """Values by number; equal values have one number."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def number(self, value: Hashable) -> int:
        return self._numbers.setdefault(value, len(self._numbers))


class Replicas:
    """The states of replicas and what becomes of them."""

    def __init__(self, messages: list[ClientMessage | ServerMessage]) -> None:
        self.saved: list[SavedReplica] = []
        self._messages = messages
        self._values = Values()
        self._sent = Values()
        self._known: dict[tuple[Hashable, ...], tuple[int, tuple[int, ...]]] = {}

    def first(self, site: SiteId) -> int:
        replica = Replica(site, DOCUMENT)
        replica.text, replica.revision, replica.epoch = TEXT, 0, 1
        return self._number(replica)

    def edit(self, number: int, choice: str, letter: str) -> tuple[int, tuple[int, ...]]:
        key = (number, choice, letter)
        if key not in self._known:
            replica = self._revived(number)
            self._known[key] = self._after(replica, replica.edit(CHOICES[choice](len(replica.text), letter)))
        return self._known[key]

    def receive(self, number: int, message: int) -> tuple[int, tuple[int, ...]]:
        key = (number, message)
        if key not in self._known:
            replica = self._revived(number)
            received = self._messages[message]
            assert not isinstance(received, Submit)
            self._known[key] = self._after(replica, replica.receive(received))  # type: ignore[arg-type]
        return self._known[key]

    def settled_at(self, number: int) -> tuple[int, str] | None:
        """The revision and the text of a replica that has nothing of its own."""
        saved = self.saved[number]
        if saved.in_flight is not None or saved.pending:
            return None
        assert saved.revision is not None
        return saved.revision, saved.text

    def _revived(self, number: int) -> Replica:
        replica = Replica(SITES[0], DOCUMENT)
        replica.restore(self.saved[number])
        replica.phase = Phase.LIVE
        return replica

    def _number(self, replica: Replica) -> int:
        saved = replica.save()
        number = self._values.number(saved)
        if number == len(self.saved):
            self.saved.append(saved)
        return number

    def _after(self, replica: Replica, sent: tuple[ClientMessage, ...]) -> tuple[int, tuple[int, ...]]:
        numbers = []
        for message in sent:
            self._messages.append(message)
            numbers.append(len(self._messages) - 1)
        return self._number(replica), tuple(numbers)
