"""Cursors of sites that are connected to other workers, as far as these whisper of them."""

from __future__ import annotations

from typing import Final, TypeAlias

from model.identity import Revision, SiteId
from model.text import Selection

UNHEARD_US_MAX: Final = 12_000_000
"""A cursor that nothing was heard of for so long is gone: its worker is dead, or the hint that its site left
was lost. Workers say again every two seconds where their cursors are."""

Cursor: TypeAlias = tuple[Selection, Revision]
"""A selection and the revision it refers to."""


class Elsewhere:
    """What one worker knows of the cursors of one document at others.

    Attributes:
        placed: where they are.
        early: those that were whispered of revisions that are not read yet.
    """

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self.placed: dict[SiteId, Cursor] = {}
        self.early: dict[SiteId, Cursor] = {}
        self._heard: dict[SiteId, tuple[Cursor, int]] = {}  # what was whispered last, and when

    def hear(self, site: SiteId, cursor: Cursor, now_us: int) -> None:
        """A cursor is there now; nothing changes if that is what was said the last time."""
        before, self._heard[site] = self._heard.get(site), (cursor, now_us)
        self.early.pop(site, None)
        if before is None or before[0] != cursor or site not in self.placed:
            self.early[site] = cursor

    def known(self, revision: Revision) -> list[tuple[SiteId, Cursor]]:
        """The cursors that were early and are not any more; they wait to be placed no longer."""
        known = [(site, cursor) for site, cursor in self.early.items() if cursor[1] <= revision]
        for site, _ in known:
            del self.early[site]
        return known

    def forget(self, site: SiteId) -> bool:
        """A cursor is not there any more; whether it was."""
        self.early.pop(site, None)
        self._heard.pop(site, None)
        return self.placed.pop(site, None) is not None

    def silent(self, now_us: int) -> list[SiteId]:
        """The sites that nothing was heard of for too long."""
        return [site for site, (_, heard_us) in self._heard.items() if heard_us < now_us - UNHEARD_US_MAX]
