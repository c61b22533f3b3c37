"""How far an exploration goes, as data: who takes part, what they may do, what may go wrong."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple, TypeAlias, get_args

import msgspec

from model.identity import DocumentId, SiteId

ActionKind: TypeAlias = Literal["insert", "delete", "replace", "undo", "redo", "move", "absence"]
"""What a person may do next; the place is always the middle of the text, so that everybody is in the way.

An ``absence`` is a closed laptop at which nine letters are typed: one more than a blip, so a branch.
"""

ACTIONS: Final[tuple[ActionKind, ...]] = get_args(ActionKind)

DOCUMENT: Final = DocumentId("d")
SITES: Final = tuple(SiteId(site) for site in "abcd")

_Few = Annotated[int, msgspec.Meta(ge=0, le=9)]


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything within these bounds is tried: each order, each fault at each moment.

    Attributes:
        clients: how many are in the document, in the order of their sites.
        readers: of the clients, how many only read; the last ones.
        edits: things that people do, all clients together; each is any of ``actions`` of any client.
        actions: what people may do.
        breaks: connections that break.
        crashes: of a client, or of a worker of the server.
        unknown: appends and reads of the store whose answer is lost.
        faults: how many of these may happen in one history.
        workers: of the server, over one store; the clients are spread over them.
        horizon: revisions that the log keeps behind a snapshot of every revision; 0 trims nothing.
        queue: edits and joins that may wait for the document before others are told that it is busy, and the
            third time are sent away; 0 is the core's own bound.
        text: what the document starts with.
    """

    clients: Annotated[int, msgspec.Meta(ge=1, le=len(SITES))] = 2
    readers: _Few = 0
    edits: _Few = 2
    actions: tuple[ActionKind, ...] = ("insert", "delete")
    breaks: _Few = 1
    crashes: _Few = 1
    unknown: _Few = 1
    faults: _Few = 1
    workers: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1
    horizon: _Few = 0
    queue: _Few = 0
    text: str = "01"


FaultKind: TypeAlias = Literal["break", "crash", "death", "unknown"]
"""A connection breaks, a client crashes, a worker of the server dies, an answer of the store is lost."""

FAULTS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)

Boundary: TypeAlias = Literal["join", "compose", "send", "persist", "acknowledge", "broadcast", "apply"]
"""Where an edit is when something goes wrong.

``join``: a connection is being let in. ``compose``: it is made and not sent. ``send``: it is on its way to
the server. ``persist``: the store has it and has not answered. ``acknowledge``, ``broadcast``: it is durable,
and that is on its way to its author, to the others. ``apply``: everybody has it.
"""

BOUNDARIES: Final[tuple[Boundary, ...]] = get_args(Boundary)


class Step(NamedTuple):
    """One thing that happens.

    Attributes:
        kind: what.
        who: number of the client, or of the worker.
        how: which action, or which outcome.
    """

    kind: str
    who: int
    how: str = ""

    @property
    def fault(self) -> FaultKind | None:
        """Which kind of fault it is, if it is one."""
        if self.kind in ("break", "crash", "death"):
            return self.kind  # type: ignore[return-value]  # just compared
        return "unknown" if self.kind == "store" and self.how != COMMITTED else None

    def __str__(self) -> str:
        return " ".join(part for part in (self.kind, str(self.who), self.how) if part)


COMMITTED: Final = "answered"
"""The store does what it was asked for, and says so."""

APPLIED: Final = "applied, answer lost"
LOST: Final = "not applied, answer lost"
LATE: Final = "answer lost, applied later"
"""What else may become of an append; the last is done only after the server has heard of nothing."""
