"""Mechanisms are reached: by a small run each, and by a shipped scenario that requires them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from model.identity import Revision
from model.marks import Mechanism, Tally, tallied
from model.text import Operation
from model.undo import UndoStack
from reference_server.core.branches import Branches
from reference_server.core.log import Log
from reference_server.core.member import Member
from reference_server.core.room import Room
from simulator.failures.trial import attempt
from simulator.planning.scenario import load_scenario, shipped_scenarios
from tests.simulator.plans import plan, problems
from tests.simulator.reached_runs import RUNS

pytestmark = pytest.mark.slow

REACHED: dict[str, str] = {
    "everything": (
        "loaded_after_crash fate_lost token_refused cursors_at_join sent_again_on_return "
        "branch_with_in_flight restarted_with_edits token_expired_away"
    ),
    "horizon": "snapshot trim snapshot_loaded trimmed_loaded base_too_old stranded",
    "slow_readers": "slow_reader astral",
    "short_queue": (
        "busy busy_too_often join_refused_busy repeated_waiting next_before_repeated "
        "branch_repeated_live answered_twice peer_cursor_removed sent_again_after_busy"
    ),
    "late_messages": (
        "repeated_answered branch_repeated fenced superseded rejoin_mid_branch gone_before_joined "
        "branch_sent_again late_message"
    ),
    "clogged_return": (
        "waited_for_turn stale_epoch fate_applied rejoin_branch branch_after_fate author_gone "
        "branch_overtaken no_join_in_time edited_handing_in merged_past_pending own_in_catch_up "
        "no_connection opened_in_vain came_another_way"
    ),
    "bad_store": (
        "conflict unknown_outcome unknown_outcome_of_branch unknown_outcome_of_join found_applied "
        "branch_found_applied join_found_applied turn_again branch_turn_again join_turn_again "
        "foreign_revision read_again rejoin_blip commit_shared"
    ),
    "access": (
        "loaded forgotten_idle token_revoked right_lost right_refused right_lessened barred "
        "gave_up_with_edits"
    ),
    "tokens": "token_expiring token_expired token_renewed no_other_token",
    "sweeps": (
        "branch_in_chunks branch_in_slices branch_meets_trunk branch_deletes_deleted edited_offline "
        "undo_forgotten sweep forward_delete"
    ),
    "bulk": "merged_in_parts large_paste large_cut leftward",
    "second_thoughts": (
        "cursor_carried composed crossed_pending peer_cursor_past_own "
        "undo_deep undo_past_others undo_in_vain undo_too_old redo redo_deep redo_past_others "
        "redo_in_vain edit_after_undo"
    ),
    "replicas": "event_repeated event_held_back deleted_twice asked_back sent_in_parts replica_reloaded",
    "compaction": "compacted",
}
"""What each small run has to get to."""

ELSEWHERE: dict[str, str] = {
    "other_worker": "it takes two workers",
    "found_by_comparing": "it takes two workers",
    "catch_up_in_parts": "256 revisions have to be missed",
    "cursor_forgotten": "a cursor has to rest while a log is trimmed",
    "whisper_early": "it takes two workers",
    "whisper_of_member": "it takes two workers",
    "left_elsewhere": "it takes two workers",
    "cursor_unheard_of": "it takes two workers",
    "fenced_elsewhere": "it takes two workers",
    "peer_cursor_forgotten": "a cursor has to rest for 256 operations",
    "own_cursor_forgotten": "the same, and nothing may be said of it meanwhile",
    "answer_cut_off": "thousands of events have to be missed",
    "unsynced_lost": "a crash has to fall between two syncs",
}
"""Mechanisms that no small run gets to, and what they need; a shipped scenario does."""


@cache
def tally_of(name: str) -> Tally:
    """What a small run marks; it is a healthy one."""
    with tallied() as counts:
        trial = attempt(RUNS[name]())
    assert not problems(trial)
    return counts


@pytest.mark.parametrize("name", RUNS)
def test_a_small_run_gets_to_what_it_is_for(name: str) -> None:
    wanted = {Mechanism[member.upper()] for member in REACHED[name].split()}
    assert wanted - tally_of(name).keys() == set()


def test_every_mechanism_has_a_run() -> None:
    reached = {name for names in REACHED.values() for name in names.split()}
    assert not reached & ELSEWHERE.keys()
    assert reached | ELSEWHERE.keys() == {mechanism.value for mechanism in Mechanism}


def test_every_mechanism_is_required_by_a_shipped_scenario() -> None:
    required = {name for scenario in shipped_scenarios() for name in load_scenario(scenario).requires}
    assert {mechanism.value for mechanism in Mechanism} - required == set()


# --- a part that does nothing is not counted --------------------------------------------------------------


def nothing_trimmed(log: Log) -> Revision:
    return log.start


def no_snapshot(_log: Log, _document: str) -> None:
    return None


def no_branch(*_: Any) -> bool:
    return False


def nothing_to_undo(_stack: UndoStack) -> Operation | None:
    return None


def merged_at_once(branches: Branches, *arguments: Any) -> bool:
    branches._elements_max = 1 << 30
    return merge(branches, *arguments)


def never_a_repeat(member: Member, message: Any) -> bool:
    member.submitted = None
    return is_new(member, message)


merge, is_new = Branches.merge, Member.is_new

BROKEN: tuple[tuple[str, str, type, str, Callable[..., Any]], ...] = (
    ("horizon", "trim", Log, "trim_point", nothing_trimmed),
    ("horizon", "snapshot_loaded", Log, "snapshot", no_snapshot),
    ("bad_store", "rejoin_branch", Room, "_is_branch_wanted", no_branch),
    ("second_thoughts", "undo_deep", UndoStack, "undo", nothing_to_undo),
    ("second_thoughts", "redo", UndoStack, "redo", nothing_to_undo),
    ("sweeps", "branch_in_slices", Branches, "merge", merged_at_once),
    ("short_queue", "repeated_waiting", Member, "is_new", never_a_repeat),
)


@pytest.mark.parametrize(("name", "mechanism", "part", "method", "broken"), BROKEN)
def test_what_is_broken_away_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    mechanism: str,
    part: type,
    method: str,
    broken: Callable[..., Any],
) -> None:
    member = Mechanism[mechanism.upper()]
    assert tally_of(name)[member] > 0
    monkeypatch.setattr(part, method, broken)
    with tallied() as counts:
        attempt(RUNS[name]())
    assert counts.get(member, 0) == 0


# --- what marks cost --------------------------------------------------------------------------------------


def test_where_nothing_rare_happens_nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Mechanism] = []
    for module in ("jupiter", "cursors", "undo"):
        monkeypatch.setattr(f"model.{module}.mark", calls.append)
    for module in ("gateway", "document", "items", "member", "batch", "branches", "log", "room", "catch_up"):
        if module != "document":
            monkeypatch.setattr(f"reference_server.core.{module}.mark", calls.append)
    quiet = plan(clients=2, room=1, seconds=10, edits_per_second=1.0)
    trial = attempt(quiet)
    edits = next(r.checked for r in trial.results if r.name == "ledger")
    assert edits > 10
    assert len(calls) < edits / 4
