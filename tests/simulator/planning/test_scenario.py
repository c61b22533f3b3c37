from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from model.people.episodes import Weights
from simulator.faults import FAULTS
from simulator.gossip.faults import GOSSIP_FAULTS
from simulator.planning.faultspec import (
    FAULT_KINDS,
    KINDS_WITH_SERVER,
    KINDS_WITHOUT_SERVER,
    FaultSpec,
    fault_spec,
)
from simulator.planning.scenario import (
    Region,
    Scenario,
    ScenarioError,
    load_scenario,
    read_scenario,
    shipped_scenarios,
    validate,
)

BASE = """\
name: case
description: A small one.
clients: 4
documents: 2
cells: 1
duration: 20s
"""


def mistake(more: str, base: str = BASE) -> str:
    with pytest.raises(ScenarioError) as caught:
        read_scenario(base + more, "case.yaml")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_scenario_has_defaults_for_everything_but_its_size() -> None:
    scenario = read_scenario(BASE, "case.yaml")
    assert (scenario.clients, scenario.documents, scenario.cells) == (4, 2, 1)
    assert scenario.duration_us == 20_000_000
    assert scenario.faults == ()
    assert sum(region.share for region in scenario.network.regions) == 1


def test_durations_are_written_with_a_unit_and_kept_in_microseconds() -> None:
    more = "heal_bound: 2m\nsessions: {join_ramp: 1.5s}\nserver: {service: 60us, commit: 2ms}\n"
    scenario = read_scenario(BASE + more, "case.yaml")
    assert scenario.heal_bound_us == 120_000_000
    assert scenario.sessions.join_ramp_us == 1_500_000
    assert (scenario.server.service_us, scenario.server.commit_us) == (60, 2_000)


def test_faults_have_the_defaults_of_their_kind() -> None:
    more = "faults:\n  - {kind: clog, at: 5s}\n  - {kind: store_stall, every: 4s, cells: 3}\n"
    clog, stall = read_scenario(BASE + more, "case.yaml").faults
    assert clog == fault_spec("clog", at_us=5_000_000)
    assert clog.share > 0
    assert (clog.lane, stall.lane) == ("network", "store")
    assert (stall.cells, stall.every_us, stall.at_us) == (3, 4_000_000, None)


MISTAKES = {
    "unknown key": ("netwrk: 3\n", "case.yaml:7: netwrk: unknown key; did you mean network?"),
    "unknown key within": (
        "network:\n  regions:\n    - {name: a, share: 1, latancy: 3ms}\n",
        "case.yaml:9: network.regions.0.latancy: unknown key; did you mean latency?",
    ),
    "key given twice": ("cells: 2\n", "case.yaml:7: cells: is given twice, first in line 5"),
    "missing within": (
        "network:\n  regions:\n    - {share: 1, latency: 3ms}\n",
        "case.yaml:9: network.regions.0.name: is missing",
    ),
    "not a mapping": ("network: 3\n", "case.yaml:7: network: must be a mapping of keys to values, not 3"),
    "not a list": ("faults: {}\n", "case.yaml:7: faults: must be a list, not a mapping"),
    "duration without unit": (
        "heal_bound: 30\n",
        "case.yaml:7: heal_bound: must be a duration above 0 such as 120s, 250ms or 2m, up to 24h, not 30",
    ),
    "negative duration": (
        "server: {service: -5ms}\n",
        "case.yaml:7: server.service: must be a duration such as 120s, 250ms or 2m, up to 24h, not '-5ms'",
    ),
    "finer than a microsecond": (
        "server: {service: 0.5us}\n",
        "case.yaml:7: server.service: must be a duration such as 120s, 250ms or 2m, up to 24h, not '0.5us'",
    ),
    "probability above one": (
        "sessions:\n  idle_share: 1.5\n",
        "case.yaml:8: sessions.idle_share: must be a number from 0 to 1, not 1.5",
    ),
    "not finite": (
        "popularity: {skew: .nan}\n",
        "case.yaml:7: popularity.skew: must be a number from 0 to 5, not .nan",
    ),
    "truth for a number": (
        "popularity: {hot_room: yes}\n",
        "case.yaml:7: popularity.hot_room: must be a whole number from 0 to 1000000, not yes",
    ),
    "unknown workload": (
        "workload: {kind: humn}\n",
        "case.yaml:7: workload.kind: must be one of human, contention, trace, not 'humn'",
    ),
    "trace without a file": (
        "workload: {kind: trace}\n",
        "case.yaml:7: workload.trace_file: is missing; the trace workload needs it",
    ),
    "no weight": (
        "workload:\n  weights:\n" + "".join(f"    {name}: 0\n" for name in msgspec.structs.asdict(Weights())),
        "case.yaml:8: workload.weights: are all zero",
    ),
    "ramp as long as the run": (
        "sessions: {join_ramp: 20s}\n",
        "case.yaml:7: sessions.join_ramp: must be shorter than the run",
    ),
    "regions that are not all": (
        "network:\n  regions: [{name: a, share: 0.5, latency: 1ms}]\n",
        "case.yaml:8: network.regions: must have shares that add up to 1",
    ),
    "regions of one name": (
        "network: {regions: [{name: a, share: 0.5, latency: 1ms}, {name: a, share: 0.5, latency: 1ms}]}\n",
        "case.yaml:7: network.regions: must have different names, none of them 'any'",
    ),
    "unknown fault": (
        "faults:\n  - kind: partition_regoin\n",
        "case.yaml:8: faults.0.kind: unknown fault 'partition_regoin'; did you mean partition_region?",
    ),
    "fault that is no name": (
        "faults:\n  - kind: [clog]\n",
        "case.yaml:8: faults.0.kind: must be the name of a fault",
    ),
    "fault in an unknown region": (
        "faults:\n  - {kind: clog}\n  - {kind: partition_region, region: everywher}\n",
        "case.yaml:9: faults.1.region: unknown region 'everywher'; did you mean everywhere?",
    ),
    "parameter of another fault": (
        "faults:\n  - {kind: gateway_crash, share: 0.5}\n",
        (
            "case.yaml:8: faults.0.share: does not belong here; "
            "known: kind, duration, lane, at, every, window, count, cells"
        ),
    ),
    "fault of nobody": (
        "faults:\n  - {kind: clog, share: 0}\n",
        "case.yaml:8: faults.0.share: must not be zero or empty",
    ),
    "fault after the end": (
        "faults:\n  - {kind: clog, at: 19s}\n",
        "case.yaml:8: faults.0.duration: the fault does not fit into the run",
    ),
    "faults that do not fit": (
        "faults:\n  - {kind: clog, count: 9, duration: 2s, window: [5s, 20s]}\n",
        "case.yaml:8: faults.0.duration: the fault does not fit 9 times into its window",
    ),
    "window after the end": (
        "faults:\n  - {kind: clog, window: [5s, 25s]}\n",
        "case.yaml:8: faults.0.window: ends after the run",
    ),
    "window backwards": (
        "faults:\n  - {kind: clog, window: [9s, 5s]}\n",
        "case.yaml:8: faults.0.window: must end after it begins",
    ),
    "window of one": (
        "faults:\n  - {kind: clog, window: [9s]}\n",
        "case.yaml:8: faults.0.window: must be a list of 2 values, not of 1",
    ),
    "two timetables": (
        "faults:\n  - {kind: clog, at: 3s, count: 2}\n",
        "case.yaml:8: faults.0.at: excludes every, window and count",
    ),
    "repeated before it is over": (
        "faults:\n  - {kind: clog, every: 1s}\n",
        "case.yaml:8: faults.0.every: is shorter than the fault's duration",
    ),
    "unknown lane": (
        "faults:\n  - {kind: clog, lane: sky}\n",
        "case.yaml:8: faults.0.lane: must be one of network, gateway, store, bus, clients, not 'sky'",
    ),
    "unknown mechanism": (
        "requires:\n  - trim\n  - snapshot_loadd\n",
        "case.yaml:9: requires.1: unknown mechanism 'snapshot_loadd'; did you mean snapshot_loaded?",
    ),
    "mechanism required twice": (
        "requires: [trim,\n  busy, trim]\n",
        "case.yaml:8: requires.2: trim stands there twice",
    ),
    "objective named twice": (
        "informs: [websocket-uptime, websocket-uptime]\n",
        "case.yaml:7: informs.1: websocket-uptime stands there twice",
    ),
    "mechanisms that are no list": ("requires: trim\n", "case.yaml:7: requires: must be a list, not 'trim'"),
    "broken syntax": ("faults: [\n", "case.yaml:8: not YAML: "),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_file_line_and_key(case: str) -> None:
    more, message = MISTAKES[case]
    assert mistake(more).startswith(message)
    if not message.endswith(" "):
        assert mistake(more) == message


def test_tags_never_build_anything() -> None:
    # The text of a tagged scalar is all that counts: nothing is constructed, nothing is called.
    scenario = read_scenario(BASE + "heal_bound: !!python/object:os.system 5s\n", "case.yaml")
    assert scenario.heal_bound_us == 5_000_000
    assert "cells: must be a whole number" in mistake(
        "", BASE.replace("cells: 1", "cells: !!python/object/apply:int [1]")
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("clients: -5", "case.yaml:3: clients: must be a whole number from 1 to 1000000, not -5"),
        ("clients: 1.5", "case.yaml:3: clients: must be a whole number from 1 to 1000000, not 1.5"),
        ("clients: many", "case.yaml:3: clients: must be a whole number from 1 to 1000000, not 'many'"),
        ("clients: 1", "case.yaml:4: documents: 2 are more than the 1 clients"),
        ("cells: 3", "case.yaml:5: cells: 3 are more than the 2 documents"),
    ],
)
def test_a_wrong_size_is_told_with_its_line(line: str, message: str) -> None:
    key = line.partition(":")[0]
    base = "".join(f"{line}\n" if old.startswith(key) else old for old in BASE.splitlines(keepends=True))
    assert mistake("", base) == message


def test_texts_that_are_no_scenario() -> None:
    assert mistake("", "") == "case.yaml: is empty"
    assert mistake("", "5") == "case.yaml:1: must be a mapping of keys to values, not 5"
    assert mistake("", "name: x\n") == "case.yaml:1: description: is missing"
    assert mistake("", "[" * 5_000).startswith("case.yaml: not YAML: ")
    assert mistake("", "name: \0").startswith("case.yaml: not YAML: unacceptable character #x0000")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"^unknown scenario 'defalt'; did you mean default\?$"):
        load_scenario("defalt")
    with pytest.raises(ScenarioError, match=r"absent\.yaml: there is no such file$"):
        load_scenario(tmp_path / "absent.yaml")
    with pytest.raises(ScenarioError, match=r"cannot be read: Is a directory$"):
        load_scenario(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"name: \xff")
    with pytest.raises(ScenarioError, match=r"bytes\.yaml: not UTF-8 text$"):
        load_scenario(tmp_path / "bytes.yaml")
    (tmp_path / "good.yaml").write_text(BASE)
    assert load_scenario(str(tmp_path / "good.yaml")).name == "case"


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenarios_are_valid_and_named_as_their_file(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.description
    assert bool(scenario.faults) == (name != "calm")
    assert scenario.requires, "a run that reaches nothing would be worth a verdict"


@pytest.mark.slow
def test_the_shipped_scenarios_are_those_promised() -> None:
    assert set(shipped_scenarios()) == {
        "default", "calm", "herd", "flaky-mobile", "split-region", "hot-document", "server-crash",
        "long-offline", "offline-third", "replicas", "access", "overload", "two-workers", "trimming",
    }  # fmt: skip
    used = {spec.kind for name in shipped_scenarios() for spec in load_scenario(name).faults}
    assert used == set(FAULT_KINDS)


def test_the_default_scenario_has_a_real_load() -> None:
    scenario = load_scenario("default")
    assert (scenario.clients, scenario.documents, scenario.cells) == (10_000, 1_000, 16)
    assert scenario.duration_us == 120_000_000
    assert scenario.popularity.hot_room == 200
    assert (scenario.workload.edits_per_second, scenario.workload.text_length) == (0.2, 2_000)
    assert scenario.sessions.offline_mean_count > 1
    elsewhere = {"herd", "bus_death", "right_loss", "sign_out", "token_outage"}
    assert set(KINDS_WITH_SERVER) - {spec.kind for spec in scenario.faults} == elsewhere


def test_every_kind_of_fault_is_implemented_and_every_implementation_has_a_kind() -> None:
    assert set(FAULT_KINDS) == {*FAULTS, *GOSSIP_FAULTS}


def test_the_scenario_of_replicas_has_a_real_load_and_all_they_can_suffer() -> None:
    scenario = load_scenario("replicas")
    assert (scenario.clients, scenario.documents, scenario.cells) == (10_000, 1_000, 16)
    assert scenario.duration_us == 120_000_000
    assert set(KINDS_WITHOUT_SERVER) - {spec.kind for spec in scenario.faults} == {"herd"}


def test_a_scenario_survives_json_where_bounds_hold_as_well() -> None:
    scenario = load_scenario("default")
    data = msgspec.json.encode(scenario)
    assert msgspec.json.decode(data, type=Scenario) == scenario
    with pytest.raises(msgspec.ValidationError, match=r"\$\.clients"):
        msgspec.json.decode(data.replace(b'"clients":10000', b'"clients":-1'), type=Scenario)


def test_a_scenario_built_in_code_is_checked_on_demand() -> None:
    scenario = read_scenario(BASE, "case.yaml")
    validate(scenario)
    with pytest.raises(ScenarioError, match=r"^documents: 2 are more than the 1 clients$"):
        validate(msgspec.structs.replace(scenario, clients=1))
    stray = FaultSpec("gateway_crash", 1, "gateway", at_us=1, cells=1, share=0.5)
    with pytest.raises(ScenarioError, match=r"^faults\.0\.share: does not belong to gateway_crash"):
        validate(msgspec.structs.replace(scenario, faults=(stray,)))
    unknown = FaultSpec("clgo", 1, "network")
    with pytest.raises(ScenarioError, match=r"^faults\.0\.kind: unknown fault 'clgo'; did you mean clog\?$"):
        validate(msgspec.structs.replace(scenario, faults=(unknown,)))
    regions = (Region("a", 0.5, 1), Region("b", 0.4, 1))
    network = msgspec.structs.replace(scenario.network, regions=regions)
    with pytest.raises(ScenarioError, match=r"^network\.regions: must have shares"):
        validate(msgspec.structs.replace(scenario, network=network))
