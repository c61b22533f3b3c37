"""Edits followed through a recorded run: its histories, the log of its server, and the steps of each edit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from heapq import nsmallest
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from model import history
from model.checkers import Judge
from model.following import Alignment, EditName, Followed, Follower, ServerMoments, Slowest, Wanted
from model.history_file import HistoryError, read_about, read_history
from model.identity import DocumentId, Revision, SequenceNumber, SiteId
from model.measures.measure_set import Example, WorstEdit
from model.wording import counted
from reports.recorded import ReportError, histories_of
from reports.wording import duration_text

GENERATOR: Final = "concord follow"
"""Is in every file that is written of edits followed."""

SERVER_LOG: Final = Path("server") / "server.log"
READERS_SHOWN_MAX: Final = 6
"""Of more readers the last ones are shown, each by itself, and the others as one step."""

_EVENT: Final = b'"event":"edit"'

CLIENT, NETWORK, SERVER, STORE, READER, AWAY = "client", "network", "server", "store", "reader", "away"


class NoHistoryError(ReportError):
    """A run has no history, or it is damaged."""


class Step(NamedTuple):
    """A part of the way of an edit; ``where`` it is, for its colour."""

    label: str
    begin_us: int
    end_us: int
    where: str

    @property
    def took_us(self) -> int:
        """How long it took."""
        return self.end_us - self.begin_us


class Waterfall(NamedTuple):
    """One edit with its steps, in the order in which they began.

    Attributes:
        most: the step in which most of its time went.
        notes: what a reader has to know, in sentences.
    """

    edit: Followed
    steps: tuple[Step, ...]
    most: Step | None
    notes: tuple[str, ...]

    @property
    def took_us(self) -> int:
        """From the key to the last of everything."""
        return self.edit.done_us - self.edit.planned_us

    @property
    def end_us(self) -> int:
        """The end of everything, or of the last step if that is later."""
        return max([self.edit.done_us, *(step.end_us for step in self.steps)])

    @property
    def anchor(self) -> str:
        """Its name in a page."""
        document, site, sequence = self.edit.name
        return "edit-" + f"{document}-{site}-{sequence}".encode().hex()

    @property
    def title(self) -> str:
        """What it is and how long it took, as a line."""
        edit = self.edit
        together = f", sent as {edit.name.site}#{edit.first}..{edit.last}" if edit.last != edit.first else ""
        revision = f"revision {edit.revision}" if edit.revision else "never durable"
        there = sum(not reader.was_away for reader in edit.readers)
        readers = counted(there, "reader")
        what = f"{edit.name} ({edit.kind}) in {edit.name.document}, {revision}{together}"
        if edit.told_us is None:
            return f"{what}: its author does not know that it is durable, {duration_text(self.took_us)} later"
        return f"{what}: {duration_text(self.took_us)} from the key to its author and {readers}"

    @property
    def longest(self) -> str:
        """Where most of the time went, as a line."""
        if self.most is None or not self.took_us:
            return ""
        share = round(100 * self.most.took_us / self.took_us)
        return f"most of it: {self.most.label}, {duration_text(self.most.took_us)} ({share} %)"


class Recorded(NamedTuple):
    """The files of a run."""

    histories: tuple[Path, ...]
    moments: Mapping[tuple[DocumentId, Revision], ServerMoments]


def recorded(directory: Path, log: Path | None = None) -> Recorded:
    """The files of a run's folder, and of the server's log, that of the folder or another one.

    Raises:
        ReportError: there are no histories, or the log cannot be read or has no edits.
    """
    found = histories_of(directory)
    if not found:
        raise NoHistoryError(f"{directory}: has no folder 'history' with histories of a run")
    own = directory / SERVER_LOG
    if log is None:
        return Recorded(tuple(found), read_moments(own) if own.exists() else {})
    moments = read_moments(log)
    if not moments:
        raise ReportError(f"{log}: no record of an edit; the server writes them with monitoring.log_edits")
    return Recorded(tuple(found), moments)


def read_moments(path: Path) -> dict[tuple[DocumentId, Revision], ServerMoments]:
    """What the log of a server says of each revision.

    Raises:
        ReportError: the log cannot be read.
    """
    found: dict[tuple[DocumentId, Revision], ServerMoments] = {}
    try:
        with path.open("rb") as file:
            for line in file:
                if _EVENT in line:
                    try:
                        moments = msgspec.json.decode(line, type=ServerMoments)
                    except msgspec.DecodeError:
                        continue  # a line that was cut when the server was killed
                    found[moments.document, moments.revision] = moments
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None
    return found


def slowest(run: Recorded, count: int) -> list[EditName]:
    """The names of the slowest edits of a run, the slowest first.

    Raises:
        ReportError: a history is damaged.
    """
    ranked: list[tuple[int, EditName]] = []
    for path in run.histories:
        consumer = Slowest(count)
        _feed([consumer], partial(read_history, path))
        ranked += consumer.ranked()
    return [name for _, name in nsmallest(count, ranked, key=lambda one: (-one[0], one[1]))]


def followed(run: Recorded, wanted: Wanted, documents: Collection[str] = ()) -> list[Waterfall]:
    """The edits that are wanted; ``documents`` are theirs, if that is known, so that the others are not read.

    Raises:
        ReportError: a history is damaged.
    """
    falls: list[Waterfall] = []
    for path in run.histories:
        follower, alignment, header = Follower(wanted), Alignment(run.moments), _Header()
        _feed(
            [follower, alignment, header],
            partial(read_about, path, documents) if documents else partial(read_history, path),
        )
        is_real = header.producer in ("live", "load")
        falls += [waterfall(edit, alignment, is_real=is_real) for edit in follower.found.values()]
    return falls


def followed_in_order(run: Recorded, names: Sequence[EditName]) -> list[Waterfall]:
    """The edits of these names, in their order; none of those that no history tells of.

    Raises:
        ReportError: a history is damaged.
    """
    if not names:
        return []
    falls = followed(run, frozenset(names).__contains__, {name.document for name in names})
    return sorted(falls, key=lambda fall: names.index(fall.edit.name))


def measured_edits(directory: Path, edits: Sequence[WorstEdit | Example]) -> list[Waterfall]:
    """The edits that the measures of a run name, in their order; none of those that no history tells of.

    Raises:
        ReportError: the log of the server cannot be read.
    """
    names = list(
        dict.fromkeys(
            EditName(DocumentId(one.document), SiteId(one.site), SequenceNumber(one.sequence))
            for one in edits
        )
    )
    try:
        return followed_in_order(recorded(directory), names)
    except NoHistoryError:
        return []  # the disk was full, or somebody took them away: the report says all that it knows


class _Header:
    """Keeps who wrote a history."""

    def __init__(self) -> None:
        self.producer = ""

    def handlers(self) -> Mapping[type, Callable[[history.Header], None]]:
        return {history.Header: self._take}

    def _take(self, record: history.Header) -> None:
        self.producer = record.producer


def _feed(consumers: Iterable[object], read: Callable[[], Iterable[history.Record]]) -> None:
    try:
        Judge(consumers).feed(read())
    except HistoryError as error:
        raise NoHistoryError(str(error)) from None


def waterfall(edit: Followed, alignment: Alignment, *, is_real: bool) -> Waterfall:
    """The steps of one edit; ``is_real`` if clients of a real server wrote the history."""
    moments = alignment.of(edit)
    notes: list[str] = []
    if moments is not None:
        notes.append(
            "The moments at the server are from its log; its clock is within "
            f"{duration_text(alignment.uncertain_us)} of that of the clients."
        )
    elif is_real and edit.revision:
        notes.append(
            "The server's own moments are not known: run it with monitoring.log_edits, and name its log."
        )
    away = [
        Step(
            f"no connection ({absence.cause})",
            max(edit.edited_us, absence.begin_us),
            edit.end_us if absence.end_us is None else absence.end_us,
            AWAY,
        )
        for absence in edit.absences
    ]
    way = _way(edit, moments, is_real=is_real)
    at_us = way[-1].end_us if way else edit.edited_us
    told = _answers(edit, at_us)
    readers = _readers(edit, at_us)
    candidates = [*away, *way, *told, *readers]
    candidates = [step for step in candidates if step.end_us <= edit.done_us]
    most = max(candidates, key=lambda step: step.took_us, default=None)
    return Waterfall(edit, (*away, *way, *told, *readers), most, tuple(notes))


def _way(edit: Followed, moments: ServerMoments | None, *, is_real: bool) -> list[Step]:
    """From the key to the moment when the revision is sent on, as far as it came."""
    if moments is not None:
        arrived_us: int | None = moments.received_us
        inside = [
            ("waits for its turn", moments.turn_us, SERVER),
            ("transform", moments.handed_us, SERVER),
            ("waits for the store", moments.commit_began_us, STORE),
            ("commit", moments.committed_us, STORE),
            ("sent on", moments.broadcast_us, SERVER),
        ]
    elif is_real:
        arrived_us = edit.seen_us
        inside = []
    else:
        arrived_us = edit.received_us
        inside = [
            (label, time_us, where)
            for label, time_us, where in (
                ("waits for its turn", edit.turn_us, SERVER),
                ("commit", edit.committed_us, STORE),
                ("sent on", edit.seen_us, SERVER),
            )
            if time_us is not None
        ]
    limit_us = arrived_us if arrived_us is not None else edit.done_us
    # The first one in any case: two clocks agree only so far.
    carried = [a for n, a in enumerate(edit.attempts) if n == 0 or a.time_us <= limit_us]
    ends: list[tuple[str, int, str]] = []
    if edit.planned_us < edit.edited_us:
        ends.append(("the key is pressed late", edit.edited_us, CLIENT))
    label, where = "waits at the client", CLIENT
    for number, attempt in enumerate(carried, start=1):
        ends.append((label, attempt.time_us, where))
        label = f"sent ({attempt.how}), no answer" if number < len(carried) else f"sent ({attempt.how})"
        where = NETWORK
    if arrived_us is not None:
        last = "sent, at the server, and on its way back" if is_real and moments is None else label
        ends.append((last, arrived_us, where))
    elif edit.told_us is None and not edit.revision:
        ends.append((f"{label}, nothing more is known", edit.end_us, where))
    return _chained(edit.planned_us, [*ends, *inside])


def _chained(at_us: int, ends: Sequence[tuple[str, int, str]]) -> list[Step]:
    """Steps that begin where the one before ended."""
    steps: list[Step] = []
    for label, end_us, where in ends:
        step = Step(label, at_us, max(at_us, end_us), where)
        steps.append(step)
        at_us = step.end_us
    return steps


def _answers(edit: Followed, at_us: int) -> list[Step]:
    """How its author came to know; later attempts are those whose answer was lost."""
    later = [attempt for attempt in edit.attempts[1:] if attempt.time_us > at_us]
    if edit.told_us is not None:
        later = [attempt for attempt in later if attempt.time_us <= edit.told_us]
    ends = [
        ("the answer does not come" if number == 0 else "still no answer", attempt.time_us, NETWORK)
        for number, attempt in enumerate(later)
    ]
    if edit.told_us is not None:
        label = f"sent again ({later[-1].how}) and acknowledged" if later else "acknowledged"
        ends.append((label, edit.told_us, NETWORK))
    elif edit.revision:
        ends.append(("its author is never told", edit.end_us, NETWORK))
    return _chained(at_us, ends)


def _readers(edit: Followed, at_us: int) -> list[Step]:
    ordered = sorted(edit.readers, key=lambda reader: (reader.time_us, reader.site))
    first = ordered[: max(0, len(ordered) - READERS_SHOWN_MAX)]
    steps = [
        Step(
            f"shown by {reader.site}{', who was away' if reader.was_away else ''}",
            at_us,
            max(at_us, reader.time_us),
            AWAY if reader.was_away else READER,
        )
        for reader in ordered[len(first) :]
    ]
    if first:
        others = f"shown by {len(first)} others"
        steps.insert(0, Step(others, at_us, max(at_us, first[-1].time_us), READER))
    return steps
