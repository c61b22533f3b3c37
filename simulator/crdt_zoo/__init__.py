"""The bug zoo of the sequence CRDTs: mistakes that really happened, and the oracle that must find each.

Every bug is a small subclass of a replica, or of what delivers events to it, with one method changed. Some
of them still converge, which is why convergence is not the only oracle.
"""

from __future__ import annotations

from simulator.crdt_zoo.bug import CrdtBug
from simulator.crdt_zoo.catalogue import CRDT_ZOO
from simulator.crdt_zoo.hunt import Finding, hunt
from simulator.crdt_zoo.oracles import ORACLES

__all__ = ["CRDT_ZOO", "ORACLES", "CrdtBug", "Finding", "hunt"]
