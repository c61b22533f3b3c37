"""Snapshots in Prometheus' text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from model.histogram import Histogram, bucket_upper
from reference_server.metrics.registry import LATENCIES
from reference_server.metrics.snapshot import MetricsSnapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# Bounds of the buckets, in microseconds; among them the limits of the SLOs: 10, 50, 100 and 200 ms.
BOUNDS_US: Final = (
    *(10, 25, 50, 100, 250, 500),
    *(1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 500_000),
    *(1_000_000, 2_500_000, 5_000_000, 10_000_000),
)

COUNTERS: Final = {  # field of Counts: name, help
    "connections_opened": ("connections_opened_total", "WebSocket connections accepted."),
    "connections_refused": ("connections_refused_total", "Connections turned away."),
    "connections_closed": ("connections_closed_total", "Connections that ended."),
    "connections_dropped": ("connections_dropped_total", "Connections that ended by a fault."),
    "messages_in": ("messages_received_total", "Messages received."),
    "messages_out": ("messages_sent_total", "Messages queued, one for each recipient."),
    "bytes_in": ("received_bytes_total", "Bytes of messages received."),
    "bytes_out": ("sent_bytes_total", "Bytes of messages queued."),
    "operations": ("operations_total", "Operations committed and broadcast."),
    "outbox_overflows": ("outbox_overflows_total", "Connections closed because their reader was too slow."),
    "authentications_refused": ("authentications_refused_total", "Tokens refused."),
    "conflicts_resolved": ("conflicts_resolved_total", "Operations carried over concurrent revisions."),
    "conflicts_failed": ("conflicts_failed_total", "Operations that could not be carried."),
    "transformation_errors": ("transformation_errors_total", "Transformations that failed."),
    "store_conflicts": ("store_conflicts_total", "Appends repeated because another worker was first."),
    "store_unknown": ("store_unknown_total", "Appends whose outcome had to be read back."),
    "presence_updates": ("presence_updates_total", "Selections broadcast."),
}
BUS: Final = {  # field of BusCounters: name, help
    "published": ("bus_published_total", "Messages handed to the bus."),
    "received": ("bus_received_total", "Messages of other workers."),
    "dropped": ("bus_dropped_total", "Messages given up because too much waited."),
    "commands": ("bus_commands_total", "Commands for the cache of the bus."),
    "commands_failed": ("bus_commands_failed_total", "Commands given up or refused."),
    "connects": ("bus_connects_total", "Connections made to the bus."),
    "losses": ("bus_losses_total", "Established connections to the bus that were lost."),
}
GAUGES: Final = {  # field of Gauges: name, help
    "connections": ("connections", "Open WebSocket connections."),
    "active_users": ("active_users", "Users with a connection, counted for each worker."),
    "documents_open": ("documents_open", "Documents in memory, counted for each worker."),
    "queue_depth": ("queue_depth", "Operations that wait, over all documents."),
    "outbox_bytes": ("outbox_bytes", "Bytes that wait to be sent."),
}
USAGE: Final = {  # name, help, field of Usage, factor
    "worker_cpu_ratio": ("Processor time of a worker over the last seconds, in cores.", "cpu_usage", 0.01),
    "worker_memory_bytes": ("Resident memory of a worker.", "memory_usage", 1),
    "worker_uptime_seconds": ("Time since a worker started.", "uptime_us", 1e-6),
    "worker_bus_connected": ("Whether a worker is connected to the bus.", "bus_connected", 1),
}


def to_prometheus(snapshot: MetricsSnapshot) -> str:
    """The whole exposition; histograms and counters are those since the start."""
    return "".join(f"{line}\n" for line in _lines(snapshot))


def _lines(snapshot: MetricsSnapshot) -> Iterator[str]:
    tables = ((snapshot.counts, COUNTERS, "counter"), (snapshot.bus, BUS, "counter"))
    for fields, table, kind in (*tables, (snapshot.gauges, GAUGES, "gauge")):
        for field, (name, text) in table.items():
            yield from _family(name, kind, text, [({}, getattr(fields, field))])
    errors = sorted(snapshot.errors.items())
    yield from _family("errors_total", "counter", "Errors sent.", [({"code": c}, n) for c, n in errors])
    closes = sorted(snapshot.closes.items())
    yield from _family(
        "closes_total", "counter", "Connections ended.", [({"code": str(c)}, n) for c, n in closes]
    )
    yield from _family(
        "mechanisms_total",
        "counter",
        "What rarely happens, as often as it did.",
        [({"mechanism": name}, n) for name, n in snapshot.mechanisms.items()],
    )
    yield from _family("workers", "gauge", "Workers that report.", [({}, len(snapshot.workers))])
    for name, (text, field, factor) in USAGE.items():
        yield from _family(
            name,
            "gauge",
            text,
            [({"worker": str(u.worker)}, getattr(u, field) * factor) for u in snapshot.workers],
        )
    for name, text in LATENCIES.items():
        if name in snapshot.latencies:
            yield from _histogram(f"{name}_seconds", text, snapshot.latencies[name].since_start)


def _family(
    name: str, kind: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    yield from _head(name, kind, text)
    for labels, value in samples:
        yield f"concord_{name}{_labels(labels)} {_number(value)}"


def _histogram(name: str, text: str, histogram: Histogram) -> Iterator[str]:
    yield from _head(name, "histogram", text)
    # A bucket of ours that reaches over a bound counts above it: nothing is shown shorter than it was.
    ours = sorted((bucket_upper(bucket), n) for bucket, n in histogram.buckets.items())
    seen = at = 0
    for bound in BOUNDS_US:
        while at < len(ours) and ours[at][0] <= bound:
            seen += ours[at][1]
            at += 1
        yield f"concord_{name}_bucket{_labels({'le': _number(bound / 1_000_000)})} {seen}"
    yield f"concord_{name}_bucket{_labels({'le': '+Inf'})} {histogram.count}"
    yield f"concord_{name}_sum {_number(histogram.total / 1_000_000)}"
    yield f"concord_{name}_count {histogram.count}"


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP concord_{name} {escaped}"
    yield f"# TYPE concord_{name} {kind}"


def _labels(labels: Mapping[str, str]) -> str:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    inside = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
