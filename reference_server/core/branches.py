"""Branches on their way to the head of the trunk, merged a slice at a time, so that a large one keeps nobody.

Between two slices everybody else has a turn: the effect ``Resume`` asks for the event ``Resumed``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from model.identity import DocumentId, Revision
from model.marks import Mechanism, mark
from model.protocol import ErrorCode, RemoteProtocolError
from model.text import OperationError
from reference_server.core.effects import Effect, Resume
from reference_server.core.items import EditsItem
from reference_server.core.log import Log


class Branches:
    """The branches of one document that are not at the head yet, longest waiting first."""

    def __init__(self, document: DocumentId, log: Log, elements_max: int, out: list[Effect]) -> None:
        """None so far; a slice is ``elements_max`` elements, effects go to ``out``."""
        self._document = document
        self._log = log
        self._elements_max = elements_max
        self._out = out
        self._items: deque[EditsItem] = deque()
        self._is_resuming = False

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[EditsItem]:
        return iter(self._items)

    def check_invariants(self) -> None:
        """Every merge is sound, and goes on some time."""
        assert not self._items or self._is_resuming
        for item in self._items:
            assert item.merge is not None
            item.merge.check_invariants()

    def add(self, item: EditsItem) -> None:
        """Go on with ``item`` later."""
        self._items.append(item)
        self.resume()

    def resume(self) -> None:
        """Ask to be resumed if there is anything to go on with."""
        if self._items and not self._is_resuming:
            self._is_resuming = True
            self._out.append(Resume(self._document))

    def resumed(self) -> EditsItem | None:
        """Everybody else has had a turn: take out the branch that waited longest."""
        self._is_resuming = False
        return self._items.popleft() if self._items else None

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()

    def merge(self, item: EditsItem, upto: Revision | None) -> bool:
        """Merge a slice of ``item``; whether it has then reached the head, or ``upto`` if that is given.

        Raises:
            ProtocolError: the base is unknown, or an operation does not fit its text.
        """
        merge = item.merge
        assert merge is not None
        trunk = self._log.trunk_after(merge.known)
        if trunk and merge.known > item.base:
            mark(Mechanism.BRANCH_OVERTAKEN)
        if upto is not None:
            trunk = trunk[: max(0, upto - merge.known)]
        try:
            merge.tell(trunk)
            return merge.step(self._elements_max)
        except OperationError as error:
            raise RemoteProtocolError(ErrorCode.BASE_LENGTH, str(error)) from None
