"""What a run was like for the people in it: edits that waited, edits handed back, documents that took none.

A fault of the store or of the network is told by what it hit; what it meant for people is told here, from the
same records. An edit has to wait if more than :data:`PATIENCE_US` pass from its keystroke until its author
knows that it is durable. A document takes no edit while somebody waits and nobody's edit becomes durable, for
longer than that: in effect it can only be read. Who is offline by choice waits for nothing.

Each wait counts for the whole run, and for every fault that acted while it lasted or shortly before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from model import history
from model.checkers import Handler
from model.claims import has_server
from model.histogram import Histogram
from model.identity import DocumentId, SequenceNumber, SiteId

PATIENCE_US: Final = 1_000_000
"""Nobody notices that an edit is not durable for so long: it is displayed at once."""

AFTERMATH_US: Final = 5_000_000
"""What begins so soon after a fault is laid to it: clients are still on their way back."""

WHOLE_RUN: Final = ""
"""In place of the name of a fault."""

_BY_CHOICE: Final = frozenset(("closed", "left"))


class Impact(msgspec.Struct, forbid_unknown_fields=True):
    """What people noticed during one kind of fault, or in the whole run.

    Attributes:
        fault: its name; :data:`WHOLE_RUN` for everything.
        delayed: how long edits waited that had to, in microseconds.
        read_only: how long documents took no edit, one value for each time.
        documents: how many documents that were.
        handed_back: edits that were too late for the log, and were left to their authors.
        unanswered: edits that were still waiting when the run ended.
        lost: edits that not even their author's client had any more after a crash.
    """

    fault: str
    delayed: Histogram = msgspec.field(default_factory=Histogram)
    read_only: Histogram = msgspec.field(default_factory=Histogram)
    documents: int = 0
    handed_back: int = 0
    unanswered: int = 0
    lost: int = 0


class _Edit:
    """An edit whose author does not know yet that it is durable."""

    __slots__ = ("edited_us", "is_awaited", "sequence")

    def __init__(self, sequence: SequenceNumber, edited_us: int, is_awaited: bool) -> None:
        self.sequence = sequence
        self.edited_us = edited_us
        self.is_awaited = is_awaited  # false for who is offline by choice


class _Document:
    """One document: how many edits are awaited, and since when none of them became durable."""

    __slots__ = ("awaited", "since_us")

    def __init__(self) -> None:
        self.awaited = 0
        self.since_us = 0


class _Fault:
    """One occurrence of a fault; ``end_us`` is None while it acts."""

    __slots__ = ("begin_us", "end_us", "name")

    def __init__(self, name: str, begin_us: int) -> None:
        self.name = name
        self.begin_us = begin_us
        self.end_us: int | None = None


class Impacts:
    """Follows every edit of a history from its keystroke; fed with the same records as the checks."""

    def __init__(self) -> None:
        self._found: dict[str, Impact] = {WHOLE_RUN: Impact(WHOLE_RUN)}
        self._stuck: dict[str, dict[DocumentId, None]] = {}
        self._waiting: dict[SiteId, deque[_Edit]] = {}
        self._documents: dict[DocumentId, _Document] = {}
        self._away: set[SiteId] = set()
        self._faults: list[_Fault] = []
        self._has_server = True

    def handlers(self) -> Mapping[type, Handler]:
        """The way of each edit, who is away, and when faults act."""
        return {
            history.Header: self._header,
            history.Online: self._online,
            history.Offline: self._offline,
            history.Edited: self._edited,
            history.Acknowledged: self._durable,
            history.Merged: self._durable,
            history.Restarted: self._restarted,
            history.Stranded: self._stranded,
            history.FaultBegan: self._fault_began,
            history.FaultEnded: self._fault_ended,
            history.Finished: self._finished,
        }

    def result(self) -> list[Impact]:
        """The whole run first, then each kind of fault that somebody noticed, by name."""
        for name, documents in self._stuck.items():
            self._found[name].documents = len(documents)
        return [self._found[name] for name in sorted(self._found)]

    # --- who waits ----------------------------------------------------------------------------------------

    def _header(self, record: history.Header) -> None:
        self._has_server = has_server(record.run)

    def _online(self, record: history.Online) -> None:
        self._away.discard(record.site)

    def _offline(self, record: history.Offline) -> None:
        if record.cause not in _BY_CHOICE:
            return
        self._away.add(record.site)
        for edit in self._waiting.get(record.site, ()):
            self._forget(record.document, edit)

    def _edited(self, record: history.Edited) -> None:
        if not self._has_server:
            return  # nobody tells a replica what is durable
        document = self._documents.get(record.document)
        if document is None:
            document = self._documents[record.document] = _Document()
        is_awaited = record.site not in self._away
        edit = _Edit(record.sequence, record.keystroke_us, is_awaited)
        self._waiting.setdefault(record.site, deque()).append(edit)
        if is_awaited:
            if not document.awaited:
                document.since_us = record.time_us
            document.awaited += 1

    def _forget(self, name: DocumentId, edit: _Edit) -> bool:
        """Nobody waits for an edit any more; whether somebody did."""
        was_awaited, edit.is_awaited = edit.is_awaited, False
        self._documents[name].awaited -= was_awaited
        return was_awaited

    def _durable(self, record: history.Acknowledged | history.Merged) -> None:
        waiting = self._waiting.get(record.site)
        if not waiting or waiting[0].sequence > record.last:
            return
        self._moves_on(record.document, record.time_us)
        while waiting and waiting[0].sequence <= record.last:
            edit = waiting.popleft()
            if self._forget(record.document, edit) and record.time_us - edit.edited_us > PATIENCE_US:
                for impact in self._impacts(edit.edited_us, record.time_us):
                    impact.delayed.record(record.time_us - edit.edited_us)

    def _moves_on(self, name: DocumentId, time_us: int) -> None:
        """A document takes an edit, or the run is over."""
        document = self._documents[name]
        if document.awaited and time_us - document.since_us > PATIENCE_US:
            for impact in self._impacts(document.since_us, time_us):
                impact.read_only.record(time_us - document.since_us)
                self._stuck.setdefault(impact.fault, {})[name] = None
        document.since_us = time_us

    def _restarted(self, record: history.Restarted) -> None:
        waiting = self._waiting.get(record.site, deque())
        while waiting and waiting[-1].sequence > record.last:
            edit = waiting.pop()
            self._forget(record.document, edit)
            for impact in self._impacts(edit.edited_us, record.time_us):
                impact.lost += 1

    def _stranded(self, record: history.Stranded) -> None:
        for edit in self._waiting.pop(record.site, ()):
            self._forget(record.document, edit)
            if edit.sequence > record.acknowledged:
                for impact in self._impacts(edit.edited_us, record.time_us):
                    impact.handed_back += 1

    def _finished(self, record: history.Finished) -> None:
        for name in self._documents:
            self._moves_on(name, record.time_us)
        for waiting in self._waiting.values():
            for edit in waiting:
                if edit.is_awaited and record.time_us - edit.edited_us > PATIENCE_US:
                    for impact in self._impacts(edit.edited_us, record.time_us):
                        impact.unanswered += 1

    # --- what acts ----------------------------------------------------------------------------------------

    def _fault_began(self, record: history.FaultBegan) -> None:
        self._faults.append(_Fault(record.name, record.time_us))

    def _fault_ended(self, record: history.FaultEnded) -> None:
        for fault in self._faults:
            if fault.name == record.name and fault.end_us is None:
                fault.end_us = record.time_us
                return

    def _impacts(self, begin_us: int, end_us: int) -> list[Impact]:
        """Where what lasted from one moment to the other counts: the whole run, and the faults meanwhile."""
        names = {WHOLE_RUN: None} | {
            fault.name: None
            for fault in self._faults
            if fault.begin_us < end_us and (fault.end_us is None or fault.end_us + AFTERMATH_US > begin_us)
        }
        return [self._found.setdefault(name, Impact(name)) for name in names]


def merge_impacts(parts: Iterable[Impact]) -> list[Impact]:
    """One impact for each fault, the whole run first; the parts stay as they were."""
    whole: dict[str, Impact] = {}
    for part in parts:
        into = whole.setdefault(part.fault, Impact(part.fault))
        into.delayed.merge(part.delayed)
        into.read_only.merge(part.read_only)
        into.documents += part.documents
        into.handed_back += part.handed_back
        into.unanswered += part.unanswered
        into.lost += part.lost
    return [whole[name] for name in sorted(whole)]
