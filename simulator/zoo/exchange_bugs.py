"""Mistakes of the server in what it sends, merges and keeps: catch-up, branches, broadcasts, trimming."""

from __future__ import annotations

from collections.abc import Sequence

from model.identity import ConnectionId, Revision, SiteId
from model.protocol import CatchUp, Row
from model.text import compose, delete, noop
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import LogRow
from reference_server.core.items import EditsItem
from reference_server.core.log import Log
from reference_server.core.member import Member
from reference_server.core.merge import merge
from reference_server.core.room import Room
from simulator.zoo.server_bugs import Carried


class ShiftedRoom(Room):
    """Missed revisions are read one place too early and numbered as they are sent."""

    def _catch_up(self, member: Member, after: Revision, up_to: Revision) -> None:
        early = min(1, after - self._log.start)
        rows = self._log.missed(after - early, up_to - early)
        if rows:
            numbered = [Row(n, r.site, r.first, r.last, r.operation) for n, r in enumerate(rows, after + 1)]
            self._send(member, CatchUp(numbered))


class CatchUpOffByOne(Document):
    """A document with a :class:`ShiftedRoom`."""

    room_type = ShiftedRoom


class ComposingRoom(Room):
    """Missed revisions of others are composed into one, after revisions that do nothing."""

    def _catch_up(self, member: Member, after: Revision, up_to: Revision) -> None:
        run: list[LogRow] = []
        rows: list[Row] = []
        for row in self._log.missed(after, up_to):
            if row.site == member.site:
                rows += [*_composed(run), _row(row)]
                run = []
            else:
                run.append(row)
        rows += _composed(run)
        if rows:
            self._send(member, CatchUp(rows))


def _row(row: LogRow) -> Row:
    return Row(row.revision, row.site, row.first, row.last, row.operation)


def _composed(run: Sequence[LogRow]) -> list[Row]:
    if not run:
        return []
    op = run[0].operation
    for row in run[1:]:
        op = compose(op, row.operation)
    nothing = noop(op.base_length)
    rows = [Row(r.revision, r.site, r.first, r.last, nothing) for r in run[:-1]]
    last = run[-1]
    return [*rows, Row(last.revision, last.site, last.first, last.last, op)]


class ComposedCatchUp(Document):
    """A document with a :class:`ComposingRoom`."""

    room_type = ComposingRoom


class ForgettingRoom(Room):
    """Every fourth message to the room misses its first reader."""

    _told = 0

    def _audience(self, site: SiteId) -> tuple[Member | None, tuple[ConnectionId, ...]]:
        author, readers = super()._audience(site)
        self._told += 1
        return author, readers[1:] if not self._told % 4 else readers


class LostBroadcast(Document):
    """A document with a :class:`ForgettingRoom`."""

    room_type = ForgettingRoom


class BatchWithoutLastEdit(Batch):
    """A merge leaves out the last insert of a branch, and has the sender take it back."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        last = item.edits[-1].operation.splice
        if not item.branch or len(item.edits) == 1 or last is None or not last[1]:
            return super()._carry(item, trunk)
        op, for_sender = merge(item.edits[:-1], self._tie_site(item), trunk)
        taken_back = delete(item.edits[-1].operation.target_length, last[0], len(last[1]))
        return op, None, compose(taken_back, for_sender)


class MergeDropsLast(Document):
    """A document with a :class:`BatchWithoutLastEdit`."""

    batch_type = BatchWithoutLastEdit


class BatchWithTwoTies(Batch):
    """Inserts at one position go by site id in the log, and the trunk first in what the sender is told."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        op, selection, for_sender = super()._carry(item, trunk)
        if item.branch:
            for_sender = merge(item.edits, SiteId("\U0010ffff"), trunk).for_sender
        return op, selection, for_sender


class MergedWithWrongTie(Document):
    """A document with a :class:`BatchWithTwoTies`."""

    batch_type = BatchWithTwoTies


class ShortLog(Log):
    """Everything behind a snapshot is trimmed, and a base behind that is taken for the oldest there is."""

    def trim_point(self) -> Revision:
        """The newest revision, whoever may still need the ones before it."""
        return self.revision

    def trunk_after(self, base: Revision) -> Sequence[LogRow]:
        """The rows after ``base``, or those that are left."""
        return super().trunk_after(max(base, self.start))

    def missed(self, after: Revision, up_to: Revision) -> Sequence[LogRow]:
        """The rows after ``after``, or those that are left."""
        return super().missed(max(after, self.start), max(up_to, self.start))


class TrimmedTooFar(Document):
    """A document with a :class:`ShortLog`."""

    log_type = ShortLog
