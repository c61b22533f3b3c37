"""Mistakes in ports of Yjs: right origins, and a cache."""

from __future__ import annotations

from typing import Final

import msgspec

from model.crdt.replicas import Yata
from model.crdt.replicas.port import (
    CausalBuffer,
    ElementId,
    Event,
    Insertion,
    Version,
    first_missing,
)
from model.identity import SiteId
from simulator.gossip.peer import GossipParts
from simulator.zoo.bug import Bug, Kind


class SkipsTombstones(Yata):
    """The right origin is the next visible element; tombstones in between are skipped."""

    def _new_insertion(self, position: int, character: str) -> Insertion:
        event = super()._new_insertion(position, character)
        right = self._list[self._index_of_visible(position)].id if position < len(self) else None
        return msgspec.structs.replace(event, right=right)


class Unbounded(Yata):
    """The scan for the place of what comes from elsewhere does not end at the right origin."""

    def _end(self, new: Insertion) -> int:
        return super()._end(new) if new.id.site == self.site else len(self._list)


def _missing_but_right(event: Event, version: Version) -> ElementId | None:
    """What is missing if right origins do not count."""
    if isinstance(event, Insertion):
        event = msgspec.structs.replace(event, right=None)
    return first_missing(event, version)


class CarelessBuffer(CausalBuffer):
    """Does not wait for right origins."""

    def _missing(self, event: Event) -> ElementId | None:
        return _missing_but_right(event, self._given)


class BeforeItsRight(Yata):
    """An element whose right origin is not there yet is integrated as if it had none."""

    def _missing(self, event: Event) -> ElementId | None:
        return _missing_but_right(event, self._version)

    def _end(self, new: Insertion) -> int:
        return super()._end(new) if new.right in self._nodes else len(self._list)


class StaleIndex(Yata):
    """Indexes of visible elements are cached, and a deletion that comes from elsewhere leaves them."""

    def __init__(self, site: SiteId) -> None:
        super().__init__(site)
        self._cached: list[int] = []

    def apply(self, event: Event) -> bool:
        """Take one event; then look anew at what is visible, unless nothing seems to have moved."""
        applied = super().apply(event)
        if isinstance(event, Insertion) or event.id.site == self.site:
            self._cached = [at for at, node in enumerate(self._list) if not node.deletions]
        return applied

    def _index_of_visible(self, position: int) -> int:
        return self._cached[position]


ORDERS: Final = ("convergence", "weak_list", "rule_order", "crdt_laws")
"""Who may be the first to see that replicas put elements into different orders."""

BUGS: Final = (
    Bug(
        "skips-tombstones",
        Kind.ORDER,
        "The right origin of what is typed is the next visible element instead of the next one.",
        "y-octo #53",
        lambda: GossipParts(SkipsTombstones),
        ORDERS,
        scenario="replicas",
        rule="yata",
    ),
    Bug(
        "unbounded-scan",
        Kind.ORDER,
        "The scan for the place of an element from elsewhere goes on beyond its right origin.",
        "ygo #65",
        lambda: GossipParts(Unbounded),
        ORDERS,
        scenario="replicas",
        rule="yata",
    ),
    Bug(
        "before-its-right",
        Kind.DELIVERY,
        "An element is integrated before its right origin has arrived.",
        "ygo #111",
        lambda: GossipParts(BeforeItsRight, CarelessBuffer),
        ("causal_integration", "convergence"),
        scenario="replicas",
        rule="yata",
    ),
    Bug(
        "stale-index",
        Kind.TRANSFORMATION,
        "Cached indexes survive a deletion that another replica made, so the next edit goes elsewhere.",
        "ygo #160",
        lambda: GossipParts(StaleIndex),
        ("weak_list",),
        scenario="replicas",
        rule="yata",
    ),
)
