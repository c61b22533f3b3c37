"""A replica among others: its text and its person, and how it comes, goes and dies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from model import history
from model.crdt.replicas import ALGORITHMS
from model.crdt.replicas.port import CausalBuffer, Event, Replica
from model.identity import Revision, SequenceNumber, SiteId
from model.marks import Mechanism, mark
from model.people.actions import Action, Author, Edit, Move, Redo, Undo, clamped, mark_unusual, operation_of
from simulator.gossip.caret import Caret
from simulator.gossip.disk import SavedPeer
from simulator.gossip.exchange import EventExchange, ExchangeHost
from simulator.planning.plan import ClientPlan, DocumentPlan
from simulator.virtual.holds import Holds
from simulator.virtual.sessions import absences_of
from simulator.virtual.witness import Symptom


class PeerHost(ExchangeHost, Protocol):
    """What a peer needs of the cell it is part of.

    Attributes:
        is_healing: no fault acts any more and nobody edits.
    """

    parts: GossipParts
    is_healing: bool

    def group_of(self, document: DocumentPlan) -> list[SiteId]:
        """Everybody who ever makes events of a document, apart from its first text."""
        ...


class GossipPeer(EventExchange):
    """One replica of one document, and whoever sits in front of it."""

    __slots__ = (
        "_caret",
        "_is_silent",
        "_saved",
        "absences",
        "author",
        "deaths",
        "has_left",
        "has_started",
        "is_down",
    )

    _host: PeerHost

    def __init__(
        self,
        host: PeerHost,
        document: DocumentPlan,
        plan: ClientPlan,
        author: Author | None,
        first: Sequence[Event],
    ) -> None:
        """``first`` is the text that the document starts with."""
        super().__init__(host, document, plan, host.parts.replica(plan.site), host.parts.buffer, first)
        self.author = author
        self.is_down = False
        self.has_started = False
        self.has_left = False
        self.absences = absences_of(self)
        self.deaths: Holds[None] = Holds(self.crash, self.restart)
        self._saved: SavedPeer | None = None
        self._is_silent = True
        self._caret = Caret()

    @property
    def wants_connection(self) -> bool:
        """Whether it is online."""
        return self.is_online

    @property
    def is_editable(self) -> bool:
        """Whether its person could edit now."""
        return self.has_started and not self.is_down

    # --- coming and going ---------------------------------------------------------------------------------

    def go_online(self) -> None:
        """Open the laptop, unless it has to stay closed: ask somebody at once, and go on asking."""
        if self.is_online or self.is_down or self.absences or (self.has_left and not self._host.is_healing):
            return
        self.has_started = self.is_online = True
        self._is_silent = False
        host = self._host
        host.record(history.Online(host.now, self.site, self._document.document))
        host.witness.notice(Symptom.RETURNED, self.site)
        self._begin_incarnation()

    def go_offline(self, cause: str, *, silent: bool = True) -> None:
        """Close the laptop; unless ``silent``, its person goes on typing."""
        if not self.is_online:
            return
        self.is_online = False
        self._is_silent = silent
        self._end_incarnation()
        self._host.record(history.Offline(self._host.now, self.site, self._document.document, cause))
        self._host.witness.notice(Symptom.LEFT, self.site)

    def leave_when_durable(self) -> None:
        """Go offline until the heal: what it alone knows must not be gone for good."""
        self.go_offline("left")
        self.has_left = True

    def crash(self) -> None:
        """The process dies with what is in memory: news, events held back, and what was not synced."""
        if self.is_down or not self.has_started:
            return
        self.go_offline("crashed")
        self.is_down = True
        self._end_incarnation()
        self._saved = self._disk.after_crash(self.replica)

    def restart(self) -> None:
        """A new process loads what was saved."""
        saved, self._saved = self._saved, None
        if not self.is_down or saved is None:
            return
        self.is_down = False
        host, parts = self._host, self._host.parts
        try:
            self.replica = parts.replica.load(saved.data)
        except Exception as error:
            self.raised("loaded what it had saved", error)
        mark(Mechanism.REPLICA_RELOADED)
        version = self._reload(parts.buffer, saved.sequence)
        self._caret = Caret()
        if self._stability is not None:
            self.compacts_among(self._host.group_of(self._document))
        document = self._document.document
        loaded = history.fingerprint(self.replica.text)
        host.record(history.Reloaded(host.now, self.site, document, version, saved.fingerprint, loaded))
        host.record(history.Restarted(host.now, self.site, document, Revision(self.known), self.sequence))
        host.witness.notice(Symptom.RESTARTED, self.site)
        self.go_online()

    # --- the person ---------------------------------------------------------------------------------------

    def act(self, author: Author | None = None) -> None:
        """The person, or another ``author``, does the next thing."""
        author = author or self.author
        if author is None or self._is_silent or not self.is_editable or self.has_left:
            return
        text = self.replica.text
        self.perform(author.act(text, self._caret.position(text)))

    def perform(self, action: Action) -> bool:
        """The person does this; there is no undo here, and nobody else is told of the cursor."""
        match action:
            case Edit():
                return self._edit(action)
            case Move():
                self._caret.put(self.replica.text, action.head)
                return False
            case Undo() | Redo():
                return False

    def _edit(self, edit: Edit) -> bool:
        host, document = self._host, self._document.document
        length = len(self.replica.text)
        edit = clamped(edit, length)
        position, deleted, inserted = edit.position, edit.deleted, edit.inserted
        if not (deleted or inserted):
            return False
        self.sequence = SequenceNumber(self.sequence + 1)
        host.record(
            history.Edited(
                host.now,
                self.site,
                document,
                self.sequence,
                edit.kind,
                Revision(self.known),
                operation_of(edit, length),
                host.now,
            )
        )
        try:
            events = self.replica.delete(position, deleted) + self.replica.insert(position, inserted)
        except Exception as error:
            self.raised(f"made {self.site}#{self.sequence}", error)
            return True
        mark_unusual(edit)
        self._generated(events)
        text = self.replica.text
        self._caret.put(text, position + len(inserted))
        if self._document.displayed:
            host.record(history.Displayed(host.now, self.site, document, text, self.sequence))
        return True

    # --- the end ------------------------------------------------------------------------------------------

    def final(self) -> history.FinalVersion:
        """The state at the end."""
        version = dict(sorted(self.replica.version.items()))
        text = history.fingerprint(self.replica.text)
        order = history.order_fingerprint(self.replica.elements())
        document = self._document.document
        return history.FinalVersion(
            self._host.now, self.site, document, version, text, order, self.waiting, self.is_online
        )


class GossipParts(NamedTuple):
    """The classes a replica is built from; the bug zoo replaces them from outside."""

    replica: type[Replica]
    buffer: type[CausalBuffer] = CausalBuffer
    peer: type[GossipPeer] = GossipPeer


def healthy_parts(rule: str) -> GossipParts:
    """The replica of a list rule as it is."""
    return GossipParts(ALGORITHMS[rule])
