"""All seeded bugs by name. Their modules are imported when somebody asks for one: few runs have a bug."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from simulator.engines.engine import AnyParts
from simulator.engines.known import engine_of
from simulator.planning.plan import CellPlan

if TYPE_CHECKING:
    from simulator.zoo.bug import Bug

_MODULES: Final = (
    "client",
    "cursor",
    "session",
    "batch",
    "order",
    "outcome",
    "raising",
    "spoken",
    "exchange",
    "holding",
    "agreed",
    "undoing",
    "units",
    "trimming",
    "store",
    "bus",
    "yata",
    "tree",
    "rga",
    "gossip",
)
"""Of ``simulator.zoo.bugs``, in the order of the table."""


@cache
def bugs() -> dict[str, Bug]:
    """All seeded bugs by name, in the order of the table."""
    modules = [import_module(f"simulator.zoo.bugs.{name}") for name in _MODULES]
    return {bug.name: bug for module in modules for bug in module.BUGS}


def bug_of(name: str) -> Bug:
    """The bug of this name.

    Raises:
        ValueError: there is none; names those there are.
    """
    try:
        return bugs()[name]
    except KeyError:
        raise ValueError(f"unknown bug {name!r}; known are {', '.join(bugs())}") from None


def parts_for(plan: CellPlan, bug: str) -> AnyParts:
    """The classes a cell of this plan is built from, with the bug of this name if there is a name.

    Raises:
        ValueError: there is no such bug.
    """
    return bug_of(bug).parts() if bug else engine_of(plan).healthy
