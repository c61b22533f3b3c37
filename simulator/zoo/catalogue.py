"""All seeded bugs by name."""

from __future__ import annotations

from typing import Final

from simulator.engines.engine import AnyParts
from simulator.engines.known import engine_of
from simulator.planning.plan import CellPlan
from simulator.zoo.bug import Bug
from simulator.zoo.bugs import (
    agreed,
    batch,
    client,
    cursor,
    exchange,
    gossip,
    holding,
    order,
    outcome,
    raising,
    rga,
    session,
    spoken,
    store,
    tree,
    undoing,
    yata,
)

_MODULES: Final = (
    client,
    cursor,
    session,
    batch,
    order,
    outcome,
    raising,
    spoken,
    exchange,
    holding,
    agreed,
    undoing,
    store,
    yata,
    tree,
    rga,
    gossip,
)

ZOO: Final[dict[str, Bug]] = {bug.name: bug for module in _MODULES for bug in module.BUGS}
"""All seeded bugs by name, in the order of the table."""


def bug_of(name: str) -> Bug:
    """The bug of this name.

    Raises:
        ValueError: there is none; names those there are.
    """
    try:
        return ZOO[name]
    except KeyError:
        raise ValueError(f"unknown bug {name!r}; known are {', '.join(ZOO)}") from None


def parts_for(plan: CellPlan, bug: str) -> AnyParts:
    """The classes a cell of this plan is built from, with the bug of this name if there is a name.

    Raises:
        ValueError: there is no such bug.
    """
    return bug_of(bug).parts() if bug else engine_of(plan).healthy
