"""What an engine says of itself, and so which checks decide about it (D20).

A check of something that is not claimed still runs, measures and informs, but does not vote.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Claims(msgspec.Struct, frozen=True):
    """The properties one engine claims, as names of checks.

    Attributes:
        engine: name of the engine.
        checks: names of the checks it must pass.
    """

    engine: str
    checks: frozenset[str]

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
            "reconciliation",
            "session_guarantees",
            "weak_list",
            "liveness",
            "presence",
            "non_triviality",
        }
    ),
)
"""Jupiter violates the strong list specification by nature, and therefore does not claim it."""

ENGINES: Final[dict[str, Claims]] = {claims.engine: claims for claims in (JUPITER,)}
"""Every engine there is, by name."""
