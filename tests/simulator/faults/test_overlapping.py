"""Faults overlap: what several withhold is back when the last of them is over, whoever that is."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

import pytest

from simulator.failures.trial import attempt
from simulator.faults import FAULTS
from simulator.gossip.peer import GossipPeer
from simulator.planning.plan import CellPlan, FaultWindow
from simulator.planning.scenario import ServerSettings
from simulator.virtual.cell import Cell
from simulator.virtual.client import SimulatedClient
from simulator.virtual.holds import Holds
from tests.simulator.gossip.rooms import cell_of as gossip_cell_of
from tests.simulator.gossip.rooms import crowd
from tests.simulator.plans import SECOND, cell_of, fault, plan, problems

SERVER: Final = ServerSettings(token_lifetime_us=2 * SECOND, workers=2)

ALL_THE_TIME: Final[dict[str, Any]] = {"share": 1.0, "impatient": 0.0, "rate": 1.0}
"""Parameters under which a fault concerns everybody, without a draw."""

# --- one by one -------------------------------------------------------------------------------------------


def test_a_thing_is_back_when_the_last_one_lets_go() -> None:
    told: list[tuple[int, ...]] = []
    holds: Holds[int] = Holds(lambda: told.append(holds.values))
    holds.take("a", 1)
    holds.take("b", 2)
    holds.take("a", 3)  # the same one, otherwise
    holds.let_go("nobody")
    assert holds
    holds.let_go("a")
    assert holds
    holds.let_go("b")
    assert not holds
    assert told == [(1,), (1, 2), (3, 2), (2,), ()]


def test_a_thing_is_back_when_all_is_over() -> None:
    told: list[tuple[int, ...]] = []
    holds: Holds[int] = Holds(lambda: told.append(holds.values))
    holds.clear()
    holds.take("a", 1)
    holds.take("b", 2)
    holds.clear()
    assert not holds
    assert told == [(1,), (1, 2), ()]


# --- all of them ------------------------------------------------------------------------------------------


def everybody(is_so: Callable[[SimulatedClient], bool]) -> Callable[[Cell], set[bool]]:
    return lambda cell: {is_so(client) for client in cell.clients}


def is_cut_off(client: SimulatedClient) -> bool:
    return client.path.is_blocked


def is_away(client: SimulatedClient) -> bool:
    return client.is_stopped or not client.wants_connection  # who is stopped hears of it later


def is_stopped(client: SimulatedClient) -> bool:
    return client.is_stopped or client.is_down  # what is dead cannot be stopped


def has_no_token(cell: Cell) -> set[bool]:
    return {bool(cell.tokens.withheld[client.plan.site]) for client in cell.clients}


def is_intercepted(cell: Cell) -> set[bool]:
    return {bool(cell.storage.interceptions)}  # nobody writes, so nothing is to be intercepted


CUT: Final = ("partition_halves", "partition_clients", "partition_one_way", "clog", "flapping")

WITHHELD: Final[dict[tuple[str, ...], Callable[[Cell], set[bool]]]] = {
    CUT: everybody(is_cut_off),
    ("corruption",): everybody(lambda client: client.path.garble is not None),
    ("gateway_crash",): lambda cell: {any(w.gateway is None for w in cell.workers)},
    ("gateway_pause",): lambda cell: {any(w.is_stopped or w.gateway is None for w in cell.workers)},
    ("crash_before_ack",): is_intercepted,
    ("store_stall",): lambda cell: {bool(cell.storage.stalls)},
    ("store_error",): lambda cell: {bool(cell.storage.failures)},
    ("bus_death",): lambda cell: {cell.hub is not None and not cell.hub.is_up},
    ("long_offline", "herd"): everybody(is_away),
    ("client_crash",): everybody(lambda client: client.is_down),
    ("client_pause",): everybody(is_stopped),
    ("slow_reader",): everybody(lambda client: client.reads_slowly or client.is_down),
    ("clock_skew",): everybody(lambda client: client.skew_us != 0),
    ("right_loss",): lambda cell: {bool(cell.roles[client.plan.site]) for client in cell.clients},
    ("sign_out", "token_outage"): has_no_token,
}
"""What is seen of the world while any of these faults lasts: everywhere, and nowhere else."""

COMES_AND_GOES: Final = ("flapping",)
"""What need not be withheld all the time; whether it is given back can be seen all the same."""

ENDS_EARLY: Final = ("crash_before_ack", "client_pause", "gateway_pause")
"""The same where people come back, which is what the first one waits for, and where the others are killed."""

ALSO: Final = {
    CUT: ("partition_region",),
    ("long_offline", "herd"): ("client_crash", "client_pause"),
    ("client_pause",): ("client_crash",),
    ("gateway_pause",): ("gateway_crash",),
    ("slow_reader",): ("client_pause", "client_crash"),
}
"""Other faults that look the same as some of those above."""

WITHHOLD_NOTHING: Final = {
    "partition_region": "it is partition_clients with a region for a share",
    "rival_writer": "it only does something",
    "duplicate_resend": "it only does something",
    "intrusion": "it only does something",
}

RANGE_S: Final = (2.0, 11.0)


def windows(kinds: list[str], rng: random.Random, each: int) -> list[FaultWindow]:
    """Some windows of each kind, anywhere and as long as they like."""
    drawn = []
    for kind in kinds:
        for _ in range(each):
            begin, end = sorted(round(rng.uniform(*RANGE_S), 1) for _ in range(2))
            drawn.append(fault(kind, begin, end + 0.1, **ALL_THE_TIME))
    return sorted(drawn, key=lambda window: window.begin_us)


def lasting(drawn: tuple[FaultWindow, ...], kinds: tuple[str, ...], now_us: int) -> bool:
    return any(w.kind in kinds and w.begin_us <= now_us < w.end_us for w in drawn)


def look(cell: Cell, spared: tuple[str, ...], wrong: list[str]) -> None:
    """Compare what is withheld now with the faults that last."""
    faults = cell.plan.faults
    for kinds, seen in WITHHELD.items():
        is_so = seen(cell)
        steady = tuple(kind for kind in kinds if kind not in spared)
        if lasting(faults, steady, cell.now) and is_so != {True}:
            wrong.append(f"{cell.now / SECOND}: {kinds[0]} was given back too early")
        if not lasting(faults, (*kinds, *ALSO.get(kinds, ())), cell.now) and is_so != {False}:
            wrong.append(f"{cell.now / SECOND}: {kinds[0]} was not given back")


def watched(seed: int, kinds: list[str], each: int, spared: tuple[str, ...] = COMES_AND_GOES) -> list[str]:
    """A cell in which nobody writes, watched between any two things that faults do."""
    drawn = windows(kinds, random.Random(seed), each)
    what = plan(*drawn, clients=4, room=2, seconds=12, edits_per_second=0.001, server=SERVER)
    cell, _ = cell_of(what)
    wrong: list[str] = []
    for tenth in range(15, 119):
        cell.clock.call(tenth * SECOND // 10 + SECOND // 20, look, cell, spared, wrong)
    cell.run()
    return wrong


def test_every_fault_is_watched_or_withholds_nothing() -> None:
    watched_kinds = {kind for kinds in WITHHELD for kind in kinds}
    assert not watched_kinds & WITHHOLD_NOTHING.keys()
    assert watched_kinds | WITHHOLD_NOTHING.keys() == FAULTS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("kinds", WITHHELD, ids=lambda kinds: str(kinds[0]))
def test_faults_of_one_kind_overlap(kinds: tuple[str, ...]) -> None:
    for seed in range(3):
        assert watched(seed, list(kinds), 3) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_faults_of_all_kinds_overlap(seed: int) -> None:
    kinds = list(FAULTS)
    random.Random(seed).shuffle(kinds)
    assert watched(seed, kinds, 2, (*COMES_AND_GOES, *ENDS_EARLY)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["right_loss", "sign_out", "herd", "gateway_crash", "corruption", "bus_death"]
)
def test_what_is_given_back_by_the_first_is_noticed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Holds.let_go
    monkeypatch.setattr(Holds, "let_go", lambda holds, holder: holds.clear() or kept(holds, holder))
    group = next(kinds for kinds in WITHHELD if kind in kinds)
    assert any("too early" in problem for problem in watched(0, list(group), 3))


@pytest.mark.slow
def test_what_is_never_given_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Holds, "let_go", lambda holds, holder: None)
    assert any("was not given back" in problem for problem in watched(0, ["right_loss"], 2))


# --- whoever overlaps, it heals ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_people_who_write_come_through_overlapping_faults(seed: int) -> None:
    rng = random.Random(seed)
    drawn = []
    for window in windows([kind for kind in FAULTS if kind != "bus_death"], rng, 2):
        weaker: dict[str, Any] = {name: 0.3 for name in ("share", "rate") if name in window.params}
        drawn.append(fault(window.kind, window.begin_us / SECOND, window.end_us / SECOND, **weaker))
    server = ServerSettings(token_lifetime_us=2 * SECOND)
    assert not problems(attempt(plan(*drawn, seconds=12, edits_per_second=2.0, server=server)))


# --- without a server -------------------------------------------------------------------------------------


def peers_of(what: CellPlan, seen: Callable[[GossipPeer], bool], kinds: tuple[str, ...]) -> list[str]:
    cell, _ = gossip_cell_of(what)
    wrong: list[str] = []

    def look() -> None:
        now = {seen(peer) for peer in cell.clients}
        if now != {lasting(what.faults, kinds, cell.now)}:
            wrong.append(f"{cell.now / SECOND}: {kinds[0]} {now}")

    for tenth in range(15, 119):
        cell.clock.call(tenth * SECOND // 10 + SECOND // 20, look)
    cell.run()
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "seen"),
    [
        (("long_offline", "herd"), lambda peer: not peer.is_online),
        (("client_crash",), lambda peer: peer.is_down),
    ],
)
def test_replicas_stay_away_until_the_last_fault_is_over(
    kinds: tuple[str, ...], seen: Callable[[GossipPeer], bool]
) -> None:
    for seed in range(2):
        drawn = windows(list(kinds), random.Random(seed), 3)
        assert peers_of(crowd(*drawn, seconds=12), seen, kinds) == []
