"""A replica among others: its text and its person, what it passes on, and how it comes, goes and dies.

What a peer learns, from its person or from others, it sends at the end of a round to a few others (a rumour).
Now and then it sends nothing but its version to one of them and is sent what it lacks; who is asked and
lacks something itself asks back. Events are integrated as soon as everything they need is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from model import history
from model.crdt.replicas import ALGORITHMS
from model.crdt.replicas.port import CausalBuffer, Event, Replica, Version, spoken
from model.crdt.replicas.stability import Stability
from model.history import Record
from model.identity import DocumentId, SiteId
from model.people.actions import Action, Author, Edit, Move, Redo, Undo, clamped, operation_of
from simulator.gossip.caret import Caret
from simulator.gossip.datagrams import EVENTS_MAX, Datagram, Datagrams
from simulator.gossip.disk import Disk, SavedPeer
from simulator.planning.plan import ClientPlan, DocumentPlan
from simulator.planning.scenario import Gossip
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock

ANSWER_DATAGRAMS_MAX: Final = 16
"""Datagrams with which one question is answered; who lacks more asks again."""

LOOKED_AT_EVERY: Final = 4
"""In documents that are not sampled a text is looked at when the number of known events is a multiple.

A function of the version alone, so that all replicas that get to a version look at it, or none.
"""


class Group(Protocol):
    """What a peer needs of the cell it lives in.

    Attributes:
        settings: how to gossip.
        is_healing: no fault acts any more and nobody edits.
    """

    clock: Clock
    seeds: Seeds
    settings: Gossip
    parts: GossipParts
    network: Datagrams
    record: Callable[[Record], None]
    is_healing: bool

    @property
    def now(self) -> int:
        """Virtual time in microseconds."""
        ...

    def fingerprint(self, text: str) -> int:
        """The fingerprint of a text."""
        ...

    def peer_of(self, site: SiteId) -> Peer:
        """The peer of a site."""
        ...

    def group_of(self, document: DocumentPlan) -> list[SiteId]:
        """Everybody who ever makes events of a document, apart from its first text."""
        ...

    def made(self, document: DocumentId, events: Sequence[Event]) -> None:
        """Somebody made events."""


class Peer:
    """One replica of one document, and whoever sits in front of it.

    Attributes:
        neighbours: whom it may send to.
        is_hub: whether it passes everything on to everybody (the middle of a star).
        known: how many events it knows.
        newest: the highest number of a datagram that arrived, by sender.
    """

    __slots__ = (
        "_buffer",
        "_caret",
        "_disk",
        "_document",
        "_gossip_random",
        "_is_silent",
        "_life",
        "_news",
        "_number",
        "_passed_on",
        "_round_is_due",
        "_saved",
        "_stability",
        "_world",
        "author",
        "has_left",
        "has_started",
        "is_down",
        "is_hub",
        "is_online",
        "known",
        "neighbours",
        "network_random",
        "newest",
        "plan",
        "replica",
        "sequence",
        "skew_us",
    )

    def __init__(
        self,
        world: Group,
        document: DocumentPlan,
        plan: ClientPlan,
        author: Author | None,
        first: Sequence[Event],
    ) -> None:
        """``first`` is the text that the document starts with."""
        self._world = world
        self._document = document
        self.plan = plan
        self.author = author
        self.neighbours: Sequence[Peer] = ()
        self.is_hub = False
        self.is_online = False
        self.is_down = False
        self.has_started = False
        self.has_left = False
        self.skew_us = 0
        self.known = len(first)
        self.sequence = 0
        self.newest: dict[SiteId, int] = {}
        self.replica = world.parts.replica(plan.site)
        for event in first:
            self.replica.apply(event)
        self._buffer = world.parts.buffer(self.replica.version)
        self._disk = Disk(first)
        self._saved: SavedPeer | None = None
        self._stability: Stability | None = None
        self._news: list[Event] = []
        self._passed_on: list[Event] = []
        self._number = 0
        self._life = 0  # calls that were planned before the last end of a life do nothing
        self._round_is_due = False
        self._is_silent = True
        self._caret = Caret()
        self.network_random = world.seeds.stream("network", plan.site)
        self._gossip_random = world.seeds.stream("gossip", plan.site)

    @property
    def site(self) -> SiteId:
        """Whose replica it is."""
        return self.plan.site

    @property
    def wants_connection(self) -> bool:
        """Whether it is online."""
        return self.is_online

    @property
    def is_editable(self) -> bool:
        """Whether its person could edit now."""
        return self.has_started and not self.is_down

    @property
    def compacts(self) -> bool:
        """Whether it drops tombstones."""
        return self._stability is not None

    @property
    def waiting(self) -> int:
        """How many events are held back."""
        return self._buffer.waiting

    def compacts_among(self, group: Iterable[SiteId]) -> None:
        """Drop stable tombstones from now on; ``group`` is everybody who ever makes events."""
        self._stability = Stability(group)

    # --- coming and going ---------------------------------------------------------------------------------

    def go_online(self) -> None:
        """Open the laptop: ask somebody at once, and go on asking."""
        if self.is_online or self.is_down or (self.has_left and not self._world.is_healing):
            return
        self.has_started = self.is_online = True
        self._is_silent = False
        world = self._world
        world.record(history.Online(world.now, self.site, self._document.document))
        self._compare(self._life)
        if self._news:
            self._plan_round()
        if self._stability is not None:
            self._plan(world.settings.compact_us, self._compact)

    def go_offline(self, cause: str, *, silent: bool = True) -> None:
        """Close the laptop; unless ``silent``, its person goes on typing."""
        if not self.is_online:
            return
        self.is_online = False
        self._is_silent = silent
        self._end_life()
        self._world.record(history.Offline(self._world.now, self.site, self._document.document, cause))

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
        self._end_life()
        self._saved = self._disk.after_crash(self.replica)

    def restart(self) -> None:
        """A new process loads what was saved."""
        saved, self._saved = self._saved, None
        if not self.is_down or saved is None:
            return
        self.is_down = False
        world, parts = self._world, self._world.parts
        try:
            self.replica = parts.replica.load(saved.data)
        except Exception as error:
            self._refused("load what it had saved", error)
        version = dict(self.replica.version)
        self._buffer = parts.buffer(version)
        self.known = sum(version.values())
        self.sequence = saved.sequence
        self._news, self._passed_on = [], []
        self._caret = Caret()
        if self._stability is not None:
            self.compacts_among(self._world.group_of(self._document))
        document = self._document.document
        loaded = history.fingerprint(self.replica.text)
        world.record(history.Reloaded(world.now, self.site, document, version, saved.fingerprint, loaded))
        world.record(history.Restarted(world.now, self.site, document, self.known, self.sequence))
        self.go_online()

    def _end_life(self) -> None:
        self._life += 1
        self._round_is_due = False

    # --- what others say ----------------------------------------------------------------------------------

    def receive(self, datagram: Datagram) -> None:
        """Take over what is new, and answer if the sender asks."""
        if datagram.events:
            fresh = self._take(datagram.events)
            if fresh:
                self._learnt(fresh)
        if self._stability is not None and self._lacks_nothing_of(datagram.version):
            self._stability.saw(datagram.sender, datagram.version)
        if datagram.asks:
            self._answer(datagram)

    def _take(self, events: Iterable[Event]) -> list[Event]:
        """Integrate what is new and has everything it needs; the events that were integrated."""
        add, apply = self._buffer.add, self.replica.apply
        fresh: list[Event] = []
        for event in events:
            for ready in add(event):
                try:
                    if apply(ready):
                        fresh.append(ready)
                except Exception as error:  # the code under test may fail anyhow, which is a finding
                    self._refused(f"take over {spoken(ready.id)}", error)
        return fresh

    def _refused(self, what: str, error: Exception) -> None:
        world = self._world
        problem = f"{type(error).__name__}: {error}"
        world.record(history.Refused(world.now, self.site, self._document.document, what, problem))

    def _learnt(self, fresh: list[Event]) -> None:
        world, document = self._world, self._document
        self.known += len(fresh)
        self._disk.append(fresh)
        version, fingerprint = self._look()
        world.record(
            history.Integrated(
                world.now, self.site, document.document, history.spans_of(fresh), version, fingerprint
            )
        )
        if document.displayed:
            text = self.replica.text
            world.record(history.Displayed(world.now, self.site, document.document, text))
        if self.is_hub or len(self.neighbours) > 1:
            self._news += fresh
            self._plan_round()

    def _look(self) -> tuple[int, int]:
        """Fingerprints of version and text, or twice 0 if this is not a version to be looked at."""
        if self.known % LOOKED_AT_EVERY and not self._document.displayed:
            return 0, 0
        return history.version_fingerprint(self.replica.version), self._world.fingerprint(self.replica.text)

    def _lacks_nothing_of(self, version: Version) -> bool:
        mine = self.replica.version
        return all(mine.get(site, 0) >= counter for site, counter in version.items())

    def _answer(self, datagram: Datagram) -> None:
        """Send what the asking one lacks, and ask back for what is lacking here."""
        asker = self._world.peer_of(datagram.sender)
        try:
            delta = self.replica.events_since(datagram.version)
        except ValueError:
            # The question is so old that tombstones went meanwhile, which its sender has long known.
            return
        asks = not self._lacks_nothing_of(datagram.version)
        if delta or asks:
            self._send([asker], delta[: EVENTS_MAX * ANSWER_DATAGRAMS_MAX], asks=asks)

    # --- what is passed on --------------------------------------------------------------------------------

    def _plan(self, mean_us: int, function: Callable[[int], None]) -> None:
        delay_us = max(1, int(mean_us * (0.5 + self._gossip_random.random())))
        self._world.clock.call(delay_us, function, self._life)

    def _plan_round(self) -> None:
        if not self._round_is_due and self.is_online:
            self._round_is_due = True
            self._plan(self._world.settings.round_us, self._round)

    def _round(self, life: int) -> None:
        """Pass on what is new."""
        if life != self._life:
            return
        self._round_is_due = False
        self._passed_on, self._news = self._news, []
        self._send(self._chosen(self._world.settings.fanout), self._passed_on, asks=False)

    def _compare(self, life: int) -> None:
        """Ask one of the others for what is lacking here, and plan the next time."""
        if life != self._life:
            return
        self._send(self._chosen(1), (), asks=True)
        self._plan(self._world.settings.compare_us, self._compare)

    def _compact(self, life: int) -> None:
        """Drop stable tombstones, and plan the next time."""
        if life != self._life or self._stability is None:
            return
        world = self._world
        self._stability.saw(self.site, self.replica.version)
        before = history.fingerprint(self.replica.text)
        dropped = 0
        try:
            dropped = self.replica.compact(self._stability.stable)
        except Exception as error:
            self._refused("compact", error)
        after = history.fingerprint(self.replica.text)
        document = self._document.document
        world.record(history.Preserved(world.now, self.site, document, "compacted", dropped, before, after))
        self._plan(world.settings.compact_us, self._compact)

    def _chosen(self, count: int) -> Sequence[Peer]:
        if len(self.neighbours) <= count or (self.is_hub and count > 1):
            return self.neighbours
        return self._gossip_random.sample(self.neighbours, count)

    def _send(self, receivers: Sequence[Peer], events: Sequence[Event], *, asks: bool) -> None:
        if not self.is_online:
            return
        self._save()
        version = self.replica.version
        parts = [events[at : at + EVENTS_MAX] for at in range(0, len(events), EVENTS_MAX)] or [()]
        for part in parts:
            self._number += 1
            datagram = Datagram(self.site, self._number, version, part, asks and part is parts[-1])
            for receiver in receivers:
                self._world.network.send(self, receiver, datagram)

    def _save(self) -> None:
        """Make durable what is known, before anybody is told of it."""
        self._disk.sequence = self.sequence
        self._disk.sync()

    def resend(self) -> bool:
        """Pass on once more what was passed on last."""
        if not (self._passed_on and self.is_online):
            return False
        self._send(self._chosen(self._world.settings.fanout), self._passed_on, asks=False)
        return True

    # --- the person ---------------------------------------------------------------------------------------

    def act(self) -> None:
        """The person does the next thing."""
        if self.author is None or self._is_silent or not self.is_editable or self.has_left:
            return
        text = self.replica.text
        self.perform(self.author.act(text, self._caret.position(text)))

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
        world, document = self._world, self._document.document
        length = len(self.replica.text)
        edit = clamped(edit, length)
        position, deleted, inserted = edit.position, edit.deleted, edit.inserted
        if not (deleted or inserted):
            return False
        self.sequence += 1
        world.record(
            history.Edited(
                world.now,
                self.site,
                document,
                self.sequence,
                edit.kind,
                self.known,
                operation_of(edit, length),
                world.now + self.skew_us,
            )
        )
        try:
            events = self.replica.delete(position, deleted) + self.replica.insert(position, inserted)
        except Exception as error:
            self._refused(f"make {self.site}#{self.sequence}", error)
            return True
        self._made(events)
        text = self.replica.text
        self._caret.put(text, position + len(inserted))
        if self._document.displayed:
            world.record(history.Displayed(world.now, self.site, document, text, self.sequence))
        return True

    def _made(self, events: list[Event]) -> None:
        """Own events: they are on disk before anybody hears of them."""
        world, document = self._world, self._document.document
        for event in events:
            self._buffer.add(event)
        self.known += len(events)
        self._disk.append(events)
        self._save()
        world.made(document, events)
        version, fingerprint = self._look()
        world.record(
            history.Generated(
                world.now, self.site, document, self.sequence, tuple(events), version, fingerprint
            )
        )
        self._news += events
        self._plan_round()

    def check_invariants(self) -> None:
        """The replica is sound, and holds as many events as were counted."""
        self.replica.check_invariants()
        assert self.known == sum(self.replica.version.values()), self.site

    # --- the end ------------------------------------------------------------------------------------------

    def final(self) -> history.FinalVersion:
        """The state at the end."""
        version = dict(sorted(self.replica.version.items()))
        text = history.fingerprint(self.replica.text)
        order = history.order_fingerprint(self.replica.elements())
        document = self._document.document
        return history.FinalVersion(
            self._world.now, self.site, document, version, text, order, self.waiting, self.is_online
        )


class GossipParts(NamedTuple):
    """The classes a replica is built from; the bug zoo replaces them from outside."""

    replica: type[Replica]
    buffer: type[CausalBuffer] = CausalBuffer
    peer: type[Peer] = Peer


def healthy_parts(rule: str) -> GossipParts:
    """The replica of a list rule as it is."""
    return GossipParts(ALGORITHMS[rule])
