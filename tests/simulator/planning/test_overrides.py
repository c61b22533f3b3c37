from __future__ import annotations

import msgspec
import pytest

from simulator.planning.faultspec import fault_spec
from simulator.planning.overrides import override_all, workload_settings
from simulator.planning.scenario import Scenario, ScenarioError, load_scenario

DEFAULT = load_scenario("default")


def override(scenario: Scenario, key: str, value: str | float) -> Scenario:
    return override_all(scenario, {key: value})


def test_every_number_can_be_set_by_its_path() -> None:
    assert override(DEFAULT, "clients", 12_000).clients == 12_000
    assert override(DEFAULT, "workload.edits_per_second", "0.5").workload.edits_per_second == 0.5
    assert override(DEFAULT, "workload.weights.undo", "30").workload.weights.undo == 30
    assert override(DEFAULT, "faults.0.duration", "5s").faults[0].duration_us == 5_000_000
    assert override(DEFAULT, "faults.0.window.0", "16s").faults[0].window_us == (16_000_000, 27_000_000)
    assert override(DEFAULT, "network.regions.1.latency", "99ms").network.regions[1].latency_us == 99_000
    assert override(DEFAULT, "faults.1.window", "null").faults[1].window_us is None


def test_a_whole_list_can_be_set() -> None:
    assert override(DEFAULT, "faults", "[]").faults == ()
    assert override(DEFAULT, "faults", "[{kind: clog, at: 9s}]").faults == (
        fault_spec("clog", at_us=9_000_000),
    )


def test_nothing_else_changes() -> None:
    changed = override(DEFAULT, "server.commit", "9ms")
    # What it requires is said of the scenario as it stands in its file.
    assert override(changed, "server.commit", "2ms") == msgspec.structs.replace(DEFAULT, requires=())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("clients", "-5", "clients: must be a whole number from 1 to 1000000, not -5"),
        ("network.latency", "5ms", "network.latency: unknown key; known: regions, "),
        ("netwrk.regions", "[]", "netwrk: unknown key; did you mean network?"),
        ("clients.x", "1", "clients.x: unknown key; clients is a single value"),
        ("faults.99.duration", "5s", "faults.99: unknown key; faults has 0 to 19"),
        ("faults.-1.duration", "5s", "faults.-1: unknown key; faults has 0 to 19"),
        ("faults.0.share", "0.5", "faults.0.share: does not belong to partition_region, which takes region"),
        ("faults.0.kind", "clgo", "faults.0.kind: unknown fault 'clgo'; did you mean clog?"),
        ("duration", "20", "duration: must be a duration above 0 such as "),
        ("cells", "", "cells: must have a value"),
        ("workload.trace_file", "a\udcff", r"workload.trace_file: must be UTF-8, not 'a\udcff'"),
        (
            "clients",
            "017",
            "clients: must be a whole number from 1 to 1000000, not 017, which YAML 1.1 reads as",
        ),
        ("faults", "[{kind: clog, at: 1:30}]", "faults.0.at: must be a duration such as "),
        ("workload.edits_per_second", "1_0", "workload.edits_per_second: must be a number"),
        ("workload.edits_per_second", ".inf", "workload.edits_per_second: must be a number"),
        ("cells", "[1", "cells: not YAML: "),
        ("documents", "20000", "documents: 20000 are more than the 10000 clients"),
        ("sessions.join_ramp", "120s", "sessions.join_ramp: must be shorter than the run"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(key: str, value: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        override(DEFAULT, key, value)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_fewer_clients_have_fewer_documents_and_cells() -> None:
    small = override(DEFAULT, "clients", 100)
    assert (small.clients, small.documents, small.cells) == (100, 10, 10)
    fewer = override(DEFAULT, "clients", 5_000)
    assert (fewer.documents, fewer.cells) == (1_000, 16)  # that still fits
    assert override(DEFAULT, "documents", 5).cells == 5


def test_what_is_set_is_not_adjusted() -> None:
    for order in (("clients", "documents", "cells"), ("cells", "documents", "clients")):
        values = {"clients": 100, "documents": 50, "cells": 3}
        small = override_all(DEFAULT, {key: values[key] for key in order})
        assert (small.clients, small.documents, small.cells) == (100, 50, 3)
    with pytest.raises(ScenarioError, match=r"^documents: 500 are more than the 100 clients$"):
        override_all(DEFAULT, {"documents": 500, "clients": 100})


@pytest.mark.parametrize("duration", ["60s", "10s", "1s", "3ms"])
def test_a_shorter_run_has_earlier_and_shorter_faults(duration: str) -> None:
    short = override(DEFAULT, "duration", duration)
    assert len(short.faults) == len(DEFAULT.faults)
    assert short.sessions.join_ramp_us == short.duration_us // 12
    assert short.faults[0].duration_us == short.duration_us * 8 // 120
    kept = override_all(DEFAULT, {"faults.0.duration": "7us", "duration": duration})
    assert kept.faults[0].duration_us == 7


def test_a_longer_run_keeps_its_faults() -> None:
    assert override(DEFAULT, "duration", "10m").faults == DEFAULT.faults


def test_a_changed_scenario_requires_only_what_it_is_told_to() -> None:
    written = msgspec.structs.replace(DEFAULT, requires=("trim", "busy"))
    assert override_all(written, {}).requires == ("trim", "busy")
    assert override_all(written, {"clients": 20_000}).requires == ()
    assert override_all(written, {"duration": "20s", "requires": "[conflict]"}).requires == ("conflict",)
    assert override_all(written, {"clients": 100, "requires": "[]"}).requires == ()
    with pytest.raises(ScenarioError, match=r"^requires\.0: unknown mechanism 'trimm'; did you mean trim\?$"):
        override_all(written, {"requires": "[trimm]"})


def test_workloads_as_written_on_the_command_line() -> None:
    contended = override_all(DEFAULT, workload_settings("contention")).workload
    assert (contended.kind, contended.trace_file) == ("contention", "")
    recorded = override_all(DEFAULT, workload_settings("trace:a folder/b: c.json")).workload
    assert (recorded.kind, recorded.trace_file) == ("trace", "a folder/b: c.json")
    for text in ("trace", "trace:", "humn", "human:x"):
        with pytest.raises(ScenarioError, match=r"^workload\."):
            override_all(DEFAULT, workload_settings(text))
