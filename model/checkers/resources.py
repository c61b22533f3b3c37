"""Resources: whatever is held has a limit, and nothing is held for who is gone."""

from __future__ import annotations

from collections.abc import Mapping

from model import history
from model.checkers import Handler
from model.checkers.check import Check


class Resources(Check):
    """Logs are trimmed, queues end, and at rest nothing is left of connections, branches and documents."""

    name = "resources"
    detail = "what the server held at most, and still held at rest, compared with its limits"

    def handlers(self) -> Mapping[type, Handler]:
        """What is held."""
        return {history.Held: self._held}

    def _held(self, record: history.Held) -> None:
        self.checked += 1
        if record.amount > record.amount_max:
            self.violate(
                record.time_us,
                record.document,
                f"the server held {record.amount:,} {record.what}, the most allowed is {record.amount_max:,}",
                kind=record.what,
                what=record.what,
                amount=record.amount,
                amount_max=record.amount_max,
            )
