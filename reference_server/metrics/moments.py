"""The moments of each edit at this server, a record of the log for each, for whoever follows one edit.

A moment is microseconds of the clock that all processes of one machine share (:func:`monotonic_us`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from model.identity import DocumentId
from reference_server.core.effects import Published
from reference_server.logs import Logger
from reference_server.metrics.registry import monotonic_us

EVENT: Final = "edit"
"""What the log calls such a record."""

_LOG: Final = Logger("moments")
_TURNS_KEPT_MAX: Final = 4_096


class _Turn(NamedTuple):
    """The append of a document that is in progress, or was the last one."""

    turn_us: int
    handed_us: int


class Moments:
    """Notes when an edit arrived, had its turn, was handed to the store, was durable, and was sent on.

    Attributes:
        is_on: whether that is done at all.
        commit_us: how long the commit took whose answers are handled now.
    """

    def __init__(self) -> None:
        """Off."""
        self.is_on = False
        self.commit_us = 0
        self._turns: dict[DocumentId, _Turn] = {}  # the one that was asked for last at the end
        self._waiting: list[tuple[Published, _Turn, int, int]] = []

    def handed(self, document: DocumentId, turn_us: int) -> None:
        """Edits that had their turn at a moment were carried to the head and are handed to the store."""
        self._turns.pop(document, None)
        self._turns[document] = _Turn(turn_us, monotonic_us())
        if len(self._turns) > _TURNS_KEPT_MAX:
            del self._turns[next(iter(self._turns))]

    def published(self, effect: Published, committed_us: int) -> None:
        """A revision that the store said was durable at a moment is to be sent on."""
        turn = self._turns.get(effect.document)
        if turn is not None:
            self._waiting.append((effect, turn, committed_us, self.commit_us))

    def flushed(self, now_us: int) -> None:
        """What was to be sent on is on its way."""
        for effect, turn, committed_us, commit_us in self._waiting:
            row = effect.row
            _LOG.info(
                EVENT,
                document=effect.document,
                revision=row.revision,
                site=row.site,
                first=row.first,
                last=row.last,
                received_us=effect.received_us,
                turn_us=turn.turn_us,
                handed_us=turn.handed_us,
                commit_began_us=max(turn.handed_us, committed_us - commit_us),
                committed_us=committed_us,
                broadcast_us=now_us,
            )
        self._waiting.clear()
