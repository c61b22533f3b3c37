"""A session of many people, each of whom worked on two branches at once."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def two_branches_each(folder: Path, authors: int, length: int) -> Path:
    """A recorded session whose identities are out of the order of its file.

    Everybody types ``length`` characters at the begin of the empty text, and as many on another branch; which
    of them comes first in the file is drawn, and so is whose. Then everybody merges the own two and takes the
    first character away. All rules order what was typed at one place by author, and by recorded number.
    """
    rng = random.Random(7)
    branches = [(author, half) for author in range(authors) for half in (0, 1)]
    rng.shuffle(branches)
    typed = {branch: "".join(rng.choices(LETTERS, k=length)) for branch in branches}
    names = [f"author {author:03d}" for author in range(authors)]
    transactions: list[dict[str, Any]] = []
    ends: dict[tuple[int, int], int] = {}
    at = 0

    def add(author: int, parents: list[int], first: int, op: list[object], size: int) -> None:
        nonlocal at
        transactions.append(
            {
                "span": [at, at + size],
                "parents": parents,
                "agent": names[author],
                "seqStart": first,
                "ops": [op],
            }
        )
        at += size

    for author, half in branches:
        add(author, [], half * length, [0, 0, typed[author, half]], length)
        ends[author, half] = at - 1
    for author in range(authors):
        add(author, [ends[author, 0], ends[author, 1]], 2 * length, [0, 1, ""], 1)
    end = "".join(typed[author, 0][1:] + typed[author, 1] for author in range(authors))
    path = folder / "many.json"
    path.write_text(json.dumps({"endContent": end, "txns": transactions}))
    return path
