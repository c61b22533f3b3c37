"""The network between replicas: every fate of a datagram, counted."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from model.identity import SiteId
from simulator.gossip.datagrams import (
    ABSENT,
    ARRIVED,
    CUT_OFF,
    DUPLICATED,
    LOST,
    REORDERED,
    SENT,
    Datagram,
    Datagrams,
)
from simulator.planning.plan import ClientPlan
from simulator.planning.scenario import Gossip
from simulator.virtual.clock import Clock
from simulator.virtual.witness import Witness
from tests.simulator.gossip.rooms import PLAIN, QUIET

COUNT = 2_000


class End:
    """One end of a path."""

    def __init__(self, clock: Clock, name: str, region: int = 0) -> None:
        self.plan = ClientPlan(SiteId(name), region)
        self.site = self.plan.site
        self.is_online = True
        self.newest: dict[SiteId, int] = {}
        self.network_random = random.Random(1)
        self.arrived: list[tuple[int, int]] = []
        self._clock = clock

    def receive(self, datagram: Datagram) -> None:
        self.arrived.append((self._clock.now_us, datagram.number))


class Path:
    """Two ends, and what is between them."""

    def __init__(self, settings: Gossip = QUIET) -> None:
        self.clock = Clock()
        self.a, self.b = End(self.clock, "a"), End(self.clock, "b", 1)
        self.network = Datagrams(self.clock, PLAIN, settings, Witness(self.clock))

    def send(self, count: int = 1, every_us: int = 0) -> dict[str, int]:
        a: Any = self.a
        for number in range(1, count + 1):
            self.network.send(a, self.b, Datagram(self.a.site, number, {}, (), False))
            self.clock.run_until(self.clock.now_us + every_us)
        self.clock.run_until(self.clock.now_us + 60_000_000)
        return self.network.counts


def test_a_quiet_path_carries_everything_in_order_after_the_mean_of_two_latencies() -> None:
    path = Path()
    assert path.send(3) == {
        **dict.fromkeys(path.network.counts, 0),
        SENT: 3,
        ARRIVED: 3,
    }
    assert path.b.arrived == [(30_000, 1), (30_000, 2), (30_000, 3)]


@pytest.mark.parametrize(
    ("setting", "count"), [("loss", LOST), ("duplication", DUPLICATED), ("reordering", REORDERED)]
)
def test_a_share_has_the_fate_that_is_set(setting: str, count: str) -> None:
    path = Path(msgspec.structs.replace(QUIET, **{setting: 0.2}))
    counts = path.send(COUNT, every_us=50_000)
    assert 0.15 * COUNT < counts[count] < 0.25 * COUNT
    assert counts[ARRIVED] == COUNT - counts[LOST] + counts[DUPLICATED]
    assert len(path.b.arrived) == counts[ARRIVED]
    others = {LOST, DUPLICATED, REORDERED, CUT_OFF, ABSENT} - {count}
    assert all(counts[other] == 0 for other in others)


def test_who_is_offline_gets_nothing() -> None:
    path = Path()
    path.b.is_online = False
    counts = path.send(2)
    assert (counts[ABSENT], counts[ARRIVED], path.b.arrived) == (2, 0, [])


def test_jitter_reorders_too() -> None:
    network = msgspec.structs.replace(
        PLAIN, regions=tuple(msgspec.structs.replace(r, jitter_us=50_000) for r in PLAIN.regions)
    )
    path = Path()
    path.network = Datagrams(path.clock, network, QUIET, Witness(path.clock))
    counts = path.send(100, every_us=5_000)
    assert counts[ARRIVED] == 100
    assert counts[REORDERED] > 10
