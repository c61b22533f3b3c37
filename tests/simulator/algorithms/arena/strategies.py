"""Random schedules: people who type, delete, meet the server and go offline, in any order."""

from __future__ import annotations

from hypothesis import strategies as st

from model.identity import SiteId
from simulator.algorithms.arena.rehearsal import Rehearsal
from simulator.algorithms.arena.schedule import Schedule

PEOPLE = tuple(SiteId(name) for name in "ABCDE")
KINDS = ["type", "type", "type", "erase", "exchange", "exchange", "offline"]


@st.composite
def schedules(draw: st.DrawFn, *, steps_min: int = 0, steps_max: int = 30, deletes: bool = True) -> Schedule:
    """A schedule of two to five people; places are small, so that they meet."""
    agents = PEOPLE[: draw(st.integers(2, len(PEOPLE)))]
    rehearsal = Rehearsal(agents, draw(st.integers(0, 3)))
    kinds = [kind for kind in KINDS if deletes or kind != "erase"]
    step = st.tuples(st.sampled_from(kinds), st.sampled_from(agents), st.integers(0, 5), st.integers(1, 3))
    for kind, agent, at, size in draw(st.lists(step, min_size=steps_min, max_size=steps_max)):
        length = len(rehearsal.text(agent))
        if kind == "type":
            rehearsal.type(agent, at % (length + 1), rehearsal.take(size))
        elif kind == "erase":
            rehearsal.erase(agent, at % max(1, length), size)
        elif kind == "exchange":
            rehearsal.exchange(agent)
        else:
            rehearsal.offline(agent)
    return rehearsal.finished("random")
