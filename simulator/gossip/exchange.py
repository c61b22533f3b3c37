"""What a replica knows and tells others: rumours, and anti-entropy behind them.

What it learns, from its person or from others, it sends at the end of a round to a few others (a rumour). Now
and then it sends nothing but its version to one of them and is sent what it lacks; who is asked and lacks
something itself asks back. Events are integrated as soon as everything they need is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from model import history
from model.crdt.replicas.port import CausalBuffer, Event, Replica, Version, spoken
from model.crdt.replicas.stability import Stability
from model.history import Record
from model.identity import NO_EDIT, DocumentId, SequenceNumber, SiteId
from model.marks import Mechanism, mark
from simulator.gossip.datagrams import EVENTS_MAX, Datagram, Datagrams, Endpoint
from simulator.gossip.disk import Disk
from simulator.planning.plan import ClientPlan, DocumentPlan
from simulator.planning.scenario import Gossip
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock
from simulator.virtual.witness import Symptom, Witness

ANSWER_DATAGRAMS_MAX: Final = 16
"""Datagrams with which one question is answered; who lacks more asks again."""

FINGERPRINTED_EVERY: Final = 4
"""In documents that are not sampled a text is fingerprinted when the number of known events is a multiple.

A function of the version alone, so that all replicas that get to a version do it, or none.
"""


class ExchangeHost(Protocol):
    """What an exchange needs of the cell it is part of.

    Attributes:
        settings: how to gossip.
        witness: sees what really happens.
    """

    clock: Clock
    witness: Witness
    seeds: Seeds
    settings: Gossip
    network: Datagrams
    record: Callable[[Record], None]

    @property
    def now(self) -> int:
        """Virtual time in microseconds."""
        ...

    def fingerprint(self, text: str) -> int:
        """The fingerprint of a text."""
        ...

    def peer_of(self, site: SiteId) -> Endpoint:
        """The peer of a site."""
        ...

    def generated(self, document: DocumentId, events: Sequence[Event]) -> None:
        """Somebody made events."""


class EventExchange:
    """One replica of one document, and what it passes on.

    Attributes:
        neighbours: whom it may send to.
        is_hub: whether it passes everything on to everybody (the middle of a star).
        known: how many events it knows.
        sequence: number of the last own edit.
        newest: the highest number of a datagram that arrived, by sender.
    """

    __slots__ = (
        "_buffer",
        "_disk",
        "_document",
        "_gossip_random",
        "_host",
        "_incarnation",
        "_news",
        "_number",
        "_passed_on",
        "_round_is_due",
        "_stability",
        "is_hub",
        "is_online",
        "known",
        "neighbours",
        "network_random",
        "newest",
        "plan",
        "replica",
        "sequence",
    )

    def __init__(
        self,
        host: ExchangeHost,
        document: DocumentPlan,
        plan: ClientPlan,
        replica: Replica,
        buffer: type[CausalBuffer],
        first: Sequence[Event],
    ) -> None:
        """``first`` is the text that the document starts with."""
        self._host = host
        self._document = document
        self.plan = plan
        self.neighbours: Sequence[Endpoint] = ()
        self.is_hub = False
        self.is_online = False
        self.known = len(first)
        self.sequence: SequenceNumber = NO_EDIT
        self.newest: dict[SiteId, int] = {}
        self.replica = replica
        for event in first:
            self.replica.apply(event)
        self._buffer = buffer(self.replica.version)
        self._disk = Disk(first)
        self._stability: Stability | None = None
        self._news: list[Event] = []
        self._passed_on: list[Event] = []
        self._number = 0
        self._incarnation = 0  # calls that were scheduled before the last end of one do nothing
        self._round_is_due = False
        self.network_random = host.seeds.stream("network", plan.site)
        self._gossip_random = host.seeds.stream("gossip", plan.site)

    @property
    def site(self) -> SiteId:
        """Whose replica it is."""
        return self.plan.site

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

    def _reload(self, buffer: type[CausalBuffer], sequence: SequenceNumber) -> dict[SiteId, int]:
        """The replica was loaded anew, and nothing else is known; its version."""
        version = dict(self.replica.version)
        self._buffer = buffer(version)
        self.known = sum(version.values())
        self.sequence = sequence
        self._news, self._passed_on = [], []
        return version

    def _begin_incarnation(self) -> None:
        """Ask somebody at once, and go on asking."""
        self._compare(self._incarnation)
        if self._news:
            self._schedule_round()
        if self._stability is not None:
            self._schedule(self._host.settings.compact_us, self._compact)

    def _end_incarnation(self) -> None:
        self._incarnation += 1
        self._round_is_due = False

    # --- what others say ----------------------------------------------------------------------------------

    def receive(self, datagram: Datagram) -> None:
        """Take over what is new, and answer if the sender asks."""
        if datagram.events:
            fresh = self._integrate(datagram.events)
            if fresh:
                self._integrated(fresh)
        if self._stability is not None and self._lacks_nothing_of(datagram.version):
            self._stability.saw(datagram.sender, datagram.version)
        if datagram.asks:
            self._answer(datagram)

    def _integrate(self, events: Iterable[Event]) -> list[Event]:
        """Integrate what is new and has everything it needs; the events that were integrated."""
        add, apply = self._buffer.add, self.replica.apply
        fresh: list[Event] = []
        for event in events:
            for ready in add(event):
                try:
                    if apply(ready):
                        fresh.append(ready)
                except Exception as error:  # the code under test may fail anyhow, which is a finding
                    self.raised(f"took over {spoken(ready.id)}", error)
        return fresh

    def raised(self, what: str, error: Exception) -> None:
        """The replica raised an exception, which is a finding, while it did ``what``."""
        host = self._host
        host.record(history.raised(host.now, "replica", self.site, self._document.document, what, error))

    def _integrated(self, fresh: list[Event]) -> None:
        host, document = self._host, self._document
        self.known += len(fresh)
        self._disk.append(fresh)
        version, fingerprint = self._fingerprints()
        host.record(
            history.Integrated(
                host.now, self.site, document.document, history.spans_of(fresh), version, fingerprint
            )
        )
        if document.displayed:
            text = self.replica.text
            host.record(history.Displayed(host.now, self.site, document.document, text))
        if self.is_hub or len(self.neighbours) > 1:
            self._news += fresh
            self._schedule_round()

    def _fingerprints(self) -> tuple[int, int]:
        """Fingerprints of version and text, or twice 0 if this is not a version to be looked at."""
        if self.known % FINGERPRINTED_EVERY and not self._document.displayed:
            return 0, 0
        return history.version_fingerprint(self.replica.version), self._host.fingerprint(self.replica.text)

    def _lacks_nothing_of(self, version: Version) -> bool:
        mine = self.replica.version
        return all(mine.get(site, 0) >= counter for site, counter in version.items())

    def _answer(self, datagram: Datagram) -> None:
        """Send what the asking one lacks, and ask back for what is lacking here."""
        asker = self._host.peer_of(datagram.sender)
        try:
            delta = self.replica.events_since(datagram.version)
        except ValueError:
            # The question is so old that tombstones went meanwhile, which its sender has long known.
            return
        asks = not self._lacks_nothing_of(datagram.version)
        if asks:
            mark(Mechanism.ASKED_BACK)
        if len(delta) > EVENTS_MAX * ANSWER_DATAGRAMS_MAX:
            mark(Mechanism.ANSWER_CUT_OFF)
        if delta or asks:
            self._send([asker], delta[: EVENTS_MAX * ANSWER_DATAGRAMS_MAX], asks=asks)

    # --- what is passed on --------------------------------------------------------------------------------

    def _schedule(self, mean_us: int, function: Callable[[int], None]) -> None:
        delay_us = max(1, int(mean_us * (0.5 + self._gossip_random.random())))
        self._host.clock.call(delay_us, function, self._incarnation)

    def _schedule_round(self) -> None:
        if not self._round_is_due and self.is_online:
            self._round_is_due = True
            self._schedule(self._host.settings.round_us, self._round)

    def _round(self, incarnation: int) -> None:
        """Pass on what is new."""
        if incarnation != self._incarnation:
            return
        self._round_is_due = False
        self._passed_on, self._news = self._news, []
        self._send(self._receivers(self._host.settings.fanout), self._passed_on, asks=False)

    def _compare(self, incarnation: int) -> None:
        """Ask one of the others for what is lacking here, and plan the next time."""
        if incarnation != self._incarnation:
            return
        self._send(self._receivers(1), (), asks=True)
        self._schedule(self._host.settings.compare_us, self._compare)

    def _compact(self, incarnation: int) -> None:
        """Drop stable tombstones, and plan the next time."""
        if incarnation != self._incarnation or self._stability is None:
            return
        host = self._host
        self._stability.saw(self.site, self.replica.version)
        before = history.fingerprint(self.replica.text)
        dropped = 0
        try:
            dropped = self.replica.compact(self._stability.stable)
        except Exception as error:
            self.raised("compacted", error)
        after = history.fingerprint(self.replica.text)
        document = self._document.document
        host.record(history.Preserved(host.now, self.site, document, "compacted", dropped, before, after))
        self._schedule(host.settings.compact_us, self._compact)

    def _receivers(self, count: int) -> Sequence[Endpoint]:
        if len(self.neighbours) <= count or (self.is_hub and count > 1):
            return self.neighbours
        return self._gossip_random.sample(self.neighbours, count)

    def _send(self, receivers: Sequence[Endpoint], events: Sequence[Event], *, asks: bool) -> None:
        if not self.is_online:
            return
        self._save()
        version = self.replica.version
        parts = [events[at : at + EVENTS_MAX] for at in range(0, len(events), EVENTS_MAX)] or [()]
        if len(parts) > 1:
            mark(Mechanism.SENT_IN_PARTS)
        for part in parts:
            self._number += 1
            datagram = Datagram(self.site, self._number, version, part, asks and part is parts[-1])
            for receiver in receivers:
                self._host.network.send(self, receiver, datagram)

    def _save(self) -> None:
        """Make durable what is known, before anybody is told of it."""
        self._disk.sequence = self.sequence
        self._disk.sync()

    def resend(self) -> bool:
        """Pass on once more what was passed on last."""
        if not (self._passed_on and self.is_online):
            return False
        self._send(self._receivers(self._host.settings.fanout), self._passed_on, asks=False)
        self._host.witness.notice(Symptom.REPEATED, self.plan.site)
        return True

    # --- what is made here ---------------------------------------------------------------------------------

    def _generated(self, events: list[Event]) -> None:
        """Own events: they are on disk before anybody hears of them."""
        host, document = self._host, self._document.document
        for event in events:
            self._buffer.add(event)
        self.known += len(events)
        self._disk.append(events)
        self._save()
        host.generated(document, events)
        version, fingerprint = self._fingerprints()
        host.record(
            history.Generated(
                host.now, self.site, document, self.sequence, tuple(events), version, fingerprint
            )
        )
        self._news += events
        self._schedule_round()

    def check_invariants(self) -> None:
        """The replica is sound, and holds as many events as were counted."""
        self.replica.check_invariants()
        assert self.known == sum(self.replica.version.values()), self.site
