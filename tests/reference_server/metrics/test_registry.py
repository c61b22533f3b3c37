"""What a worker measures: windows that move, snapshots that share nothing, sums over workers."""

from __future__ import annotations

import os

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from model.histogram import Histogram
from model.marks import Mechanism, tally
from reference_server.bus.port import BusCounters
from reference_server.metrics.loop_lag import INTERVAL_US, measure_loop_lag
from reference_server.metrics.registry import LATENCIES, Metrics, MetricsState
from reference_server.metrics.snapshot import (
    QUEUES_MAX,
    Counts,
    Gauges,
    LatencySnapshot,
    MetricsSnapshot,
    QueueDepth,
    merge,
)
from reference_server.metrics.windows import MINUTE_US, SLOT_US, within_hour

HOUR_US = 60 * MINUTE_US


class Clock:
    """A monotonic clock that stands still."""

    def __init__(self, now_us: int = 123 * HOUR_US) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


def histogram(*values: int) -> Histogram:
    whole = Histogram()
    for value in values:
        whole.record(value)
    return whole


def test_a_duration_is_in_the_last_minute_for_a_minute_and_since_the_start_for_ever() -> None:
    clock = Clock()
    metrics = Metrics(clock_us=clock)
    for n in range(12):  # one each slot
        metrics.operation.record(n)
        snapshot = metrics.snapshot()
        assert snapshot.latencies["operation"].since_start == histogram(*range(n + 1))
        assert snapshot.latencies["operation"].last_minute == histogram(*range(max(0, n - 5), n + 1))
        clock.now_us += SLOT_US
        metrics.tick()
    clock.now_us += MINUTE_US
    snapshot = metrics.snapshot()
    assert snapshot.latencies["operation"].last_minute == Histogram()
    assert snapshot.latencies["operation"].since_start.count == 12


def test_the_window_says_what_it_covers() -> None:
    clock = Clock(123 * HOUR_US + 3_000_000)
    metrics = Metrics(clock_us=clock)
    assert metrics.snapshot().window_us == 0
    clock.now_us += 2_000_000
    assert metrics.snapshot().window_us == 2_000_000
    clock.now_us += HOUR_US
    assert metrics.snapshot().window_us == 5 * SLOT_US + 5_000_000


def test_everything_that_is_recorded_arrives_in_the_snapshot() -> None:
    clock = Clock()
    state = MetricsState(
        Gauges(connections=5, active_users=4, documents_open=2, outbox_bytes=77),
        [QueueDepth("a", 1), QueueDepth("b", 3, oldest_age_us=9)],
        BusCounters(published=6),
        bus_connected=False,
    )
    metrics = Metrics(3, lambda: state, clock)
    for name in LATENCIES:
        getattr(metrics, name).record(7)
    metrics.counts.bytes_in += 10
    metrics.published("a", 1)
    metrics.published("a", 2)
    metrics.error("busy")
    metrics.error("busy")
    metrics.closed(1000, dropped=False)
    metrics.closed(1006, dropped=True)
    metrics.conflict_failed()
    metrics.overflowed()
    clock.now_us += 1_000_000
    snapshot = metrics.snapshot()
    assert snapshot.mechanisms["slow_reader"] == tally()[Mechanism.SLOW_READER] > 0
    assert {name: latency.since_start.count for name, latency in snapshot.latencies.items()} == {
        **dict.fromkeys(LATENCIES, 1),
        "operation": 3,
    }
    assert snapshot.counts == Counts(
        bytes_in=10,
        operations=2,
        outbox_overflows=1,
        connections_closed=2,
        connections_dropped=1,
        conflicts_failed=1,
    )
    assert snapshot.gauges == Gauges(
        connections=5, active_users=4, documents_open=2, queue_depth=4, outbox_bytes=77
    )
    assert snapshot.queues == [QueueDepth("b", 3, 9), QueueDepth("a", 1, operations_last_minute=2)]
    assert snapshot.bus == BusCounters(published=6)
    assert (snapshot.errors, snapshot.closes) == ({"busy": 2}, {1000: 1, 1006: 1})
    assert within_hour(snapshot.conflict_failures, snapshot.taken_us) == 1
    assert within_hour(snapshot.disconnections, snapshot.taken_us) == 1
    (usage,) = snapshot.workers
    assert (usage.worker, usage.pid, usage.uptime_us) == (3, os.getpid(), 1_000_000)
    assert usage.memory_usage > 1_000_000
    assert usage.cpu_usage >= 0
    assert not usage.bus_connected


def test_a_snapshot_stays_as_it_was() -> None:
    metrics = Metrics(
        state=lambda: MetricsState(Gauges(connections=1), [QueueDepth("a", 1)]), clock_us=Clock()
    )
    metrics.published("a", 5)
    snapshot = metrics.snapshot()
    before = msgspec.json.encode(snapshot)
    metrics.published("a", 6)
    metrics.error("busy")
    metrics.closed(1006, dropped=True)
    metrics.conflict_failed()
    assert msgspec.json.encode(snapshot) == before


def test_what_happened_in_the_last_hour_is_forgotten_after_it() -> None:
    clock = Clock()
    metrics = Metrics(clock_us=clock)
    metrics.conflict_failed()
    clock.now_us += HOUR_US // 2
    metrics.tick()
    metrics.conflict_failed()
    metrics.closed(1006, dropped=True)

    def last_hour() -> tuple[int, int]:
        snapshot = metrics.snapshot()
        return (
            within_hour(snapshot.conflict_failures, snapshot.taken_us),
            within_hour(snapshot.disconnections, snapshot.taken_us),
        )

    assert last_hour() == (2, 1)
    clock.now_us += HOUR_US // 2 + MINUTE_US
    assert last_hour() == (1, 1)
    clock.now_us += HOUR_US
    assert last_hour() == (0, 0)
    assert metrics.snapshot().conflict_failures == {}  # and takes no memory
    assert metrics.snapshot().counts.conflicts_failed == 2


def test_operations_are_counted_by_document_for_a_minute() -> None:
    clock = Clock()
    metrics = Metrics(clock_us=clock)
    metrics.published("a", 1)
    clock.now_us += SLOT_US
    metrics.tick()
    metrics.published("a", 1)
    metrics.published("b", 1)
    assert metrics.operations_last_minute() == {"a": 2, "b": 1}
    clock.now_us += 5 * SLOT_US
    assert metrics.operations_last_minute() == {"a": 1, "b": 1}
    clock.now_us += SLOT_US
    assert metrics.operations_last_minute() == {}


def test_only_the_deepest_queues_are_kept() -> None:
    queues = [QueueDepth(f"{n:03}", n % 7) for n in range(300)]
    snapshot = Metrics(state=lambda: MetricsState(queues=queues)).snapshot()
    assert len(snapshot.queues) == QUEUES_MAX
    assert [queue.depth for queue in snapshot.queues] == sorted((n % 7 for n in range(300)), reverse=True)[
        :100
    ]
    assert snapshot.gauges.queue_depth == sum(n % 7 for n in range(300))


def snapshots() -> st.SearchStrategy[MetricsSnapshot]:
    counts = st.integers(0, 1_000)
    latencies = st.lists(st.integers(0, 10**7), max_size=5).map(lambda values: histogram(*values))

    def structs(of: type) -> st.SearchStrategy[object]:
        return st.builds(of, **dict.fromkeys(of.__struct_fields__, counts))  # type: ignore[attr-defined]

    by_minute = st.dictionaries(st.integers(0, 200), counts, max_size=4)
    queues = st.lists(
        st.builds(QueueDepth, st.sampled_from("abc"), counts, counts, counts),
        max_size=3,
        unique_by=lambda queue: queue.document,
    )
    return st.builds(
        MetricsSnapshot,
        taken_us=counts,
        window_us=counts,
        counts=structs(Counts),
        gauges=structs(Gauges),
        bus=structs(BusCounters),
        latencies=st.dictionaries(
            st.sampled_from(sorted(LATENCIES)), st.builds(LatencySnapshot, latencies, latencies), max_size=3
        ),
        queues=queues,
        errors=st.dictionaries(st.sampled_from(["busy", "malformed"]), counts),
        closes=st.dictionaries(st.sampled_from([1000, 4400]), counts),
        conflict_failures=by_minute,
        disconnections=by_minute,
        mechanisms=st.dictionaries(st.sampled_from(["trim", "busy"]), counts),
    )


@pytest.mark.slow
@given(snapshots(), snapshots(), snapshots())
def test_adding_up_is_associative_and_commutative_and_changes_nothing(
    a: MetricsSnapshot, b: MetricsSnapshot, c: MetricsSnapshot
) -> None:
    before = msgspec.json.encode([a, b, c])
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([c, b, a])
    assert merge([a, MetricsSnapshot()]) == merge([a])
    assert msgspec.json.encode([a, b, c]) == before


@pytest.mark.slow
@given(snapshots(), snapshots())
def test_a_sum_has_everything_of_both(a: MetricsSnapshot, b: MetricsSnapshot) -> None:
    both = merge([a, b])
    for part in ("counts", "gauges", "bus"):
        for field in getattr(a, part).__struct_fields__:
            values = [getattr(getattr(snapshot, part), field) for snapshot in (a, b, both)]
            assert values[0] + values[1] == values[2]
    for name in ("trim", "busy"):
        assert both.mechanisms.get(name, 0) == sum(s.mechanisms.get(name, 0) for s in (a, b))
    for name in LATENCIES:
        known = [s.latencies[name].since_start.count for s in (a, b) if name in s.latencies]
        assert known == [] or sum(known) == both.latencies[name].since_start.count
    depths = [sum(queue.depth for queue in snapshot.queues) for snapshot in (a, b, both)]
    assert depths[0] + depths[1] == depths[2]
    assert both.window_us == max(a.window_us, b.window_us)


@pytest.mark.slow
@given(snapshots())
def test_a_snapshot_survives_the_way_to_the_supervisor(snapshot: MetricsSnapshot) -> None:
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=MetricsSnapshot) == snapshot


@pytest.mark.slow
@given(snapshots())
def test_what_is_left_of_a_dead_worker_lets_no_counter_shrink(snapshot: MetricsSnapshot) -> None:
    now_us = 100 * MINUTE_US
    left = snapshot.after_death(now_us)
    lost = snapshot.gauges.connections
    assert left.counts.operations == snapshot.counts.operations
    assert left.counts.connections_closed == snapshot.counts.connections_closed + lost
    assert left.counts.connections_dropped == snapshot.counts.connections_dropped + lost
    assert within_hour(left.disconnections, now_us) == within_hour(snapshot.disconnections, now_us) + lost
    assert left.mechanisms == snapshot.mechanisms
    assert left.gauges == Gauges()
    assert (left.workers, left.queues) == ([], [])
    for name, latency in snapshot.latencies.items():
        assert left.latencies[name] == LatencySnapshot(latency.since_start, Histogram())


def test_the_loop_lag_is_what_a_sleep_took_too_long() -> None:
    async def main() -> None:
        times = iter([0, INTERVAL_US + 7, 10**6, 10**6 + INTERVAL_US - 1])  # a clock may be a little behind
        metrics = Metrics(clock_us=Clock())

        def clock() -> int:
            try:
                return next(times)
            except StopIteration:
                scope.cancel()
                return 0

        with trio.CancelScope() as scope:
            await measure_loop_lag(metrics, clock)
        assert metrics.loop_lag.since_start() == histogram(7, 0)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.slow
def test_a_blocked_loop_is_seen() -> None:
    async def main() -> None:
        metrics = Metrics()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(measure_loop_lag, metrics)
            await trio.testing.wait_all_tasks_blocked()
            deadline = trio.current_time() + 0.25
            while trio.current_time() < deadline:
                pass  # holds up everybody
            while not metrics.loop_lag.since_start().count:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        assert metrics.loop_lag.since_start().maximum >= 150_000

    trio.run(main)


def test_a_negative_duration_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="negative"):
        Metrics().commit.record(-1)
