"""Speed of text operations: the short path of single inserts and deletes against the general walk.

Run with ``uv run python -m bench.text``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from bench.measure import alternate, machine, table
from model.text import Operation, delete, insert, transform
from model.text import _transform_walk as transform_by_walk

PAIRS = 20_000
LENGTH = 2_000


def pairs(rng: random.Random) -> list[tuple[Operation, Operation]]:
    """Concurrent single inserts and deletes on a text of 2,000 code points."""

    def one() -> Operation:
        at = rng.randrange(LENGTH - 10)
        return insert(LENGTH, at, "x") if rng.random() < 0.8 else delete(LENGTH, at, rng.randint(1, 5))

    return [(one(), one()) for _ in range(PAIRS)]


def main() -> None:
    """Print the table as Markdown."""
    operations = pairs(random.Random(1))

    def over(
        function: Callable[[Operation, Operation], Operation], given: Sequence[tuple[Operation, Operation]]
    ) -> float:
        for a, b in given:
            function(a, b)
        return len(given)

    variants: dict[str, Callable[[], float]] = {
        "transform (short path)": lambda: over(lambda a, b: transform(a, b, first=True), operations),
        "general walk": lambda: over(lambda a, b: transform_by_walk(a, b, True), operations),
    }
    print(f"Machine: {machine()}\n")
    print(table("transform of two single edits", "transformations", alternate(variants, 7)))


if __name__ == "__main__":
    main()
