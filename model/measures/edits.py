"""Edits on their way: what was known when they were made, and what of their way is the modelled network's.

An edit is followed from its *planned* keystroke, so that whoever is late with making it hides nothing. It has
three ends: it is stored, its author knows that, every live replica shows it.

An edit that waits for its turn waits for messages of its own client: the one that opens the connection, the
operation that is in flight and its answer, and its own operation. One of them is on its way at a time, so
what the network takes of the wait is the sum of their ways, as far as they are behind the keystroke.
"""

from __future__ import annotations

from collections.abc import Iterator

from model.identity import EMPTY_LOG, DocumentId, Revision, SequenceNumber, SiteId, edits_from
from model.measures.measure_set import ONLINE


class Edit:
    """One edit on its way.

    Attributes:
        planned_us: when its person wanted to make it.
        knew: what its client knew then: :data:`ONLINE`, ``CUT_OFF`` or ``OFFLINE``.
        network_us: what the modelled network took until it was stored.
        last: the last of the edits that travelled with it.
        revision, received_us, broadcast_us: of the revision that it became; 0 where that is not known.
    """

    __slots__ = (
        "broadcast_us",
        "document",
        "knew",
        "last",
        "network_us",
        "planned_us",
        "received_us",
        "revision",
        "sequence",
        "site",
    )

    def __init__(
        self, site: SiteId, sequence: SequenceNumber, document: DocumentId, planned_us: int, knew: str
    ) -> None:
        """An edit that was just made."""
        self.site = site
        self.sequence = sequence
        self.document = document
        self.planned_us = planned_us
        self.knew = knew
        self.last = sequence
        self.revision: Revision = EMPTY_LOG
        self.network_us = self.received_us = self.broadcast_us = 0


class Edits:
    """The edits of one site.

    Attributes:
        open: those that are not known to be durable.
    """

    __slots__ = ("_carried_us", "_waiting", "open")

    def __init__(self) -> None:
        self.open: dict[SequenceNumber, Edit] = {}
        self._waiting: dict[SequenceNumber, Edit] = {}  # made online, not stored
        self._carried_us = 0  # until when the network's part is taken off

    def made(self, edit: Edit) -> None:
        """An edit was made."""
        self.open[edit.sequence] = edit
        if edit.knew == ONLINE:
            self._waiting[edit.sequence] = edit

    def forgotten(self, last: SequenceNumber) -> None:
        """The client remembers nothing of its edits after ``last``."""
        for sequence in [s for s in self.open if s > last]:
            del self.open[sequence]
            self._waiting.pop(sequence, None)

    def carried(self, arrived_us: int, network_us: int) -> None:
        """The network took so long for a message that those who wait have to wait for."""
        if not self._waiting:
            return
        left_us = max(arrived_us - network_us, self._carried_us)
        self._carried_us = max(arrived_us, self._carried_us)
        for edit in self._waiting.values():
            edit.network_us += max(0, arrived_us - max(left_us, edit.planned_us))

    def came_back(self, network_us: int) -> None:
        """The network took so long of a time in which nothing could be sent and nothing was made online."""
        for edit in self._waiting.values():
            edit.network_us += network_us

    def stored(self, first: SequenceNumber, last: SequenceNumber, revision: Revision) -> list[Edit]:
        """Those that are part of a revision; the network's part of their way so far is known."""
        found: list[Edit] = []
        for sequence in edits_from(first, last):
            edit = self.open.get(sequence)
            if edit is not None:
                edit.last, edit.revision = last, revision
                self._waiting.pop(sequence, None)
                found.append(edit)
        return found

    def durable(self, last: SequenceNumber) -> Iterator[Edit]:
        """Those up to ``last``, which the author knows to be durable now."""
        for sequence in [s for s in self.open if s <= last]:
            edit = self.open.pop(sequence)
            self._waiting.pop(sequence, None)
            yield edit

    def never_durable(self) -> list[Edit]:
        """Those of which nobody will know any more whether they are durable."""
        found = list(self.open.values())
        self.open.clear()
        self._waiting.clear()
        return found
