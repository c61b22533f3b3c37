"""The bus between the workers of a cell in virtual time: it loses, delays and repeats hints without a word.

What it delivers of a topic is in order, as the port promises: a late hint holds up those behind it. The fate
of each is drawn from a stream of its topic, so that a document alone sees the same again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from reference_server.bus.port import BusCounters, Command, Deliver
from simulator.planning.scenario import BusSettings
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock
from simulator.virtual.holds import Holds
from simulator.virtual.witness import BUS, Symptom, Witness


class Hub:
    """What the ends of one bus have in common.

    Attributes:
        deaths: while they last, everything is lost, and the workers notice.
    """

    def __init__(self, clock: Clock, seeds: Seeds, settings: BusSettings, witness: Witness) -> None:
        self._witness = witness
        self._clock = clock
        self._seeds = seeds
        self._settings = settings
        self._streams: dict[str, Random] = {}
        self.ends: list[SimulatedBus] = []
        self.deaths: Holds[None] = Holds(self._change)
        self.is_up = True

    def _change(self) -> None:
        up = not self.deaths
        if self.is_up != up:
            self.is_up = up
            for end in list(self.ends):
                end.changed(up)

    def carry(self, sender: SimulatedBus, topic: str, data: bytes) -> None:
        """A message sets out for every other end."""
        if not self.is_up:
            self._witness.notice(Symptom.UNHEARD, BUS)
            return
        settings, rng = self._settings, self._stream(topic)
        for end in self.ends:
            if end is sender:
                continue
            copies = 0 if rng.random() < settings.loss else 1 + (rng.random() < settings.duplication)
            for _ in range(copies):
                jitter_us = rng.expovariate(1.0) * settings.jitter_us
                at_us = self._clock.now_us + settings.latency_us + int(jitter_us)
                end.last_us[topic] = at_us = max(at_us, end.last_us.get(topic, 0))
                self._clock.call(at_us - self._clock.now_us, end.hear, topic, data)

    def subscribed(self, end: SimulatedBus, topic: str) -> None:
        """A subscription is in effect once the bus knows of it."""
        if self.is_up:
            self._clock.call(self._settings.latency_us, end.in_effect, topic)

    def _stream(self, topic: str) -> Random:
        if topic not in self._streams:
            self._streams[topic] = self._seeds.stream("bus", topic)
        return self._streams[topic]


class SimulatedBus:
    """One worker's end of a :class:`Hub`, see :class:`reference_server.bus.port.Bus`; it has no cache."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.last_us: dict[str, int] = {}  # when the last message of a topic arrives
        self._topics: dict[str, bool] = {}  # and whether the subscription is in effect
        self._counters = BusCounters()
        self._deliver: Deliver
        self._connected: Callable[[bool], None]
        self._missed: Callable[[str], None]

    @property
    def is_connected(self) -> bool:
        """Whether messages pass now, lost ones aside."""
        return self._hub.is_up

    @property
    def counters(self) -> BusCounters:
        """What happened so far."""
        return self._counters

    def start(
        self, deliver: Deliver, connected: Callable[[bool], None], missed: Callable[[str], None]
    ) -> None:
        """Begin to hear."""
        self._deliver, self._connected, self._missed = deliver, connected, missed
        self._hub.ends.append(self)

    async def stop(self) -> None:
        """End in order."""
        self.die()

    def die(self) -> None:
        """The worker's process is gone: nothing is delivered any more, what it has said goes on."""
        self._hub.ends.remove(self)
        self._topics.clear()

    def publish(self, topic: str, data: bytes) -> None:
        """Send a message to every other worker that subscribed."""
        self._counters.published += 1
        self._hub.carry(self, topic, data)

    def write(self, commands: Sequence[Command]) -> None:
        """There is no cache."""
        self._counters.commands += len(commands)

    def subscribe(self, topic: str) -> None:
        """Want the messages of a topic, in effect a moment later."""
        if topic not in self._topics:
            self._topics[topic] = False
            self._hub.subscribed(self, topic)

    def unsubscribe(self, topic: str) -> None:
        """Want them no more."""
        self._topics.pop(topic, None)

    # --- the hub's side -----------------------------------------------------------------------------------

    def in_effect(self, topic: str) -> None:
        """Messages of a topic arrive from now on; before, some may have been missed."""
        if topic in self._topics:
            self._topics[topic] = True
            self._missed(topic)

    def hear(self, topic: str, data: bytes) -> None:
        """A message arrives."""
        if self._topics.get(topic):
            self._counters.received += 1
            self._deliver(topic, data)

    def changed(self, up: bool) -> None:
        """The bus went, or it is back, with all subscriptions."""
        if not up:
            self._counters.losses += 1
            self._topics = dict.fromkeys(self._topics, False)
        else:
            self._counters.connects += 1
            for topic in list(self._topics):
                self.in_effect(topic)
        self._connected(up)
