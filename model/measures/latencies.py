"""Latencies by phase and by second, and the slowest edits by their identity."""

from __future__ import annotations

from model.histogram import Histogram
from model.history import Broadcast
from model.measures.measure_set import LATENCIES, PHASES, WORST_KEPT_MAX, WorstEdit, rank_slowest
from model.measures.timeline import Timeline


class Latencies:
    """Takes durations in microseconds and files each under the present phase.

    Attributes:
        histograms: measure -> phase -> histogram.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.histograms = {m: {phase: Histogram() for phase in PHASES} for m in LATENCIES}
        self._timeline = timeline
        self._by_second = {"operation": timeline.series.operation, "visible": timeline.series.visible}
        self._slowest: dict[str, list[WorstEdit]] = {m: [] for m in LATENCIES}
        self._floor_us = dict.fromkeys(LATENCIES, -1)  # only what is slower belongs to the slowest

    def record(self, measure: str, value_us: int) -> None:
        """Count a duration."""
        self.histograms[measure][self._timeline.phase].record(value_us)

    def record_edit(
        self, measure: str, value_us: int, broadcast: Broadcast, edited_us: int, ended_us: int
    ) -> None:
        """Count a duration on the way of some edits, and keep them if they are among the slowest.

        Args:
            measure: which duration.
            value_us: how long.
            broadcast: whose edits.
            edited_us: when the first of them was made; 0 if that was not on the present connection.
            ended_us: when the duration ended.
        """
        self.record(measure, value_us)
        by_second = self._by_second.get(measure)
        if by_second is not None:
            histogram = by_second.get(self._timeline.second)
            if histogram is None:
                histogram = by_second[self._timeline.second] = Histogram()
            histogram.record(value_us)
        if value_us > self._floor_us[measure]:
            self._keep(measure, value_us, broadcast, edited_us, ended_us)

    def _keep(self, measure: str, value_us: int, broadcast: Broadcast, edited_us: int, ended_us: int) -> None:
        edit = WorstEdit(
            measure=measure,
            site=broadcast.site,
            sequence=broadcast.first,
            last=broadcast.last,
            document=broadcast.document,
            revision=broadcast.revision,
            value_us=value_us,
            phase=self._timeline.phase,
            edited_us=edited_us,
            received_us=broadcast.received_us,
            broadcast_us=broadcast.time_us,
            time_us=ended_us,
        )
        kept = rank_slowest([*self._slowest[measure], edit])
        self._slowest[measure] = kept
        if len(kept) == WORST_KEPT_MAX:
            self._floor_us[measure] = kept[-1].value_us

    def slowest(self) -> list[WorstEdit]:
        """The slowest few edits of each measure."""
        return rank_slowest(edit for kept in self._slowest.values() for edit in kept)
