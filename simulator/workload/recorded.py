"""Recorded authors: each replays one author's patches of a trace, at the recorded pace where there is one.

The text differs from the recorded one, because others edit it as well; positions are clamped to what is
there.
"""

from __future__ import annotations

import random
from typing import Final

from model.people.actions import Action, Edit, EditKind, Move
from model.protocol import DOCUMENT_LENGTH_MAX
from simulator.workload.traces import Patch, Trace, Transaction

BREAK_US_MAX: Final = 60_000_000
"""Recorded breaks last up to months; here nobody pauses for longer than a minute."""

SHARED_TIME_US: Final = 1_000_000
"""Transactions that carry one time are spread over this long at most (times are often whole seconds)."""

PATCH_PAUSE_US: Final = 1_000
"""Between the patches of one transaction, which an editor made at once (several cursors)."""

LENGTH_MAX: Final = DOCUMENT_LENGTH_MAX // 2
"""Many clients replay one author and a text grows past the recorded one; nobody inserts beyond this."""

OPENING_LENGTH: Final = 1_000
"""A recording of an existing file begins by inserting all of it at once, at least this much."""

REST_US: Final = 60_000_000
"""Between the cursor movements of an author whose recording is over."""

Script = tuple[tuple[int, Patch], ...]
"""Patches of one author, each with the pause before it in µs; a pause of 0 means that none was recorded."""


class Recording:
    """A trace cut up by authors, shared by everybody who replays one of them."""

    def __init__(self, trace: Trace) -> None:
        self.start = trace.start
        transactions = trace.transactions
        opening = transactions[0].patches if transactions else ()
        if not self.start and len(opening) == 1 and len(opening[0].inserted) >= OPENING_LENGTH:
            # Not something a person did, and not something every client should do again.
            self.start = opening[0].inserted
            transactions = transactions[1:]
        by_agent: list[list[Transaction]] = [[] for _ in trace.agents]
        for transaction in transactions:
            by_agent[transaction.agent].append(transaction)
        timed = trace.timed
        self.scripts: tuple[Script, ...] = tuple(_script(part, timed) for part in by_agent if part)

    def script(self, number: int) -> Script:
        """What the client of this number replays; more clients than authors begin again with the first."""
        return self.scripts[number % len(self.scripts)] if self.scripts else ()


def _script(transactions: list[Transaction], timed: bool) -> Script:
    pauses_us = _recorded_pauses_us(transactions) if timed else [0] * len(transactions)
    script: list[tuple[int, Patch]] = []
    for pause_us, transaction in zip(pauses_us, transactions, strict=True):
        for patch in transaction.patches:
            if patch.deleted or patch.inserted:
                script.append((pause_us, patch))
                pause_us = PATCH_PAUSE_US
    return tuple(script)


def _recorded_pauses_us(transactions: list[Transaction]) -> list[int]:
    """The pause before each transaction; those of equal time are spread evenly until the next time."""
    pauses_us: list[int] = []
    times = [t.time_us or 0 for t in transactions]
    before_us = 0  # how much of the gap before the present group its first member waits
    begin = 0
    while begin < len(times):
        end = begin + 1
        while end < len(times) and times[end] == times[begin]:
            end += 1
        gap_us = min(max(times[end] - times[begin], 1), BREAK_US_MAX) if end < len(times) else SHARED_TIME_US
        step_us = max(1, min(gap_us, SHARED_TIME_US) // (end - begin))
        pauses_us.append(max(1, before_us))
        pauses_us.extend([step_us] * (end - begin - 1))
        before_us = gap_us - step_us * (end - begin - 1)
        begin = end
    return pauses_us


class RecordedAuthor:
    """Somebody who does what a recorded author did."""

    def __init__(self, rng: random.Random, edits_per_second: float, script: Script) -> None:
        """``edits_per_second`` counts where the recording has no pace; such pauses are exponential."""
        self._rng = rng
        self._script = script
        self._next = 0
        self._mean_us = 1_000_000 / edits_per_second

    def pause_us(self) -> int:
        """The recorded pause before the next patch, or one drawn where none was recorded."""
        if self._next == len(self._script):
            return REST_US
        pause_us = self._script[self._next][0]
        if not pause_us:
            pause_us = int(min(10.0, self._rng.expovariate(1.0)) * self._mean_us)
        return max(1, pause_us)

    def act(self, text: str, caret: int) -> Action:
        """The next patch on the text that is there; after the last one, the cursor goes to the end."""
        while self._next < len(self._script):
            position, deleted, inserted = self._script[self._next][1]
            self._next += 1
            position = min(position, len(text))
            deleted = min(deleted, len(text) - position)
            if len(text) + len(inserted) > LENGTH_MAX:
                inserted = ""
            if deleted or inserted:
                return Edit(_kind(deleted, inserted), position, deleted, inserted)
        return Move(min(max(caret, 0), len(text)), len(text))


def _kind(deleted: int, inserted: str) -> EditKind:
    """What a person most likely did."""
    if deleted and inserted:
        return "replace"
    if inserted:
        return "type" if len(inserted) == 1 else "paste"
    return "backspace" if deleted == 1 else "cut"
