from __future__ import annotations

from pathlib import Path

import pytest

from model.histogram import Histogram
from model.measures import Measures, MeasureSet
from model.measures.measure_set import FAULT, STEADY
from model.result import ServerSeries, SloRow
from reports.slo import RUNBOOK, ObjectiveError, evaluate, load_objectives
from reports.wording import margin_text, objective_text, outcome_text, value_text
from tests.histograms import record_many

VALID = """
version: 1
objectives:
  - {name: a, title: A, measure: presence, percentile: 95, comparison: "<", objective: 200, unit: ms,
     phase: steady, source: runbook}
"""


def empty() -> MeasureSet:
    return Measures().result()


def rows(measures: MeasureSet, clients: int = 10_000) -> dict[str, SloRow]:
    return {row.name: row for row in evaluate(load_objectives(), measures, clients)}


def test_the_runbook_has_seven_objectives() -> None:
    found = {o.name: (o.comparison, o.objective, o.unit, o.percentile, o.phase) for o in load_objectives()}
    assert found == {
        "operation_latency": ("<", 50, "ms", 95, "steady"),
        "websocket_uptime": (">=", 99.9, "%", None, "steady"),
        "concurrent_connections": (">=", 10_000, "connections", None, "run"),
        "transformation_time": ("<", 10, "ms", 99, "run"),
        "document_sync_success": (">=", 99.99, "%", None, "run"),
        "presence_latency": ("<", 200, "ms", 95, "steady"),
        "authentication_latency": ("<", 100, "ms", 95, "steady"),
    }


def test_without_samples_nothing_is_met_or_missed() -> None:
    for row in rows(empty()).values():
        assert row.measured is None
        assert row.met is None
        assert row.samples == 0
        assert row.margin is None
        assert outcome_text(row) == "not measured"


def test_without_a_server_no_objective_applies() -> None:
    measures = empty()
    record_many(measures.latencies["operation"][STEADY], 9_000_000, 100)
    found = evaluate(load_objectives(), measures, 10_000, has_server=False)
    assert [row.name for row in found] == list(rows(measures))
    for row in found:
        assert (row.measured, row.met, row.samples) == (None, None, 0)
        assert outcome_text(row) == "not applicable without a server"


@pytest.mark.parametrize(("slowest_us", "met"), [(49_999, True), (50_000, False), (50_001, False)])
def test_a_latency_has_to_be_below_its_limit(slowest_us: int, met: bool) -> None:
    measures = empty()
    record_many(measures.latencies["operation"][STEADY], slowest_us, 100)
    record_many(measures.latencies["operation"][FAULT], 9_000_000, 1_000)  # decides nothing
    row = rows(measures)["operation_latency"]
    assert (row.met, row.measured, row.samples) == (met, slowest_us / 1000, 100)
    assert row.by_phase == {"steady": slowest_us / 1000, "fault": 9_000, "recovery": None, "heal": None}
    assert row.clock == "virtual"


def test_the_percentile_is_that_of_the_objective() -> None:
    measures = empty()
    steady = measures.latencies["operation"][STEADY]
    record_many(steady, 10_000, 95)
    record_many(steady, 900_000, 5)
    row = rows(measures)["operation_latency"]
    assert row.met
    assert row.measured is not None
    assert 10 <= row.measured <= 10 * (1 + 1 / 64)
    steady.record(900_000)
    assert rows(measures)["operation_latency"].met is False


@pytest.mark.parametrize(("connected", "met"), [(99_900, True), (99_899, False), (100_000, True)])
def test_uptime_may_be_exactly_its_objective(connected: int, met: bool) -> None:
    measures = empty()
    measures.uptime[STEADY].wanted_us = 100_000 * 1_000_000
    measures.uptime[STEADY].connected_us = connected * 1_000_000
    measures.uptime[FAULT].wanted_us = 10_000_000
    row = rows(measures)["websocket_uptime"]
    assert (row.met, row.samples) == (met, 100_000)
    assert row.by_phase["fault"] == 0


def test_the_margin_of_a_ratio_is_what_is_left_of_the_error_budget() -> None:
    measures = empty()
    measures.uptime[STEADY].wanted_us = 100_000
    margins = {}
    for connected in (100_000, 99_950, 99_900, 99_800):
        measures.uptime[STEADY].connected_us = connected
        row = rows(measures)["websocket_uptime"]
        margins[connected] = row.margin, margin_text(row)
    assert [text for _, text in margins.values()] == [
        "100 % of error budget left",
        "50 % of error budget left",
        "0 % of error budget left",
        "error budget spent 2.0 times",
    ]
    assert margins[99_950][0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("clients", "connected", "wanted", "met", "note"),
    [
        (10_000, 10_000, 10_000, True, ""),
        (12_000, 9_999, 10_500, False, ""),
        (9_999, 9_999, 9_999, None, "not applicable below 10,000 clients"),
        (10_000, 9_700, 9_800, None, "not applicable: at most 9,800 clients wanted to be connected at once"),
    ],
)
def test_concurrent_connections_need_a_run_that_is_large_enough(
    clients: int, connected: int, wanted: int, met: bool | None, note: str
) -> None:
    measures = empty()
    measures.series.connected = [3, connected, 7]
    measures.series.wanted = [3, wanted, 7]
    row = rows(measures, clients)["concurrent_connections"]
    assert (row.met, row.measured, row.note) == (met, connected, note)


@pytest.mark.parametrize(("failures", "met"), [(0, True), (1, True), (2, False)])
def test_document_sync_counts_all_phases(failures: int, met: bool) -> None:
    measures = empty()
    measures.reconciliations.attempts = {"steady": 5_000, "fault": 5_000}
    measures.reconciliations.successes = {"steady": 5_000, "fault": 5_000 - failures}
    row = rows(measures)["document_sync_success"]
    assert (row.met, row.samples) == (met, 10_000)


def test_transformation_time_of_a_simulation_is_cpu_time_and_informs() -> None:
    measures = empty()
    record_many(measures.transform, 90_000, 1_000)
    row = rows(measures)["transformation_time"]
    assert (row.met, row.clock, row.measured, row.by_phase) == (None, "cpu", 90, {})
    assert outcome_text(row) == "informs: CPU time of this machine"


def test_numbers_are_not_rounded_past_their_objective() -> None:
    assert value_text(99.98996, "%") == "99.989 %"
    assert value_text(99.9999, "%") == "99.999 %"
    assert value_text(100.0, "%") == "100.000 %"
    assert value_text(99.9, "%") == "99.900 %"
    assert value_text(49.96, "ms") == "49.96 ms"
    assert value_text(12_345.0, "connections") == "12,345"
    measures = empty()
    measures.latencies["presence"][STEADY].record(150_000)
    row = rows(measures)["presence_latency"]
    assert (objective_text(row), margin_text(row), outcome_text(row)) == ("< 200 ms", "+25 %", "met")


# --- what a real server says of itself --------------------------------------------------------------------


def server_with(**latencies_us: int) -> ServerSeries:
    found = {name: Histogram() for name in latencies_us}
    for name, value_us in latencies_us.items():
        record_many(found[name], value_us, 100)
    return ServerSeries(latencies=found)


def client_rows(server: ServerSeries | None, **latencies_us: int) -> dict[str, SloRow]:
    measures = empty()
    measures.clock = "client"
    for name, value_us in latencies_us.items():
        record_many(measures.latencies[name][STEADY], value_us, 100)
    return {row.name: row for row in evaluate(load_objectives(), measures, 10_000, server)}


@pytest.mark.parametrize(("server_us", "client_us", "met"), [(9_000, 80_000, True), (80_000, 9_000, False)])
def test_the_server_decides_on_the_operation_latency_and_the_clients_stand_beside(
    server_us: int, client_us: int, met: bool
) -> None:
    row = client_rows(server_with(operation=server_us), operation=client_us)["operation_latency"]
    assert (row.met, row.measured, row.clock, row.phase) == (met, server_us / 1000, "server", "run")
    assert row.beside == {"client": client_us / 1000}
    assert row.by_phase["steady"] == client_us / 1000
    assert "whole run" in row.note


@pytest.mark.parametrize(
    "server", [None, ServerSeries(), server_with(presence=1)], ids=["none", "mute", "other"]
)
def test_without_the_servers_histogram_the_clients_decide(server: ServerSeries | None) -> None:
    row = client_rows(server, operation=80_000)["operation_latency"]
    assert (row.met, row.measured, row.clock, row.phase) == (False, 80, "client", "steady")
    assert (row.beside, row.note) == ({}, "")


def test_an_empty_histogram_of_the_server_decides_nothing() -> None:
    silent = ServerSeries(latencies={"operation": Histogram(), "transform": Histogram()})
    found = client_rows(silent, operation=9_000)
    assert found["operation_latency"].clock == "client"
    assert outcome_text(found["transformation_time"]) == "not measured"


def test_transformation_time_is_the_servers() -> None:
    row = client_rows(server_with(transform=12_000))["transformation_time"]
    assert (row.met, row.measured, row.clock, row.beside, row.note) == (False, 12, "server", {}, "")


@pytest.mark.parametrize("name", ["presence", "authenticate"])
def test_clients_decide_on_what_they_wait_for(name: str) -> None:
    row = client_rows(server_with(**{name: 1_000}), **{name: 900_000})[f"{_OBJECTIVES[name]}_latency"]
    assert (row.met, row.measured, row.clock, row.beside) == (False, 900, "client", {"server": 1.0})
    row = client_rows(server_with(**{name: 1_000}))[f"{_OBJECTIVES[name]}_latency"]
    assert (row.met, row.clock, row.beside) == (True, "server", {})


_OBJECTIVES = {"presence": "presence", "authenticate": "authentication"}


def test_connections_the_server_counted_stand_beside_but_do_not_count() -> None:
    measures = empty()
    measures.clock = "client"
    measures.series.connected = [9_990]
    measures.series.wanted = [10_000]
    server = ServerSeries(seconds=[1.0, 2.0], columns={"connections": [None, 10_020.0]})
    row = {r.name: r for r in evaluate(load_objectives(), measures, 10_000, server)}["concurrent_connections"]
    assert (row.met, row.measured, row.clock, row.beside) == (False, 9_990, "client", {"server": 10_020})


# --- the file ---------------------------------------------------------------------------------------------


def refused(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(ObjectiveError) as caught:
        load_objectives(path)
    message = str(caught.value)
    assert all(line.startswith(f"{path}:") for line in message.splitlines())
    return message


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("version: 1", "version: 2", "version"),
        ("percentile: 95, ", "", "objectives.0.percentile"),
        ("percentile: 95", "percentile: 101", "objectives.0.percentile"),
        ("percentile: 95", "percentil: 95", "percentil"),
        ("measure: presence, percentile: 95", "measure: uptime, percentile: 95", "objectives.0.unit"),
        ("measure: presence", "measure: weather", "objectives.0.measure"),
        ("unit: ms", "unit: s", "objectives.0.unit"),
        ('"<"', '"<="', "objectives.0.comparison"),
        ("objective: 200", "objective: fast", "objectives.0.objective"),
        ("objective: 200", "objective: 3:20", "write 200 if that is meant"),
        ("objective: 200", "objective: .inf", "objectives.0.objective"),
        ("objective: 200", "objective: 0", "objectives.0.objective"),
        ("phase: steady", "phase: always", "objectives.0.phase"),
        ("measure: presence", "measure: transform", "objectives.0.phase"),
        ("source: runbook", "", "source"),
        ("objectives:", "objectives: [", ":4: not YAML: "),
    ],
)
def test_a_bad_file_names_the_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in VALID
    path = tmp_path / "slos.yaml"
    path.write_text(VALID)
    assert load_objectives(path)[0].name == "a"
    assert key in refused(path, VALID.replace(old, new))


def test_a_name_may_occur_once(tmp_path: Path) -> None:
    line = VALID.split("objectives:\n")[1]
    assert ":6: objectives.1.name: 'a' is that of objectives.0 too" in refused(
        tmp_path / "slos.yaml", VALID + line
    )


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ObjectiveError, match="cannot be read: No such file"):
        load_objectives(tmp_path / "none.yaml")
    assert RUNBOOK.is_file()
