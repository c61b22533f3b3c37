"""CRDTs to compare with: a recorded session as the updates that their clients would exchange."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import loro
import msgspec
import pycrdt

from model.crdt.graph import ROOT, EventGraph, Version
from model.crdt.replicas.fuguemax import FugueMax
from model.crdt.replicas.port import Event
from model.identity import SiteId
from simulator.workload.traces import Patch, Trace

PLAIN = "plain replica"
LORO = "loro"


class Library(Protocol):
    """A document of a library, as one client has it."""

    def __init__(self, client: int) -> None: ...

    @property
    def text(self) -> str: ...

    def edit(self, patches: Sequence[Patch]) -> bytes:
        """Apply patches in one transaction and return it as an update."""

    def apply(self, update: bytes) -> None:
        """Take in an update of another client."""

    def apply_all(self, updates: list[bytes]) -> None:
        """Take in updates at once."""


class Pycrdt:
    """Yjs in Rust. It counts UTF-8 bytes, so sessions have to be plain ASCII."""

    def __init__(self, client: int) -> None:
        self._document: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=client)
        self._text = self._document.get("text", type=pycrdt.Text)
        self._updates: list[bytes] = []

    @property
    def text(self) -> str:
        return str(self._text)

    def edit(self, patches: Sequence[Patch]) -> bytes:
        updates: list[bytes] = []
        subscription = self._document.observe(lambda event: updates.append(event.update))
        with self._document.transaction():
            for position, deleted, inserted in patches:
                if deleted:
                    del self._text[position : position + deleted]
                if inserted:
                    self._text.insert(position, inserted)
        self._document.unobserve(subscription)
        return updates[0] if updates else b""

    def apply(self, update: bytes) -> None:
        self._document.apply_update(update)

    def apply_all(self, updates: list[bytes]) -> None:
        self._document.apply_update(pycrdt.merge_updates(*updates))


class Loro:
    """Loro, which replays an event graph as our walker does."""

    def __init__(self, client: int) -> None:
        self._document = loro.LoroDoc()  # type: ignore[no-untyped-call]
        self._document.peer_id = client
        self._text = self._document.get_text("text")

    @property
    def text(self) -> str:
        return self._text.to_string()

    def edit(self, patches: Sequence[Patch]) -> bytes:
        before = self._document.oplog_vv
        for position, deleted, inserted in patches:
            self._text.splice(position, deleted, inserted)
        self._document.commit()
        return self._document.export(loro.ExportMode.Updates(before))

    def apply(self, update: bytes) -> None:
        self._document.import_(update)

    def apply_all(self, updates: list[bytes]) -> None:
        self._document.import_batch(updates)


class Plain:
    """A plain FugueMax replica of our own, which takes one event after another; updates are JSON."""

    def __init__(self, client: int) -> None:
        self._replica = FugueMax(SiteId(f"{client:010}"))

    @property
    def text(self) -> str:
        return self._replica.text

    def edit(self, patches: Sequence[Patch]) -> bytes:
        events: list[Event] = []
        for position, deleted, inserted in patches:
            if deleted:
                events += self._replica.delete(position, deleted)
            if inserted:
                events += self._replica.insert(position, inserted)
        return msgspec.json.encode(events) if events else b""

    def apply(self, update: bytes) -> None:
        for event in msgspec.json.decode(update, type=list[Event]):
            self._replica.apply(event)

    def apply_all(self, updates: list[bytes]) -> None:
        for update in updates:
            self.apply(update)


LIBRARIES: dict[str, type[Library]] = {PLAIN: Plain, "pycrdt": Pycrdt, LORO: Loro}


def recorded_updates(trace: Trace, library: type[Library]) -> list[bytes]:
    """What the clients of a session would have sent: one update for each transaction that changes something.

    An author goes on with a client of its own that knows nothing else, or begins with a new one.
    """
    history = EventGraph()  # one event for each transaction, to see what a client has not seen
    clients: dict[int, list[tuple[Library, Version]]] = {}
    updates: list[bytes] = []
    for number, (agent, parents, patches) in enumerate(
        (t.agent, t.parents, t.patches) for t in trace.transactions
    ):
        own = clients.setdefault(agent, [])
        place = next((at for at, (_, known) in enumerate(own) if not history.diff(known, parents)[0]), None)
        client, known = (library(number + 1), ROOT) if place is None else own.pop(place)
        missing = [updates[n] for span in reversed(history.diff(known, parents)[1]) for n in range(*span)]
        if any(missing):
            client.apply_all(list(filter(None, missing)))
        updates.append(client.edit(patches))
        own.append((client, history.add(SiteId(str(agent)), parents, [(0, 0, "x")])))
    return list(filter(None, updates))
