"""What was measured of a run, as data: the content of ``measures.json`` and the sum of several cells.

All durations are integer microseconds in the clock named by :attr:`MeasureSet.clock`, except
:attr:`MeasureSet.transform`, which is measured CPU time. ``docs/results.md`` explains every number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from model.histogram import Histogram, bucket_of, merged

MEASURES_VERSION: Final = 3
WORST_KEPT_MAX: Final = 5

STEADY: Final = "steady"
FAULT: Final = "fault"
RECOVERY: Final = "recovery"
HEAL: Final = "heal"
PHASES: Final = (STEADY, FAULT, RECOVERY, HEAL)

RUN: Final = "run"
"""What stands in place of a phase for the whole run."""

STRATA: Final = (*PHASES, RUN)
"""What every figure is told for, in this order."""

ONLINE: Final = "online"
CUT_OFF: Final = "cut_off"
OFFLINE: Final = "offline"
"""What a client knew when its person made an edit: that it follows the document, that it would like to and
does not, or that it does not want to."""

LATENCIES: Final = (
    "operation",
    "durable_online",
    "durable_cut_off",
    "durable_offline",
    "everywhere_online",
    "everywhere_cut_off",
    "everywhere_offline",
    "reconcile",
    "presence",
    "authenticate",
    "connect",
)
"""The measures that have a histogram for each phase."""


EXAMPLED: Final = ("operation", "durable_online", "everywhere_online")
"""The measures of which an edit is kept for each bucket of their histograms."""

EXAMPLE_PERCENTILES: Final = (50, 95, 99)


class Example(msgspec.Struct, frozen=True, array_like=True, order=True):
    """An edit that took as long as its bucket says."""

    document: str
    site: str
    sequence: int


class FaultRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One occurrence of a fault; ``affected`` is what it really hit, summed over the cells."""

    name: str
    lane: str
    begin_us: int
    end_us: int
    affected: int


class WorstEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the slowest edits of a measure, by its identity ``site#sequence``, with its way in time.

    Of the edits that travelled as one operation it is the slowest, and ``last`` the last of them. The times
    are those of the planned keystroke, of the submit's arrival at the server, of the broadcast and of the end
    of the measure; 0 where a step was not seen.
    """

    measure: str
    site: str
    sequence: int
    last: int
    document: str
    revision: int
    value_us: int
    phase: str
    edited_us: int
    received_us: int
    broadcast_us: int
    time_us: int


class Uptime(msgspec.Struct, forbid_unknown_fields=True):
    """Client time in one phase: how long clients wanted to be connected, and how long of that they were."""

    wanted_us: int = 0
    connected_us: int = 0


class Agreement(msgspec.Struct, forbid_unknown_fields=True):
    """Document time in one phase, as :mod:`model.measures.divergence` defines it.

    How long documents were watched by two or more replicas, and how long of that these had diverged.
    """

    watched_us: int = 0
    diverged_us: int = 0


class Reconciliations(msgspec.Struct, forbid_unknown_fields=True):
    """Distinct offline branches handed in, and how many of them came to be durable.

    An attempt counts in the phase in which it was first made, its success too.
    """

    attempts: dict[str, int] = {}
    successes: dict[str, int] = {}


class Totals(msgspec.Struct, forbid_unknown_fields=True):
    """Plain counts of a whole run."""

    documents: int = 0
    sites: int = 0
    edits: int = 0
    edits_acknowledged: int = 0
    operations: int = 0
    broadcasts: int = 0
    deliveries: int = 0
    merges: int = 0
    joins: int = 0
    resumes: int = 0
    restarts: int = 0
    stranded: int = 0
    connections: int = 0
    undurable: int = 0
    unseen: int = 0
    presence_unmatched: int = 0
    edits_by_kind: dict[str, int] = {}
    sent: dict[str, int] = {}
    offline: dict[str, int] = {}
    disconnects: dict[str, int] = {}


_Counts = TypeVar("_Counts", Uptime, Agreement, Reconciliations, Totals)


class Series(msgspec.Struct, forbid_unknown_fields=True):
    """One value for each virtual second, from second 0 on.

    ``edits``, ``broadcasts`` and ``deliveries`` count what happened within the second; the others are read
    at its end. The histograms are kept only for seconds that have values.
    """

    edits: list[int] = []
    broadcasts: list[int] = []
    deliveries: list[int] = []
    connected: list[int] = []
    wanted: list[int] = []
    offline: list[int] = []
    offline_with_edits: list[int] = []
    in_flight: list[int] = []
    operation: dict[int, Histogram] = {}
    everywhere: dict[int, Histogram] = {}


COUNTERS: Final = ("edits", "broadcasts", "deliveries")
GAUGES: Final = ("connected", "wanted", "offline", "offline_with_edits", "in_flight")


class MeasureSet(msgspec.Struct, forbid_unknown_fields=True):
    """Everything measured of one cell or, merged, of a run."""

    clock: str
    phases_us: dict[str, int]
    latencies: dict[str, dict[str, Histogram]]
    worst: list[WorstEdit]
    examples: dict[str, dict[int, Example]]
    uptime: dict[str, Uptime]
    agreement: dict[str, Agreement]
    reconciliations: Reconciliations
    convergence: Histogram
    series: Series
    totals: Totals
    faults: list[FaultRow]
    transform: Histogram
    version: int = MEASURES_VERSION

    def latency(self, measure: str, phase: str | None = None) -> Histogram:
        """The histogram of one measure in one phase, or over the whole run."""
        phases = self.latencies[measure]
        return phases[phase] if phase is not None else merged([phases[p] for p in PHASES])

    def example(self, measure: str, percentile: float) -> Example | None:
        """An edit that took as long as a percentile over the whole run; None if none is kept."""
        whole = self.latency(measure)
        if measure not in EXAMPLED or not whole.count:
            return None
        return self.examples[measure].get(bucket_of(whole.percentile(percentile)))

    @property
    def typical(self) -> list[Example]:
        """The edits behind the percentiles that reports show, of each measure that has some."""
        found = [self.example(measure, p) for measure in EXAMPLED for p in EXAMPLE_PERCENTILES]
        return [example for example in found if example is not None]


def encode_measures(measures: MeasureSet) -> bytes:
    """The measures as JSON; equal measures give equal bytes."""
    plain = msgspec.to_builtins(measures, str_keys=True)
    return msgspec.json.encode(plain, order="deterministic")


def load_measures(data: bytes) -> MeasureSet:
    """The measures that :func:`encode_measures` wrote.

    Raises:
        ValueError: truncated, not measures, or of another version; names the field.
    """
    measures = msgspec.json.decode(data, type=MeasureSet)
    if measures.version != MEASURES_VERSION:
        raise ValueError(f"measures of version {measures.version}, this is version {MEASURES_VERSION}")
    for measure in LATENCIES:
        missing = [p for p in PHASES if p not in measures.latencies.get(measure, {})]
        if missing:
            raise ValueError(f"measures without latencies.{measure}.{missing[0]}")
    for measure in EXAMPLED:
        if measure not in measures.examples:
            raise ValueError(f"measures without examples.{measure}")
    return measures


def merge_measures(parts: Sequence[MeasureSet]) -> MeasureSet:
    """The measures of several cells as those of one run; the parts stay as they were.

    Raises:
        ValueError: no parts, or parts of different clocks.
    """
    if not parts or len({part.clock for part in parts}) != 1:
        raise ValueError("merging needs measures of one clock")
    return MeasureSet(
        clock=parts[0].clock,
        phases_us=_merge_counts(part.phases_us for part in parts),
        latencies={
            measure: {phase: merged([part.latencies[measure][phase] for part in parts]) for phase in PHASES}
            for measure in LATENCIES
        },
        worst=rank_slowest(edit for part in parts for edit in part.worst),
        examples={measure: _merge_examples(part.examples[measure] for part in parts) for measure in EXAMPLED},
        uptime={phase: _summed([part.uptime[phase] for part in parts]) for phase in PHASES},
        agreement={phase: _summed([part.agreement[phase] for part in parts]) for phase in PHASES},
        reconciliations=_summed([part.reconciliations for part in parts]),
        convergence=merged([part.convergence for part in parts]),
        series=_merge_series([part.series for part in parts]),
        totals=_summed([part.totals for part in parts]),
        faults=_merge_faults(fault for part in parts for fault in part.faults),
        transform=merged([part.transform for part in parts]),
    )


def rank_slowest(edits: Iterable[WorstEdit]) -> list[WorstEdit]:
    """The slowest few of each measure, slowest first; equally slow ones in order of time and identity."""
    ranked = sorted(edits, key=lambda e: (e.measure, -e.value_us, e.time_us, e.site, e.sequence))
    kept: list[WorstEdit] = []
    for edit in ranked:
        if len(kept) < WORST_KEPT_MAX or kept[-WORST_KEPT_MAX].measure != edit.measure:
            kept.append(edit)
    return kept


def _merge_counts(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    whole: dict[str, int] = {}
    for part in counts:
        for key, n in part.items():
            whole[key] = whole.get(key, 0) + n
    return whole


def _merge_examples(parts: Iterable[dict[int, Example]]) -> dict[int, Example]:
    """One for each bucket, the first by name, so that the order of the parts does not matter."""
    whole: dict[int, Example] = {}
    for part in parts:
        for bucket, example in part.items():
            whole[bucket] = min(example, whole.get(bucket, example))
    return whole


def _summed(parts: Sequence[_Counts]) -> _Counts:
    """Field by field, each of which is a number or several by name."""
    whole = type(parts[0])()
    for field in whole.__struct_fields__:
        values = [getattr(part, field) for part in parts]
        setattr(whole, field, sum(values) if isinstance(values[0], int) else _merge_counts(values))
    return whole


def _merge_series(parts: Sequence[Series]) -> Series:
    """Add second by second; a cell that ended early keeps its last gauges and counts nothing more."""
    whole = Series()
    for field in COUNTERS:
        setattr(whole, field, _add([getattr(part, field) for part in parts], lambda _: 0))
    for field in GAUGES:
        setattr(whole, field, _add([getattr(part, field) for part in parts], lambda row: row[-1]))
    for field in ("operation", "everywhere"):
        histograms: dict[int, Histogram] = {}
        for part in parts:
            for second, histogram in getattr(part, field).items():
                histograms.setdefault(second, Histogram()).merge(histogram)
        setattr(whole, field, histograms)
    return whole


def _add(rows: Sequence[list[int]], after: Callable[[list[int]], int]) -> list[int]:
    """Add rows of different lengths; ``after`` says what a row is worth behind its end."""
    length = max(len(row) for row in rows)
    padded = [row + [after(row) if row else 0] * (length - len(row)) for row in rows]
    return [sum(values) for values in zip(*padded, strict=True)]


def _merge_faults(faults: Iterable[FaultRow]) -> list[FaultRow]:
    affected: dict[tuple[int, int, str, str], int] = {}
    for fault in faults:
        key = (fault.begin_us, fault.end_us, fault.lane, fault.name)
        affected[key] = affected.get(key, 0) + fault.affected
    return [
        FaultRow(name, lane, begin_us, end_us, affected[begin_us, end_us, lane, name])
        for begin_us, end_us, lane, name in sorted(affected)
    ]
