"""The bus between simulated workers keeps what its port promises, and no more."""

from __future__ import annotations

from collections.abc import Callable

from simulator.planning.scenario import BusSettings
from simulator.planning.seeds import Seeds
from simulator.virtual.bus import Hub, SimulatedBus
from simulator.virtual.clock import Clock
from simulator.virtual.witness import Witness

MS = 1_000


class Ear:
    """One end of the bus, and everything it was told, with the time in milliseconds."""

    def __init__(self, hub: Hub, clock: Clock, *topics: str) -> None:
        self.told: list[tuple[float, str, object]] = []

        def note(what: str) -> Callable[[object], None]:
            return lambda value: self.told.append((clock.now_us / MS, what, value))

        self.bus = SimulatedBus(hub)
        self.bus.start(
            lambda topic, data: note(topic)(data),
            note("connected"),
            note("missed"),
        )
        for topic in topics:
            self.bus.subscribe(topic)

    def heard(self, topic: str) -> list[object]:
        return [value for _, what, value in self.told if what == topic]


class Setup:
    def __init__(self, **settings: float) -> None:
        self.clock = Clock()
        plan = BusSettings(latency_us=2 * MS, **settings)  # type: ignore[arg-type]
        self.hub = Hub(self.clock, Seeds(1), plan, Witness(self.clock))

    def ear(self, *topics: str) -> Ear:
        return Ear(self.hub, self.clock, *topics)

    def pass_ms(self, ms: int) -> None:
        self.clock.run_until(self.clock.now_us + ms * MS)


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def test_a_message_goes_to_every_other_end_that_wants_its_topic() -> None:
    setup = Setup(jitter_us=0)
    one, two, three = setup.ear("a", "b"), setup.ear("a"), setup.ear("b")
    one.bus.publish("a", b"first")
    setup.pass_ms(1)
    assert not two.told
    setup.pass_ms(9)
    assert two.told == [(2.0, "missed", "a"), (2.0, "a", b"first")]
    one.bus.publish("a", b"x")
    three.bus.publish("b", b"y")
    two.bus.unsubscribe("a")
    setup.pass_ms(10)
    assert one.heard("b") == [b"y"]
    assert not one.heard("a")
    assert two.heard("a") == [b"first"]
    assert not three.heard("a")


def test_what_arrives_is_in_order_some_is_lost_and_some_comes_twice() -> None:
    setup = Setup(jitter_us=40 * MS, loss=0.3, duplication=0.2)
    one, two = setup.ear("a"), setup.ear("a", "b")
    setup.pass_ms(10)
    for number in numbered(400):
        one.bus.publish("a", number)
        one.bus.publish("b", number)
        setup.pass_ms(1)
    setup.pass_ms(2_000)
    heard = [int(value) for value in two.heard("a")]  # type: ignore[call-overload]
    assert heard == sorted(heard)
    assert 0.6 * 400 < len(set(heard)) < 0.8 * 400
    assert 0.1 * len(heard) < len(heard) - len(set(heard)) < 0.3 * len(heard)
    assert two.heard("b") != two.heard("a")
    late_ms = max(at for at, what, _ in two.told if what == "a")
    assert late_ms > 412
    assert two.bus.counters.received == len(heard) + len(two.heard("b"))
    assert one.bus.counters.published == 800


def test_a_bus_that_is_gone_loses_everything_and_says_so() -> None:
    setup = Setup(jitter_us=0)
    one, two = setup.ear("a"), setup.ear("a")
    setup.pass_ms(10)
    two.told.clear()
    setup.hub.deaths.take("fault", None)
    setup.hub.deaths.take("another", None)
    assert not one.bus.is_connected
    one.bus.publish("a", b"lost")
    two.bus.subscribe("b")
    setup.pass_ms(10)
    assert two.told == [(10.0, "connected", False)]
    setup.hub.deaths.let_go("fault")
    assert not one.bus.is_connected
    setup.hub.deaths.let_go("another")
    assert two.told[1:] == [(20.0, "missed", "a"), (20.0, "missed", "b"), (20.0, "connected", True)]
    one.bus.publish("b", b"heard")
    setup.pass_ms(10)
    assert two.heard("b") == [b"heard"]
    assert (two.bus.counters.losses, two.bus.counters.connects) == (1, 1)


def test_a_dead_process_hears_nothing_and_what_it_said_goes_on() -> None:
    setup = Setup(jitter_us=0)
    one, two = setup.ear("a"), setup.ear("a")
    setup.pass_ms(10)
    one.bus.publish("a", b"last words")
    two.bus.publish("a", b"to the dead")
    one.bus.die()
    setup.pass_ms(10)
    assert two.heard("a") == [b"last words"]
    assert not one.heard("a")
