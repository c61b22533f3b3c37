"""How people spread over documents: a hot one, the others by a power law; one definition for every run."""

from __future__ import annotations

import random
from collections.abc import Sequence


def room_sizes(people: int, documents: int, hot_room: int, skew: float, rng: random.Random) -> list[int]:
    """The number of people of each document: at least one each, all of them together.

    The first document is the hot one if there is to be one; the other sizes are in random order, so that the
    number of a document tells nothing.

    Args:
        people: at least as many as documents.
        documents: how many.
        hot_room: people of the hot document, as far as there are any left over; 0 for none.
        skew: the popularity of the n-th of the other documents is proportional to ``1 / n ** skew``.
        rng: puts them in order.
    """
    if documents == 1:
        return [people]
    hot = min(hot_room, people - (documents - 1))
    others = documents - (1 if hot else 0)
    sizes = _apportioned(people - hot, [(n + 1) ** -skew for n in range(others)])
    rng.shuffle(sizes)
    return [hot, *sizes] if hot else sizes


def _apportioned(people: int, weights: Sequence[float]) -> list[int]:
    """``people`` divided by weight, one at least for each, by largest remainder (Hamilton's method)."""
    spare = people - len(weights)
    total = sum(weights)
    shares = [spare * weight / total for weight in weights]
    sizes = [1 + int(share) for share in shares]
    missing = people - sum(sizes)
    by_remainder = sorted(range(len(weights)), key=lambda i: (int(shares[i]) - shares[i], i))
    for i in by_remainder[:missing]:
        sizes[i] += 1
    return sizes
