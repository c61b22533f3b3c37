"""Mistakes about other workers on the same store: what they append and tell over a bus that loses hints."""

from __future__ import annotations

from typing import Final

from model.identity import EMPTY_LOG, DocumentId, Revision
from reference_server.core.document import Document
from reference_server.core.effects import Whispered
from reference_server.core.room import Room
from reference_server.follower import Follower
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind


class Trusting(Follower):
    """Believes that the bus loses nothing."""

    def compared(self, document: DocumentId, head: Revision) -> None:
        """Whatever the store says."""


class StepByStep(Document):
    """Takes over what another worker appended only where nothing was missed before it."""

    def announced(self, revision: Revision = EMPTY_LOG) -> None:
        """The next revision, or none."""
        if revision == self.log.revision + 1:
            super().announced(revision)


class Overhearing(Room):
    """Takes the place of a cursor at another worker for one in its own newest text."""

    def overhear(self, event: Whispered, now_us: int) -> None:
        """As it was said, whatever it was said of."""
        super().overhear(event._replace(revision=self._log.revision), now_us)


class OverhearingDocument(Document):
    """A document with an :class:`Overhearing` room."""

    room_type = Overhearing


BUGS: Final = (
    Bug(
        "heads-uncompared",
        Kind.BUS,
        "A worker trusts the bus and never compares its heads with those of the store.",
        "the bus gives hints, all of which may be lost; the store is the truth",
        lambda: Parts(follower=Trusting),
        ("liveness", "quiescence"),
        scenario="two-workers",
    ),
    Bug(
        "heads-step-by-step",
        Kind.BUS,
        "A worker takes over another one's revision only if it is the next one, so a lost hint stops it.",
        "the bus gives hints, all of which may be lost; the store is the truth",
        lambda: Parts(document=StepByStep),
        ("liveness", "quiescence"),
        scenario="two-workers",
    ),
    Bug(
        "overheard-uncarried",
        Kind.BUS,
        "The cursor of somebody at another worker is taken for a place in the newest text.",
        "decision D7",
        lambda: Parts(document=OverhearingDocument),
        ("presence",),
        scenario="two-workers",
    ),
)
