"""What an arena leaves behind, as ``arena.json`` and as ``concord arena --json`` print it.

Everything but what :class:`MachineCosts` holds is the same for equal arguments, on every machine.
"""

from __future__ import annotations

from typing import Final

import msgspec

from model.identity import SiteId
from model.verdict import ExitCode, Verdict

ARENA_VERSION: Final = 1


class Character(msgspec.Struct, frozen=True):
    """One character that was typed; each is typed once, so it is an identity.

    Attributes:
        character: as it is in the texts.
        shown: as people read it.
        agent: who typed it; empty for the first text.
        number: of the insertion among the agent's edits of single characters.
    """

    character: str
    shown: str
    agent: SiteId
    number: int


class MachineCosts(msgspec.Struct, frozen=True):
    """What one play took on one machine; it differs from run to run.

    Attributes:
        wall_seconds: wall time of the engine alone.
        memory_bytes_peak: memory of the engine at its greatest, measured in a play of its own.
    """

    wall_seconds: float
    memory_bytes_peak: int


class EngineRow(msgspec.Struct, frozen=True):
    """One engine and the schedule.

    Attributes:
        name: of the engine.
        what: what it is, in a few words.
        group: a letter; engines with equal letters ended with equal texts.
        text: what the server has at the end.
        converged: whether everybody has it too.
        weak: the weak list specification, on everything that anybody saw.
        strong: the strong one.
        strong_is_claimed: whether the engine claims it; the weak one is claimed by all.
        evidence: what contradicts a specification first; empty if nothing does.
        forward_runs, forward_split: how many runs were typed forward, and how many of them are split.
        backward_runs, backward_split: the same of runs typed backward.
        bytes_up, bytes_down: from people to the server and back, as JSON.
        elements, tombstones: characters in the state of a document, and how many of them are deleted.
        log: revisions, runs of events or events that are kept to merge what comes later.
        state_bytes: one person's state as it is saved.
        transformations: pairs of operations carried over each other; None if the engine has none.
        branches: offline phases merged as a branch; None likewise.
        problem: why it could not play to the end; empty if it could.
        machine: what it took.
    """

    name: str
    what: str
    group: str
    text: str
    converged: bool
    weak: Verdict
    strong: Verdict
    strong_is_claimed: bool
    evidence: str
    forward_runs: int
    forward_split: int
    backward_runs: int
    backward_split: int
    bytes_up: int
    bytes_down: int
    elements: int
    tombstones: int
    log: int
    state_bytes: int
    transformations: int | None
    branches: int | None
    problem: str
    machine: MachineCosts


class Difference(msgspec.Struct, frozen=True):
    """Two groups of engines that ended with different texts.

    Attributes:
        group: the one.
        engine: one of its engines.
        against: the engine it is compared with, of another group.
        differing: pairs of characters that stand in another order.
        pairs: all pairs of characters that are there.
        first: of the pair that was typed earliest, what stands first in the text of ``against``.
        second: the other one, which stands first in the text of ``engine``.
        why: which rule of ``engine`` decided so.
        why_against: which rule of ``against`` decided so.
    """

    group: str
    engine: str
    against: str
    differing: int
    pairs: int
    first: str
    second: str
    why: str
    why_against: str


class Arena(msgspec.Struct, frozen=True):
    """One schedule under every engine.

    Attributes:
        schedule: the named scenario, or the scenario it was drawn from.
        workload: how people type; ``named`` for a named scenario.
        seed: everything random came from it.
        agents: who took part.
        edits: how often somebody typed or deleted something.
        exchanges: how often somebody met the server.
        absences: how often somebody was offline.
        characters: all that were typed, in that order.
        engines: who played.
        differences: between groups of engines; information, not a problem.
        problems: what must not be: an engine that does not converge, breaks a specification that it claims,
            or has another order than the one it is defined by.
        version: of this form.
    """

    schedule: str
    workload: str
    seed: int
    agents: tuple[SiteId, ...]
    edits: int
    exchanges: int
    absences: int
    characters: tuple[Character, ...]
    engines: tuple[EngineRow, ...]
    differences: tuple[Difference, ...]
    problems: tuple[str, ...]
    version: int = ARENA_VERSION

    @property
    def exit_code(self) -> ExitCode:
        """1 if there is any problem; that engines differ is none."""
        return ExitCode.VIOLATED if self.problems else ExitCode.GOOD

    @property
    def groups(self) -> dict[str, list[EngineRow]]:
        """The engines of each letter, in order."""
        groups: dict[str, list[EngineRow]] = {}
        for row in self.engines:
            groups.setdefault(row.group, []).append(row)
        return groups

    def readable(self, text: str) -> str:
        """A text as people read it."""
        shown = {c.character: c.shown for c in self.characters}
        return "".join(shown.get(character, character) for character in text)


class _Versioned(msgspec.Struct, frozen=True):
    version: int


def encode(arena: Arena) -> bytes:
    """The arena as JSON; equal arenas give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(arena), indent=1)


def load(data: bytes) -> Arena:
    """The arena that :func:`encode` wrote.

    Raises:
        ValueError: truncated, no arena, or of another version.
    """
    version = msgspec.json.decode(data, type=_Versioned).version
    if version != ARENA_VERSION:
        raise ValueError(f"arena of version {version}, this is version {ARENA_VERSION}")
    return msgspec.json.decode(data, type=Arena)
