"""Random causal histories as scripts, which any algorithm can replay."""

from __future__ import annotations

from hypothesis import strategies as st

from model.crdt.scripts import Delete, Insert, Script, Step, Sync, everybody
from model.identity import SiteId

# Every character is typed once, so characters are identities.
LETTERS = [*map(chr, range(ord("a"), ord("z") + 1)), *map(chr, range(0x4E00, 0x4F00))]

_A, _B, _C, _D, _E = (SiteId(name) for name in "ABCDE")

FUGUEMAX_DIFFERS = Script(
    (_A, _B, _C, _D, _E),
    (
        Insert(_A, 0, "e"),
        Sync(_B, _A),
        Sync(_C, _A),
        Insert(_B, 0, "v"),
        Insert(_C, 0, "w"),
        # v is followed by w for D, by e for E; their elements are right siblings below v.
        Sync(_D, _B),
        Sync(_D, _C),
        Sync(_E, _B),
        Insert(_D, 1, "1"),
        Insert(_E, 1, "2"),
        *everybody((_A, _B, _C, _D, _E)),
    ),
)
"""Ends with ``v12we`` in Fugue, and with ``v21we`` in FugueMax: 1 was typed in front of w."""


def sites(count: int) -> tuple[SiteId, ...]:
    return tuple(SiteId(chr(ord("A") + n)) for n in range(count))


@st.composite
def scripts(
    draw: st.DrawFn,
    *,
    agents_min: int = 2,
    agents_max: int = 8,
    steps_min: int = 0,
    steps_max: int = 24,
    settled: bool = True,
) -> Script:
    """A random causal history of some agents; ``settled``: at its end everybody knows everything.

    Replicas insert at a place of their text, delete, and take over what another one knows. Places are small
    and counted modulo the text, so that shrinking goes to short scripts that edit at the beginning.
    """
    agents = sites(draw(st.integers(agents_min, agents_max)))
    names = st.sampled_from(agents)
    insert = st.tuples(st.just("insert"), names, st.integers(0, 9), st.integers(1, 3))
    delete = st.tuples(st.just("delete"), names, st.integers(0, 9), st.integers(1, 3))
    sync = st.tuples(st.just("sync"), names, st.integers(1, len(agents) - 1), st.just(0))
    unused = iter(LETTERS)
    steps: list[Step] = []
    drawn = st.lists(st.one_of(insert, insert, delete, sync), min_size=steps_min, max_size=steps_max)
    for kind, agent, number, size in draw(drawn):
        if kind == "insert":
            steps.append(Insert(agent, number, "".join(next(unused) for _ in range(size))))
        elif kind == "delete":
            steps.append(Delete(agent, number, size))
        else:
            steps.append(Sync(agent, agents[(agents.index(agent) + number) % len(agents)]))
    return Script(agents, (*steps, *(everybody(agents) if settled else ())))
