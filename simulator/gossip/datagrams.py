"""The network between replicas: datagrams that are lost, doubled, held up and cut off, one by one.

Nothing is a connection here. What a path does to a datagram is drawn from the sender's stream, which is named
by its site; so a document that is taken out of its run sees the same network again as long as it sends the
same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple, Protocol

from model.crdt.replicas.port import Event, Version
from model.identity import SiteId
from simulator.planning.plan import ClientPlan
from simulator.planning.scenario import Gossip, NetworkSettings
from simulator.virtual.clock import Clock
from simulator.virtual.witness import Symptom, Witness

EVENTS_MAX: Final = 64
"""Events in one datagram; about 8 kB as JSON, what a path carries in a few packets."""

LOSS: Final = "loss"
DUPLICATION: Final = "duplication"
REORDERING: Final = "reordering"

SENT: Final = "sent"
ARRIVED: Final = "arrived"
LOST: Final = "lost"
DUPLICATED: Final = "duplicated"
REORDERED: Final = "reordered"
CUT_OFF: Final = "cut_off"
ABSENT: Final = "absent"
COUNTS: Final = (SENT, ARRIVED, LOST, DUPLICATED, REORDERED, CUT_OFF, ABSENT)
"""What can become of a datagram: reordered ones arrived behind a later one of the same sender, those that
were cut off met a partition, and those that are absent reached somebody who was offline."""

NOISES: Final = {LOSS: Symptom.DROPPED, DUPLICATION: Symptom.DOUBLED, REORDERING: Symptom.OVERTAKEN}
"""What is seen of a datagram that meets such a fate more often than usual."""


class Datagram(NamedTuple):
    """One message between two replicas.

    Attributes:
        sender: who sends it.
        number: counted by its sender.
        version: what the sender knows, on disk already.
        events: some that the receiver may lack, in an order that can be applied if nothing before is missing.
        asks: whether the sender wants to be sent what it lacks.
    """

    sender: SiteId
    number: int
    version: Version
    events: Sequence[Event]
    asks: bool


class Endpoint(Protocol):
    """What the network needs of a replica.

    Attributes:
        network_random: from which the fate of what it sends is drawn.
        newest: the highest number of a datagram that arrived, by sender.
    """

    plan: ClientPlan
    is_online: bool
    network_random: random.Random
    newest: dict[SiteId, int]

    def receive(self, datagram: Datagram) -> None:
        """A datagram arrived."""


class Barrier(Protocol):
    """A fault that keeps some datagrams from travelling."""

    def stops(self, sender: Endpoint, receiver: Endpoint, datagram: Datagram) -> bool:
        """Whether it takes this one, to lose it or to hold it."""


class Noise(Protocol):
    """A fault that does more to the datagrams of some senders than the network does anyhow."""

    kind: ClassVar[str]

    def hits(self, sender: Endpoint) -> bool:
        """Whether it acts on this datagram, which is drawn anew for each."""


class Datagrams:
    """All paths of one cell.

    Attributes:
        counts: of datagrams, by what became of them (:data:`COUNTS`).
        barriers, noises: faults that act at present.
    """

    def __init__(self, clock: Clock, network: NetworkSettings, settings: Gossip, witness: Witness) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self.barriers: list[Barrier] = []
        self.noises: list[Noise] = []
        self._clock = clock
        self._settings = settings
        self._notice = witness.notice
        self._notice_between = witness.notice_between
        regions = network.regions
        self._latency_us = [[(a.latency_us + b.latency_us) // 2 for b in regions] for a in regions]
        self._jitter_us = [[(a.jitter_us + b.jitter_us) / 2 for b in regions] for a in regions]

    def send(self, sender: Endpoint, receiver: Endpoint, datagram: Datagram) -> None:
        """Put a datagram on its way."""
        self.counts[SENT] += 1
        for barrier in self.barriers:
            if barrier.stops(sender, receiver, datagram):
                self.counts[CUT_OFF] += 1
                self._notice_between(Symptom.HELD_UP, sender.plan.site, Symptom.HELD_DOWN, receiver.plan.site)
                return
        self.carry(sender, receiver, datagram)
        if self.barriers:
            self._notice(Symptom.CARRIED_UP, sender.plan.site)
            self._notice(Symptom.CARRIED_DOWN, receiver.plan.site)

    def carry(self, sender: Endpoint, receiver: Endpoint, datagram: Datagram) -> None:
        """Carry it, whatever is cut off."""
        fate = self._fate(sender)
        if not fate:
            fate = next((noise.kind for noise in self.noises if noise.hits(sender)), "")
            if fate:
                self._notice(NOISES[fate], sender.plan.site)
        if fate == LOSS:
            self.counts[LOST] += 1
            return
        delay_us = self._delay_us(sender, receiver)
        if fate == DUPLICATION:
            self.counts[DUPLICATED] += 1
            self._clock.call(self._delay_us(sender, receiver), self._arrive, receiver, datagram)
        elif fate == REORDERING:
            delay_us += int(sender.network_random.expovariate(1 / self._settings.held_us))
        self._clock.call(delay_us, self._arrive, receiver, datagram)

    def _fate(self, sender: Endpoint) -> str:
        """What the path does to the next datagram: one of the three, or nothing."""
        settings = self._settings
        draw = sender.network_random.random()
        for share, fate in (
            (settings.loss, LOSS),
            (settings.duplication, DUPLICATION),
            (settings.reordering, REORDERING),
        ):
            if draw < share:
                return fate
            draw -= share
        return ""

    def _delay_us(self, sender: Endpoint, receiver: Endpoint) -> int:
        here, there = sender.plan.region, receiver.plan.region
        delay_us = self._latency_us[here][there]
        jitter_us = self._jitter_us[here][there]
        if jitter_us:
            delay_us += int(sender.network_random.expovariate(1 / jitter_us))
        return delay_us

    def _arrive(self, receiver: Endpoint, datagram: Datagram) -> None:
        if not receiver.is_online:
            self.counts[ABSENT] += 1
            return
        self.counts[ARRIVED] += 1
        newest = receiver.newest
        if datagram.number < newest.get(datagram.sender, 0):
            self.counts[REORDERED] += 1
        else:
            newest[datagram.sender] = datagram.number
        receiver.receive(datagram)
