from __future__ import annotations

from model.histogram import Histogram
from model.measures import Measures
from model.measures.measure_set import STEADY
from model.result import ServerSeries
from model.verdict import Outcome
from reports.objectives import load_objectives
from reports.slo import evaluate
from reports.spent import where_it_went
from tests.histograms import record_many


def server(**latencies_ms: float) -> ServerSeries:
    found = {name: Histogram() for name in latencies_ms}
    for name, value_ms in latencies_ms.items():
        record_many(found[name], int(value_ms * 1_000), 100)
    return ServerSeries(latencies=found)


def test_a_process_that_stood_still_is_told_from_a_way_that_was_slow() -> None:
    stopped = server(operation=4, store_commit=2, transform=0.1, loop_lag=1_990)
    assert where_it_went(2_004, 95, stopped) == (
        "4 ms by the server's own clock (2 ms in the store, 0.1 ms in the core), 2,000 ms "
        "in front of the core, whose process came to its turn up to 1,990 ms late"
    )
    punctual = server(operation=4, loop_lag=1)
    assert where_it_went(2_004, 95, punctual) == (
        "4 ms by the server's own clock, 2,000 ms on the way in or out, "
        "since its process was never more than 1 ms late"
    )
    assert where_it_went(2_004, 95, server(operation=4)).endswith(
        "in front of the core, or on the way in or out"
    )


def test_where_both_clocks_say_about_the_same_nothing_is_asked() -> None:
    assert where_it_went(100, 95, server(operation=40)) == ""
    assert where_it_went(4, 95, server(operation=1)) == ""
    assert where_it_went(4_000, 95, ServerSeries()) == ""


def test_the_row_of_the_objective_says_it() -> None:
    measures = Measures().result()
    measures.clock = "client"
    record_many(measures.latencies["operation"][STEADY], 2_000_000, 100)
    rows = {r.name: r for r in evaluate(load_objectives(), measures, 8, server(operation=4, loop_lag=2_000))}
    row = rows["operation-latency"]
    assert row.outcome is Outcome.MISSED
    assert "in front of the core" in row.note
    assert all("core" not in other.note for name, other in rows.items() if name != row.name)
