"""A cell of replicas: what is passed on, asked for, held back, saved and dropped."""

from __future__ import annotations

import msgspec
import pytest

from model import history
from model.crdt.replicas import Rga
from model.crdt.replicas.port import Element, Event, Version
from simulator.failures.trial import attempt
from simulator.gossip.caret import carried
from simulator.gossip.datagrams import ABSENT, ARRIVED, EVENTS_MAX, LOST
from simulator.gossip.peer import GossipParts
from tests.simulator.gossip.rooms import QUIET, SECOND, cell_of, crowd, edit, room, step
from tests.simulator.plans import of, problems, unchecked

NEVER_COMPARES = msgspec.structs.replace(QUIET, compare_us=3_600_000_000)


def texts(trial_texts: list[history.Displayed]) -> dict[str, str]:
    """The last text that each replica showed."""
    return {record.site: record.text for record in trial_texts}


def test_an_edit_reaches_everybody_within_a_round_or_two() -> None:
    trial = attempt(room([edit(1.0, 0, "x")], [], [], text="ab"), keep=True)
    assert not problems(trial)
    learnt = of(history.Integrated, trial)
    assert sorted(record.site for record in learnt) == ["b", "c"]
    assert all(SECOND < record.time_us < 1.2 * SECOND for record in learnt)
    assert texts(of(history.Displayed, trial)) == dict.fromkeys("abc", "xab")


def test_concurrent_edits_converge() -> None:
    trial = attempt(room([edit(1.0, 1, "x")], [edit(1.0, 1, "y")], text="ab"), keep=True)
    assert not problems(trial)
    assert texts(of(history.Displayed, trial)) == dict.fromkeys("ab", "axyb")


def test_what_was_lost_is_asked_for() -> None:
    lossy = msgspec.structs.replace(QUIET, loss=0.5)
    trial = attempt(room(*[[edit(1.0 + n, 0, "x")] for n in range(4)], settings=lossy), keep=True)
    assert not problems(trial)
    (traffic,) = of(history.Traffic, trial)
    assert traffic.counts[LOST] > 0.3 * traffic.counts["sent"]


def test_without_comparing_what_was_lost_stays_lost() -> None:
    lossy = msgspec.structs.replace(NEVER_COMPARES, loss=0.9)
    trial = attempt(room([edit(1.0, 0, "x")], [], [], settings=lossy))
    assert trial.violated("liveness")
    assert trial.violated("convergence") is False


def test_in_a_star_everything_goes_through_the_last_one() -> None:
    plan = room([edit(1.0, 0, "x")], [edit(2.0, 0, "y")], [], topology="star", settings=NEVER_COMPARES)
    cell, keeper = cell_of(plan)
    assert [[p.plan.site for p in peer.neighbours] for peer in cell.clients] == [["c"], ["c"], ["a", "b"]]
    cell.run()
    assert [r.site for r in of(history.Integrated, keeper)] == ["c", "b", "c", "a"]


def test_a_large_text_travels_in_several_datagrams() -> None:
    text = "".join(chr(0x4E00 + n) for n in range(5 * EVENTS_MAX))
    trial = attempt(room([edit(1.0, 0, text)], []), keep=True)
    assert not problems(trial)
    spans = [span for record in of(history.Integrated, trial) for span in record.spans]
    assert len(spans) == 5
    assert all(span.last - span.first + 1 == EVENTS_MAX for span in spans)


def test_who_was_away_is_told_everything_on_return() -> None:
    away = [step(0.5, "offline"), edit(1.0, 0, "x"), step(3.0, "online")]
    trial = attempt(room(away, [edit(1.5, 0, "y")], settings=NEVER_COMPARES), keep=True)
    assert not problems(trial)
    learnt = {r.site: r.time_us for r in of(history.Integrated, trial)}
    assert all(3 * SECOND < at < 3.5 * SECOND for at in learnt.values())
    (traffic,) = of(history.Traffic, trial)
    assert traffic.counts[ABSENT] > 0


def test_a_crash_takes_what_was_not_saved_and_nothing_else() -> None:
    slow = msgspec.structs.replace(NEVER_COMPARES, round_us=2_000_000)
    # b learns x between 2.0 and 4.0 s, and dies before it passes anything on.
    doomed = [edit(0.5, 0, "y"), step(4.1, "crash"), step(6.0, "restart")]
    trial = attempt(room([edit(1.0, 0, "x")], doomed, settings=slow, seconds=12.0), keep=True)
    assert not problems(trial)
    (reloaded,) = of(history.Reloaded, trial)
    assert reloaded.version == {"b": 1}
    assert reloaded.saved == reloaded.loaded
    times = [r.time_us for r in of(history.Integrated, trial) if r.site == "b"]
    assert len(times) == 2  # once before, and again
    assert times[0] < 4 * SECOND < 6 * SECOND < times[1]


def test_who_is_asked_and_lacks_something_asks_back() -> None:
    slow = msgspec.structs.replace(NEVER_COMPARES, round_us=4_000_000)
    # a dies before it passes x on; when it is back it asks, and nothing else is sent.
    doomed = [edit(1.0, 0, "x"), step(1.001, "crash"), step(2.0, "restart")]
    trial = attempt(room(doomed, [], settings=slow, seconds=12.0), keep=True)
    assert not problems(trial)
    (learnt,) = of(history.Integrated, trial)
    assert learnt.site == "b"
    assert learnt.time_us == 2_000_000 + 3 * 20_000  # the question, the question back, the answer


def test_a_restart_knows_nothing_of_what_was_passed_on_before() -> None:
    cell, _ = cell_of(room([edit(1.0, 0, "x")], []))
    cell.run()
    (writer, _other) = cell.clients
    assert writer.resend()
    writer.crash()
    assert not writer.resend()
    writer.restart()
    assert not writer.resend()
    assert writer.replica.text == "x"


def test_nobody_types_while_down_and_ids_are_not_used_again() -> None:
    doomed = [
        edit(0.5, 0, "x"),
        step(1.0, "crash"),
        edit(1.5, 0, "y"),
        step(2.0, "restart"),
        edit(3.0, 0, "z"),
    ]
    trial = attempt(room(doomed, []), keep=True)
    assert not problems(trial)
    assert [r.events[0].id.counter for r in of(history.Generated, trial) if r.sequence] == [1, 2]
    assert texts(of(history.Displayed, trial)) == dict.fromkeys("ab", "zx")


@pytest.mark.slow
def test_every_other_replica_compacts_and_nothing_changes() -> None:
    busy = crowd(compacted=True, replicas=4, rate=4.0)
    settings = msgspec.structs.replace(QUIET, compact_us=SECOND // 4, loss=0.3, reordering=0.3)
    assert busy.gossip is not None
    busy = msgspec.structs.replace(busy, gossip=msgspec.structs.replace(busy.gossip, settings=settings))
    trial = attempt(busy, keep=True)
    assert not problems(trial)
    dropped = {r.site: 0 for r in of(history.Preserved, trial)}
    for record in of(history.Preserved, trial):
        dropped[record.site] += record.dropped
    assert sorted(dropped) == ["a", "c"]
    assert all(dropped.values())


def test_an_exception_is_a_finding_and_not_the_end() -> None:
    class Picky(Rga):
        def apply(self, event: Event) -> bool:
            if event.id.site == "a" and self.site == "b":
                raise KeyError("a")
            return super().apply(event)

    plan = room([edit(1.0, 0, "x")], [], rule="rga")
    trial = attempt(plan, GossipParts(Picky))
    assert trial.violated("exceptions")
    assert trial.violated("liveness")


def test_nothing_is_checked_where_nothing_happens() -> None:
    trial = attempt(room([], []))
    assert set(unchecked(trial)) >= {"element_ledger", "exceptions", "unique_ids", "weak_list"}


def test_a_quiet_room_settles_at_once() -> None:
    cell, _ = cell_of(room([edit(1.0, 0, "x")], []))
    cell.run()
    assert cell.now == 5 * SECOND
    assert cell.network.counts[ARRIVED] > 0


@pytest.mark.parametrize(
    ("caret", "before", "after", "at"),
    [
        (2, "abcd", "abcd", 2),
        (2, "abcd", "abXcd", 2),
        (2, "abcd", "Xabcd", 3),
        (2, "abcd", "bcd", 1),
        (2, "abcd", "abc", 2),
        (4, "abcd", "abcdX", 4),
        (0, "", "abc", 0),
        (3, "abc", "", 0),
        (2, "abcd", "XYbZ", 2),
    ],
)
def test_a_cursor_keeps_to_what_did_not_change(caret: int, before: str, after: str, at: int) -> None:
    assert carried(caret, before, after) == at


def test_what_a_replica_raises_anywhere_is_a_finding_and_not_the_end() -> None:
    class Mute(Rga):
        def events_since(self, version: Version) -> list[Event]:
            raise KeyError("since")

    class Untold(Rga):
        def elements(self) -> list[Element]:
            raise IndexError("elements")

    what = room([edit(1.0, 0, "x")], [], rule="rga")
    for parts, words in (
        (Mute, "raised KeyError: 'since', in "),
        (Untold, "raised IndexError: elements, in "),
    ):
        trial = attempt(what, GossipParts(parts), keep=True)
        found = trial.shown("exceptions")
        assert found is not None
        assert words in found.message
        assert isinstance(trial.records[-1], history.Finished)
