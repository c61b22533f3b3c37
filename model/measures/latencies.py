"""Latencies by phase and by second, and the slowest edits by their identity."""

from __future__ import annotations

from collections.abc import Callable

from model.histogram import Histogram, bucket_of
from model.measures.edits import Edit
from model.measures.measure_set import (
    EXAMPLED,
    LATENCIES,
    ONLINE,
    PHASES,
    WORST_KEPT_MAX,
    Example,
    WorstEdit,
    rank_slowest,
)
from model.measures.timeline import Timeline


class Latencies:
    """Takes durations in microseconds and files each under the present phase.

    Attributes:
        histograms: measure -> phase -> histogram.
        report: called with the measure and the duration of every edit, for other statistics.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.histograms = {m: {phase: Histogram() for phase in PHASES} for m in LATENCIES}
        self.report: Callable[[str, int], None] = lambda _measure, _us: None
        self._timeline = timeline
        series = timeline.series
        self._by_second = {"operation": series.operation, f"everywhere_{ONLINE}": series.everywhere}
        self._examples: dict[str, dict[int, Edit]] = {m: {} for m in EXAMPLED}
        self._slowest: dict[str, list[WorstEdit]] = {m: [] for m in LATENCIES}
        self._floor_us = dict.fromkeys(LATENCIES, -1)  # only what is slower belongs to the slowest

    def record(self, measure: str, value_us: int) -> None:
        """Count a duration."""
        self.histograms[measure][self._timeline.phase].record(value_us)

    def record_edit(self, measure: str, value_us: int, edit: Edit, ended_us: int) -> None:
        """Count a duration on the way of an edit, which ended then; keep it if it is among the slowest."""
        self.record(measure, value_us)
        self.report(measure, value_us)
        examples = self._examples.get(measure)
        if examples is not None:
            examples[bucket_of(value_us)] = edit  # the newest
        by_second = self._by_second.get(measure)
        if by_second is not None:
            histogram = by_second.get(self._timeline.second)
            if histogram is None:
                histogram = by_second[self._timeline.second] = Histogram()
            histogram.record(value_us)
        if value_us > self._floor_us[measure]:
            self._keep(measure, value_us, edit, ended_us)

    def _keep(self, measure: str, value_us: int, edit: Edit, ended_us: int) -> None:
        worst = WorstEdit(
            measure=measure,
            site=edit.site,
            sequence=edit.sequence,
            last=edit.last,
            document=edit.document,
            revision=edit.revision,
            value_us=value_us,
            phase=self._timeline.phase,
            edited_us=edit.planned_us,
            received_us=edit.received_us,
            broadcast_us=edit.broadcast_us,
            time_us=ended_us,
        )
        others: list[WorstEdit] = []
        for other in self._slowest[measure]:
            if (other.site, other.last) != (worst.site, worst.last):
                others.append(other)
            elif other.value_us >= value_us:
                return  # of those that travelled together the slowest stands for all
        kept = self._slowest[measure] = rank_slowest([*others, worst])
        if len(kept) == WORST_KEPT_MAX:
            self._floor_us[measure] = kept[-1].value_us

    def slowest(self) -> list[WorstEdit]:
        """The slowest few edits of each measure."""
        return rank_slowest(edit for kept in self._slowest.values() for edit in kept)

    def examples(self) -> dict[str, dict[int, Example]]:
        """The newest edit of each bucket, for the measures that have examples."""
        return {
            measure: {bucket: Example(e.document, e.site, e.sequence) for bucket, e in found.items()}
            for measure, found in self._examples.items()
        }
