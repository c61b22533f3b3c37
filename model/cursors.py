"""The own selection and the cursors of peers in a displayed text, carried when somebody looks (D7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from model.displayed import AppliedLog, Moment
from model.identity import Revision, SiteId
from model.marks import Mechanism, mark
from model.text import CARET, Operation, Selection, transform_selection


class PeerCursor(NamedTuple):
    """Where a peer's selection was when the server last spoke of it."""

    selection: Selection
    moment: Moment
    revision: Revision


class Cursors:
    """All selections in one displayed text.

    Attributes:
        is_unsent: whether the own selection was changed by the person and not sent since.
    """

    __slots__ = ("_applied", "_moment", "_own", "_peers", "is_unsent")

    def __init__(self, applied: AppliedLog) -> None:
        self._applied = applied
        self._own: Selection = CARET
        self._moment: Moment = applied.count
        self._peers: dict[SiteId, PeerCursor] = {}
        self.is_unsent = False

    # --- the own selection --------------------------------------------------------------------------------

    def own(self, length: int) -> Selection:
        """The person's selection in the displayed text, which has ``length`` code points."""
        carried = self._applied.carry_selection(self._own, self._moment)
        if carried is None:  # nothing was done here for as long as the log reaches back
            mark(Mechanism.OWN_CURSOR_FORGOTTEN)
            carried = (min(self._own[0], length), min(self._own[1], length))
        self._own, self._moment = carried, self._applied.count
        return carried

    def select(self, selection: Selection) -> None:
        """The person moved the cursor or selected something."""
        self._own, self._moment = selection, self._applied.count
        self.is_unsent = True

    def typed(self, before: Selection, op: Operation) -> None:
        """The person's own edit was just applied; the cursor goes behind what it inserted."""
        self._own = transform_selection(before, op, follows_insert=True)
        self._moment = self._applied.count

    # --- peers --------------------------------------------------------------------------------------------

    def place(self, site: SiteId, selection: Selection, revision: Revision, own: Iterable[Operation]) -> None:
        """A peer's selection in the text of ``revision``, on which the ``own`` operations are displayed."""
        for op in own:
            selection = transform_selection(selection, op)
        self._peers[site] = PeerCursor(selection, self._applied.count, revision)

    def remove(self, site: SiteId) -> None:
        """A peer has no cursor any more."""
        self._peers.pop(site, None)

    def remove_all(self) -> None:
        """Nothing is known of any peer."""
        self._peers.clear()

    def of(self, site: SiteId) -> PeerCursor | None:
        """A peer's cursor as it was placed."""
        return self._peers.get(site)

    def carried(self, cursor: PeerCursor) -> Selection | None:
        """Where a cursor stands now; None if it was placed too long ago to tell."""
        carried = self._applied.carry_selection(cursor.selection, cursor.moment)
        if carried is None:
            mark(Mechanism.PEER_CURSOR_FORGOTTEN)
        return carried

    def check_invariants(self, length: int) -> None:
        """Every selection lies within the displayed text, which has ``length`` code points."""
        own = self._applied.carry_selection(self._own, self._moment)
        for selection in (
            own,
            *(self._applied.carry_selection(peer.selection, peer.moment) for peer in self._peers.values()),
        ):
            assert selection is None or 0 <= min(selection) <= max(selection) <= length, selection

    @property
    def sites(self) -> tuple[SiteId, ...]:
        """The peers with a cursor, in the order they were first heard of."""
        return tuple(self._peers)
