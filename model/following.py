"""One edit followed: from the key that was pressed to everybody who shows it, by its identity.

A :class:`Follower` takes the records of a history in their order and keeps what concerns the edits that are
asked for. What the history of a real server lacks, when the edit waited and was committed there, comes from
the log of that server (:class:`ServerMoments`), whose clock is another one: :class:`Alignment` puts it beside
that of the history by what has to come before what.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from model import history
from model.identity import DocumentId, Revision, SequenceNumber, SiteId


class EditName(NamedTuple):
    """The identity of an edit; an edit of a site may exist in several documents."""

    document: DocumentId
    site: SiteId
    sequence: SequenceNumber

    def __str__(self) -> str:
        return f"{self.site}#{self.sequence}"


class ServerMoments(msgspec.Struct, frozen=True):
    """What the log of a server says of one revision, in microseconds of the server's own clock.

    Attributes:
        received_us: the edits arrived at the core.
        turn_us: they had waited for their turn.
        handed_us: they were carried to the head, and handed to the store.
        commit_began_us: the store began with their commit.
        committed_us: they were durable.
        broadcast_us: the revision was sent on.
    """

    document: DocumentId
    revision: Revision
    site: SiteId
    first: SequenceNumber
    last: SequenceNumber
    received_us: int
    turn_us: int
    handed_us: int
    commit_began_us: int
    committed_us: int
    broadcast_us: int


class Attempt(NamedTuple):
    """The client handed the edit to a connection; ``how`` is that of :class:`model.history.Sent`."""

    time_us: int
    how: str


class Absence(NamedTuple):
    """The client had no connection; ``end_us`` None if it did not come back."""

    begin_us: int
    end_us: int | None
    cause: str


class Reader(NamedTuple):
    """A replica of somebody else showed the revision; ``was_away`` if it had no connection when it came."""

    site: SiteId
    time_us: int
    was_away: bool


class Followed(msgspec.Struct):
    """What is known of one edit; moments are microseconds of the clock of the history, None if not known.

    Attributes:
        kind: what the person did.
        planned_us: when the person wanted to press the key.
        edited_us: when the text changed for the author; later, if whoever moves its hands was late.
        first, last: the edits that became one revision together, once there is one.
        attempts: each time it was sent.
        absences: of its author, between the edit and the news that it is durable.
        received_us, turn_us, committed_us: at the server, if the history says so.
        seen_us: when the server sent the revision on; of a real server, when the first client heard of it.
        told_us: when the author learnt that it is durable.
        readers: who else showed it, in that order.
        end_us: when the history ended.
    """

    name: EditName
    kind: str
    planned_us: int
    edited_us: int
    first: SequenceNumber
    last: SequenceNumber
    revision: Revision = Revision(0)
    is_branch: bool = False
    attempts: list[Attempt] = []
    absences: list[Absence] = []
    received_us: int | None = None
    turn_us: int | None = None
    committed_us: int | None = None
    seen_us: int | None = None
    told_us: int | None = None
    readers: list[Reader] = []
    end_us: int = 0

    @property
    def done_us(self) -> int:
        """When its author and every replica that was there had it, or the end of the history."""
        if self.told_us is None:
            return self.end_us
        return max([self.told_us, *(reader.time_us for reader in self.readers if not reader.was_away)])


Wanted: TypeAlias = Callable[[EditName], bool]

_Told: TypeAlias = history.Acknowledged | history.Merged


class Follower:
    """Follows the edits that are wanted through one history, as a consumer of a :class:`Judge`."""

    def __init__(self, wanted: Wanted) -> None:
        """``wanted`` is asked once of each edit."""
        self.found: dict[EditName, Followed] = {}
        self._wanted = wanted
        self._revisions: dict[DocumentId, dict[Revision, Followed]] = {}
        self._away: dict[tuple[DocumentId, SiteId], tuple[int, str]] = {}
        self._joined_us: dict[tuple[DocumentId, SiteId], int] = {}
        # Those that are not known to be durable by their author.
        self._of: dict[tuple[DocumentId, SiteId], list[Followed]] = {}

    def handlers(self) -> Mapping[type, Callable[[Any], None]]:
        """Everything that makes an edit go on, or keeps it from that."""
        return {
            history.Offline: self._left,
            history.Disconnected: self._left,
            history.Joined: self._joined,
            history.Edited: self._edited,
            history.Sent: self._sent,
            history.Stored: self._stored,
            history.Broadcast: self._broadcast,
            history.Delivered: self._delivered,
            history.Acknowledged: self._told,
            history.Merged: self._merged,
            history.Finished: self._finished,
        }

    # --- the author ---------------------------------------------------------------------------------------

    def _left(self, record: history.Offline | history.Disconnected) -> None:
        self._away.setdefault((record.document, record.site), (record.time_us, record.cause))

    def _joined(self, record: history.Joined) -> None:
        self._joined_us[record.document, record.site] = record.time_us
        gone = self._away.pop((record.document, record.site), None)
        if gone is not None:
            for edit in self._of.get((record.document, record.site), ()):
                edit.absences.append(Absence(gone[0], record.time_us, gone[1]))

    def _own(self, record: history.Sent | history.Stored | _Told) -> Iterator[Followed]:
        """The edits of an author that a record is about, as far as it does not know that they are durable."""
        for edit in self._of.get((record.document, record.site), ()):
            if record.first <= edit.name.sequence <= record.last:
                yield edit

    def _edited(self, record: history.Edited) -> None:
        name = EditName(record.document, record.site, record.sequence)
        if self._wanted(name):
            edit = Followed(
                name, record.kind, record.keystroke_us, record.time_us, record.sequence, record.sequence
            )
            self.found[name] = edit  # a client that forgot it in a crash makes another one of this name
            self._of.setdefault((record.document, record.site), []).append(edit)

    def _sent(self, record: history.Sent) -> None:
        for edit in self._own(record):
            edit.attempts.append(Attempt(record.time_us, record.how))

    def _told(self, record: _Told) -> None:
        for edit in self._own(record):
            edit.told_us = record.time_us
        mine = self._of.get((record.document, record.site))
        if mine:
            mine[:] = [edit for edit in mine if edit.told_us is None]

    # --- the server and the readers -----------------------------------------------------------------------

    def _stored(self, record: history.Stored) -> None:
        for edit in self._own(record):
            edit.revision, edit.first, edit.last = record.revision, record.first, record.last
            edit.is_branch = record.branch
            edit.committed_us = record.time_us
            self._revisions.setdefault(record.document, {})[record.revision] = edit

    def _broadcast(self, record: history.Broadcast) -> None:
        edit = self._revisions.get(record.document, {}).get(record.revision)
        if edit is not None:
            for other in self._together(edit):
                other.seen_us = record.time_us
                other.received_us = record.received_us or None
                other.turn_us = record.turn_us or None

    def _delivered(self, record: history.Delivered) -> None:
        revisions = self._revisions.get(record.document)
        if revisions is not None and (edit := revisions.get(record.revision)) is not None:
            self._shown(edit, record)

    def _merged(self, record: history.Merged) -> None:
        self._told(record)
        for revision, edit in self._revisions.get(record.document, {}).items():
            if record.base < revision < record.revision and edit.name.site != record.site:
                self._shown(edit, record)

    def _shown(self, edit: Followed, record: history.Delivered | history.Merged) -> None:
        joined_us = self._joined_us.get((record.document, record.site), 0)
        was_away = edit.committed_us is not None and joined_us > edit.committed_us
        for other in self._together(edit):
            other.readers.append(Reader(record.site, record.time_us, was_away))

    def _together(self, edit: Followed) -> Iterator[Followed]:
        """The edits that are followed and became the same revision."""
        document, site, _ = edit.name
        for sequence in range(edit.first, edit.last + 1):
            found = self.found.get(EditName(document, site, SequenceNumber(sequence)))
            if found is not None and found.revision == edit.revision:
                yield found

    def _finished(self, record: history.Finished) -> None:
        for edit in self.found.values():
            edit.end_us = record.time_us
        for (document, site), (begin_us, cause) in self._away.items():
            for edit in self._of.get((document, site), ()):
                edit.absences.append(Absence(begin_us, None, cause))


class Slowest:
    """The slowest edits of a history: from the key until the author knows and every replica there shows them.

    Edits that became one revision count once, by the first of them.
    """

    def __init__(self, kept_max: int) -> None:
        """``kept_max`` of them are kept."""
        self._kept_max = kept_max
        self._edited: dict[EditName, int] = {}
        self._open: dict[tuple[DocumentId, Revision], tuple[EditName, int]] = {}  # and when it was durable
        self._joined_us: dict[tuple[DocumentId, SiteId], int] = {}
        self._seen_us: dict[EditName, int] = {}  # when a replica that was there showed it last
        self._told_us: dict[EditName, int] = {}  # when its author learnt of it
        self._end_us = 0

    def handlers(self) -> Mapping[type, Callable[[Any], None]]:
        """Edits, and what ends them."""
        return {
            history.Joined: self._joined,
            history.Edited: self._made,
            history.Stored: self._stored,
            history.Delivered: self._seen,
            history.Acknowledged: self._told,
            history.Merged: self._told,
            history.Finished: self._finished,
        }

    def _joined(self, record: history.Joined) -> None:
        self._joined_us[record.document, record.site] = record.time_us

    def _made(self, record: history.Edited) -> None:
        self._edited[EditName(record.document, record.site, record.sequence)] = record.keystroke_us

    def _stored(self, record: history.Stored) -> None:
        first, *others = range(record.first, record.last + 1)
        name = EditName(record.document, record.site, SequenceNumber(first))
        if name in self._edited:
            self._open[record.document, record.revision] = name, record.time_us
        for sequence in others:
            self._edited.pop(EditName(record.document, record.site, SequenceNumber(sequence)), None)

    def _seen(self, record: history.Delivered) -> None:
        found = self._open.get((record.document, record.revision))
        if found is not None and self._joined_us.get((record.document, record.site), 0) <= found[1]:
            self._seen_us[found[0]] = record.time_us

    def _told(self, record: _Told) -> None:
        found = self._open.get((record.document, record.revision))
        if found is not None:
            self._told_us.setdefault(found[0], record.time_us)

    def _finished(self, record: history.Finished) -> None:
        self._end_us = record.time_us

    def ranked(self) -> list[tuple[int, EditName]]:
        """How long each took, in microseconds, and its name; the slowest first."""
        took = ((self._done_us(name) - begin_us, name) for name, begin_us in self._edited.items())
        return heapq.nsmallest(self._kept_max, took, key=lambda one: (-one[0], one[1]))

    def _done_us(self, name: EditName) -> int:
        """As :attr:`Followed.done_us`: an edit whose author knows nothing takes until the end."""
        told_us = self._told_us.get(name)
        return self._end_us if told_us is None else max(told_us, self._seen_us.get(name, 0))


class Alignment:
    """Puts the clock of a server beside that of a history that its clients wrote.

    An edit cannot arrive before it was sent, and nobody can hear of a revision before it was sent on. So each
    edit bounds the difference from both sides; between the narrowest bounds the middle is taken.

    Attributes:
        moments: what the server's log says, by document and revision.
    """

    def __init__(self, moments: Mapping[tuple[DocumentId, Revision], ServerMoments]) -> None:
        self.moments = moments
        self._least = self._most = None  # type: int | None

    def handlers(self) -> Mapping[type, Callable[[Any], None]]:
        """Where both clocks speak of one thing."""
        return {history.Broadcast: self._broadcast}

    def _broadcast(self, record: history.Broadcast) -> None:
        found = self.moments.get((record.document, record.revision))
        if found is None or (found.site, found.first) != (record.site, record.first):
            return
        most = record.time_us - found.broadcast_us
        self._most = most if self._most is None else min(self._most, most)
        if record.received_us:  # of a real server: when the client handed it to its connection
            least = record.received_us - found.received_us
            self._least = least if self._least is None else max(self._least, least)

    @property
    def offset_us(self) -> int | None:
        """What is added to a moment of the server to have it in the history; None if nothing is known."""
        if self._most is None or self._least is None:
            return self._most
        return (self._least + self._most) // 2

    @property
    def uncertain_us(self) -> int:
        """How wrong that may be."""
        if self._most is None or self._least is None:
            return 0
        return abs(self._most - self._least) // 2

    def of(self, edit: Followed) -> ServerMoments | None:
        """The moments of an edit, in the clock of the history."""
        found = self.moments.get((edit.name.document, edit.revision)) if edit.revision else None
        offset_us = self.offset_us
        if found is None or offset_us is None or found.site != edit.name.site:
            return None
        moved = {
            field: getattr(found, field) + offset_us
            for field in found.__struct_fields__
            if field.endswith("_us")
        }
        return msgspec.structs.replace(found, **moved)
