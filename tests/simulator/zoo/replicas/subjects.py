"""The bugs of replicas, and which oracle must find each of them in what kind of trial."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from model.crdt.replicas import ALGORITHMS
from model.crdt.replicas.port import CausalBuffer, Replica
from simulator.gossip.peer import GossipParts
from simulator.zoo.catalogue import bug_of
from tests.simulator.zoo.replicas.trial import TrialShape


class Subject(NamedTuple):
    """A bug of the zoo, which is a subclass of a replica, and what can see it.

    Attributes:
        bug: its name in the zoo.
        oracle: the one that must find it, by name.
        blind: oracles that cannot: a search with these alone passes.
        shape: of trials in which it can show.
    """

    bug: str
    oracle: str
    blind: tuple[str, ...] = ()
    shape: TrialShape = TrialShape()

    @property
    def broken(self) -> type[Replica]:
        """The replica with the mistake in it."""
        return self._parts.replica

    @property
    def buffer(self) -> type[CausalBuffer]:
        """What delivers events to it."""
        return self._parts.buffer

    @property
    def sound(self) -> type[Replica]:
        """The same replica without the mistake."""
        return ALGORITHMS[bug_of(self.bug).rule]

    @property
    def _parts(self) -> GossipParts:
        parts = bug_of(self.bug).parts()
        assert isinstance(parts, GossipParts)
        return parts


_DIVERGING: Final = ("acceptance", "placement", "identity")
_CONVERGING: Final = ("acceptance", "convergence", "placement", "identity")

SUBJECTS: Final[Mapping[str, Subject]] = MappingProxyType(
    {
        subject.bug: subject
        for subject in (
            Subject("skips-tombstones", "convergence", _DIVERGING, TrialShape(agents=4, steps=45, places=2)),
            Subject("unbounded-scan", "convergence", _DIVERGING),
            Subject("before-its-right", "convergence", _DIVERGING, TrialShape(agents=4, steps=20)),
            Subject(
                "stale-index", "placement", ("convergence", "identity"), TrialShape(steps=20, deletes=0.25)
            ),
            Subject(
                "right-parents-reversed",
                "interleaving",
                _CONVERGING,
                TrialShape(agents=4, steps=30, deletes=0.05),
            ),
            Subject("sites-reversed", "order", _CONVERGING),
            Subject("buffers-as-strings", "convergence", _DIVERGING, TrialShape(agents=12, steps=30)),
            Subject("counters-not-saved", "identity", (), TrialShape(steps=18, deletes=0.25, reloads=0.1)),
            Subject(
                "without-tombstones",
                "placement",
                ("acceptance", "identity"),
                TrialShape(agents=1, steps=12, deletes=0.3),
            ),
            Subject(
                "collects-early",
                "convergence",
                ("placement", "identity"),
                TrialShape(steps=24, deletes=0.25, compacts=0.1),
            ),
        )
    }
)
"""Every bug of a replica, by name."""
