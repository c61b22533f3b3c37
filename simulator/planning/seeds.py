"""Named streams of randomness (D17): one more client or draw leaves every other stream as it was."""

from __future__ import annotations

import hashlib
import random


class Seeds:
    """The streams of one run, all derived from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, *name: str | int) -> random.Random:
        """The stream of this name, always from its start; equal names give equal streams."""
        label = f"{self.seed}/" + "/".join(str(part) for part in name)
        return random.Random(int.from_bytes(hashlib.blake2b(label.encode(), digest_size=16).digest(), "big"))
