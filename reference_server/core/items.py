"""What waits for its turn in a document's queue, the queue, and what became of an item in an append."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from model.identity import ConnectionId, Revision, SiteId
from model.marks import Mechanism, mark
from model.protocol import Edits, Join
from model.text import Operation, Selection
from reference_server.core.effects import LogRow, Role
from reference_server.core.merge import Merge


class JoinItem(NamedTuple):
    """A connection waits to be let in; its turn fences the older connections of its site."""

    connection: ConnectionId
    site: SiteId
    role: Role
    message: Join
    received_us: int
    user: str = ""
    token_id: str = ""


class EditsItem(NamedTuple):
    """An operation that waits for its turn, untransformed; or a branch, merged as far as it has come."""

    connection: ConnectionId
    site: SiteId
    epoch: int
    base: Revision
    edits: tuple[Edits, ...]
    selection: Selection | None
    merge: Merge | None
    received_us: int
    user: str = ""
    token_id: str = ""

    @property
    def branch(self) -> bool:
        """Whether it is a branch."""
        return self.merge is not None

    @property
    def name(self) -> str:
        """The identities of the edits, for messages to people."""
        return f"edits {self.edits[0].first}..{self.edits[-1].last}"


Item: TypeAlias = JoinItem | EditsItem


class Entry(NamedTuple):
    """An item of an append, with the row it becomes (a join becomes none).

    ``text`` is the document after the row, ``selection`` the sender's in it, and ``for_sender`` what brings
    the sender of a branch there. ``spent_ns`` is the CPU time it took, all slices of a merge included.
    """

    item: Item
    row: LogRow | None = None
    text: str = ""
    selection: Selection | None = None
    for_sender: Operation | None = None
    spent_ns: int = 0


class Turn(Protocol):
    """Where items take their turn: a batch."""

    entries: list[Entry]

    def has_room_for(self, item: Item) -> bool:
        """Whether ``item`` may have its turn in this batch."""
        ...


class KindMarks(NamedTuple):
    """The mechanism that something is for each kind of item."""

    edits: Mechanism
    branch: Mechanism
    join: Mechanism

    def mark(self, item: Item) -> None:
        """It happened to an item."""
        mark(self.join if isinstance(item, JoinItem) else self.branch if item.branch else self.edits)


class Queue:
    """The items of one document that wait, oldest first."""

    def __init__(self, items_max: int) -> None:
        """An empty queue; it is full with ``items_max`` items."""
        self._items: deque[Item] = deque()
        self._items_max = items_max

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be added for now."""
        return len(self._items) >= self._items_max

    def add(self, item: Item) -> None:
        """Put an item at the end."""
        self._items.append(item)

    def put_back(self, items: Sequence[Item]) -> None:
        """Put items at the front again, in their order."""
        self._items.extendleft(reversed(items))

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()

    def turns(self, batch: Turn, entries_max: int) -> Iterator[Item]:
        """Take out whoever's turn it is until the batch is full; what it has no room for stays."""
        deferred: list[Item] = []
        while self._items and len(batch.entries) < entries_max:
            item = self._items.popleft()
            if batch.has_room_for(item):
                yield item
            else:
                mark(Mechanism.WAITED_FOR_TURN)
                deferred.append(item)
        if deferred:
            self.put_back(deferred)
