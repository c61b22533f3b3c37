"""The measures of a load worker: those of every history, fed while the run goes on.

A history has the cursors of sampled documents alone; those of all documents are told by the users themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

from model import history
from model.checkers import Handler
from model.identity import Revision, SiteId
from model.measures import Measures, MeasureSet

_OF_CURSORS = (history.Caret, history.Pointed, history.Seen)


class LoadMeasures(Measures):
    """Measures of the users of one process, in the clock of the clients."""

    def handlers(self) -> Mapping[type, Handler]:
        """As of every history, but for cursors."""
        return {kind: h for kind, h in super().handlers().items() if kind not in _OF_CURSORS}

    def cursor_moved(self, site: SiteId, planned_us: int) -> None:
        """The person moved the cursor, or wanted to."""
        self._presence.moved(site, planned_us)

    def cursor_taken_along(self, site: SiteId) -> None:
        """An edit that is sent has the cursor with it."""
        self._presence.taken_along(site)

    def cursor_sent(self, site: SiteId, revision: Revision, position: int, now_us: int) -> None:
        """A cursor is sent without an edit."""
        self._presence.sent(site, revision, position, now_us)

    def cursor_heard_of(
        self, site: SiteId, peer: SiteId, revision: Revision, position: int, now_us: int
    ) -> None:
        """A user was told of the cursor of another one."""
        self._at(now_us)
        self._presence.shown(site, peer, revision, position, now_us)

    def result(self) -> MeasureSet:
        """Everything measured; every revision that somebody saw counts as an operation."""
        measures = super().result()
        measures.totals.operations = measures.totals.broadcasts
        return measures
