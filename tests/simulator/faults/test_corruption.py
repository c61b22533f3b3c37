from __future__ import annotations

import pytest

from model import history
from model.identity import ConnectionId, SiteId
from model.protocol import ErrorCode
from reference_server.core.gateway import Gateway
from simulator.failures.trial import attempt
from simulator.planning.plan import ScriptStep
from simulator.virtual.cell import HEALTHY
from tests.simulator.plans import SECOND, fault, of, plan, problems, script, scripted, step


def test_who_gets_a_garbled_message_ends_the_connection_and_nobody_is_blamed() -> None:
    sites = (SiteId("c001"), SiteId("c008"))
    what = plan(fault("corruption", 2, 8, sites=sites, rate=0.2), seconds=12, edits_per_second=2.0)
    trial = attempt(what, keep=True)
    assert not problems(trial)
    garbled = of(history.Garbled, trial)
    assert {r.direction for r in garbled} == {"up", "down"}
    assert {r.site for r in garbled} == set(sites)
    told = {r.kind for r in of(history.Accused, trial)}
    assert {"message malformed", "error malformed"} <= told
    # Told that it sent nonsense, a client does not come back; its person opens the document again.
    assert {r.site for r in of(history.FinalReplica, trial) if r.online} >= set(sites)


@pytest.mark.slow
def test_who_hears_late_that_it_sent_nonsense_comes_back_all_the_same() -> None:
    corruption = fault("corruption", 3, 3.6, share=1.0, rate=0.5)
    deaf = fault("partition_one_way", 3, 4.4, share=1.0, direction="down")
    trial = attempt(plan(corruption, deaf, seconds=8, edits_per_second=4.0), keep=True)
    told = {r.site for r in of(history.Accused, trial) if r.time_us >= corruption.end_us + SECOND // 2}
    assert told
    assert {r.site for r in of(history.Joined, trial) if r.time_us > deaf.end_us} >= told
    assert not problems(trial)


def test_what_is_garbled_on_its_way_is_all_the_same_to_who_has_left() -> None:
    leaves = script(ScriptStep(2_010_000, "select", 3), step(2.01, "leave"))
    trial = attempt(scripted(leaves, text="hello", faults=(fault("corruption", 2, 3, share=1.0, rate=1.0),)))
    assert not problems(trial)


def test_a_corruption_that_ends_leaves_one_that_began_later() -> None:
    earlier, later = (
        fault("corruption", 2, 4, share=1.0, rate=0.1),
        fault("corruption", 3, 6, share=1.0, rate=0.1),
    )
    trial = attempt(plan(earlier, later, edits_per_second=2.0), keep=True)
    assert not problems(trial)
    garbled = [r.time_us for r in of(history.Garbled, trial)]
    assert max(garbled) < later.end_us
    assert [at for at in garbled if at > earlier.end_us]


class TolerantGateway(Gateway):
    """Overlooks what is no message."""

    def _refuse(self, connection: ConnectionId, code: ErrorCode, detail: str) -> None:
        if code is not ErrorCode.MALFORMED:
            super()._refuse(connection, code, detail)


def test_a_server_that_overlooks_a_garbled_message_is_found() -> None:
    what = plan(fault("corruption", 2, 8, share=1.0, rate=0.05), edits_per_second=2.0)
    trial = attempt(what, HEALTHY._replace(gateway=TolerantGateway))
    violation = trial.shown("protocol")
    assert violation is not None
    assert (
        "the server did not end the connection over which it had a garbled message of c" in violation.message
    )
