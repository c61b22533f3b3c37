from __future__ import annotations

from pathlib import Path

import pytest

from simulator.live.bridge import disconnection
from simulator.live.faults import LIVE_FAULTS, live_fault_of, playable, with_a_kill
from simulator.live.link import Disconnection
from simulator.live.run import LiveOptions, live_plan
from simulator.planning.faultspec import KINDS_WITH_SERVER
from simulator.planning.overrides import override_all
from simulator.planning.scenario import load_scenario, shipped_scenarios
from tests.simulator.live.peers import CoreServer
from tests.simulator.plans import fault

SIMULATED_ONLY = {"rival_writer", "right_loss", "sign_out", "token_outage", "intrusion"}


class WithoutStore(CoreServer):
    has_store_control = False


def test_every_fault_is_made_live_or_said_to_be_left_out() -> None:
    assert set(KINDS_WITH_SERVER) - set(LIVE_FAULTS) == SIMULATED_ONLY
    windows = [fault(kind, 1, 2) for kind in KINDS_WITH_SERVER]
    kept, notes = playable(windows, CoreServer())
    assert {w.kind for w in kept} == set(LIVE_FAULTS)
    assert len(notes) == len(SIMULATED_ONLY)
    assert all(any(kind in note for note in notes) for kind in SIMULATED_ONLY)


@pytest.mark.parametrize(
    ("server", "lost"),
    [
        (
            None,
            {
                "gateway_crash",
                "crash_before_ack",
                "gateway_pause",
                "store_stall",
                "store_error",
                "bus_death",
                *SIMULATED_ONLY,
            },
        ),
        (WithoutStore(), {"store_stall", "store_error", *SIMULATED_ONLY}),
    ],
)
def test_what_is_not_ours_is_not_broken(server: CoreServer | None, lost: set[str]) -> None:
    windows = [fault(kind, 1, 2) for kind in KINDS_WITH_SERVER for _ in range(2)]
    kept, notes = playable(windows, server)
    assert {w.kind for w in windows} - {w.kind for w in kept} == lost
    assert len(notes) == len(lost)


def test_real_faults_stand_in_for_simulated_ones() -> None:
    for kind in ("partition_region", "flapping", "slow_reader", "crash_before_ack", "store_stall"):
        assert live_fault_of(kind).__module__ == "simulator.live.faults"
    for kind in ("herd", "clog", "client_crash", "gateway_crash", "duplicate_resend"):
        assert live_fault_of(kind).__module__ != "simulator.live.faults"


def test_a_kill_is_added_where_there_is_none_and_only_there() -> None:
    partition = fault("partition_clients", 8, 9)
    windows = with_a_kill((partition,), 10_000_000)
    assert [(w.kind, w.index) for w in windows] == [("gateway_crash", 0), ("partition_clients", 1)]
    assert 0 < windows[0].begin_us < windows[0].end_us < 10_000_000
    assert with_a_kill(windows, 10_000_000) == windows


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenarios_become_plans_of_one_cell_with_documents_of_their_own(name: str) -> None:
    scenario = override_all(load_scenario(name), {"clients": 60, "duration": "60s"})
    options = LiveOptions(1, Path(), "", server=CoreServer(), kill=True)
    (plan, _), (again, _) = live_plan(scenario, options), live_plan(scenario, options)
    assert sum(len(d.clients) for d in plan.documents) == 60
    names = {d.document for d in plan.documents}
    assert all(n.startswith("live-") for n in names)
    assert names.isdisjoint(d.document for d in again.documents)
    assert [(w.kind, w.begin_us) for w in plan.faults] == [(w.kind, w.begin_us) for w in again.faults]
    assert any(w.kind in ("gateway_crash", "crash_before_ack") for w in plan.faults)


def test_clients_leave_in_every_way() -> None:
    drawn = [disconnection(draw) for draw in (0.0, 0.6, 0.999)]
    assert drawn == [Disconnection.CLOSE, Disconnection.RESET, Disconnection.CUT]
