"""Mistakes of the server in what it sends, merges and keeps: catch-up, branches, broadcasts, trimming."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model.identity import ConnectionId, Revision, SiteId
from model.protocol import CatchUp, Fate, Join, Row
from model.text import compose, delete, noop
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import LogRow, Progress
from reference_server.core.items import EditsItem
from reference_server.core.member import Member
from reference_server.core.merge import merge
from reference_server.core.room import Room
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.bugs.batch import Carried
from simulator.zoo.displaced import Gapless, Positional


class ShiftedRoom(Room):
    """Missed revisions are read one place too early and numbered as they are sent."""

    def _catch_up(self, member: Member, after: Revision, up_to: Revision) -> None:
        early = min(1, after - self._log.start)
        rows = self._log.missed(Revision(after - early), Revision(up_to - early))
        if rows:
            numbered = [
                Row(Revision(n), r.site, r.first, r.last, r.operation) for n, r in enumerate(rows, after + 1)
            ]
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


class DenyingRoom(Room):
    """Who comes back is told that what was in flight is lost, whether or not it is."""

    def _fate(self, join: Join, known: Progress) -> Fate | None:
        fate = super()._fate(join, known)
        return None if fate is None else Fate(False)


class FateDenied(Document):
    """A document with a :class:`DenyingRoom`."""

    room_type = DenyingRoom


class ForgettingRoom(Room):
    """Every fourth message to the room misses its first reader."""

    _broadcasts = 0

    def _audience(self, site: SiteId) -> tuple[Member | None, tuple[ConnectionId, ...]]:
        author, readers = super()._audience(site)
        self._broadcasts += 1
        return author, readers[1:] if not self._broadcasts % 4 else readers


class LostBroadcast(Document):
    """A document with a :class:`ForgettingRoom`."""

    room_type = ForgettingRoom


class BatchWithoutLastEdit(Batch):
    """A merge leaves out the last insert of a branch, and has the sender take it back."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        last = item.edits[-1].operation.splice
        if not item.branch or len(item.edits) == 1 or last is None or not last[1]:
            return super()._carry(item, trunk)
        op, for_sender = merge(item.edits[:-1], item.site, trunk)
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


BUGS: Final = (
    Bug(
        "catch-up-off-by-one",
        Kind.DELIVERY,
        "Missed revisions are read one place too early, and applied by position.",
        "an off-by-one, as everywhere",
        lambda: Parts(replica=Positional, document=CatchUpOffByOne),
        ("ledger", "weak_list", "convergence"),
    ),
    Bug(
        "composed-catch-up",
        Kind.DELIVERY,
        "Missed revisions are composed into one.",
        "decision D5",
        lambda: Parts(document=ComposedCatchUp),
        ("convergence", "weak_list", "site_order"),
    ),
    Bug(
        "fate-denied",
        Kind.PROTOCOL,
        "Who comes back is told that what was in flight is lost, although it is durable.",
        "decision D15",
        lambda: Parts(document=FateDenied),
        ("protocol", "quiescence"),
    ),
    Bug(
        "lost-broadcast",
        Kind.DELIVERY,
        "A revision is not sent to one of its readers, who does not look for gaps.",
        "automerge #1284, Etherpad #4978",
        lambda: Parts(replica=Gapless, document=LostBroadcast),
        ("total_order", "convergence"),
    ),
    Bug(
        "merge-drops-last",
        Kind.BRANCH,
        "A branch is acknowledged, but its last edit is left out.",
        "gutenberg #77980",
        lambda: Parts(document=MergeDropsLast),
        ("intention",),
    ),
    Bug(
        "merged-with-wrong-tie",
        Kind.BRANCH,
        "The sender of a branch is told another order of inserts than the log has.",
        "decision D15",
        lambda: Parts(document=MergedWithWrongTie),
        ("convergence", "weak_list", "site_order"),
    ),
)
