"""How far an exploration goes, and one way through it, as data: who takes part, what happens step by step."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NamedTuple, TypeAlias, get_args

import msgspec

from model.identity import DocumentId, SiteId

ActionKind: TypeAlias = Literal["insert", "delete", "replace", "undo", "redo", "move", "absence"]
"""What a person may do next; the place is always the middle of the text, so that everybody is in the way.

An ``absence`` is a closed laptop at which nine letters are typed: one more than a blip, so a branch.
"""

ACTIONS: Final[tuple[ActionKind, ...]] = get_args(ActionKind)

TYPED_OFFLINE: Final = 9
"""Letters typed in one absence; one more than :data:`model.protocol.BLIP_EDITS_MAX`."""

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


class Way(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to the clients and the server of a scope, one step after another.

    Attributes:
        scope: who takes part; all steps are within it.
        steps: what happens, from when everybody has joined; one that cannot happen then is passed over.
        is_end: whether everything is read back after the last of them, if nothing has to happen any more.
    """

    scope: Scope
    steps: tuple[Step, ...]
    is_end: bool

    @property
    def edits(self) -> int:
        """Edits that people make on it."""
        return sum(
            TYPED_OFFLINE if step.how == "absence" else step.how != "move"
            for step in self.steps
            if step.kind == "act"
        )

    @property
    def faults(self) -> tuple[Step, ...]:
        """The steps with which something goes wrong."""
        return tuple(step for step in self.steps if step.fault is not None)


_CLIENT_STEPS: Final = {
    "up": "the server receives the next message of {who}",
    "down": "{who} receives the next message of the server",
    "connect": "{who} opens a connection",
    "restart": "{who} starts again with what it had saved",
    "online": "{who} opens the laptop",
    "wait": "{who} does what was due",
    "break": "the connection of {who} breaks",
    "crash": "{who} crashes",
    "end": "the server notices that a connection of {who} is gone",
    "stray": "the server receives a message of a connection that {who} has lost",
}

_WORKER_STEPS: Final = {
    "start": "{who} starts again",
    "merge": "{who} merges more of a branch",
    "hint": "{who} hears that another one has appended",
    "late": "an append of which nobody hears any more reaches the store",
}

_DONE: Final[dict[str, str]] = {
    "insert": "inserts a character in the middle",
    "delete": "deletes two characters in the middle",
    "replace": "replaces a character in the middle",
    "undo": "undoes its last edit",
    "redo": "redoes what it has undone",
    "move": "puts its cursor into the middle",
    "absence": f"closes the laptop and types {TYPED_OFFLINE} characters without a connection",
}


def concerned(step: Step) -> int | None:
    """The number of the client that a step is about; None if it is about the server."""
    return step.who if step.kind == "act" or step.kind in _CLIENT_STEPS else None


def words(step: Step, workers: int) -> str:
    """A step as a sentence without its full stop."""
    worker = "the server" if workers == 1 else f"worker {step.who}"
    if step.kind == "act":
        return f"{SITES[step.who]} {_DONE[step.how]}"
    if step.kind == "store":
        return f"the store answers {worker}" if step.how == COMMITTED else f"the store: {step.how}"
    if step.kind == "death":
        return f"{worker} dies; its append: {step.how}"
    if step.kind in _CLIENT_STEPS:
        return _CLIENT_STEPS[step.kind].format(who=SITES[step.who])
    return _WORKER_STEPS[step.kind].format(who=worker)
