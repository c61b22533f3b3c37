"""Mistakes of a store and of the memo of the simulation itself."""

from __future__ import annotations

from model import text
from model.identity import DocumentId, Revision, SiteId
from model.text import Operation
from reference_server.core.effects import Append, Outcome
from reference_server.store.memory import Answer, MemoryStore
from simulator.memo import Memo


class TornCommit(MemoryStore):
    """Rows and progress are two transactions; when the answer is lost, so is the second one."""

    def fail(self, *, applied: bool) -> list[Answer]:
        """Lose the answer, and the progress."""
        before = {name: dict(self.durable(name).progress) for name in self.documents}
        answers = super().fail(applied=applied)
        for name, progress in before.items():
            self.durable(name).progress = progress
        return answers


class UncomparedInCommit(MemoryStore):
    """Appends are compared with the durable head, not with what the same commit holds before them."""

    def _compare(
        self,
        request: Append,
        heads: dict[DocumentId, Revision],
        epochs: dict[tuple[DocumentId, SiteId], int],
    ) -> Outcome:
        heads.clear()
        return super()._compare(request, heads, epochs)


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
