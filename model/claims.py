"""What an engine says of itself, and so which checks decide about it (D20).

A check of something that is not claimed still runs, measures and informs, but does not vote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec


class Claims(msgspec.Struct, frozen=True):
    """The properties one engine claims, as names of checks.

    Attributes:
        engine: name of the engine.
        checks: names of the checks it must pass.
        has_server: false where replicas exchange events among themselves; other checkers judge them then.
    """

    engine: str
    checks: frozenset[str]
    has_server: bool = True

    def claims(self, check: str) -> bool:
        """Whether the engine claims what this check looks at."""
        return check in self.checks


JUPITER: Final = Claims(
    "jupiter",
    frozenset(
        {
            "convergence",
            "quiescence",
            "total_order",
            "ledger",
            "intention",
            "site_order",
            "undo",
            "reconciliation",
            "session_guarantees",
            "weak_list",
            "liveness",
            "presence",
            "resources",
            "protocol",
            "exceptions",
            "non_triviality",
        }
    ),
)
"""Jupiter violates the strong list specification by nature, and therefore does not claim it."""

ANY_EDITOR: Final = Claims(
    "", JUPITER.checks - {"intention", "site_order", "undo", "reconciliation", "non_triviality"}
)
"""What is demanded of an editor with a server that says nothing of itself.

Left out are Concord's own rules: how an edit is carried to the head, whose text comes first at one place,
what an undo takes back, how a branch is merged.
"""

ESSENTIAL: Final = frozenset({"convergence", "total_order", "ledger", "element_ledger"})
"""Checks without which nothing is known of an editor: a history that they find nothing in is unknown."""

_EVERY_SEQUENCE: Final = frozenset(
    {
        "convergence",
        "liveness",
        "element_ledger",
        "causal_integration",
        "exceptions",
        "unique_ids",
        "persistence",
        "crdt_laws",
        "weak_list",
        "strong_list",
        "non_triviality",
    }
)
"""What every sequence CRDT claims.

An insertion moves nothing that is there, and all replicas agree on one order of all elements, deleted ones
included; so each of them satisfies the strong list specification (Attiya et al., PODC 2016, §4, prove it for
RGA). They differ in how they interleave what was typed at one place.
"""

SEQUENCES: Final[tuple[Claims, ...]] = (
    Claims("fuguemax", _EVERY_SEQUENCE | {"rule_order", "non_interleaving"}, has_server=False),
    *(
        Claims(engine, _EVERY_SEQUENCE | {"rule_order"}, has_server=False)
        for engine in ("fugue", "yata", "rga", "logoot")
    ),
    Claims("woot", _EVERY_SEQUENCE, has_server=False),
)
"""The list rules that replicas without a server can follow.

FugueMax alone is maximally non-interleaving. That elements end in the order of the rule is checked with a
second implementation, of which there is none for WOOT.
"""

ENGINES: Final[dict[str, Claims]] = {claims.engine: claims for claims in (JUPITER, *SEQUENCES)}
"""Every engine there is, by name."""


def has_server(run: Mapping[str, Any]) -> bool:
    """Whether a run had a server, by what the header of its history says; one that names no engine had."""
    engine = ENGINES.get(run.get("engine", ""))
    return engine is None or engine.has_server
