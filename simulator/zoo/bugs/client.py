"""Mistakes in the transformations of a client, one overridden method each."""

from __future__ import annotations

from typing import Final

from model.identity import Revision, SiteId
from model.jupiter import Replica
from model.protocol import ClientMessage
from model.text import Operation
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.displaced import moved_to, position_of


class HalfTransformed(Replica):
    """The dOPT bug: what comes in is carried past the own operations, but not they past it."""

    def _cross(self, mine: Operation, other: Operation, mine_first: bool) -> tuple[Operation, Operation]:
        past, other = super()._cross(mine, other, mine_first)
        return moved_to(past, position_of(mine)), other


class ReversedTie(Replica):
    """Inserts at one position go by the larger site id first; the server goes by the smaller."""

    def _goes_first(self, other: SiteId) -> bool:
        return other < self.site


class TieByArrival(Replica):
    """Inserts at one position go by who reached the server first."""

    def _goes_first(self, other: SiteId) -> bool:  # noqa: ARG002  # whoever it is
        return False


class TieByLength(Replica):
    """Site ids are compared as numbers would be, the shorter one first: c9 before c10."""

    def _goes_first(self, other: SiteId) -> bool:
        return (len(self.site), self.site) < (len(other), other)


class DeleteOffByOne(Replica):
    """A delete that arrives while an own one is on its way lands one place too far right."""

    def _cross(self, mine: Operation, other: Operation, mine_first: bool) -> tuple[Operation, Operation]:
        both_delete = mine.deleted and not mine.inserted and other.deleted and not other.inserted
        past, other = super()._cross(mine, other, mine_first)
        return past, moved_to(other, position_of(other) + 1) if both_delete else other


class UndoUncarried(Replica):
    """An undo is displayed where the edit is now, and sent as the edit was noted."""

    _noted: tuple[int, ...] = ()  # where the own edits were, the newest last
    _undone: tuple[int, ...] = ()
    _undoes_at = -1

    def edit(self, op: Operation) -> tuple[ClientMessage, ...]:
        """Edit, and note where."""
        self._noted, self._undone = (*self._noted, position_of(op)), ()
        return super().edit(op)

    def undo(self) -> tuple[Operation, tuple[ClientMessage, ...]] | None:
        """Undo, at the place that was noted."""
        *noted, self._undoes_at = self._noted or (-1,)
        self._noted, self._undone = tuple(noted), (*self._undone, self._undoes_at)
        try:
            return super().undo()
        finally:
            self._undoes_at = -1

    def redo(self) -> tuple[Operation, tuple[ClientMessage, ...]] | None:
        """Redo as it should be."""
        self._noted, self._undone = (*self._noted, *self._undone[-1:]), self._undone[:-1]
        return super().redo()

    def _flush(self) -> tuple[ClientMessage, ...]:
        if self._undoes_at >= 0 and self.pending:
            undo = self.pending[-1]
            self.pending[-1] = undo._replace(operation=moved_to(undo.operation, self._undoes_at))
        return super()._flush()


class Corrupted(Replica):
    """One replica swaps the first two characters of its text now and then; nobody else does."""

    def _remote(self, revision: Revision, site: SiteId, op: Operation) -> None:
        super()._remote(revision, site, op)
        if self.site.endswith("1") and not revision % 4:
            self.text = self.text[1:2] + self.text[:1] + self.text[2:]


BUGS: Final = (
    Bug(
        "dopt",
        Kind.TRANSFORMATION,
        "What comes in is carried past the own operations, but not they past it.",
        "the dOPT puzzle (Ellis and Gibbs 1989)",
        lambda: Parts(replica=HalfTransformed),
        ("convergence", "weak_list", "site_order"),
    ),
    Bug(
        "tie-reversed",
        Kind.ORDER,
        "Client and server order inserts at one position differently.",
        "decision D4",
        lambda: Parts(replica=ReversedTie),
        ("convergence", "weak_list", "site_order"),
    ),
    Bug(
        "tie-by-arrival",
        Kind.ORDER,
        "The client orders inserts at one position by who came first.",
        "decision D4",
        lambda: Parts(replica=TieByArrival),
        ("convergence", "weak_list", "site_order"),
    ),
    Bug(
        "tie-by-length",
        Kind.ORDER,
        "Site ids are compared as numbers by one side and as code points by the other.",
        "decision D4",
        lambda: Parts(replica=TieByLength),
        ("convergence", "weak_list", "site_order"),
    ),
    Bug(
        "delete-off-by-one",
        Kind.TRANSFORMATION,
        "A delete carried past an own delete lands one place too far right.",
        "decision D2",
        lambda: Parts(replica=DeleteOffByOne),
        ("convergence", "weak_list", "site_order"),
    ),
    Bug(
        "undo-uncarried",
        Kind.UNDO,
        "An undo is sent as it was noted, not carried through what came in since.",
        "ot.js #24",
        lambda: Parts(replica=UndoUncarried),
        ("convergence", "intention"),
    ),
    Bug(
        "corrupt-replica",
        Kind.TRANSFORMATION,
        "The text of one replica changes by itself.",
        "decision D22",
        lambda: Parts(replica=Corrupted),
        ("convergence", "weak_list", "site_order"),
    ),
)
