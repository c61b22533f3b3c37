"""Mistakes of a store and of the memo of the simulation itself."""

from __future__ import annotations

from typing import Final

from model import text
from model.memo import Memo
from model.text import Operation
from reference_server.core.effects import Answer, Append, Appended, Committed, Outcome, Request
from reference_server.store.memory import MemoryStore
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind


class TornCommit(MemoryStore):
    """Rows and progress are two transactions; when the answer is lost, so is the second one."""

    def fail(self, *, applied: bool) -> list[Answer]:
        """Lose the answer, and the progress."""
        before = {name: dict(self.durable(name).progress) for name in self.documents}
        answers = super().fail(applied=applied)
        for name, progress in before.items():
            self.durable(name).progress = progress
        return answers


class LostWrite(MemoryStore):
    """Every third commit of edits is confirmed without having reached the disk."""

    _commits = 0

    def _perform(self, request: Request, outcome: Outcome | None) -> Answer | None:
        if isinstance(request, Append) and request.rows and isinstance(outcome, Committed):
            self._commits += 1
            if not self._commits % 3:
                return Appended(request.request, request.document, outcome)
        return super()._perform(request, outcome)


class MemoByLength(Memo):
    """Results are looked up by the length of the text instead of the text (D22)."""

    def __init__(self) -> None:
        """No entries yet."""
        super().__init__()
        self._by_length: dict[tuple[int, Operation], str] = {}

    def apply(self, before: str, op: Operation) -> str:
        """The result for some text of this length."""
        key = (len(before), op)
        if key not in self._by_length:
            self._by_length[key] = text.apply(before, op)
        return self._by_length[key]


BUGS: Final = (
    Bug(
        "torn-commit",
        Kind.IDENTITY,
        "Rows and the progress of their sites are not one transaction.",
        "decision D10",
        lambda: Parts(store=TornCommit),
        ("protocol", "ledger", "quiescence"),
    ),
    Bug(
        "lost-write",
        Kind.DURABILITY,
        "The store confirms a commit that never reached its disk.",
        "a lost fsync",
        lambda: Parts(store=LostWrite),
        ("total_order",),
    ),
    Bug(
        "memo-by-length",
        Kind.TRANSFORMATION,
        "Results of the simulation are shared by texts of equal length.",
        "decision D22",
        lambda: Parts(memo=MemoByLength),
        ("convergence", "weak_list", "site_order"),
    ),
)
