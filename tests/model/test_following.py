"""One edit followed through a history: what is kept of it, which are the slowest, and two clocks."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from model import history
from model.checkers import Judge
from model.following import (
    Absence,
    Alignment,
    Attempt,
    EditName,
    Followed,
    Follower,
    Reader,
    ServerMoments,
    Slowest,
)
from model.history import Record
from model.identity import DocumentId, Revision, SiteId
from model.text import Operation
from tests.numbers import rev, seq

DOC = DocumentId("d")
ANN, BOB, CID = SiteId("ann"), SiteId("bob"), SiteId("cid")
OP = Operation.from_json(0, ["x"])


def edited(time_us: int, sequence: int) -> history.Edited:
    return history.Edited(time_us, ANN, DOC, seq(sequence), "type", rev(0), OP, time_us)


def sent(time_us: int, first: int, last: int, how: str = "submit") -> history.Sent:
    return history.Sent(time_us, ANN, DOC, rev(0), seq(first), seq(last), how)


def stored(time_us: int, revision: int, first: int, last: int) -> history.Stored:
    return history.Stored(time_us, DOC, rev(revision), ANN, seq(first), seq(last), rev(0), False, OP, OP)


def broadcast(
    time_us: int, revision: int, first: int, last: int, received_us: int = 0, turn_us: int = 0
) -> history.Broadcast:
    return history.Broadcast(
        time_us, DOC, rev(revision), ANN, seq(first), seq(last), received_us, 2, 0, turn_us
    )


def acknowledged(time_us: int, revision: int, first: int, last: int) -> history.Acknowledged:
    return history.Acknowledged(time_us, ANN, DOC, rev(revision), seq(first), seq(last), 0)


def delivered(time_us: int, reader: str, revision: int) -> history.Delivered:
    return history.Delivered(time_us, SiteId(reader), DOC, rev(revision), 0)


def joined(time_us: int, who: str, how: str = "fresh") -> history.Joined:
    return history.Joined(time_us, SiteId(who), DOC, rev(0), how, 0)


def follow(records: Iterable[Record], *sequences: int) -> list[Followed]:
    names = [EditName(DOC, ANN, seq(sequence)) for sequence in sequences]
    follower = Follower(names.__contains__)
    Judge([follower]).feed(records)
    return [follower.found[name] for name in names]


ONLINE: list[Record] = [
    joined(1, "ann"),
    joined(2, "bob"),
    edited(100, 1),
    sent(110, 1, 1),
    edited(115, 2),
    edited(116, 3),
    stored(140, 1, 1, 1),
    broadcast(150, 1, 1, 1, 120, 130),
    delivered(170, "bob", 1),
    acknowledged(180, 1, 1, 1),
    sent(181, 2, 3),
    stored(200, 2, 2, 3),
    broadcast(210, 2, 2, 3, 190, 195),
    acknowledged(220, 2, 2, 3),
    delivered(500, "bob", 2),
    joined(800, "cid"),
    delivered(900, "cid", 2),
    history.Finished(1_000),
]


def test_an_edit_made_online_has_every_moment() -> None:
    (found,) = follow(ONLINE, 1)
    assert (found.edited_us, found.attempts) == (100, [Attempt(110, "submit")])
    assert (found.received_us, found.turn_us, found.committed_us, found.seen_us) == (120, 130, 140, 150)
    assert (found.told_us, found.readers, found.done_us) == (180, [Reader(BOB, 170, False)], 180)
    assert found.absences == []


def test_edits_that_travel_together_are_followed_each_by_its_name() -> None:
    second, third = follow(ONLINE, 2, 3)
    assert [edit.edited_us for edit in (second, third)] == [115, 116]
    for edit in (second, third):
        assert (edit.first, edit.last, edit.revision, edit.turn_us) == (2, 3, 2, 195)
        assert edit.readers == [Reader(BOB, 500, False), Reader(CID, 900, True)]
        assert edit.done_us == 500  # who was away is not waited for


def test_an_edit_made_offline_shows_the_absence_and_the_attempts() -> None:
    (found,) = follow(
        [
            joined(1, "ann"),
            history.Disconnected(50, ANN, DOC, rev(0), "closed"),
            edited(100, 1),
            joined(300, "ann", "branch"),
            sent(301, 1, 1, "branch"),
            history.Disconnected(310, ANN, DOC, rev(0), "reset"),
            stored(320, 1, 1, 1),
            joined(700, "ann", "resume"),
            sent(701, 1, 1, "resend"),
            acknowledged(710, 1, 1, 1),
            history.Finished(1_000),
        ],
        1,
    )
    assert found.absences == [Absence(50, 300, "closed"), Absence(310, 700, "reset")]
    assert found.attempts == [Attempt(301, "branch"), Attempt(701, "resend")]
    assert found.done_us == 710


def test_an_edit_whose_author_never_comes_back_lasts_until_the_end() -> None:
    left = history.Offline(120, ANN, DOC, "left")
    (found,) = follow([joined(1, "ann"), edited(100, 1), left, history.Finished(900)], 1)
    assert (found.told_us, found.done_us, found.absences) == (None, 900, [Absence(120, None, "left")])


def test_a_reader_that_merges_a_branch_has_taken_in_what_came_before() -> None:
    merged = history.Merged(190, BOB, DOC, rev(0), rev(2), seq(1), seq(1), 0)
    (found,) = follow([*ONLINE[:8], merged, history.Finished(1_000)], 1)
    assert found.readers == [Reader(BOB, 190, False)]


def test_the_slowest_are_ranked_by_who_is_waited_for() -> None:
    slowest = Slowest(5)
    Judge([slowest]).feed([*ONLINE[:-1], edited(950, 4), ONLINE[-1]])
    ranked = [(took_us, name.sequence) for took_us, name in slowest.ranked()]
    assert ranked == [(385, 2), (80, 1), (50, 4)]  # 2 and 3 are one revision; 4 has not arrived


def test_an_edit_whose_author_is_never_told_takes_until_the_end() -> None:
    untold = [record for record in ONLINE if not isinstance(record, history.Acknowledged)]
    slowest = Slowest(5)
    Judge([slowest]).feed(untold)
    assert slowest.ranked() == [
        (found.done_us - found.planned_us, found.name) for found in follow(untold, 1, 2)
    ]
    assert [took_us for took_us, _ in slowest.ranked()] == [900, 885]


def moments(revision: int, received_us: int, broadcast_us: int) -> ServerMoments:
    first = seq(revision)
    between = (received_us + 1, received_us + 2, received_us + 3, broadcast_us - 1)
    return ServerMoments(DOC, rev(revision), ANN, first, first, received_us, *between, broadcast_us)


def test_two_clocks_are_put_side_by_side_by_what_comes_before_what() -> None:
    found: dict[tuple[DocumentId, Revision], ServerMoments] = {
        (DOC, rev(1)): moments(1, 5_120, 5_140),
        (DOC, rev(2)): moments(2, 5_200, 5_216),
    }
    alignment = Alignment(found)
    Judge([alignment]).feed([broadcast(150, 1, 1, 1, 110), broadcast(220, 2, 2, 2, 196)])
    # The second was sent at 196 and arrived at 5,200; it was sent on at 5,216 and seen at 220.
    assert (alignment.offset_us, alignment.uncertain_us) == (-5_000, 4)
    (edit,) = follow(ONLINE, 1)
    moved = alignment.of(edit)
    assert moved is not None
    assert (moved.received_us, moved.broadcast_us) == (120, 140)
    assert alignment.of(msgspec.structs.replace(edit, revision=rev(7))) is None
    assert Alignment({}).of(edit) is None
