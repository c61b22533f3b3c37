"""Who takes part: every algorithm there is, what it claims, and whose order is whose."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

from model.crdt.replicas import ALGORITHMS
from model.crdt.rules import Rule
from simulator.algorithms.arena.engines.engine import MakeEngine
from simulator.algorithms.arena.engines.graph import GraphEngine
from simulator.algorithms.arena.engines.plain import PlainEngine
from simulator.algorithms.arena.engines.server import BranchDocument, ServerEngine


class Contender(NamedTuple):
    """One engine of the arena; each claims convergence and the weak list specification.

    Attributes:
        make: the engine.
        order: contenders of one order must show equal texts after every step.
        is_strong: whether it claims the strong list specification.
        what: in a few words.
    """

    make: MakeEngine
    order: str
    is_strong: bool
    what: str


CONTENDERS: Final[Mapping[str, Contender]] = {
    "jupiter": Contender(
        ServerEngine, "jupiter", is_strong=False, what="OT with a server, ties by site; connections last"
    ),
    "concord": Contender(
        partial(ServerEngine, has_absences=True),
        "concord",
        is_strong=False,
        what="the product: Jupiter online, branches in FugueMax order, short absences by Jupiter",
    ),
    "concord (branches)": Contender(
        partial(ServerEngine, has_absences=True, document=BranchDocument),
        "concord (branches)",
        is_strong=False,
        what="the product without the rule of the blip",
    ),
    **{
        f"eg-walker ({rule.value})": Contender(
            partial(GraphEngine, rule=rule), rule.value, is_strong=True, what="an event graph, replayed"
        )
        for rule in Rule
    },
    **{
        name: Contender(
            partial(PlainEngine, algorithm=algorithm), name, is_strong=True, what="plain replicas"
        )
        for name, algorithm in ALGORITHMS.items()
    },
}
"""Every contender by name, in the order of the reports."""

REFERENCE: Final = "fuguemax"
"""The contender that the others are compared with."""
