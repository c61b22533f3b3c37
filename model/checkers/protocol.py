"""Whether the server keeps the protocol: what its clients have to say against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model import history
from model.checkers import Handler
from model.checkers.check import Check


class Protocol(Check):
    """No message, error or close code of the server is one that the protocol does not allow then."""

    name = "protocol"
    detail = "welcomes, joins, revisions and acknowledgements that clients took from the server"

    def handlers(self) -> Mapping[type, Handler]:
        """What clients took, and what they hold against the server."""
        taken = (
            history.Connected,
            history.Joined,
            history.Delivered,
            history.Acknowledged,
            history.Merged,
        )
        return {**dict.fromkeys(taken, self._taken), history.Accused: self._accused}

    def _taken(self, _: Any) -> None:
        self.checked += 1

    def _accused(self, record: history.Accused) -> None:
        self.checked += 1
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} {record.problem}",
            kind=record.kind,
            site=record.site,
            revision=record.revision,
        )
