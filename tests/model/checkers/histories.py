"""Histories for the checkers: a small room of real replicas that records what it does, and ways to spoil it.

The room has the model's replicas and a server of ten lines; messages move only when a test says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from model import history
from model.checkers import Checker, Judge
from model.history import Record
from model.identity import DocumentId, SiteId
from model.jupiter import Replica
from model.protocol import Ack, Committed, Joined, ServerMessage, Submit, Welcome
from model.text import Operation, apply, delete, insert, transform, transform_selection
from model.verdict import CheckResult, Verdict
from tests.numbers import rev, seq

DOCUMENT = DocumentId("d")


def judged(checker: Checker, records: Iterable[Record]) -> CheckResult:
    """What a checker says of a whole history."""
    Judge([checker]).feed(records)
    return checker.result()


def assert_valid(checker: Checker, records: Iterable[Record]) -> CheckResult:
    result = judged(checker, records)
    assert result.violations == ()
    assert result.verdict is Verdict.VALID
    return result


def assert_violated(checker: Checker, records: Iterable[Record], *words: str) -> CheckResult:
    """The checker objects, and its first sentence has these words in it."""
    result = judged(checker, records)
    assert result.verdict is Verdict.VIOLATED
    first = result.violations[0]
    assert first.check == result.name
    for word in words:
        assert word in first.message, first.message
    msgspec.json.encode(first)
    return result


# --- a room -----------------------------------------------------------------------------------------------


class Room:
    """Replicas ``a``, ``b``, … of one document; ``records`` is their history so far."""

    def __init__(
        self, text: str = "", sites: Sequence[str] = "ab", *, unique: bool = True, join: bool = True
    ) -> None:
        self.records: list[Record] = []
        self.text = text
        self.log: list[tuple[SiteId, Operation]] = []
        self.last: dict[SiteId, int] = {}
        self.chain = ""
        self.submitted: deque[tuple[SiteId, Submit]] = deque()
        self.replicas: dict[str, Replica] = {}
        self.queues: dict[str, deque[ServerMessage]] = {}
        self.time_us = 0
        self.add(history.DocumentCreated, text=text, unique=unique, displayed=True)
        for site in sites:
            self.replicas[site] = Replica(SiteId(site), DOCUMENT)
            if join:
                self.join(site)

    def add(self, kind: Callable[..., Record], /, **fields: Any) -> None:
        """Record something at the next moment."""
        self.time_us += 1_000
        self.records.append(kind(time_us=self.time_us, document=DOCUMENT, **fields))

    def join(self, site: str) -> None:
        """A replica enters with the text of now."""
        replica = self.replicas[site]
        self.queues[site] = deque()
        replica.connect("")
        replica.receive(Welcome(1, {}))
        replica.receive(Joined(rev(len(self.log)), self.text))
        self.add(history.Joined, site=site, revision=len(self.log), how="fresh", fingerprint=self.shown(site))
        self.display(site)

    def shown(self, site: str) -> int:
        """The fingerprint as records have it."""
        replica = self.replicas[site]
        return history.fingerprint(replica.text) if replica.is_settled else 0

    def display(self, site: str, sequence: int = 0) -> None:
        self.add(history.Displayed, site=site, text=self.replicas[site].text, sequence=sequence)

    def type(self, site: str, position: int, text: str, kind: str = "type") -> None:
        self.edit(site, insert(len(self.replicas[site].text), position, text), kind)

    def erase(self, site: str, position: int, count: int = 1) -> None:
        self.edit(site, delete(len(self.replicas[site].text), position, count), "backspace")

    def edit(self, site: str, op: Operation, kind: str = "type") -> None:
        """A person changes the text; what can be sent is sent."""
        replica = self.replicas[site]
        revision = replica.revision
        self._edited(site, kind, revision, op, replica.edit(op))

    def undo(self, site: str, kind: str = "undo") -> bool:
        """A person undoes, or does a ``redo``; whether there was anything."""
        replica = self.replicas[site]
        revision = replica.revision
        done = replica.undo() if kind == "undo" else replica.redo()
        if done is not None:
            self._edited(site, kind, revision, *done)
        return done is not None

    def _edited(
        self, site: str, kind: str, revision: int | None, op: Operation, messages: Sequence[object]
    ) -> None:
        sequence = self.replicas[site].sequence
        self.add(
            history.Edited,
            site=site,
            sequence=sequence,
            kind=kind,
            revision=revision,
            operation=op,
            client_us=self.time_us,
        )
        self.display(site, sequence)
        self._send(site, messages)

    def _send(self, site: str, messages: Sequence[object]) -> None:
        for message in messages:
            if isinstance(message, Submit):
                first, last = message.first, message.last
                self.add(history.Sent, site=site, base=message.base, first=first, last=last, how="submit")
                self.submitted.append((SiteId(site), message))

    def serve(self) -> None:
        """The server takes the oldest submit."""
        site, message = self.submitted.popleft()
        op = message.operation
        for other, done in self.log[message.base :]:
            op = transform(op, done, first=site < other)
        self.store(site, message.first, message.last, message.base, message.operation, op)
        revision = len(self.log)
        for name, queue in self.queues.items():
            if name == site:
                queue.append(Ack(rev(revision), message.first, message.last))
            else:
                queue.append(Committed(rev(revision), site, message.first, message.last, op))

    def store(
        self, site: str, first: int, last: int, base: int, original: Operation, operation: Operation
    ) -> None:
        """A revision becomes durable and is broadcast."""
        self.log.append((SiteId(site), operation))
        self.text = apply(self.text, operation)
        revision = len(self.log)
        self.last[SiteId(site)] = last
        self.chain = history.chain(self.chain, rev(revision), SiteId(site), seq(last), operation)
        who = {"site": site, "revision": revision, "first": first, "last": last}
        self.add(history.Stored, **who, base=base, branch=False, original=original, operation=operation)
        fingerprint = history.fingerprint(self.text)
        self.add(history.Broadcast, **who, received_us=0, audience=1, fingerprint=fingerprint)

    def deliver(self, site: str, count: int = 1) -> None:
        """A replica takes its next messages."""
        for _ in range(count):
            message = self.queues[site].popleft()
            answers = self.replicas[site].receive(message)
            assert isinstance(message, Ack | Committed)
            fields = {"site": site, "revision": message.revision, "fingerprint": self.shown(site)}
            if isinstance(message, Ack):
                self.add(history.Acknowledged, **fields, first=message.first, last=message.last)
            else:
                self.add(history.Delivered, **fields)
            self.display(site)
            self._send(site, answers)

    def settle(self) -> None:
        """Everything that is on its way arrives."""
        while self.submitted or any(self.queues.values()):
            if self.submitted:
                self.serve()
            for site, queue in self.queues.items():
                self.deliver(site, len(queue))

    def place(self, site: str, position: int) -> None:
        """A cursor is put somewhere at the newest revision."""
        self.add(
            history.Placed, site=site, revision=len(self.log), position=position, received_us=self.time_us
        )

    def point(self, site: str, position: int, *, base: int, sequence: int = 0) -> None:
        """A client says where its cursor is; the room's server does not hear of it."""
        self.add(history.Pointed, site=site, revision=base, position=position, sequence=sequence)

    def see(
        self, site: str, peer: str, position: int, *, placed: int, fresh: bool = False, pending: bool = False
    ) -> None:
        """A replica shows a peer's cursor that was placed at revision ``placed``."""
        replica = self.replicas[site]
        self.add(
            history.Seen,
            site=site,
            peer=peer,
            revision=replica.revision,
            position=position,
            length=len(replica.text),
            placed_revision=placed,
            fresh=fresh,
            pending=pending,
        )

    def carried(self, position: int, since: int) -> int:
        """Where a cursor placed at revision ``since`` is now."""
        for _, op in self.log[since:]:
            position = transform_selection((position, position), op)[1]
        return position

    def finish(self, bound_us: int = 1_000_000) -> list[Record]:
        """Heal, settle, and record the end; the whole history."""
        self.records.append(history.Healed(self.time_us, bound_us))
        self.settle()
        for site, replica in self.replicas.items():
            self.add(
                history.FinalReplica,
                site=site,
                revision=replica.revision or 0,
                fingerprint=history.fingerprint(replica.text),
                unacknowledged=replica.unacknowledged,
                online=True,
            )
        for name, last in self.last.items():
            self.add(history.FinalProgress, site=name, last=last)
        fingerprint = history.fingerprint(self.text)
        self.add(history.Held, what="waiting operations", amount=0, amount_max=1_000)
        self.add(history.FinalDocument, revision=len(self.log), fingerprint=fingerprint, chain=self.chain)
        self.records.append(history.Finished(self.time_us))
        return self.records


def story(*, undo: bool = False) -> list[Record]:
    """Two people at one text: concurrent edits, a composed operation, deletes, cursors, an end.

    With ``undo``, ``a`` takes its last edit back.

    ``a`` makes a#1..a#4 (revisions 1 and 3), ``b`` makes b#1 and b#2 (revisions 2 and 4).
    """
    room = Room("house")
    room.type("a", 5, "!")
    room.type("b", 0, ">")
    room.type("a", 6, "?")
    room.erase("a", 6)
    room.type("a", 0, "A")
    room.serve()
    room.place("a", 6)
    room.deliver("b")
    room.deliver("a")  # acknowledges a#1, sends a#2..4
    room.serve()
    room.settle()
    room.see("b", "a", room.carried(6, 1), placed=1)
    room.erase("b", 2, 2)
    room.settle()
    room.place("b", 2)
    room.see("a", "b", 2, placed=4, fresh=True)
    if undo:
        room.undo("a")
    return room.finish()


# --- spoiling a history -----------------------------------------------------------------------------------


def index_of(records: Sequence[Record], kind: type, nth: int = 0, **fields: Any) -> int:
    """Where the nth record of a kind with these fields is; negative counts from the end."""
    found = [
        n
        for n, record in enumerate(records)
        if type(record) is kind and all(getattr(record, f) == v for f, v in fields.items())
    ]
    return found[nth]


def changed(records: Sequence[Record], at: int, **fields: Any) -> list[Record]:
    """The history with one record's fields changed."""
    return [*records[:at], msgspec.structs.replace(records[at], **fields), *records[at + 1 :]]


def without(records: Sequence[Record], at: int) -> list[Record]:
    """The history without one record."""
    return [*records[:at], *records[at + 1 :]]


def moved(records: Sequence[Record], at: int, to: int) -> list[Record]:
    """The history with one record elsewhere; ``to`` counts in the history without it."""
    rest = without(records, at)
    return [*rest[:to], records[at], *rest[to:]]
