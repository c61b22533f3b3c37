"""All bugs of the CRDT zoo, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from simulator.crdt_zoo import rga_bugs, tree_bugs, yata_bugs
from simulator.crdt_zoo.bug import CrdtBug

CRDT_ZOO: Final[Mapping[str, CrdtBug]] = MappingProxyType(
    {bug.name: bug for bug in (*yata_bugs.BUGS, *tree_bugs.BUGS, *rga_bugs.BUGS)}
)
"""Every bug, in the order of the table."""
