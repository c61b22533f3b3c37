"""Small runs that get to what rarely happens, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from model.people.episodes import Weights
from simulator.faults import FAULTS
from simulator.gossip.faults import GOSSIP_FAULTS
from simulator.planning.plan import CellPlan
from simulator.planning.scenario import ServerSettings
from simulator.planning.small import SmallGossipCell
from simulator.workload.settings import Workload
from tests.simulator.faults.test_faults import EXPIRING, STRONG
from tests.simulator.faults.test_measured import RESTLESS, all_of
from tests.simulator.gossip.rooms import crowd
from tests.simulator.gossip.test_faults import STRONG as STRONG_GOSSIP
from tests.simulator.plans import NETWORK, SECOND, STAYING, fault, plan


def everything() -> CellPlan:
    """Every fault there is."""
    return plan(
        *all_of(FAULTS, STRONG),
        clients=24,
        room=8,
        seconds=12,
        edits_per_second=2.0,
        sessions=RESTLESS,
        server=EXPIRING,
    )


def horizon() -> CellPlan:
    """A short horizon, which those who are away come back from behind."""
    server = ServerSettings(snapshot_every_revisions=8, offline_horizon_revisions=16)
    away = fault("long_offline", 2, 9, share=0.4)
    died = fault("gateway_crash", 5, 6)
    return plan(away, died, clients=12, room=12, seconds=12, edits_per_second=5.0, server=server)


def slow_readers() -> CellPlan:
    """Readers who let more wait than an outbox takes."""
    slow = fault("slow_reader", 3, 9, share=0.5, bytes_per_second=20)
    server = ServerSettings(outbox_bytes_max=1_500)
    return plan(slow, clients=12, room=12, seconds=12, edits_per_second=5.0, server=server)


def short_queue() -> CellPlan:
    """A queue of three, a store that stalls, and everybody at once."""
    return plan(
        fault("store_stall", 3, 6),
        fault("duplicate_resend", 2, 9, share=0.8, period_us=20_000),
        fault("herd", 7, 7.5),
        clients=12,
        room=12,
        seconds=12,
        edits_per_second=4.0,
        server=ServerSettings(queue_items_max=3, commit_us=60_000),
    )


def late_messages() -> CellPlan:
    """Clogged paths and repeated sends over a slow store."""
    return plan(
        fault("clog", 2, 4, share=0.8, impatient=1.0),
        fault("duplicate_resend", 2, 9, share=0.8, period_us=20_000),
        fault("clog", 5, 7, share=0.8, impatient=1.0),
        fault("flapping", 7, 11, share=0.6, period_us=300_000),
        clients=12,
        room=6,
        seconds=12,
        edits_per_second=4.0,
        sessions=RESTLESS,
        server=ServerSettings(commit_us=300_000, commit_jitter_us=200_000),
    )


def bad_store() -> CellPlan:
    """A store that fails and has another writer, while people come back with branches."""
    absent = msgspec.structs.replace(
        STAYING, offline_mean_count=4.0, offline_mean_us=SECOND, offline_editing_share=1.0
    )
    return plan(
        fault("store_error", 2, 9, rate=0.5),
        fault("rival_writer", 2, 9, period_us=60_000),
        fault("long_offline", 3, 5, share=0.5),
        fault("crash_before_ack", 9, 10),
        clients=12,
        room=6,
        seconds=12,
        edits_per_second=4.0,
        sessions=absent,
        network=msgspec.structs.replace(NETWORK, keep_alive_us=SECOND // 2),
    )


def access() -> CellPlan:
    """Rights and tokens that come and go."""
    return plan(
        fault("store_stall", 2, 4),
        fault("right_loss", 3.5, 5, share=0.8),
        fault("token_outage", 4, 10, share=0.5),
        fault("sign_out", 10.2, 11, share=0.4),
        clients=12,
        room=6,
        seconds=12,
        edits_per_second=3.0,
        sessions=RESTLESS,
        server=ServerSettings(token_lifetime_us=2 * SECOND, renew_grace_us=1_500_000),
    )


def clogged_return() -> CellPlan:
    """Everybody comes back at once over paths that clog before the join arrives."""
    slow = ServerSettings(commit_us=300_000, commit_jitter_us=200_000)
    return plan(
        fault("herd", 3, 4),
        fault("clog", 4.1, 6, share=0.9, impatient=1.0),
        fault("herd", 7, 8),
        fault("clog", 8.1, 10, share=0.9, impatient=1.0),
        clients=24,
        room=12,
        seconds=13,
        edits_per_second=3.0,
        server=slow,
    )


def tokens() -> CellPlan:
    """Tokens that expire, and nobody gets another one."""
    server = ServerSettings(token_lifetime_us=2 * SECOND, renew_grace_us=1_500_000)
    outage = fault("token_outage", 2, 9, share=0.7)
    return plan(outage, clients=12, room=6, seconds=12, edits_per_second=3.0, server=server)


def compaction() -> CellPlan:
    """Replicas that drop tombstones, with sweeps while they are away."""
    return SmallGossipCell("fuguemax", text_length=40, absences=2.0, compacts=True, seconds=14.0)(1)


def _prose(what: CellPlan, text: str) -> CellPlan:
    """The same plan with one document of people who write prose into ``text``."""
    (document,) = what.documents
    document = msgspec.structs.replace(document, workload="human", unique=False, text=text)
    return msgspec.structs.replace(what, documents=(document,))


def sweeps() -> CellPlan:
    """People who change hundreds of words while they are away."""
    away = fault("long_offline", 3, 18, share=0.5)
    sessions = msgspec.structs.replace(STAYING, sweep_share=1.0)
    return _prose(
        plan(away, clients=6, room=6, seconds=20, edits_per_second=3.0, sessions=sessions), "word " * 800
    )


def bulk() -> CellPlan:
    """Large pastes and cuts, also by people who are away."""
    work = Workload(edits_per_second=2.0, text_length=4_000, weights=Weights(bulk=60.0))
    away = fault("long_offline", 3, 8, share=0.5)
    return _prose(plan(away, clients=8, room=8, seconds=12, edits_per_second=2.0, workload=work), "x" * 4_000)


def second_thoughts() -> CellPlan:
    """People who take back and restore more than they write, all in one short text."""
    work = Workload(edits_per_second=4.0, text_length=120, weights=Weights(undo=40.0))
    return _prose(plan(clients=12, room=12, seconds=24, edits_per_second=4.0, workload=work), "x" * 120)


def replicas() -> CellPlan:
    """Replicas without a server, with every fault there is for them."""
    return crowd(*all_of(GOSSIP_FAULTS, STRONG_GOSSIP), seconds=12, rate=3.0, sessions=RESTLESS)


RUNS: Final[dict[str, Callable[[], CellPlan]]] = {
    run.__name__: run
    for run in (
        everything, horizon, slow_readers, short_queue, late_messages, clogged_return, bad_store, access,
        tokens, sweeps, bulk, second_thoughts, replicas, compaction,
    )
}  # fmt: skip
