"""One connection as the gateway knows it, before it is a member of a document and after."""

from __future__ import annotations

from model.identity import ConnectionId, SiteId
from model.protocol import Join
from reference_server.core.document import Document
from reference_server.core.effects import Identity
from reference_server.core.states import RULES, State, Trigger

_NOBODY = Identity("")


class Session:
    """One connection."""

    __slots__ = (
        "compressed",
        "deadline_us",
        "document",
        "identity",
        "join",
        "questions",
        "renewing",
        "site",
        "state",
        "warned",
    )

    def __init__(self, deadline_us: int) -> None:
        self.deadline_us = deadline_us  # to have joined by
        self.state = State.GREETING  # what comes after JOINING, the document's member knows
        self.site = SiteId("")
        self.identity = _NOBODY
        self.join: tuple[Join, int] | None = None  # what waits for its authorization, and since when
        self.document: Document | None = None
        self.compressed = False
        self.renewing = False
        self.questions = 0  # about its right, asked again since it joined and not answered yet
        self.warned = False  # that the token has expired

    def enter(self, state: State, because: Trigger) -> None:
        """Go on to a state that the rules allow to come of what happened."""
        assert state in RULES[self.state].get(because, ()), (self.state, because, state)
        self.state = state

    def state_of(self, connection: ConnectionId) -> State:
        """How far it has come; ``connection`` is its number in the document."""
        if self.document is None or (member := self.document.members.get(connection)) is None:
            return self.state
        return State.LIVE if member.live else State.HANDING_IN
