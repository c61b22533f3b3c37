"""One user: the client, a person who edits, and the bookkeeping of a load run. No sockets here.

Whoever runs a user is its :class:`~model.client.client.Host`, hands over what arrives, and says when a
connection is gone. What the client does is :mod:`model.client`'s.
"""

from __future__ import annotations

import random
from typing import Final

from loadgen.audit import Promise
from loadgen.connection import WebSocket
from loadgen.state import Room, WorkerState
from model.client.answers import ERRORS, Answer
from model.client.backoff import Backoff
from model.client.client import Client, Host
from model.client.concord import Concord
from model.client.recorder import ClientRecorder
from model.client.tokens import TokenSource
from model.identity import Revision, SiteId
from model.jupiter import Replica
from model.outgoing import Sent
from model.people.actions import Action, Author, Edit
from model.protocol import (
    Ack,
    CatchUp,
    Committed,
    Failure,
    Joined,
    Merged,
    PeerPresence,
    Presence,
    ServerMessage,
    Submit,
)

RETRY_US: Final = 200_000
RETRY_US_MAX: Final = 10_000_000


class UserRecorder(ClientRecorder):
    """Also takes note of what a user hears of the others."""

    __slots__ = ("_room", "_state")

    def __init__(self, state: WorkerState, room: Room) -> None:
        """A recorder of a user of this document."""
        super().__init__(room.sink, room.document, displayed=room.is_sampled)
        self._state = state
        self._room = room

    def heard(self, frame: bytes) -> ServerMessage:
        """Decode a message and take note of what it says of the document, before the client takes it."""
        state, room = self._state, self._room
        message = state.memo.decode(frame)
        site = self.client.engine.site
        if room.is_sampled:
            state.assembly.saw(room.document, site, message, state.now)
        if type(message) is Committed:  # nearly all of them
            state.sighted(room, message.revision, message.site, message.first, message.last)
        elif isinstance(message, Ack | Merged):
            state.sighted(room, message.revision, site, message.first, message.last)
        elif isinstance(message, CatchUp):
            for row in message.rows:
                state.sighted(room, row.revision, row.site, row.first, row.last)
        elif isinstance(message, Joined):
            room.head = max(room.head, message.revision)
        elif isinstance(message, PeerPresence) and message.selection is not None:
            position = message.selection[1]
            state.measures.cursor_heard_of(site, message.site, message.revision, position, state.now)
        return message

    def sent(self, base: Revision, sent: Sent) -> None:
        """Also: over which connection."""
        state, room, engine = self._state, self._room, self.client.engine
        super().sent(base, sent)
        if room.is_sampled:  # after it, because nothing is handed over before it is sent
            state.assembly.submitted(room.document, engine.site, engine.epoch, sent.messages, state.now)

    def looked(self) -> None:
        """Also: a cursor has to go to the server."""
        state = self._state
        state.measures.cursor_moved(self.client.engine.site, self.planned_us or state.now)
        super().looked()

    def pointed(self, message: Submit | Presence) -> None:
        """Also: the server is told of a cursor."""
        super().pointed(message)
        state, site = self._state, self.client.engine.site
        if isinstance(message, Submit):
            state.measures.cursor_taken_along(site)
        elif message.selection is not None:
            state.measures.cursor_sent(site, message.revision, message.selection[1], state.now)

    def failed(self, failure: Failure) -> None:
        """Count it."""
        state, rule = self._state, ERRORS[failure.code]
        state.count(failure.code.value)
        if rule.warning is Answer.RENEW and not failure.fatal:
            state.count("token_not_renewed_in_time")

    def broke_protocol(self, kind: str, problem: str) -> None:
        """Also count it."""
        super().broke_protocol(kind, problem)
        self._state.count("protocol")

    def gave_up(self, cause: str) -> None:
        """Count it."""
        self._state.count(f"gave_up_{cause}")


class User(Client[WebSocket, Concord]):
    """One user of one document."""

    __slots__ = ("_author", "_opening", "_recorder", "_state", "room", "was_served")

    def __init__(
        self,
        host: Host[WebSocket],
        state: WorkerState,
        room: Room,
        site: SiteId,
        author: Author,
        tokens: TokenSource,
        rng: random.Random,
        *,
        opening: str = "",
    ) -> None:
        """A user who is not connected yet.

        Args:
            host: its time and its transport.
            state: of its worker.
            room: its document.
            site: its identity, also its name for tokens.
            author: the person.
            tokens: where its tokens come from.
            rng: decides how long it waits before it tries again.
            opening: what the person writes first into a document that is empty; nothing for most.
        """
        self._state = state
        self.room = room
        self._author = author
        self._opening = opening
        self.was_served = False  # whether a connection of it was ever accepted
        recorder = self._recorder = UserRecorder(state, room)
        room.users.append(self)

        def replica(new_site: SiteId) -> Replica:
            return Replica(new_site, room.document, apply=state.memo.apply)

        super().__init__(
            host,
            recorder,
            Backoff(RETRY_US, RETRY_US_MAX, rng),
            lambda controls: Concord(
                controls, recorder, site, replica, lambda: tokens.token(str(site)), recorder.heard
            ),
        )
        recorder.client = self.dialect

    @property
    def is_connected(self) -> bool:
        """Whether it wants to be connected, and is."""
        return self.wants_connection and self.dialect.is_connected

    @property
    def knows_everything(self) -> bool:
        """Whether it is live, everything it did is durable, and it knows what the others know."""
        return self.is_settled and self.dialect.engine.revision == self.room.head

    @property
    def promises(self) -> list[Promise]:
        """What the server promised to all sites that the user ever was."""
        identities = [*self.dialect.retired, self.dialect.save()]
        return [Promise(saved.site, saved.acknowledged, saved.sequence) for saved in identities]

    def record_final(self) -> None:
        """Record what it shows in the end."""
        # Who could not connect shows what is old by no fault of the log; the run's health tells of that.
        self._recorder.final(online=self.is_connected)

    def received(self, link: WebSocket, frame: bytes) -> None:
        """A message of the server; whoever is first in an empty document writes its first text."""
        super().received(link, frame)
        if self._opening and self.is_editable:
            opening, self._opening = self._opening, ""
            if not self.dialect.engine.revision:
                self._perform(Edit("paste", 0, 0, opening), self._state.now)

    def act(self, planned_us: int) -> bool:
        """The person does the next thing, planned for then; whether the text was changed."""
        if not self.may_type:
            return False
        return self._perform(self._author.act(self.text, self.dialect.caret), planned_us)

    def _perform(self, action: Action, planned_us: int) -> bool:
        self._recorder.planned_us = planned_us
        try:
            return self.perform(action)
        finally:
            self._recorder.planned_us = 0
