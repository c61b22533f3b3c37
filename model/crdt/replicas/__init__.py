"""Plain sequence CRDTs, one file an algorithm, written to be read: what faster engines are compared with.

``ALGORITHMS`` names them; each is a :class:`~model.crdt.replicas.port.Replica`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from model.crdt.replicas.fugue import Fugue
from model.crdt.replicas.fuguemax import FugueMax
from model.crdt.replicas.logoot import Logoot
from model.crdt.replicas.port import (
    CausalBuffer,
    Deletion,
    Element,
    ElementId,
    Event,
    Insertion,
    MissingDependency,
    Replica,
    Version,
)
from model.crdt.replicas.rga import Rga
from model.crdt.replicas.woot import Woot
from model.crdt.replicas.yata import Yata

ALGORITHMS: Final[Mapping[str, type[Replica]]] = MappingProxyType(
    {kind.algorithm: kind for kind in (Fugue, FugueMax, Yata, Rga, Woot, Logoot)}
)
"""Every algorithm by its name."""

__all__ = [
    "ALGORITHMS",
    "CausalBuffer",
    "Deletion",
    "Element",
    "ElementId",
    "Event",
    "Fugue",
    "FugueMax",
    "Insertion",
    "Logoot",
    "MissingDependency",
    "Replica",
    "Rga",
    "Version",
    "Woot",
    "Yata",
]
