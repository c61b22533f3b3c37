"""Mistakes of replicas without a server: those of the CRDT zoo, and some in how replicas gossip."""

from __future__ import annotations

from functools import partial
from typing import Final

from model.crdt.replicas import FugueMax
from model.crdt.replicas.port import Insertion
from simulator.crdt_zoo import CRDT_ZOO
from simulator.gossip.cell import GossipParts
from simulator.gossip.datagrams import Datagram
from simulator.gossip.peer import Peer
from simulator.zoo.bug import Bug
from simulator.zoo.rooms import Room


class Forgetful(FugueMax):
    """Every 16th insertion that comes from elsewhere is taken for known and forgotten."""

    def _integrate(self, insertion: Insertion) -> None:
        super()._integrate(insertion)
        if insertion.id.site != self.site and insertion.id.counter % 16 == 0:
            self._line.hide(self._nodes[insertion.id])


class BelievesSent(Peer):
    """What was passed on once counts as known to everybody, so nobody is ever sent it again."""

    def _answer(self, datagram: Datagram) -> None:
        """Send nothing that was passed on."""


class TellsUnsaved(Peer):
    """Nothing is on disk when others are told of it, so a crash takes back what they know."""

    def _save(self) -> None:
        """Later, perhaps."""


def _of_crdt_zoo(name: str, expected: tuple[str, ...], room: Room) -> Bug:
    bug = CRDT_ZOO[name]
    assert room.rule == bug.sound.algorithm
    return Bug(
        name=name,
        title=bug.title,
        source=bug.source,
        parts=partial(GossipParts, bug.broken, bug.buffer),
        expected=expected,
        habitat=room,
    )


_ORDERS: Final = ("convergence", "weak_list", "rule_order")
"""Who may be the first to see that replicas put elements into different orders."""

BUGS: Final = (
    _of_crdt_zoo(
        "skips-tombstones",
        _ORDERS,
        Room("yata", 6, edits_per_second=1.0, seconds=20.0, round_us=800_000, text_length=40),
    ),
    _of_crdt_zoo("unbounded-scan", _ORDERS, Room("yata")),
    _of_crdt_zoo("before-its-right", ("causal_integration", "convergence"), Room("yata", replicas=4)),
    _of_crdt_zoo("stale-index", ("weak_list",), Room("yata", text_length=30)),
    _of_crdt_zoo(
        "right-parents-reversed",
        ("non_interleaving", "rule_order"),
        Room("fuguemax", 6, edits_per_second=1.0, round_us=500_000, text_length=2),
    ),
    _of_crdt_zoo("sites-reversed", ("rule_order",), Room("rga")),
    _of_crdt_zoo(
        "buffers-as-strings",
        _ORDERS,
        Room("rga", 8, edits_per_second=0.8, seconds=5.0, names=lambda n: chr(ord("A") + n - 1)),
    ),
    _of_crdt_zoo(
        "counters-not-saved",
        ("unique_ids", "convergence"),
        Room("rga", text_length=30, absences=3.0, crash_share=1.0),
    ),
    _of_crdt_zoo("without-tombstones", _ORDERS, Room("rga", text_length=30)),
    _of_crdt_zoo("collects-early", _ORDERS, Room("rga", text_length=30, compacts=True)),
    Bug(
        "forgetful",
        "Now and then an insertion from elsewhere is integrated and not shown.",
        "a replica that drops an event while its version counts it",
        lambda: GossipParts(Forgetful),
        ("convergence",),
        Room("fuguemax"),
    ),
    Bug(
        "believes-sent",
        "What was sent once counts as received, so after one lost datagram somebody never learns it.",
        "automerge #1284",
        lambda: GossipParts(FugueMax, peer=BelievesSent),
        ("liveness",),
        Room("fuguemax", loss=0.2),
    ),
    Bug(
        "tells-unsaved",
        "Others are told of an edit before it is on disk, so after a crash its ids are given out again.",
        "the rule that state is saved before anything is sent",
        lambda: GossipParts(FugueMax, peer=TellsUnsaved),
        ("unique_ids", "convergence", "element_ledger"),
        Room("fuguemax", absences=3.0, crash_share=1.0),
    ),
)
"""Mistakes of replicas without a server."""
