from __future__ import annotations

import msgspec
import pytest

from model.budget import Budget
from model.histogram import Histogram
from model.measures import Measures, MeasureSet
from model.measures.measure_set import FAULT, STEADY, Agreement
from model.result import ServerSeries, SloRow
from model.verdict import Outcome
from reports.objectives import load_objectives, requirement
from reports.slo import evaluate
from reports.wording import bounds_text, decided_text, margin_text, objective_text, reasoned_text, value_text
from tests.histograms import record_many

MET, MISSED, CANNOT_TELL = Outcome


def empty() -> MeasureSet:
    return Measures().result()


def rows(measures: MeasureSet, clients: int = 10_000) -> dict[str, SloRow]:
    return {row.name: row for row in evaluate(load_objectives(), measures, clients)}


def test_without_samples_nothing_is_met_or_missed() -> None:
    for row in rows(empty()).values():
        assert row.measured is None
        assert row.outcome is CANNOT_TELL
        assert row.samples == 0
        assert row.margin is None
        word = "cannot tell" if row.applies else "not applicable"
        assert reasoned_text(row) == f"{word}: {_UNMEASURED.get(row.name, 'not measured')}"


_UNMEASURED = {
    "concurrent-connections": "at most 0 clients wanted to be connected at once",
    "transformation-time": "CPU time of this machine, which informs only",
    "authentication-latency": "modelled, not measured",
}


def test_without_a_server_no_objective_applies() -> None:
    measures = empty()
    record_many(measures.latencies["operation"][STEADY], 9_000_000, 100)
    found = evaluate(load_objectives(), measures, 10_000, has_server=False)
    assert [row.name for row in found] == list(rows(measures))
    for row in found:
        assert (row.measured, row.outcome, row.samples, row.applies) == (None, CANNOT_TELL, 0, False)
        assert reasoned_text(row) == "not applicable: without a server"


@pytest.mark.parametrize(("slowest_us", "outcome"), [(49_999, MET), (50_000, MISSED), (50_001, MISSED)])
def test_a_latency_has_to_be_below_its_limit(slowest_us: int, outcome: Outcome) -> None:
    measures = empty()
    record_many(measures.latencies["operation"][STEADY], slowest_us, 100)
    row = rows(measures)["operation-latency"]
    assert (row.outcome, row.measured, row.samples) == (outcome, slowest_us / 1000, 100)
    assert row.clock == "virtual"


def test_the_whole_run_decides_and_every_part_of_it_stands_beside() -> None:
    measures = empty()
    measures.phases_us.update({STEADY: 14_000_000, FAULT: 86_000_000})
    record_many(measures.latencies["authenticate"][STEADY], 9_000, 100)
    record_many(measures.latencies["authenticate"][FAULT], 9_000_000, 1_000)
    measures.clock = "client"
    row = rows(measures)["authentication-latency"]
    assert (row.outcome, row.phase, row.share, row.samples) == (MISSED, "run", 1, 1_100)
    assert row.by_phase == {"steady": 9, "fault": 9_000, "recovery": None, "heal": None, "run": 9_000}
    assert decided_text(row) == "whole run, client clock"


def test_an_objective_that_names_a_phase_is_decided_on_it_and_says_how_much_of_the_run_that_is() -> None:
    measures = empty()
    measures.phases_us.update({STEADY: 14_000_000, FAULT: 86_000_000})
    record_many(measures.latencies["presence"][STEADY], 9_000, 100)
    record_many(measures.latencies["presence"][FAULT], 9_000_000, 1_000)
    (row,) = evaluate([requirement("presence.p95@steady<200ms")], measures, 8)
    assert (row.outcome, row.phase, row.share, row.samples) == (MET, "steady", 0.14, 100)
    assert decided_text(row) == "steady, 14 % of the run, virtual clock"


@pytest.mark.parametrize(
    ("slow", "of", "outcome"),
    [
        (0, 58, CANNOT_TELL),  # 0.95 to the power of 58 is still more than 5 %
        (0, 59, MET),
        (1, 59, CANNOT_TELL),
        (1, 93, MET),
        (50, 1_000, CANNOT_TELL),  # on the objective itself
        (38, 1_000, MET),
        (63, 1_000, MISSED),
        (1, 1, CANNOT_TELL),
        (2, 2, MISSED),
    ],
)
def test_a_percentile_is_judged_by_how_many_samples_are_beyond_its_limit(
    slow: int, of: int, outcome: Outcome
) -> None:
    measures = empty()
    steady = measures.latencies["presence"][STEADY]
    record_many(steady, 10_000, of - slow)
    record_many(steady, 900_000, slow)
    row = rows(measures)["presence-latency"]
    assert (row.outcome, row.samples) == (outcome, of)


def test_the_percentile_is_that_of_the_objective() -> None:
    measures = empty()
    steady = measures.latencies["operation"][STEADY]
    record_many(steady, 10_000, 95)
    record_many(steady, 900_000, 5)
    row = rows(measures)["operation-latency"]
    assert row.outcome is CANNOT_TELL
    assert row.measured is not None
    assert 10 <= row.measured <= 10 * (1 + 1 / 64)
    assert (row.low, row.high) == (row.measured - row.measured % 1, 900)
    assert row.note == "100 samples, too close to the objective to tell"
    steady.record(900_000)
    row = rows(measures)["operation-latency"]
    assert row.measured == 900


@pytest.mark.parametrize(
    ("connected", "outcome"),
    [(100_000, MET), (99_917, MET), (99_900, CANNOT_TELL), (99_883, CANNOT_TELL), (99_882, MISSED)],
)
def test_uptime_counts_client_seconds(connected: int, outcome: Outcome) -> None:
    measures = empty()
    measures.uptime[STEADY].wanted_us = 100_000 * 1_000_000
    measures.uptime[STEADY].connected_us = connected * 1_000_000
    row = rows(measures)["websocket-uptime"]
    assert (row.outcome, row.samples) == (outcome, 100_000)


def test_a_second_of_a_client_that_is_down_in_part_is_down() -> None:
    measures = empty()
    measures.uptime[STEADY].wanted_us = 3_000 * 1_000_000
    measures.uptime[STEADY].connected_us = 3_000 * 1_000_000
    assert rows(measures)["websocket-uptime"].outcome is MET
    measures.uptime[STEADY].connected_us -= 1
    row = rows(measures)["websocket-uptime"]
    assert row.outcome is CANNOT_TELL
    assert value_text(row.measured, "%") == "99.999 %"


def test_the_uptime_of_a_run_whose_server_was_killed_is_not_that_of_its_quiet_part() -> None:
    measures = empty()
    for phase, connected_us in ((STEADY, 14_000_000_000), (FAULT, 70_000_000_000)):
        measures.uptime[phase].wanted_us = {STEADY: 14, FAULT: 86}[phase] * 1_000_000_000
        measures.uptime[phase].connected_us = connected_us
    row = rows(measures)["websocket-uptime"]
    assert (row.outcome, row.measured, row.by_phase["steady"]) == (MISSED, 84, 100)


@pytest.mark.slow
def test_the_margin_of_a_ratio_is_what_is_left_of_the_error_budget() -> None:
    measures = empty()
    measures.uptime[STEADY].wanted_us = 100_000_000_000
    margins = {}
    for connected in (100_000, 99_950, 99_900, 99_800):
        measures.uptime[STEADY].connected_us = connected * 1_000_000
        row = rows(measures)["websocket-uptime"]
        margins[connected] = row.margin, margin_text(row)
    assert [text for _, text in margins.values()] == [
        "100 % of error budget left: 0 of 100 client-seconds spent",
        "50 % of error budget left: 50 of 100 client-seconds spent",
        "–",  # exactly on the objective: it cannot be told
        "error budget spent 2.0 times: 200 of 100 client-seconds spent",
    ]
    assert margins[99_950][0] == pytest.approx(0.5)


def test_divergence_seconds_are_the_budget_of_agreement() -> None:
    measures = empty()
    measures.agreement[STEADY] = Agreement(watched_us=2_000_000_000, diverged_us=100_000_000)
    measures.agreement[FAULT] = Agreement(watched_us=1_000_000_000, diverged_us=900_000_000)
    steady, whole = evaluate(
        [requirement("agreement@steady>=90%"), requirement("agreement>=90%")], measures, 8
    )
    assert (steady.outcome, steady.measured, steady.samples) == (MET, 95, 2_000)
    assert steady.budget == Budget("divergence-seconds", allowed=200, spent=100)
    assert margin_text(steady) == "50 % of error budget left: 100 of 200 divergence-seconds spent"
    assert whole.outcome is MISSED
    assert whole.by_phase["fault"] == pytest.approx(10)
    assert whole.budget == Budget("divergence-seconds", allowed=300, spent=1_000)


def test_branches_are_the_budget_of_reconciliations_and_a_latency_has_none() -> None:
    measures = empty()
    measures.reconciliations.attempts[FAULT] = 50
    measures.reconciliations.successes[FAULT] = 47
    found = rows(measures)
    budget = found["document-sync-success"].budget
    assert budget is not None
    assert (budget.unit, round(budget.allowed, 6), budget.spent) == ("branches", 0.005, 3)
    assert (found["websocket-uptime"].budget, found["operation-latency"].budget) == (None, None)


@pytest.mark.parametrize(
    ("clients", "connected", "wanted", "outcome", "applies", "note"),
    [
        (10_000, 10_000, 10_000, MET, True, ""),
        (12_000, 9_999, 10_500, MISSED, True, ""),
        (9_999, 9_999, 9_999, CANNOT_TELL, False, "not applicable below 10,000 clients"),
        (10_000, 4_454, 4_454, CANNOT_TELL, True, "at most 4,454 clients wanted to be connected at once"),
    ],
)
def test_concurrent_connections_need_a_run_that_is_large_enough(
    clients: int, connected: int, wanted: int, outcome: Outcome, applies: bool, note: str
) -> None:
    measures = empty()
    measures.series.connected = [3, connected, 7]
    measures.series.wanted = [3, wanted, 7]
    row = rows(measures, clients)["concurrent-connections"]
    assert (row.outcome, row.applies, row.measured, row.note) == (outcome, applies, connected, note)


@pytest.mark.parametrize(
    ("attempts", "failures", "outcome"),
    [
        (5, 0, CANNOT_TELL),
        (12, 0, CANNOT_TELL),
        (521, 0, CANNOT_TELL),
        (29_955, 0, CANNOT_TELL),
        (29_956, 0, MET),
        (29_956, 1, CANNOT_TELL),
        (50_000, 1, MET),
        (50_000, 10, MISSED),
        (521, 2, MISSED),
    ],
)
def test_document_sync_needs_three_times_ten_thousand_attempts(
    attempts: int, failures: int, outcome: Outcome
) -> None:
    measures = empty()
    measures.reconciliations.attempts = {"steady": 2, "fault": attempts - 2}
    measures.reconciliations.successes = {"steady": 2, "fault": attempts - 2 - failures}
    row = rows(measures)["document-sync-success"]
    assert (row.outcome, row.samples) == (outcome, attempts)


def test_what_is_met_below_the_planned_load_is_not_met_for_the_plan() -> None:
    measures = empty()
    measures.series.connected = measures.series.wanted = [10_500]
    record_many(measures.latencies["operation"][STEADY], 9_000, 100)
    record_many(measures.latencies["presence"][STEADY], 900_000, 100)
    short = ["10,500 of the planned 12,000 users came"]
    found = evaluate(load_objectives(), measures, 12_000, shortfalls=short)
    by_name = {row.name: row for row in found}
    row = by_name["operation-latency"]
    assert (row.outcome, row.measured, row.applies) == (CANNOT_TELL, 9, True)
    assert row.note == "met, but 10,500 of the planned 12,000 users came"
    assert by_name["presence-latency"].outcome is MISSED  # more users would not make it better
    assert by_name["concurrent-connections"].outcome is MET  # is a fact


def test_too_few_samples_are_told_with_how_many_it_takes() -> None:
    measures = empty()
    measures.reconciliations.attempts = measures.reconciliations.successes = {"fault": 521}
    row = rows(measures)["document-sync-success"]
    assert reasoned_text(row) == "cannot tell: 521 samples; 29,956 are needed even if all are good"
    assert (margin_text(row), bounds_text(row)) == ("–", "99.426 % to 100.000 %")


def test_transformation_time_of_a_simulation_is_cpu_time_and_informs() -> None:
    measures = empty()
    record_many(measures.transform, 90_000, 1_000)
    row = rows(measures)["transformation-time"]
    assert (row.outcome, row.applies, row.clock) == (CANNOT_TELL, False, "cpu")
    assert (row.measured, row.by_phase) == (90, {"run": 90})
    assert reasoned_text(row) == "not applicable: CPU time of this machine, which informs only"


def test_what_a_simulation_only_models_is_never_met() -> None:
    measures = empty()
    record_many(measures.latencies["authenticate"][STEADY], 300, 1_000)
    row = rows(measures)["authentication-latency"]
    assert (row.outcome, row.applies, row.measured, row.samples) == (CANNOT_TELL, False, 0.3, 1_000)
    assert reasoned_text(row) == "not applicable: modelled, not measured"
    measures.clock = "client"
    assert rows(measures)["authentication-latency"].outcome is MET


def test_numbers_are_not_rounded_past_their_objective() -> None:
    assert value_text(99.98996, "%") == "99.989 %"
    assert value_text(99.9999, "%") == "99.999 %"
    assert value_text(100.0, "%") == "100.000 %"
    assert value_text(99.9, "%") == "99.900 %"
    assert value_text(49.96, "ms") == "49.96 ms"
    assert value_text(12_345.0, "connections") == "12,345"
    measures = empty()
    record_many(measures.latencies["presence"][STEADY], 150_000, 59)
    row = rows(measures)["presence-latency"]
    assert (objective_text(row), margin_text(row), reasoned_text(row)) == ("< 200 ms", "+25 %", "met")
    assert bounds_text(row) == ""


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


@pytest.mark.parametrize(
    ("server_us", "client_us", "outcome"), [(9_000, 80_000, MISSED), (80_000, 9_000, MET)]
)
def test_the_clients_decide_on_the_operation_latency_and_the_server_stands_beside(
    server_us: int, client_us: int, outcome: Outcome
) -> None:
    row = client_rows(server_with(operation=server_us), operation=client_us)["operation-latency"]
    assert (row.outcome, row.measured, row.clock) == (outcome, client_us / 1000, "client")
    assert row.beside == {"server": server_us / 1000}
    assert row.by_phase["steady"] == client_us / 1000
    assert ("in front of the core" in row.note) == (client_us > server_us)


def test_a_server_never_decides_on_its_own_operation_latency() -> None:
    row = client_rows(server_with(operation=9_000))["operation-latency"]
    assert (row.outcome, row.measured, row.samples) == (CANNOT_TELL, None, 0)
    assert reasoned_text(row) == "cannot tell: not measured"
    assert row.beside == {"server": 9}


def test_a_server_knows_no_phases() -> None:
    measures = empty()
    measures.clock = "client"
    objectives = [
        msgspec.structs.replace(o, phase="steady")
        for o in load_objectives()
        if o.name == "authentication-latency"
    ]
    (row,) = evaluate(objectives, measures, 8, server_with(authenticate=8_000))
    assert (row.outcome, row.measured, row.phase, row.share) == (MET, 8, "run", 1)
    assert row.note == "of the whole run; the server does not know the phases"


@pytest.mark.parametrize(
    "server", [None, ServerSeries(), server_with(presence=1)], ids=["none", "mute", "other"]
)
def test_without_the_servers_histogram_nothing_stands_beside(server: ServerSeries | None) -> None:
    row = client_rows(server, operation=80_000)["operation-latency"]
    assert (row.outcome, row.measured, row.clock, row.phase) == (MISSED, 80, "client", "steady")
    assert (row.beside, row.note) == ({}, "")


def test_an_empty_histogram_of_the_server_decides_nothing() -> None:
    silent = ServerSeries(latencies={"operation": Histogram(), "transform": Histogram()})
    found = client_rows(silent, operation=9_000)
    assert found["operation-latency"].clock == "client"
    assert found["operation-latency"].beside == {}
    assert reasoned_text(found["transformation-time"]) == "cannot tell: not measured"


def test_transformation_time_is_the_servers() -> None:
    row = client_rows(server_with(transform=12_000))["transformation-time"]
    assert (row.outcome, row.measured, row.clock, row.beside, row.note) == (MISSED, 12, "server", {}, "")


@pytest.mark.parametrize("name", ["presence", "authenticate"])
def test_clients_decide_on_what_they_wait_for(name: str) -> None:
    row = client_rows(server_with(**{name: 1_000}), **{name: 900_000})[f"{_OBJECTIVES[name]}-latency"]
    assert (row.outcome, row.measured, row.clock, row.beside) == (MISSED, 900, "client", {"server": 1.0})
    row = client_rows(server_with(**{name: 1_000}))[f"{_OBJECTIVES[name]}-latency"]
    assert (row.outcome, row.clock, row.beside) == (MET, "server", {})


_OBJECTIVES = {"presence": "presence", "authenticate": "authentication"}


def test_connections_the_server_counted_stand_beside_but_do_not_count() -> None:
    measures = empty()
    measures.clock = "client"
    measures.series.connected = [9_990]
    measures.series.wanted = [10_000]
    server = ServerSeries(seconds=[1.0, 2.0], columns={"connections": [None, 10_020.0]})
    row = {r.name: r for r in evaluate(load_objectives(), measures, 10_000, server)}["concurrent-connections"]
    assert (row.outcome, row.measured, row.clock) == (MISSED, 9_990, "client")
    assert row.beside == {"server": 10_020}


# --- every comparison, unit and measure -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value_us", "outcome"),
    [
        ("everywhere_online.p50<20ms", 20_000, MISSED),
        ("everywhere_online.p50<=20ms", 20_000, MET),
        ("everywhere_online.p50<=20ms", 20_001, MISSED),
        ("everywhere_online.p50<0.021s", 20_000, MET),
        ("everywhere_online.p50<0.02s", 20_000, MISSED),
    ],
)
def test_a_latency_is_compared_as_it_is_written(text: str, value_us: int, outcome: Outcome) -> None:
    measures = empty()
    record_many(measures.latencies["everywhere_online"][STEADY], value_us, 100)
    (row,) = evaluate([requirement(text)], measures, 8)
    assert (row.outcome, row.measure) == (outcome, "everywhere_online")
    assert row.measured == value_us / (1_000 if row.unit == "ms" else 1_000_000)


@pytest.mark.parametrize(("connected", "outcome"), [(500, MISSED), (501, MET)])
def test_more_than_is_strict(connected: int, outcome: Outcome) -> None:
    measures = empty()
    measures.series.connected, measures.series.wanted = [connected], [900]
    (row,) = evaluate([requirement("connections>500")], measures, 900)
    assert row.outcome is outcome


def test_what_every_value_has_to_keep_is_told_by_the_largest() -> None:
    measures = empty()
    record_many(measures.convergence, 2_000_000, 20)
    required = [requirement("convergence.every<10s")]
    (row,) = evaluate(required, measures, 8)
    assert (row.outcome, row.measured, row.low, row.high, row.samples) == (MET, 2, 2, 2, 20)
    assert (row.title, row.unit, row.by_phase) == ("Required: convergence, every one", "s", {"run": 2})
    measures.convergence.record(10_000_000)
    (row,) = evaluate(required, measures, 8)
    assert (row.outcome, row.measured) == (MISSED, 10)
