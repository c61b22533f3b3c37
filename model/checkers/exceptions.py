"""Nothing under test raises: neither the server nor its store, neither a client nor a replica."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model import history
from model.checkers import Handler
from model.checkers.check import Check


class Exceptions(Check):
    """Whatever was taken, made, stored or loaded went through without an exception."""

    name = "exceptions"
    detail = "edits made, taken and stored, and loads, of which none may raise"

    def handlers(self) -> Mapping[type, Handler]:
        """What was done, and what could not be done."""
        done = (
            history.Edited,
            history.Stored,
            history.Acknowledged,
            history.Merged,
            history.Restarted,
            history.Integrated,
        )
        return {**dict.fromkeys(done, self._done), history.Raised: self._raised}

    def _done(self, _: Any) -> None:
        self.checked += 1

    def _raised(self, record: history.Raised) -> None:
        self.checked += 1
        who = f"{record.part} {record.site}" if record.site else f"the {record.part}"
        place = record.frames[-1] if record.frames else "an unknown place"
        self.violate(
            record.time_us,
            record.document,
            f"{who} raised {record.problem}, in {place}, while it {record.what}",
            kind=f"{record.part}: {record.problem.partition(':')[0]} in {place}",
            site=record.site,
            what=record.what,
            problem=record.problem,
            frames=list(record.frames),
        )
