"""A checker: what a client is told is durable, it is told once."""

from __future__ import annotations

from collections.abc import Mapping

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.identity import DocumentId, SequenceNumber, SiteId


class AcknowledgedOnce(Check):
    """Every edit is acknowledged to its author once, in the order in which they were made."""

    name = "acknowledged_once"
    detail = "acknowledgements compared with the one that the same client got before"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._last: dict[tuple[DocumentId, SiteId], SequenceNumber] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Acknowledgements of edits and of branches, and what makes a client forget them."""
        return {
            history.Acknowledged: self._acknowledged,
            history.Merged: self._acknowledged,
            history.Restarted: self._restarted,
        }

    def _acknowledged(self, record: history.Acknowledged | history.Merged) -> None:
        client = record.document, record.site
        last = self._last.get(client, SequenceNumber(record.first - 1))
        self.checked += 1
        if record.first != last + 1:
            name = edit_name(record.site, record.first, record.last)
            message = f"{name} was acknowledged behind {edit_name(record.site, last, last)}"
            self.violate(record.time_us, record.document, message, last=last, first=record.first)
        self._last[client] = max(last, record.last)

    def _restarted(self, record: history.Restarted) -> None:
        # What it was told after it saved its state, it is told again.
        self._last.pop((record.document, record.site), None)
