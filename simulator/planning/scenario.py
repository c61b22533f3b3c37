"""Scenarios: everything a run depends on besides its seed, read from YAML and checked before anything runs.

Times are integer microseconds in fields that end in ``_us``; a file has them without the ending and with a
unit (``duration: 120s``). Every single value can be set from outside, see ``simulator.planning.overrides``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec

from model.client.backoff import PAUSE_SHARE_MAX
from model.marks import BY_NAME
from model.settings.durations import Duration, PositiveDuration, Share
from model.settings.reader import Reader, SettingError, Variant, nearest, parse, text_of
from simulator.planning.faultspec import (
    ANY_REGION,
    BUS_DEATH,
    CELLS_MAX,
    OF_EXPIRING_TOKENS,
    FaultSpec,
    fault_problems,
    fault_variant,
)
from simulator.workload.settings import Workload

SCENARIO_BYTES_MAX: Final = 1_048_576
WORKERS_MAX: Final = 16
_SHIPPED: Final = Path(__file__).parent / "scenarios"
VARIANTS: Final[dict[type, Variant]] = {FaultSpec: fault_variant}
"""Structs whose fields depend on one of them, for whoever reads a part of a scenario."""

Bytes: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000_000)]
Items: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class ScenarioError(ValueError):
    """A scenario cannot be used: one line with the file, the line in it, the key and what is wrong."""


class Popularity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How clients spread over documents.

    ``hot_room`` clients (0: no hot document) share the first document; the others spread with the popularity
    of the n-th document proportional to ``1 / n ** skew`` (0: evenly), at least one client each.
    """

    hot_room: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    skew: Annotated[float, msgspec.Meta(ge=0.0, le=5.0)] = 0.3


class Sessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How clients come and go by themselves.

    Attributes:
        join_ramp_us: clients start at times spread over this long.
        offline_mean_count: times a client goes offline in a run, on average.
        offline_mean_us: mean length of such an absence.
        offline_editing_share: of the absences, how many are spent typing.
        sweep_share: of these, how many see a sweep of hundreds of edits through the text, as a search and
            replace makes them.
        crash_share: of the absences, how many are crashes.
        idle_share: of the clients, how many only read.
        late_share: how many join only in the course of the run.
        leave_share: how many leave for good before its end.
    """

    join_ramp_us: Duration = 5_000_000
    offline_mean_count: Annotated[float, msgspec.Meta(ge=0.0, le=10_000.0)] = 1.0
    offline_mean_us: PositiveDuration = 8_000_000
    offline_editing_share: Share = 0.6
    sweep_share: Share = 0.005
    crash_share: Share = 0.05
    idle_share: Share = 0.05
    late_share: Share = 0.02
    leave_share: Share = 0.02


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the clients with its one-way latency: a constant, plus an exponential part of mean jitter."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    share: Share
    latency_us: Duration
    jitter_us: Duration = 0


SETTLE_US: Final = 1_000_000
"""For joining, catching up, merging and telling the others, when everybody is connected again."""


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Connections between clients and gateway.

    Attributes:
        regions: their shares add up to 1.
        bandwidth_bytes_per_second: of one connection, each way.
        keep_alive_us: a silent connection is given up after this long.
        connect_timeout_us: an attempt to connect is given up after this long.
        retry_us: first pause before connecting again; it doubles up to ``retry_max_us``.
    """

    regions: tuple[Region, ...] = (Region("everywhere", 1.0, 20_000, 5_000),)
    bandwidth_bytes_per_second: Bytes = 1_000_000
    keep_alive_us: PositiveDuration = 4_000_000
    connect_timeout_us: PositiveDuration = 3_000_000
    retry_us: PositiveDuration = 500_000
    retry_max_us: PositiveDuration = 8_000_000

    @property
    def rest_us(self) -> int:
        """How long a healthy server may take to bring everybody to rest once no fault acts.

        Each end may need its keep-alive to notice that a connection is dead, an attempt to connect may have
        begun while the path was blocked, and after it, and after a server that was busy with all who came
        back, there is the longest pause.
        """
        pause_us = int(self.retry_max_us * PAUSE_SHARE_MAX)
        return 2 * self.keep_alive_us + self.connect_timeout_us + 2 * pause_us + SETTLE_US


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The modelled service times and the limits of one worker.

    Attributes:
        service_us: per event.
        service_per_recipient_us: per connection that a broadcast goes to.
        authenticate_us: for the check of a token.
        token_lifetime_us: how long a token of a client is good for; 0: for ever.
        renew_grace_us: a connection whose token has expired is closed so long after that.
        commit_us: of the store, until durable; up to ``commit_jitter_us`` more.
        queue_items_max: operations waiting for one document; further ones are answered ``busy``.
        outbox_bytes_max: bytes waiting for one connection; a slower reader is closed.
        snapshot_every_revisions: between two snapshots of a document.
        offline_horizon_revisions: how far a client may lag behind and still be merged (D12).
        workers: of each cell, on one store; a client comes to any of them, at each connection anew.
    """

    service_us: Duration = 60
    service_per_recipient_us: Duration = 4
    authenticate_us: Duration = 300
    token_lifetime_us: Duration = 0
    renew_grace_us: PositiveDuration = 30_000_000
    commit_us: Duration = 2_000
    commit_jitter_us: Duration = 1_000
    queue_items_max: Items = 1_000
    outbox_bytes_max: Bytes = 1_048_576
    snapshot_every_revisions: Items = 512
    offline_horizon_revisions: Items = 16_384
    workers: Annotated[int, msgspec.Meta(ge=1, le=WORKERS_MAX)] = 1


class BusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bus that carries hints between the workers of a cell; means nothing where there is one worker.

    Attributes:
        latency_us: of a hint.
        jitter_us: mean of what comes on top, drawn for each hint; a late one holds up those behind it.
        loss: share of the hints that nobody gets, and nobody knows of.
        duplication: share that arrive twice.
    """

    latency_us: Duration = 500
    jitter_us: Duration = 500
    loss: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.0
    duplication: Share = 0.0


class Gossip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Replicas without a server, and the datagrams between them; means nothing to a run with a server.

    Attributes:
        fanout: how many replicas something new is sent to by each that learns it.
        round_us: mean time from learning something to passing it on, together with what else was learnt.
        compare_us: mean time between two comparisons of a replica's version with that of another one.
        loss: share of the datagrams that are lost.
        duplication: share that arrive twice.
        reordering: share that are held up, for ``held_us`` more on average, so that others overtake them.
        compact_us: mean time between two compactions of a replica that compacts.
    """

    fanout: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 2
    round_us: PositiveDuration = 400_000
    compare_us: PositiveDuration = 3_000_000
    loss: Annotated[float, msgspec.Meta(ge=0.0, le=0.9)] = 0.02
    duplication: Share = 0.02
    reordering: Share = 0.05
    held_us: PositiveDuration = 500_000
    compact_us: PositiveDuration = 5_000_000


class Smallest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The size at which every fault of a scenario still finds something to hit, whatever the seed."""

    clients: Annotated[int, msgspec.Meta(ge=1)] = 1
    documents: Annotated[int, msgspec.Meta(ge=1)] = 1
    duration_us: Duration = 0


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a run depends on besides its seed.

    Attributes:
        duration_us: of the phase with faults; the heal phase follows.
        heal_bound_us: after healing, everything has converged within this long, or liveness is violated; with
            a server also within what its timeouts come to, if that is less.
        smallest: below this size, what is to happen may not; a run that is *unknown* says so.
        requires: names of the mechanisms that a run has to reach to be worth a verdict.
        informs: names of the objectives that it breaks on purpose, as who cuts people off breaks that of
            uptime; they are measured and told, and decide nothing.
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    description: str
    clients: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    documents: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    cells: Annotated[int, msgspec.Meta(ge=1, le=CELLS_MAX)]
    duration_us: PositiveDuration
    heal_bound_us: PositiveDuration = 30_000_000
    popularity: Popularity = Popularity()
    workload: Workload = Workload()
    sessions: Sessions = Sessions()
    network: NetworkSettings = NetworkSettings()
    server: ServerSettings = ServerSettings()
    bus: BusSettings = BusSettings()
    gossip: Gossip = Gossip()
    faults: tuple[FaultSpec, ...] = ()
    smallest: Smallest = Smallest()
    requires: tuple[str, ...] = ()
    informs: tuple[str, ...] = ()


def shipped_scenarios() -> tuple[str, ...]:
    """The names of the scenarios that come with the project."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def load_scenario(name_or_path: str | Path) -> Scenario:
    """A shipped scenario by name, or one from a file.

    Raises:
        ScenarioError: there is no such scenario, or its file has a mistake.
    """
    if str(name_or_path) in shipped_scenarios():
        path = _SHIPPED / f"{name_or_path}.yaml"
        return read_scenario(_text_of(path, path.name), path.name)
    path = Path(name_or_path)
    if path.exists():
        return read_scenario(_text_of(path, str(path)), str(path))
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        raise ScenarioError(f"{path}: there is no such file")
    raise ScenarioError(f"unknown scenario {str(path)!r}; {nearest(str(path), shipped_scenarios())}")


def _text_of(path: Path, place: str) -> str:
    try:
        return text_of(path.read_bytes(), SCENARIO_BYTES_MAX)
    except OSError as error:
        raise ScenarioError(f"{place}: cannot be read: {error.strerror or error}") from None
    except SettingError as error:
        raise ScenarioError(f"{place}: {error}") from None


def read_scenario(text: str, place: str) -> Scenario:
    """The scenario in a YAML text; ``place`` is its name in error messages.

    Raises:
        ScenarioError: the text has a mistake; the first one is told.
    """
    reader = Reader(place, VARIANTS)
    scenario = None
    try:
        node = parse(text)
    except SettingError as error:
        reader.problem("", error.message, error.line)
    else:
        if node is None:
            reader.problem("", "is empty")
        else:
            scenario = reader.read(Scenario, node, "")
    if isinstance(scenario, Scenario) and not reader.problems:
        for key, message in _problems(scenario):
            reader.problem(key, message)
    if reader.problems or not isinstance(scenario, Scenario):
        raise ScenarioError(str(reader.sorted_problems[0]))
    return scenario


def how_to_enlarge(scenario: Scenario) -> str:
    """What to type for a run in which there is enough to happen."""
    smallest = scenario.smallest
    sizes = (
        ("clients", scenario.clients, smallest.clients, f"{smallest.clients}"),
        ("documents", scenario.documents, smallest.documents, f"{smallest.documents}"),
        ("duration", scenario.duration_us, smallest.duration_us, f"{smallest.duration_us / 1e6:g}s"),
    )
    needed = " ".join(f"--{name} {text}" for name, is_now, least, text in sizes if is_now < least)
    if needed:
        return f"the run is too small for {scenario.name}: take {needed}, or more"
    return "take more clients, or a longer run"


def without_requirements(scenario: Scenario, mechanisms: Collection[str]) -> Scenario:
    """The scenario, which does not require these mechanisms."""
    required = tuple(name for name in scenario.requires if name not in mechanisms)
    return msgspec.structs.replace(scenario, requires=required)


def validate(scenario: Scenario) -> None:
    """Check what concerns more than one value; bounds of single values are checked when they are read.

    Raises:
        ScenarioError: two values contradict each other.
    """
    for key, message in _problems(scenario):
        raise ScenarioError(f"{key}: {message}")


def _problems(s: Scenario) -> Iterator[tuple[str, str]]:
    if s.documents > s.clients:
        yield "documents", f"{s.documents} are more than the {s.clients} clients"
    if s.cells > s.documents:
        yield "cells", f"{s.cells} are more than the {s.documents} documents"
    if s.sessions.join_ramp_us >= s.duration_us:
        yield "sessions.join_ramp", "must be shorter than the run"
    if s.sessions.late_share + s.sessions.leave_share > 1.0:
        yield "sessions.late_share", "and leave_share add up to more than 1"
    if s.workload.kind == "trace" and not s.workload.trace_file:
        yield "workload.trace_file", "is missing; the trace workload needs it"
    if not any(msgspec.structs.astuple(s.workload.weights)):
        yield "workload.weights", "are all zero"
    if s.network.retry_max_us < s.network.retry_us:
        yield "network.retry_max", "must not be shorter than retry"
    names = [region.name for region in s.network.regions]
    if len(set(names)) < len(names) or ANY_REGION in names:
        yield "network.regions", f"must have different names, none of them {ANY_REGION!r}"
    if abs(sum(region.share for region in s.network.regions) - 1.0) > 1e-6:
        yield "network.regions", "must have shares that add up to 1"
    for i, name in enumerate(s.requires):
        if name not in BY_NAME:
            yield f"requires.{i}", f"unknown mechanism {name!r}; {nearest(name, BY_NAME)}"
        elif name in s.requires[:i]:
            yield f"requires.{i}", f"{name} stands there twice"
    for i, name in enumerate(s.informs):
        if name in s.informs[:i]:
            yield f"informs.{i}", f"{name} stands there twice"
    for i, spec in enumerate(s.faults):
        for key, message in fault_problems(spec, s.sessions.join_ramp_us, s.duration_us):
            yield f"faults.{i}.{key}", message
        if spec.kind == BUS_DEATH and s.server.workers < 2:
            yield f"faults.{i}.kind", f"{BUS_DEATH} needs 2 or more server.workers: one has nobody to tell"
        if spec.kind in OF_EXPIRING_TOKENS and not s.server.token_lifetime_us:
            yield (
                f"faults.{i}.kind",
                f"{spec.kind} needs server.token_lifetime: a token has the one time compared",
            )
        if spec.region not in ("", ANY_REGION, *names):
            yield f"faults.{i}.region", f"unknown region {spec.region!r}; {nearest(spec.region, names)}"
