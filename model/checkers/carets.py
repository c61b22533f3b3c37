"""Carets as their owners see them, and who is still there to have one; of one sampled document.

A caret keeps to its left neighbour: what others insert right there does not move it, what its owner inserts
there pushes it along, and what is deleted around it leaves it where that was. Every step of a replica is
known from a :class:`~model.checkers.follower.Follower`, so where a caret has to be is known at every moment
too, own pending edits included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from model import history
from model.checkers.follower import Followers
from model.identity import NO_EDIT, Revision, SequenceNumber, SiteId
from model.text import Operation

DEPARTED_BOUND_US: Final = 30_000_000
"""The cursor of who has left is gone everywhere within this time, also under faults.

A connection that is held up for longer is given up by both ends, and who has no connection shows no cursors.
"""

TOLD_BOUND_US: Final = 5_000_000
"""Where a cursor is has reached everybody by then, when no fault acts."""

REVISIONS_KEPT_MIN: Final = 8
"""No log is trimmed so much that these are gone."""

NEVER_US: Final = 1 << 62


class _View(NamedTuple):
    """Where a replica showed the cursor of a peer last, and in which text."""

    time_us: int
    revision: Revision
    position: int
    placed: Revision
    pending: bool


class _Arrival(NamedTuple):
    """Since when a replica hears of every cursor, and of those from before if ``is_fresh``."""

    time_us: int
    is_fresh: bool


class Difference(NamedTuple):
    """Where a replica shows the cursor of a peer and where the peer sees it, both of one revision.

    ``placed`` is the revision that the cursor was put at; what others have inserted there since may be on
    either side of it (D7).
    """

    final: history.FinalReplica
    peer: SiteId
    shown: int
    owned: int
    placed: Revision


class Carets:
    """The carets of one document.

    Attributes:
        followers: the replicas.
    """

    __slots__ = (
        "_arrived",
        "_departed",
        "_placed",
        "_positions",
        "_said",
        "_views",
        "deadline_us",
        "followers",
    )

    def __init__(self) -> None:
        self.followers = Followers()
        self.deadline_us = NEVER_US  # when everything has to be at rest
        self._positions: dict[SiteId, int] = {}  # where each caret has to be, as far as that is known
        self._said: dict[SiteId, SequenceNumber] = {}  # the last edit that each caret was sent with
        self._departed: dict[SiteId, int] = {}  # since when who is gone
        self._views: dict[SiteId, dict[SiteId, _View]] = {}
        self._arrived: dict[SiteId, _Arrival] = {}
        self._placed: dict[SiteId, history.Placed] = {}  # where the server put each that is there, last

    # --- the own caret ------------------------------------------------------------------------------------

    def edited(self, record: history.Edited) -> None:
        """The owner edits."""
        self._carry(record.site, self.followers.of(record.site).edited(record), is_own=True)

    def delivered(self, record: history.Delivered) -> None:
        """A revision arrives."""
        self._carry(record.site, self.followers.of(record.site).delivered(record), is_own=False)

    def merged(self, record: history.Merged) -> None:
        """All since a base arrives at once; where deletes and inserts meet, a caret may be on either side."""
        self.followers.of(record.site).merged(record)
        self._positions.pop(record.site, None)
        self._arrived[record.site] = _Arrival(record.time_us, is_fresh=False)

    def restarted(self, site: SiteId) -> None:
        """A caret does not outlive the process."""
        self.followers.of(site).lose()
        self._positions.pop(site, None)

    def displayed(self, record: history.Displayed) -> None:
        """What is really shown."""
        follower = self.followers.of(record.site)
        follower.displayed(record)
        if follower.text is None:
            self._positions.pop(record.site, None)

    def _carry(self, site: SiteId, op: Operation | None, *, is_own: bool) -> None:
        known = self._positions.get(site)
        if known is None:
            return
        if op is None:
            del self._positions[site]
        else:
            self._positions[site] = carried(known, [op], pushes=is_own)

    def problem_of(self, record: history.Caret) -> str | None:
        """What is wrong with an own caret, as the end of a sentence; empty if nothing, None if unknown."""
        text = self.followers.of(record.site).text
        known = self._positions.get(record.site)
        self._positions[record.site] = record.position
        if text is None:
            del self._positions[record.site]
            return None
        if not 0 <= record.position <= len(text):
            return f"in a text of {len(text)} code points"
        if record.moved or known is None:
            return ""
        return "" if known == record.position else f"but the characters beside it are at {known} now"

    def shown_when_said(self, record: history.Pointed) -> int | None:
        """Where its owner sees the caret that is told of now; None if that is not known.

        What is sent once more has the caret as it was, and so has what is sent behind later revisions.
        """
        if record.sequence:
            if record.sequence <= self._said.get(record.site, NO_EDIT):
                return None
            self._said[record.site] = record.sequence
        if record.revision != self.followers.of(record.site).revision:
            return None
        return self._positions.get(record.site)

    # --- peers --------------------------------------------------------------------------------------------

    def with_own(self, site: SiteId, position: int) -> int | None:
        """A position of the newest revision that a replica knows in what it shows; None if it is lost."""
        follower = self.followers.of(site)
        return None if follower.text is None else carried(position, follower.own, pushes=False)

    def joined(self, record: history.Joined) -> None:
        """Somebody is there."""
        site = record.site
        self._departed.pop(site, None)
        self._placed.pop(site, None)
        self._views[site] = {}  # with no connection nobody is shown
        self._arrived[site] = _Arrival(record.time_us, is_fresh=record.how == "fresh")

    def placed(self, record: history.Placed) -> None:
        """The server put a cursor somewhere."""
        self._placed[record.site] = record

    def departed(self, site: SiteId, time_us: int) -> None:
        """Somebody is gone."""
        self._departed.setdefault(site, time_us)

    def seen(self, record: history.Seen) -> str:
        """Note where a peer was seen; what is wrong with its being there, empty if nothing."""
        view = _View(record.time_us, record.revision, record.position, record.placed_revision, record.pending)
        self._views.setdefault(record.site, {})[record.peer] = view
        since_us = self._departed.get(record.peer, record.time_us)
        late_us = record.time_us - since_us
        return f"{late_us / 1e6:.1f} s after {record.peer} left" if late_us > DEPARTED_BOUND_US else ""

    def lingering(
        self, finals: Iterable[history.FinalReplica]
    ) -> Iterator[tuple[history.FinalReplica, SiteId]]:
        """Who shows the cursor of whom who is gone, although the time to come to rest is over."""
        finals = list(finals)
        there = {final.site for final in finals if final.online}
        for final in finals:
            if final.online and final.time_us >= self.deadline_us:
                for peer in self._shown(final):
                    if peer not in there:
                        yield final, peer

    def unseen(
        self, finals: Iterable[history.FinalReplica], head: Revision
    ) -> Iterator[tuple[history.FinalReplica, SiteId]]:
        """Who does not show the cursor of whom in the end, although the server told them of it.

        Where a log is trimmed, cursors are forgotten with the revisions that they were put at: new ones only.
        """
        finals = list(finals)
        there = {final.site for final in finals if final.online}
        for final in finals:
            arrived = self._arrived.get(final.site)
            if arrived is None or not final.online or final.revision != head:
                continue
            shown = self._shown(final)
            for peer, placed in self._placed.items():
                is_kept = head - placed.revision <= REVISIONS_KEPT_MIN
                is_other = peer in there and peer != final.site
                if is_kept and is_other and peer not in shown and _is_told(placed, arrived, final):
                    yield final, peer

    def at_rest(self, finals: Iterable[history.FinalReplica]) -> Iterator[Difference]:
        """Where the cursors of those who are there are shown in the end, and where their owners see them."""
        finals = list(finals)
        owners = {final.site: final for final in finals if final.online and not final.unacknowledged}
        for final in finals:
            for peer, view in self._shown(final).items() if final.online else ():
                owner, position = owners.get(peer), self._positions.get(peer)
                if owner is None or position is None or view.pending:
                    continue
                if view.revision == owner.revision == final.revision:
                    yield Difference(final, peer, view.position, position, view.placed)

    def _shown(self, final: history.FinalReplica) -> dict[SiteId, _View]:
        """The cursors that a replica shows in the end."""
        views = self._views.get(final.site, {})
        return {peer: view for peer, view in views.items() if view.time_us == final.time_us}


def carried(position: int, operations: Iterable[Operation], *, pushes: bool) -> int:
    """A position after operations; text inserted right there ``pushes`` it along, or leaves it."""
    for op in operations:
        moved, at = position, 0
        for c in op.components:
            if isinstance(c, str):
                if at < position or (at == position and pushes):
                    moved += len(c)
            elif c > 0:
                at += c
            else:
                if at < position:
                    moved -= min(position, at - c) - at
                at -= c
        position = moved
    return position


def _is_told(placed: history.Placed, arrived: _Arrival, final: history.FinalReplica) -> bool:
    """Whether who arrived then has been told of a cursor that was put there then."""
    is_new = placed.time_us > arrived.time_us
    is_old = placed.time_us < arrived.time_us - TOLD_BOUND_US and arrived.is_fresh
    return (is_new or is_old) and placed.time_us < final.time_us - TOLD_BOUND_US
