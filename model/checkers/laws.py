"""The laws of replicated types on states that were reached, and what must leave a replica as it is.

The laws are tried where the states are, with the code under test; what came of it is in the history.
"""

from __future__ import annotations

from collections.abc import Mapping

from model import history
from model.checkers import Handler
from model.checkers.check import Check


class CrdtLaws(Check):
    """Merges of states that were reached commute, associate, are idempotent and forget nothing (sampled)."""

    name = "crdt_laws"
    detail = "laws tried on sampled states of replicas"

    def handlers(self) -> Mapping[type, Handler]:
        """What came of each law."""
        return {history.Examined: self._examined}

    def _examined(self, record: history.Examined) -> None:
        self.checked += 1
        if record.problem:
            self.violate(
                record.time_us,
                record.document,
                f"{record.law} does not hold for {', '.join(record.sites)}: {record.problem}",
                law=record.law,
                sites=list(record.sites),
                **record.evidence,
            )


class Persistence(Check):
    """Saving, loading and compaction change no text; a replica comes back with what it had saved."""

    name = "persistence"
    detail = "texts before and after saving and loading, or compaction"

    def handlers(self) -> Mapping[type, Handler]:
        """Everything after which the text must be as before."""
        return {history.Reloaded: self._reloaded, history.Preserved: self._preserved}

    def _reloaded(self, record: history.Reloaded) -> None:
        self._compare(record, "came back with", record.saved, record.loaded)

    def _preserved(self, record: history.Preserved) -> None:
        self._compare(record, f"was {record.how} and then showed", record.before, record.after)

    def _compare(
        self, record: history.Reloaded | history.Preserved, what: str, before: int, after: int
    ) -> None:
        self.checked += 1
        if before != after:
            self.violate(
                record.time_us,
                record.document,
                f"{record.site} {what} another text than before",
                site=record.site,
                before=before,
                after=after,
            )
