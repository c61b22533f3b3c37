"""Undo: what an undo or redo changes is what the edit changed that it takes back, and nothing else (D6).

The oracle knows of no operations that are carried through others. It keeps the displayed text as elements
(:mod:`model.checkers.line`), and of each edit which elements it inserted and which it deleted. To take an
edit back is to delete what is left of the former and to put the latter back into their places. An element
that was put back is the one it was, so that every depth of the stack is compared, and what others have done
meanwhile stays as it is. Where the order between what comes back and what others wrote is anybody's guess,
either side is right, and no more than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from model import history
from model.checkers import Handler
from model.checkers.check import Check
from model.checkers.follower import Follower, Followers
from model.checkers.line import Effect, Element, Line, places_of
from model.identity import DocumentId, SequenceNumber, SiteId
from model.text import Operation
from model.wording import listed

UNDO_KINDS: Final = frozenset({"undo", "redo"})
"""Edits that take back what the same site did."""

STEPS_KEPT_MAX: Final = 256
"""Edits of one site that can be taken back; older ones are forgotten, here as there."""


class _Step(NamedTuple):
    """What an edit, or what took it back, did; ``sequence`` is that of the edit."""

    sequence: SequenceNumber
    done: Effect


class _Person:
    """One replica, and what its person may take back.

    ``line`` is None until the first edit. ``is_whole`` says that nothing else may be taken back; it may be if
    the person edited while the replica was lost.
    """

    __slots__ = ("done", "follower", "is_whole", "line", "undone")

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.line: Line | None = None
        self.is_whole = True
        self.done: list[_Step] = []
        self.undone: list[_Step] = []

    def forget(self, *, is_whole: bool = False) -> None:
        self.line = None
        self.is_whole = is_whole
        self.done.clear()
        self.undone.clear()


class _Document:
    """One sampled document."""

    __slots__ = ("followers", "people")

    def __init__(self) -> None:
        self.followers = Followers()
        self.people: dict[SiteId, _Person] = {}


class Undo(Check):
    """An undo deletes what is left of what the edit inserted, and puts back in its place what it deleted."""

    name = "undo"
    detail = "undone and redone edits of sampled documents compared with what they take back"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._documents: dict[DocumentId, _Document] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Everything that changes what replicas of sampled documents show."""
        return {
            history.DocumentCreated: self._created,
            history.Stored: self._stored,
            history.Joined: self._joined,
            history.Edited: self._edited,
            history.Sent: self._sent,
            history.Delivered: self._delivered,
            history.Acknowledged: self._acknowledged,
            history.Merged: self._merged,
            history.Restarted: self._restarted,
            history.Displayed: self._displayed,
        }

    def _created(self, record: history.DocumentCreated) -> None:
        if record.displayed:
            self._documents[record.document] = _Document()

    def _stored(self, record: history.Stored) -> None:
        document = self._documents.get(record.document)
        if document is not None:
            document.followers.stored(record)

    def _person(self, name: DocumentId, site: SiteId) -> _Person | None:
        document = self._documents.get(name)
        if document is None:
            return None
        person = document.people.get(site)
        if person is None:
            person = document.people[site] = _Person(document.followers.of(site))
        return person

    # --- what is shown ------------------------------------------------------------------------------------

    def _joined(self, record: history.Joined) -> None:
        person = self._person(record.document, record.site)
        if person is not None:
            person.follower.joined(record)

    def _sent(self, record: history.Sent) -> None:
        person = self._person(record.document, record.site)
        if person is not None:
            person.follower.sent(record)

    def _delivered(self, record: history.Delivered) -> None:
        document = self._documents.get(record.document)
        if document is not None and (person := document.people.get(record.site)) is not None:
            op = person.follower.delivered(record)
            self._shows(person, None if op is None else (op,))

    def _merged(self, record: history.Merged) -> None:
        person = self._person(record.document, record.site)
        if person is not None:
            op = person.follower.merged(record)
            self._shows(person, None if op is None else _in_turn(op))

    def _acknowledged(self, record: history.Acknowledged) -> None:
        person = self._person(record.document, record.site)
        if person is not None:
            person.follower.acknowledged(record)

    def _shows(self, person: _Person, operations: tuple[Operation, ...] | None) -> None:
        """A replica's text was changed by others."""
        if person.line is None:
            return
        if operations is None or operations[0].base_length != person.line.length:
            person.forget()
            return
        for op in operations:
            person.line.apply(op, is_own=False)

    def _restarted(self, record: history.Restarted) -> None:
        """What can be taken back does not outlive the process."""
        person = self._person(record.document, record.site)
        if person is not None:
            person.follower.lose()
            person.forget(is_whole=True)

    def _displayed(self, record: history.Displayed) -> None:
        person = self._person(record.document, record.site)
        if person is None:
            return
        follower = person.follower
        was_known = follower.text is not None
        follower.displayed(record)
        if was_known and follower.text is None:
            person.forget()

    # --- edits --------------------------------------------------------------------------------------------

    def _edited(self, record: history.Edited) -> None:
        person = self._person(record.document, record.site)
        if person is None:
            return
        text = person.follower.text
        op = person.follower.edited(record)
        if op is None or text is None:
            person.forget()
            return
        if person.line is None:
            person.line = Line(text)
        if record.kind in UNDO_KINDS:
            self._compare(record, person, person.line)
            return
        person.undone.clear()
        person.done.append(_Step(record.sequence, person.line.apply(op, is_own=True)))
        if len(person.done) > STEPS_KEPT_MAX:
            del person.done[0]
            person.is_whole = False

    def _compare(self, record: history.Edited, person: _Person, line: Line) -> None:
        """An undo or redo against what it takes back."""
        is_undo = record.kind == "undo"
        steps, others = (person.done, person.undone) if is_undo else (person.undone, person.done)
        step = _next(steps)
        if step is None and not person.is_whole:
            person.forget()
            return
        self.checked += 1
        problem = "although nothing is left to take back"
        if step is not None:
            problem = _problem(line, record.operation, step.done)
        if problem or step is None:
            self._violate(record, problem, step)
            person.forget()
            return
        line.apply(record.operation, is_own=True, back=step.done.inserted)
        others.append(step)

    def _violate(self, record: history.Edited, problem: str, step: _Step | None) -> None:
        evidence: dict[str, Any] = {
            "operation": [record.operation.base_length, record.operation.to_json()],
        }
        what = f"{'an' if record.kind == 'undo' else 'a'} {record.kind}"
        if step is not None:
            what += f" of {record.site}#{step.sequence}"
            evidence |= {
                "of": step.sequence,
                "deletes": _text(step.done.deleted),
                "restores": _text(step.done.inserted),
            }
        self.violate(
            record.time_us,
            record.document,
            f"{record.site}#{record.sequence}, {what}, {problem}",
            site=record.site,
            sequence=record.sequence,
            revision=record.revision,
            **evidence,
        )


def _in_turn(op: Operation) -> tuple[Operation, Operation]:
    """What a merge deletes, and then what it inserts.

    A history has the text that comes of it, not the operation that the author was sent, which alone would say
    on which side of something deleted the new text stands.
    """
    deletes = [c if isinstance(c, int) else 0 for c in op.components]
    inserts = [c if isinstance(c, str) else max(c, 0) for c in op.components]
    deleted = Operation(op.base_length, deletes)
    return deleted, Operation(deleted.target_length, inserts)


def _next(steps: list[_Step]) -> _Step | None:
    """What taking the newest edit back inserts and deletes; edits of which nothing is left are skipped."""
    while steps:
        sequence, done = steps.pop()
        wanted = Effect(
            [element for element in done.deleted if element.is_waiting],
            [element for element in done.inserted if element.is_visible],
        )
        if not wanted.is_nothing:
            return _Step(sequence, wanted)
    return None


def _problem(line: Line, op: Operation, wanted: Effect) -> str:
    """What is wrong with an operation that takes an edit back, as the end of a sentence; empty if nothing."""
    deleted: list[int] = []
    pieces: list[tuple[int, str]] = []
    at = 0
    for c in op.components:
        if isinstance(c, str):
            pieces.append((at, c))
        elif c > 0:
            at += c
        else:
            deleted += range(at, at - c)
            at -= c
    positions = line.positions()
    right = [positions[element] for element in wanted.deleted]
    if sorted(right) != deleted:
        return f"deletes {_spans(deleted)}, but what is left of the edit is {_spans(sorted(right))}"
    text = "".join(piece for _, piece in pieces)
    if text != _text(wanted.inserted):
        return f"inserts {text!r}, but what is to come back is {_text(wanted.inserted)!r}"
    gaps = [gap for gap, piece in pieces for _ in piece]
    for n, (element, gap) in enumerate(zip(wanted.inserted, gaps, strict=True)):
        first, last = places_of(element, positions)
        if not first <= gap <= last:
            where = str(first) if first == last else f"{first}..{last}"
            return f"puts {element.character!r} back at {gap}, but its place is {where}"
        before = wanted.inserted[max(0, n - 1)]
        if gap != gaps[max(0, n - 1)] and (before.left, before.right) == (element.left, element.right):
            beside = f"{before.character!r}, which was beside it, at {gaps[n - 1]}"
            return f"puts {element.character!r} back at {gap}, but {beside}"
    return ""


def _spans(positions: list[int]) -> str:
    """Places of code points, for a sentence."""
    ends: list[list[int]] = []
    for at in positions:
        if ends and ends[-1][1] == at - 1:
            ends[-1][1] = at
        else:
            ends.append([at, at])
    spans = [str(begin) if begin == end else f"{begin}..{end}" for begin, end in ends]
    return f"what is at {listed(spans)}" if spans else "nothing"


def _text(elements: list[Element]) -> str:
    return "".join(element.character for element in elements)
