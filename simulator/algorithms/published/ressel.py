"""The function of adOPTed: ties by site.

Source: Ressel, Nitsche-Ruhland and Gunzenhäuser, "An integrating, transformation-oriented approach to
concurrency control and undo in group editors" (CSCW 1996), the transformation of text operations.
"""

from __future__ import annotations

from simulator.algorithms.published.function import TextFunction
from simulator.algorithms.published.operations import Ins, Operation, moved


class Ressel(TextFunction):
    """Ties by site: the smaller one stays left. TP1 holds, TP2 fails around a deletion (the false tie)."""

    name = "Ressel et al."
    source = "CSCW 1996, text operations of adOPTed"

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        """Equal positions: the smaller site keeps its place."""
        mine = (operation.position, operation.site)
        return operation if mine < (other.position, other.site) else moved(operation, 1)
