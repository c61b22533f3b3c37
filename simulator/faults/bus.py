"""Deaths of the bus between the workers."""

from __future__ import annotations

from simulator.faults.fault import CellFault
from simulator.virtual.witness import BUS, Shows, Symptom


class BusDeath(CellFault):
    """The bus dies with everything on it and comes back empty; until then workers hear nothing of each other.

    What they tell each other is a hint, never the truth: whoever misses one compares heads with the store.
    """

    kind = "bus_death"
    concerned = (BUS,)
    shows = Shows((Symptom.UNHEARD,))

    def begin(self) -> None:
        """End it."""
        if self.host.hub is not None:
            self.hold(self.host.hub.deaths, None)
