"""What the measures know of one client: its connection, its edits, and what it is about to reconcile."""

from __future__ import annotations

from model.identity import NO_EDIT, SequenceNumber
from model.measures.edits import Edits
from model.measures.measure_set import OFFLINE
from model.measures.timeline import Connectivity


class Site(Connectivity):
    """One client as the measures follow it."""

    __slots__ = (
        "acknowledged",
        "branches",
        "edits",
        "in_flight",
        "knows",
        "offline_last",
        "reconcile_us",
        "sequence",
    )

    def __init__(self) -> None:
        super().__init__()
        self.sequence: SequenceNumber = NO_EDIT
        self.acknowledged: SequenceNumber = NO_EDIT
        self.in_flight: SequenceNumber = NO_EDIT  # last edit of the operation that was sent; 0 for none
        self.edits = Edits()
        self.knows = OFFLINE
        self.offline_last: SequenceNumber = NO_EDIT  # last edit made before the present connection
        self.reconcile_us = 0  # when the present reconciliation began; 0 for none
        # first -> last, phase of the attempt
        self.branches: dict[SequenceNumber, tuple[SequenceNumber, str]] = {}

    @property
    def has_pending(self) -> bool:
        """Whether it has edits that it does not know to be durable."""
        return self.sequence > self.acknowledged
