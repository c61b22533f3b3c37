"""Inclusion transformation of GOT, in its form for single characters: no rule for ties.

Source: Sun, Jia, Zhang, Yang and Chen, "Achieving convergence, causality preservation, and intention
preservation in real-time cooperative editing systems" (TOCHI 5(1), 1998), the inclusion transformations.
"""

from __future__ import annotations

from simulator.algorithms.published.function import TextFunction
from simulator.algorithms.published.operations import Ins, Operation, moved


class Sun(TextFunction):
    """No rule for ties: of two insertions at one place, whichever is transformed moves right.

    GOT transforms along one total order, where that is no harm; as a function by itself TP1 fails.
    """

    name = "Sun et al."
    source = "TOCHI 1998, inclusion transformation, character form"

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        """Equal positions: the transformed one moves right."""
        return operation if operation.position < other.position else moved(operation, 1)
