"""The bug zoo: mistakes put into the product from outside, to see which check finds which.

A check that never fails proves nothing. Every bug here is a small subclass of a part of the product with one
method changed; the product itself knows nothing of it.
"""

from __future__ import annotations

from simulator.zoo.bug import Bug
from simulator.zoo.catalogue import ZOO, bug_of, parts_for
from simulator.zoo.hunt import Finding, hunt
from simulator.zoo.table import Row, run_zoo

__all__ = ["ZOO", "Bug", "Finding", "Row", "bug_of", "hunt", "parts_for", "run_zoo"]
