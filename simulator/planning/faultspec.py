"""What a scenario says about faults: the kinds there are, what each one takes, and when it happens.

What a fault does to the simulated world is written in ``simulator.faults``; here are its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from model.settings.durations import Duration, PositiveDuration, Share, key_of
from model.settings.reader import SettingError, nearest

CELLS_MAX: Final = 1_024
ANY_REGION: Final = "any"
EITHER_WAY: Final = "either"
CLOCK_SKEW: Final = "clock_skew"
BUS_DEATH: Final = "bus_death"
TOKEN_OUTAGE: Final = "token_outage"
OF_EXPIRING_TOKENS: Final = (CLOCK_SKEW, TOKEN_OUTAGE)
"""Faults that need tokens with a lifetime."""


class FaultSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fault of a scenario; which of the fields after ``count`` belong to it depends on its kind.

    When it happens: once, beginning ``at``; or repeatedly, one period of ``every`` apart; or else ``count``
    times, drawn from the seed, without overlap. ``window`` bounds the repeated and the drawn ones; left out,
    it is the time from the end of the join ramp to the end of the run. No fault lasts beyond the run.

    Attributes:
        kind: a name of :data:`FAULT_KINDS`.
        duration_us: from its beginning to its healing.
        share: of the clients, drawn for each occurrence, that it hits.
        cells: how many cells it hits, drawn for each occurrence; at most all there are.
        region: the name of a region; ``any`` draws one for each occurrence.
        direction: ``up`` is from the clients to the gateway; ``either`` draws one for each occurrence.
        rate: probability that a commit, a message or a datagram is hit.
        impatient: share of the hit clients that come back on another path before it is over.
        period_us: mean time between two changes, writes or resends.
        restart_us: from the death of the process to the start of the next one.
        skew_us: greatest offset of a clock, both ways.
        bytes_per_second: how fast a slow reader reads.
    """

    kind: str
    duration_us: PositiveDuration
    lane: Literal["network", "gateway", "store", "bus", "clients"]
    at_us: Duration | None = None
    every_us: PositiveDuration | None = None
    window_us: tuple[Duration, Duration] | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    share: Share = 0.0
    cells: Annotated[int, msgspec.Meta(ge=0, le=CELLS_MAX)] = 0
    region: str = ""
    direction: Literal["", "up", "down", "either"] = ""
    rate: Share = 0.0
    impatient: Share = 0.0
    period_us: Duration = 0
    restart_us: Duration = 0
    skew_us: Duration = 0
    bytes_per_second: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0


class FaultKind(msgspec.Struct, frozen=True):
    """What a kind of fault takes.

    ``parameters`` maps each field that belongs to it to its default; no parameter may be zero or empty.
    ``where`` says in which worlds there is something to hit: with a server, among replicas, or in both.
    """

    lane: str
    duration_us: int
    parameters: Mapping[str, Any]
    where: Literal["both", "server", "replicas"] = "both"


def _kind(lane: str, seconds: float, **parameters: Any) -> FaultKind:
    return FaultKind(lane, int(seconds * 1_000_000), parameters)


def _of_server(lane: str, seconds: float, **parameters: Any) -> FaultKind:
    return FaultKind(lane, int(seconds * 1_000_000), parameters, "server")


def _of_replicas(lane: str, seconds: float, **parameters: Any) -> FaultKind:
    return FaultKind(lane, int(seconds * 1_000_000), parameters, "replicas")


FAULT_KINDS: Final[Mapping[str, FaultKind]] = {
    "partition_region": _kind("network", 8, region=ANY_REGION),
    "partition_halves": _kind("network", 6, share=0.5),
    "partition_clients": _kind("network", 6, share=0.05),
    "partition_one_way": _kind("network", 6, share=0.1, direction=EITHER_WAY),
    "partition_ring": _of_replicas("network", 6, share=1.0),
    "partition_bridge": _of_replicas("network", 6, share=1.0),
    "flapping": _kind("network", 8, share=0.05, period_us=1_000_000),
    "clog": _kind("network", 3, share=0.2, impatient=0.3),
    "corruption": _of_server("network", 5, share=0.1, rate=0.1),
    "gateway_crash": _of_server("gateway", 3, cells=1),
    "crash_before_ack": _of_server("gateway", 4, cells=1, restart_us=1_000_000),
    "gateway_pause": _of_server("gateway", 2, cells=1),
    "store_stall": _of_server("store", 2, cells=1),
    "store_error": _of_server("store", 4, cells=1, rate=0.3),
    "rival_writer": _of_server("store", 5, cells=1, period_us=200_000),
    "bus_death": _of_server("bus", 3, cells=1),
    "long_offline": _kind("clients", 30, share=0.05),
    "herd": _kind("clients", 3, share=1.0),
    "slow_reader": _of_server("clients", 8, share=0.02, bytes_per_second=200),
    "duplicate_resend": _kind("clients", 5, share=0.1, period_us=50_000),
    "clock_skew": _of_server("clients", 8, share=0.1, skew_us=3_600_000_000),
    "client_crash": _kind("clients", 3, share=0.02),
    "client_pause": _of_server("clients", 3, share=0.05),
    "right_loss": _of_server("clients", 5, share=0.05),
    "sign_out": _of_server("clients", 2, share=0.05),
    TOKEN_OUTAGE: _of_server("clients", 8, share=0.1),
    "intrusion": _of_server("clients", 10, cells=1, period_us=200_000),
    "loss": _of_replicas("network", 6, share=1.0, rate=0.5),
    "duplication": _of_replicas("network", 6, share=1.0, rate=0.5),
    "reordering": _of_replicas("network", 6, share=1.0, rate=0.5),
}

KINDS_WITH_SERVER: Final = tuple(kind for kind, known in FAULT_KINDS.items() if known.where != "replicas")
"""The kinds of faults that there are with a server."""

KINDS_WITHOUT_SERVER: Final = tuple(kind for kind, known in FAULT_KINDS.items() if known.where != "server")
"""The kinds of faults that there are among replicas without a server."""

_TIMETABLE: Final = ("kind", "lane", "duration_us", "at_us", "every_us", "window_us", "count")


def allowed_fields(kind: str) -> frozenset[str]:
    """The fields that a fault of this kind may have."""
    return frozenset((*_TIMETABLE, *FAULT_KINDS[kind].parameters))


def fault_variant(given: Mapping[str, Any]) -> tuple[frozenset[str], Mapping[str, Any]]:
    """The fields allowed for the kind that is given, and the values of those left out.

    Raises:
        SettingError: there is no such kind.
    """
    if "kind" not in given:
        raise SettingError("kind", f"is missing; known: {', '.join(FAULT_KINDS)}")
    kind = given["kind"]
    if not isinstance(kind, str):
        raise SettingError("kind", "must be the name of a fault")
    if kind not in FAULT_KINDS:
        raise SettingError("kind", f"unknown fault {kind!r}; {nearest(kind, FAULT_KINDS)}")
    known = FAULT_KINDS[kind]
    defaults = {"lane": known.lane, "duration_us": known.duration_us, **known.parameters}
    return allowed_fields(kind), defaults


def fault_spec(kind: str, **fields: Any) -> FaultSpec:
    """A fault with the defaults of its kind; ``fields`` are named as in the struct.

    Raises:
        SettingError: there is no such kind.
    """
    _, defaults = fault_variant({"kind": kind, **fields})
    return FaultSpec(**{"kind": kind, **defaults, **fields})


def parameters_of(spec: FaultSpec) -> dict[str, Any]:
    """What the fault's implementation needs to know besides when and in which cell, by field name."""
    return {field: getattr(spec, field) for field in FAULT_KINDS[spec.kind].parameters if field != "cells"}


def window_of(spec: FaultSpec, join_ramp_us: int, duration_us: int) -> tuple[int, int]:
    """The time in which all of the fault has to happen."""
    if spec.at_us is not None:
        return (spec.at_us, duration_us)
    return spec.window_us or (join_ramp_us, duration_us)


def fault_problems(spec: FaultSpec, join_ramp_us: int, duration_us: int) -> Iterator[tuple[str, str]]:
    """What is wrong with a fault beyond the bounds of its single fields, as (key, message)."""
    if spec.kind not in FAULT_KINDS:
        yield "kind", f"unknown fault {spec.kind!r}; {nearest(spec.kind, FAULT_KINDS)}"
        return
    parameters = FAULT_KINDS[spec.kind].parameters
    for field in msgspec.structs.fields(FaultSpec):
        if field.name in _TIMETABLE:
            continue
        value = getattr(spec, field.name)
        if field.name in parameters and not value:
            yield key_of(field.name), "must not be zero or empty"
        if field.name not in parameters and value != field.default:
            takes = ", ".join(key_of(name) for name in parameters)
            yield key_of(field.name), f"does not belong to {spec.kind}, which takes {takes}"
    yield from _timetable_problems(spec, join_ramp_us, duration_us)


def _timetable_problems(spec: FaultSpec, join_ramp_us: int, duration_us: int) -> Iterator[tuple[str, str]]:
    if spec.at_us is not None and (spec.every_us is not None or spec.window_us is not None or spec.count > 1):
        yield "at", "excludes every, window and count"
    if spec.every_us is not None and spec.count > 1:
        yield "every", "excludes count"
    if spec.every_us is not None and spec.every_us < spec.duration_us:
        yield "every", "is shorter than the fault's duration"
    begin_us, end_us = window_of(spec, join_ramp_us, duration_us)
    if spec.window_us is not None and not begin_us < end_us:
        yield "window", "must end after it begins"
    elif end_us > duration_us:
        yield "window", "ends after the run"
    elif begin_us + spec.count * spec.duration_us > end_us:
        times = f"{spec.count} times " if spec.count > 1 else ""
        where = "the run" if spec.window_us is None else "its window"
        yield "duration", f"the fault does not fit {times}into {where}"
