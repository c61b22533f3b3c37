"""What stands still shows in the latencies of who waits for it; the network only where it belongs."""

from __future__ import annotations

import msgspec
import pytest

from model.checkers import Judge
from model.histogram import bucket_upper
from model.measures import Measures, MeasureSet
from simulator.faults import fault_of
from simulator.planning.plan import CellPlan
from simulator.planning.scenario import Region
from simulator.virtual.cell import Cell
from simulator.virtual.people import people
from simulator.virtual.recorder import Recorder
from tests.simulator.plans import NETWORK, SECOND, edit, fault, script, scripted, step


def measured(what: CellPlan) -> MeasureSet:
    measures = Measures()
    Cell(what, Recorder(Judge([measures]), None), people, fault_of=fault_of).run()
    return measures.result()


EDITS = [edit(1 + n / 4, 0, "x") for n in range(16)]  # until 4.75 s, whatever becomes of those before
CLOSE = msgspec.structs.replace(NETWORK, regions=(Region("here", 1.0, 20_000, 0),))
PATIENT = msgspec.structs.replace(CLOSE, keep_alive_us=60 * SECOND)


@pytest.mark.parametrize("kind", ["gateway_pause", "store_stall"])
def test_a_server_that_stands_still_for_two_seconds_shows_in_every_latency_of_edits(kind: str) -> None:
    stalled = fault(kind, 2, 4.1)
    found = measured(scripted(script(*EDITS), script(), script(), faults=(stalled,), network=PATIENT))
    calm = measured(scripted(script(*EDITS), script(), script(), network=PATIENT))
    for measure in ("operation", "durable_online", "everywhere_online"):
        assert calm.latency(measure).maximum < SECOND / 2
        latency = found.latency(measure)
        assert latency.count == len(EDITS)
        assert latency.maximum >= 2 * SECOND
        # Those who type meanwhile wait, too: each for what is left of it.
        assert sum(n for bucket, n in latency.buckets.items() if bucket_upper(bucket) > SECOND) >= 4
        assert latency.percentile(20) < SECOND / 2
    assert found.totals.undurable == found.totals.unseen == 0


def down_us(found: MeasureSet) -> int:
    """For how long clients, together, were without a server that they wanted."""
    return sum(phase.wanted_us - phase.connected_us for phase in found.uptime.values())


@pytest.mark.parametrize("kind", ["gateway_pause", "store_stall"])
def test_a_server_that_does_not_answer_within_a_second_is_down(kind: str) -> None:
    scripts = script(*EDITS), script(edit(2.1, 0, "y")), script()  # the third asks for nothing
    found = measured(scripted(*scripts, faults=(fault(kind, 2, 4.1),), network=PATIENT))
    assert down_us(measured(scripted(*scripts, network=PATIENT))) == 0
    assert 2 * SECOND <= down_us(found) <= 2.3 * SECOND


def test_a_server_that_stands_still_for_two_seconds_shows_in_where_cursors_are() -> None:
    moves = [step(1 + n / 4, "select", n % 3) for n in range(16)]
    scripts = script(*moves), script(*EDITS), script()  # the second has edits of its own pending meanwhile
    stalled = fault("gateway_pause", 2, 4.1)
    found = measured(scripted(*scripts, text="abc", faults=(stalled,), network=PATIENT))
    calm = measured(scripted(*scripts, text="abc", network=PATIENT))
    assert 40_000 <= calm.latency("presence").minimum <= calm.latency("presence").maximum < SECOND / 10
    latency = found.latency("presence")
    assert latency.count == calm.latency("presence").count >= 2 * len(moves) - 2
    assert latency.maximum >= 2 * SECOND
    assert sum(n for bucket, n in latency.buckets.items() if bucket_upper(bucket) > SECOND) >= 8
    assert found.totals.presence_unmatched == calm.totals.presence_unmatched == 0


def test_a_move_that_has_to_wait_for_an_edit_of_its_person_counts_from_when_it_was_made() -> None:
    writer = script(edit(2.2, 0, "x"), step(2.5, "select", 3), step(3, "select", 1))
    stalled = fault("gateway_pause", 2, 4.1)
    found = measured(scripted(writer, script(), text="abc", faults=(stalled,), network=PATIENT))
    assert found.latency("presence").count == 1  # of two moves, the one that is left
    assert found.latency("presence").maximum >= 1.6 * SECOND


def test_the_network_is_in_what_people_wait_and_not_in_the_operation_latency() -> None:
    found = measured(scripted(script(*EDITS), script(), network=PATIENT))
    assert found.latency("everywhere_online").minimum >= 40_000
    assert found.latency("durable_online").minimum >= 40_000
    assert found.latency("operation").maximum < 10_000


def test_everybody_cut_off_for_twenty_seconds_shows_in_what_people_wait() -> None:
    typed = [edit(1 + n, 0, "x") for n in range(25)]
    cut = fault("partition_clients", 2.5, 22.5, share=1.0)
    plan = scripted(script(*typed), script(), seconds=30, faults=(cut,), network=CLOSE)
    found = measured(plan)
    online, cut_off = found.latency("durable_online"), found.latency("durable_cut_off")
    assert online.count + cut_off.count == len(typed) == found.totals.edits_acknowledged
    assert cut_off.count > 15
    assert cut_off.percentile(95) >= 15 * SECOND
    assert online.maximum >= 19 * SECOND  # typed when nobody knew yet
    for known in ("online", "cut_off"):
        everywhere = found.latency(f"everywhere_{known}")
        assert everywhere.count == found.latency(f"durable_{known}").count
        assert everywhere.maximum >= found.latency(f"durable_{known}").maximum - 40_000
    # The cut is the network's, what comes after it is not: clients look again after two seconds at most.
    operation = found.latency("operation")
    assert operation.count == online.count
    assert operation.maximum < 5 * SECOND


def test_a_server_that_dies_before_it_tells_shows_in_what_people_wait() -> None:
    typed = [edit(1 + n / 4, 0, "x") for n in range(16)]
    faults = (fault("store_stall", 1.9, 2.2), fault("gateway_crash", 2.15, 4.5))
    found = measured(scripted(script(*typed), script(), seconds=8, faults=faults, network=CLOSE))
    for measure in ("operation", "durable_online", "everywhere_online"):
        assert found.latency(measure).maximum >= 2 * SECOND, measure
    counted = sum(found.latency(f"everywhere_{known}").count for known in ("online", "cut_off"))
    assert counted == len(typed)


def test_what_a_client_that_closed_its_laptop_wrote_counts_from_its_keystroke() -> None:
    away = script(edit(1, 0, "a"), step(2, "offline"), edit(3, 0, "b"), step(13, "online"))
    found = measured(scripted(away, script(), seconds=15, network=CLOSE))
    offline = found.latency("durable_offline")
    assert (offline.count, found.latency("everywhere_offline").count) == (1, 1)
    assert 10 * SECOND <= offline.maximum < 11 * SECOND
    assert found.latency("durable_cut_off").count == 0
