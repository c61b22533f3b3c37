"""Every fault of replicas: it hits something, everything it did is over afterwards, and nothing breaks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from model import history
from simulator.failures.trial import attempt
from simulator.gossip.datagrams import CUT_OFF
from simulator.gossip.faults import GOSSIP_FAULTS, gossip_fault_of
from simulator.planning.faultspec import FAULT_KINDS, KINDS_WITH_SERVER, KINDS_WITHOUT_SERVER
from tests.simulator.gossip.rooms import SECOND, cell_of, crowd, edit, room
from tests.simulator.plans import fault, of, problems

STRONG: dict[str, dict[str, Any]] = {
    "partition_region": {"region": "there"},
    "partition_clients": {"share": 0.5},
    "partition_one_way": {"share": 0.5},
    "flapping": {"share": 0.5, "period_us": 500_000},
    "clog": {"share": 0.5},
    "long_offline": {"share": 0.5},
    "duplicate_resend": {"share": 0.8, "period_us": 100_000},
    "client_crash": {"share": 0.5},
}


def test_every_kind_has_its_fault_and_no_other() -> None:
    assert sorted(GOSSIP_FAULTS) == sorted(KINDS_WITHOUT_SERVER)
    assert set(KINDS_WITHOUT_SERVER) | set(KINDS_WITH_SERVER) == set(FAULT_KINDS)
    assert all(gossip_fault_of(kind).kind == kind for kind in KINDS_WITHOUT_SERVER)
    with pytest.raises(ValueError, match="no fault 'store_stall' without a server"):
        gossip_fault_of("store_stall")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS_WITHOUT_SERVER)
@pytest.mark.parametrize("end_s", [7, 10], ids=["in the course", "to the end"])
def test_a_fault_hits_something_and_the_cell_heals(kind: str, end_s: int) -> None:
    plan = crowd(fault(kind, 3, end_s, **STRONG.get(kind, {})))
    cell, keeper = cell_of(plan)
    cell.run()
    assert cell.network.barriers == []
    assert cell.network.noises == []
    (began,), (ended,) = of(history.FaultBegan, keeper), of(history.FaultEnded, keeper)
    assert (began.time_us, ended.time_us, ended.name) == (3 * SECOND, end_s * SECOND, kind)
    assert ended.affected > 0
    trial = attempt(plan, keep=True)
    assert not problems(trial)
    assert trial.records == tuple(keeper.records)


def test_a_region_that_is_cut_off_works_inside() -> None:
    plan = room(
        [edit(1.5, 0, "x")],
        [edit(1.5, 0, "y")],
        [],
        [],
        faults=[fault("partition_region", 1, 4, region="there")],
    )
    (document,) = plan.documents
    members = [msgspec.structs.replace(c, region=n % 2) for n, c in enumerate(document.clients)]
    document = msgspec.structs.replace(document, clients=tuple(members))
    trial = attempt(msgspec.structs.replace(plan, documents=(document,)), keep=True)
    assert not problems(trial)
    learnt = {f"{r.spans[0].site} to {r.site}": r.time_us for r in of(history.Integrated, trial)}
    assert all(learnt[pair] < 4 * SECOND for pair in ["a to c", "b to d"])
    assert all(learnt[pair] > 4 * SECOND for pair in ["a to d", "b to c", "b to a", "a to b"])


def test_who_is_not_heard_still_hears() -> None:
    window = fault("partition_one_way", 1, 4, direction="up")
    window = msgspec.structs.replace(window, sites=("a",))
    trial = attempt(room([edit(1.5, 0, "x")], [edit(1.5, 0, "y")], faults=[window]), keep=True)
    assert not problems(trial)
    (first, second) = of(history.Integrated, trial)
    assert (first.site, second.site) == ("a", "b")
    assert first.time_us < 4 * SECOND < second.time_us


@pytest.mark.parametrize(
    ("kind", "hear"),
    [
        ("partition_ring", {"ab", "bc", "cd", "de", "ef", "af"}),
        ("partition_bridge", {"ab", "bc", "ac", "ad", "bd", "cd", "de", "df", "ef"}),
    ],
)
def test_who_hears_whom_and_what_is_passed_on(kind: str, hear: set[str]) -> None:
    scripts = [[edit(1.5, 0, "x")], *[[] for _ in range(4)], [edit(1.5, 0, "y")]]
    cell, keeper = cell_of(room(*scripts, seconds=18, faults=[fault(kind, 1, 16)]))
    carried: set[str] = set()
    carry = cell.network.carry

    def watched(sender: Any, receiver: Any, datagram: Any) -> None:
        if SECOND < cell.now < 16 * SECOND:
            carried.add("".join(sorted((sender.site, receiver.site))))
        carry(sender, receiver, datagram)

    cell.network.carry = watched  # type: ignore[method-assign]
    cell.run()
    assert carried == hear
    learnt = of(history.Integrated, keeper)
    assert len(learnt) == 2 * 5  # two edits, and five others for each
    assert all(record.time_us < 16 * SECOND for record in learnt), "somebody was not told by others"
    (ended,) = of(history.FaultEnded, keeper)
    assert ended.affected > 0


def test_what_was_clogged_arrives_after_all() -> None:
    window = msgspec.structs.replace(fault("clog", 1, 4), sites=("a",))
    plan = room([edit(1.5, 0, "x"), edit(2.0, 0, "y"), edit(2.5, 0, "z")], [], faults=[window])
    cell, keeper = cell_of(plan)
    cell.run()
    learnt = of(history.Integrated, keeper)
    assert {record.site for record in learnt} == {"b"}
    # The round of the last edit was held back as well: nothing new had to be sent after the release.
    assert all(4 * SECOND < record.time_us < 4.05 * SECOND for record in learnt)
    assert cell.network.counts[CUT_OFF] >= 3


def test_the_realised_window_names_whom_it_hit() -> None:
    trial = attempt(crowd(fault("partition_clients", 3, 7, share=0.5)))
    (window,) = trial.realised
    assert window.sites
    again = attempt(crowd(window))
    assert again.digest == trial.digest
