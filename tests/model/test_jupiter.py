"""The replica alone: what it sends, what it accepts, what it refuses; nothing here talks to a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from model.identity import DocumentId, SiteId
from model.jupiter import Replica
from model.outgoing import BRANCH_CHUNK_BYTES_MAX
from model.phases import RULES, ConnectionLost, ConnectionOpened, Phase, Trigger
from model.protocol import (
    BRANCH_CHUNK_OPERATIONS_MAX,
    DOCUMENT_LENGTH_MAX,
    MESSAGE_BYTES_MAX,
    PROTOCOL_VERSION,
    Ack,
    Branch,
    CatchUp,
    Committed,
    ErrorCode,
    Failure,
    Fate,
    Hello,
    InFlight,
    Join,
    Joined,
    LocalProtocolError,
    Merged,
    Peer,
    PeerLeft,
    PeerPresence,
    Presence,
    ProtocolError,
    RemoteProtocolError,
    Renewed,
    Row,
    ServerMessage,
    Submit,
    Welcome,
    encode,
)
from model.text import Operation, OperationError, delete, insert, noop
from tests.numbers import rev, seq

ME, LOW, HIGH = SiteId("m"), SiteId("a"), SiteId("z")
DOCUMENT = DocumentId("d")
WELCOME = Welcome(PROTOCOL_VERSION, {})


def live(text: str = "", revision: int = 0, site: SiteId = ME) -> Replica:
    replica = Replica(site, DOCUMENT)
    replica.connect("t")
    replica.receive(WELCOME)
    replica.receive(Joined(rev(revision), text))
    return replica


def remote(revision: int, op: Operation, site: SiteId = HIGH) -> Committed:
    return Committed(rev(revision), site, seq(revision), seq(revision), op)


def reconnected(replica: Replica) -> Join:
    replica.disconnected()
    replica.connect("t")
    (join,) = replica.receive(WELCOME)
    assert isinstance(join, Join)
    return join


# --- joining ----------------------------------------------------------------------------------------------


def test_a_new_replica_introduces_itself_and_asks_for_everything() -> None:
    replica = Replica(ME, DOCUMENT)
    assert replica.connect("token") == (Hello(PROTOCOL_VERSION, ME, "token"),)
    assert replica.receive(WELCOME) == (Join(DOCUMENT, 1),)
    assert replica.receive(Joined(rev(7), "text")) == ()
    assert (replica.text, replica.revision, replica.phase) == ("text", 7, Phase.LIVE)


def test_every_connection_has_a_newer_epoch() -> None:
    replica = live()
    assert [reconnected(replica).epoch for _ in range(3)] == [2, 3, 4]


def test_connecting_twice_is_the_callers_mistake() -> None:
    replica = live()
    with pytest.raises(LocalProtocolError, match="connecting while live"):
        replica.connect("t")


def test_editing_before_the_first_join_is_the_callers_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="before the document was joined"):
        Replica(ME, DOCUMENT).edit(insert(0, 0, "x"))


def test_an_edit_that_does_not_fit_changes_nothing() -> None:
    replica = live("abc")
    with pytest.raises(OperationError):
        replica.edit(insert(7, 0, "x"))
    assert (replica.text, replica.sequence, replica.pending) == ("abc", 0, [])


def test_a_snapshot_is_needed_by_who_knows_nothing() -> None:
    replica = Replica(ME, DOCUMENT)
    replica.connect("t")
    replica.receive(WELCOME)
    with pytest.raises(RemoteProtocolError, match="without a snapshot"):
        replica.receive(Joined(rev(7)))


# --- one operation in flight ------------------------------------------------------------------------------


def test_the_first_edit_is_sent_at_once_and_the_next_ones_wait_for_its_acknowledgement() -> None:
    replica = live("abc")
    assert replica.edit(insert(3, 3, "d")) == (Submit(rev(0), seq(1), seq(1), insert(3, 3, "d"), (0, 0)),)
    assert replica.edit(insert(4, 4, "e")) == ()
    assert replica.edit(insert(5, 5, "f")) == ()
    assert [edit.sequence for edit in replica.pending] == [2, 3]
    (second,) = replica.receive(Ack(rev(1), seq(1), seq(1)))
    assert second == Submit(rev(1), seq(2), seq(3), insert(4, 4, "ef"), (0, 0))
    assert replica.unacknowledged == 2
    assert replica.receive(Ack(rev(2), seq(2), seq(3))) == ()
    assert replica.is_settled
    assert replica.unacknowledged == 0


def test_the_selection_that_travels_is_the_one_after_the_edit() -> None:
    replica = live("abc")
    replica.select((1, 1))
    replica.receive(remote(1, noop(3)))
    (message,) = replica.edit(insert(3, 1, "xy"))
    assert isinstance(message, Submit)
    assert message.selection == (3, 3)


def test_both_halves_of_the_transformation_the_dopt_puzzle() -> None:
    """Ellis and Gibbs' algorithm gives `bdx` at site 1 (facts §1); a replica does not."""
    one = live("abcd", site=LOW)
    one.edit(delete(4, 2, 1))
    one.receive(Committed(rev(1), HIGH, seq(1), seq(1), delete(4, 0, 1)))
    one.receive(Committed(rev(2), HIGH, seq(2), seq(2), insert(3, 2, "x")))
    assert one.text == "bxd"
    one.receive(Ack(rev(3), seq(1), seq(1)))
    assert one.text == "bxd"


def test_the_dopt_puzzle_from_the_other_side() -> None:
    two = live("abcd", site=HIGH)
    two.edit(delete(4, 0, 1))
    two.edit(insert(3, 2, "x"))
    two.receive(Committed(rev(1), LOW, seq(1), seq(1), delete(4, 2, 1)))
    assert two.text == "bxd"
    (second,) = two.receive(Ack(rev(2), seq(1), seq(1)))
    assert isinstance(second, Submit)
    assert second.operation == insert(2, 1, "x")


@pytest.mark.parametrize(("other", "text"), [(LOW, "|am|"), (HIGH, "|mz|")])
def test_inserts_at_one_position_are_ordered_by_site(other: SiteId, text: str) -> None:
    for pending in (False, True):
        replica = live("||")
        if pending:
            replica.edit(noop(2))  # in flight, so that the insert is pending
        replica.edit(insert(2, 1, "m"))
        replica.receive(remote(1, insert(2, 1, other), other))
        assert replica.text == text


def test_an_edit_of_another_site_changes_what_waits_but_not_what_was_sent() -> None:
    replica = live("abc")
    first = replica.edit(insert(3, 3, "d"))
    replica.receive(remote(1, insert(3, 0, "__")))
    assert replica.in_flight is not None
    assert replica.in_flight.operation == insert(5, 5, "d")
    assert replica.resend() == first


# --- sent again -------------------------------------------------------------------------------------------


def test_a_resend_is_byte_identical_whatever_happened_since() -> None:
    replica = live("abc")
    sent = [encode(message) for message in replica.edit(insert(3, 1, "x"))]
    replica.edit(delete(4, 0, 2))
    replica.receive(remote(1, insert(3, 0, "yy")))
    saved = replica.save()
    join = reconnected(replica)
    assert (join.revision, join.in_flight, join.pending) == (1, InFlight(seq(1), seq(1)), 1)
    assert [encode(m) for m in replica.receive(Joined(rev(1), None, Fate(False)))] == sent
    restarted = Replica(ME, DOCUMENT)
    restarted.restore(saved)
    reconnected(restarted)
    assert [encode(m) for m in restarted.receive(Joined(rev(1), None, Fate(False)))] == sent


def test_what_was_applied_is_not_sent_again_but_acknowledged_by_the_catch_up() -> None:
    replica = live("abc")
    replica.edit(insert(3, 3, "x"))
    replica.edit(insert(4, 4, "y"))
    reconnected(replica)
    assert replica.receive(Joined(rev(2), None, Fate(True, rev(2)))) == ()
    assert replica.resend() == ()
    rows = [
        Row(rev(1), HIGH, seq(1), seq(1), insert(3, 0, "R")),
        Row(rev(2), ME, seq(1), seq(1), insert(4, 4, "x")),
    ]
    assert replica.receive(CatchUp(rows)) == (Submit(rev(2), seq(2), seq(2), insert(5, 5, "y"), (0, 0)),)
    assert replica.text == "Rabcxy"
    assert replica.acknowledged == 1


def test_nothing_is_sent_again_while_the_exchange_does_not_allow_it() -> None:
    replica = live("abc")
    assert replica.resend() == ()
    replica.edit(insert(3, 3, "x"))
    replica.disconnected()
    assert replica.resend() == ()
    replica.connect("t")
    assert replica.resend() == ()


def test_a_second_acknowledgement_is_ignored() -> None:
    replica = live("abc")
    replica.edit(insert(3, 3, "x"))
    replica.receive(Ack(rev(1), seq(1), seq(1)))
    assert replica.receive(Ack(rev(1), seq(1), seq(1))) == ()
    assert replica.revision == 1


def test_a_failure_changes_nothing() -> None:
    replica = live("abc")
    replica.edit(insert(3, 3, "x"))
    before = replica.save()
    assert replica.receive(Failure(ErrorCode.BUSY, "", False, 250)) == ()
    assert replica.save() == before


# --- saving -----------------------------------------------------------------------------------------------


def test_what_is_saved_comes_back_offline() -> None:
    replica = live("abc")
    replica.edit(insert(3, 3, "x"))
    replica.edit(insert(4, 4, "y"))
    saved = replica.save()
    restarted = Replica(SiteId("nobody"), DocumentId("nothing"))
    restarted.restore(saved)
    assert restarted.save() == saved
    assert restarted.phase is Phase.OFFLINE
    assert restarted.undo() is None


def test_who_starts_again_says_where_its_cursor_is_when_what_said_otherwise_is_durable() -> None:
    replica = live()
    (submit,) = replica.edit(insert(0, 0, "x"))
    assert isinstance(submit, Submit)
    assert submit.selection == (1, 1)
    restarted = Replica(ME, DOCUMENT)
    restarted.restore(replica.save())
    restarted.connect("t")
    restarted.receive(WELCOME)
    assert restarted.receive(Joined(rev(0), None, Fate(False))) == (submit,)
    assert restarted.receive(Ack(rev(1), seq(1), seq(1))) == (Presence(rev(1), (0, 0)),)


def test_what_was_saved_does_not_change_afterwards() -> None:
    replica = live("abc")
    replica.edit(insert(3, 3, "x"))
    replica.edit(insert(4, 4, "y"))
    saved = replica.save()
    replica.receive(remote(1, insert(3, 0, "R")))
    replica.edit(insert(6, 6, "z"))
    assert saved.text == "abcxy"
    assert saved.pending[0].operation == insert(4, 4, "y")


def test_edits_made_offline_go_out_when_live_again() -> None:
    replica = live("abc")
    replica.disconnected()
    assert replica.edit(insert(3, 3, "x")) == ()
    assert replica.edit(insert(4, 4, "y")) == ()
    assert reconnected(replica).pending == 2
    assert replica.receive(Joined(rev(0))) == (Submit(rev(0), seq(1), seq(2), insert(3, 3, "xy"), (0, 0)),)


# --- branches ---------------------------------------------------------------------------------------------


def offline(edits: int, text: str = "") -> Replica:
    replica = live(text)
    replica.disconnected()
    for n in range(edits):
        replica.edit(insert(len(text) + n, len(text) + n, "x"))
    reconnected(replica)
    return replica


def test_a_branch_keeps_every_edit_for_itself() -> None:
    replica = offline(2)
    (branch,) = replica.receive(Joined(rev(5), None, None, branch=True))
    assert isinstance(branch, Branch)
    assert (branch.base, branch.more) == (0, False)
    assert [(e.first, e.last, e.operation) for e in branch.edits] == [
        (1, 1, insert(0, 0, "x")),
        (2, 2, insert(1, 1, "x")),
    ]
    assert replica.phase is Phase.HANDING_IN


def test_what_was_in_flight_and_lost_is_the_first_edit_of_the_branch() -> None:
    replica = live()
    replica.edit(insert(0, 0, "a"))
    replica.edit(insert(1, 1, "b"))
    reconnected(replica)
    (branch,) = replica.receive(Joined(rev(0), None, Fate(False), branch=True))
    assert isinstance(branch, Branch)
    assert [(e.first, e.last) for e in branch.edits] == [(1, 1), (2, 2)]


def test_what_was_in_flight_and_applied_is_caught_up_with_before_the_branch() -> None:
    replica = live()
    replica.edit(insert(0, 0, "a"))
    replica.edit(insert(1, 1, "b"))
    reconnected(replica)
    assert replica.receive(Joined(rev(9), None, Fate(True, rev(1)), branch=True)) == ()
    (branch,) = replica.receive(CatchUp([Row(rev(1), ME, seq(1), seq(1), insert(0, 0, "a"))]))
    assert isinstance(branch, Branch)
    assert branch.base == 1
    assert [(e.first, e.last) for e in branch.edits] == [(2, 2)]


def test_a_long_branch_is_cut_into_chunks_by_number_and_by_length() -> None:
    replica = offline(BRANCH_CHUNK_OPERATIONS_MAX + 1)
    chunks = replica.receive(Joined(rev(0), None, None, branch=True))
    assert [len(c.edits) for c in chunks if isinstance(c, Branch)] == [BRANCH_CHUNK_OPERATIONS_MAX, 1]
    assert [c.more for c in chunks if isinstance(c, Branch)] == [True, False]

    replica = live()
    replica.disconnected()
    size = BRANCH_CHUNK_BYTES_MAX // 14  # six bytes each in the worst case, so two fit into a chunk
    for n in range(3):
        replica.edit(insert(n * size, 0, "\x01" * size))
    reconnected(replica)
    chunks = replica.receive(Joined(rev(0), None, None, branch=True))
    assert [len(c.edits) for c in chunks if isinstance(c, Branch)] == [2, 1]
    assert max(len(encode(c)) for c in chunks) <= MESSAGE_BYTES_MAX


def test_an_edit_that_makes_the_text_too_long_is_refused_and_changes_nothing() -> None:
    replica = live()
    with pytest.raises(LocalProtocolError, match="too_large"):
        replica.edit(insert(0, 0, "x" * (DOCUMENT_LENGTH_MAX + 1)))
    assert (replica.text, replica.sequence, replica.pending) == ("", 0, [])


def test_the_longest_text_fits_a_message_whatever_its_characters() -> None:
    assert len(encode(Joined(rev(1), "\x01" * DOCUMENT_LENGTH_MAX))) <= MESSAGE_BYTES_MAX


def test_merged_brings_the_branch_to_the_trunk_and_what_was_typed_meanwhile_goes_on() -> None:
    replica = offline(1, "abc")
    replica.receive(Joined(rev(3), None, None, branch=True))
    assert replica.edit(insert(4, 4, "y")) == ()
    assert replica.text == "abcxy"
    (message,) = replica.receive(Merged(rev(4), seq(1), seq(1), insert(4, 0, "RRR")))
    assert message == Submit(rev(4), seq(2), seq(2), insert(7, 7, "y"), (0, 0))
    assert (replica.text, replica.revision, replica.phase) == ("RRRabcxy", 4, Phase.LIVE)
    assert replica.acknowledged == 1


def test_a_branch_whose_answer_was_lost_is_sent_again_byte_for_byte() -> None:
    replica = offline(3)
    sent = replica.receive(Joined(rev(0), None, None, branch=True))
    replica.edit(insert(3, 3, "y"))
    join = reconnected(replica)
    assert join.in_flight == InFlight(seq(1), seq(3), branch=True)
    assert join.pending == 1
    for fate in (Fate(False), Fate(True, rev(1))):
        assert replica.receive(Joined(rev(1), None, fate, branch=True)) == sent
        assert replica.phase is Phase.HANDING_IN
        reconnected(replica)


# --- what the server must not do --------------------------------------------------------------------------


def greeting() -> Replica:
    replica = live("abc")
    replica.edit(insert(3, 3, "x"))
    replica.disconnected()
    replica.connect("t")
    return replica


def joining() -> Replica:
    replica = greeting()
    replica.receive(WELCOME)
    return replica


def living() -> Replica:
    replica = joining()
    replica.receive(Joined(rev(0), None, Fate(False)))
    return replica


def handing_in() -> Replica:
    replica = joining()
    replica.receive(Joined(rev(0), None, Fate(False), branch=True))
    return replica


def parted() -> Replica:
    replica = living()
    replica.disconnected()
    return replica


INPUTS: list[ServerMessage] = [
    WELCOME,
    Joined(rev(0), None, Fate(False)),
    Joined(rev(0), None, Fate(False), branch=True),
    remote(1, insert(3, 0, "R")),
    Ack(rev(1), seq(1), seq(1)),
    CatchUp([Row(rev(1), HIGH, seq(1), seq(1), insert(3, 0, "R"))]),
    Merged(rev(1), seq(1), seq(1), insert(4, 0, "R")),
    PeerPresence(rev(0), HIGH, (0, 0)),
    PeerLeft(HIGH),
    Renewed(),
    Failure(ErrorCode.BUSY, "later", False, 250),
]
REACHED: dict[Phase, Callable[[], Replica]] = {
    Phase.OFFLINE: parted,
    Phase.GREETING: greeting,
    Phase.JOINING: joining,
    Phase.LIVE: living,
    Phase.HANDING_IN: handing_in,
}


def everything(replica: Replica) -> tuple[Any, ...]:
    return (
        replica.save(),
        replica.phase,
        replica.selection,
        [(peer, replica.cursor_of(peer)) for peer in replica.peers],
    )


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.value)
def test_every_message_in_every_phase_does_what_the_rules_say(phase: Phase) -> None:
    """What they do not allow is refused and does no harm; what they allow leads to all that they name."""
    came: dict[Trigger, set[Phase]] = {}
    for message in INPUTS:
        replica = REACHED[phase]()
        assert replica.phase is phase
        before = everything(replica)
        if type(message) in RULES[phase]:
            replica.receive(message)
            came.setdefault(type(message), set()).add(replica.phase)
        else:
            with pytest.raises(RemoteProtocolError, match=f"arrived while {phase.value}"):
                replica.receive(message)
            assert everything(replica) == before
    replica = REACHED[phase]()
    replica.disconnected()
    came[ConnectionLost] = {replica.phase}
    replica = REACHED[phase]()
    if ConnectionOpened in RULES[phase]:
        replica.connect("t")
        came[ConnectionOpened] = {replica.phase}
    else:
        with pytest.raises(LocalProtocolError):
            replica.connect("t")
    assert came == RULES[phase]


def test_every_message_is_among_those_that_were_tried() -> None:
    assert {type(message) for message in INPUTS} == set(get_args(ServerMessage))


@pytest.mark.parametrize(
    "message",
    [
        remote(2, insert(3, 0, "R")),  # revision 1 is missing
        remote(0, insert(3, 0, "R")),
        remote(1, insert(9, 0, "R")),  # on a text of another length
        Ack(rev(2), seq(1), seq(1)),
        Ack(rev(1), seq(1), seq(2)),
        Ack(rev(1), seq(2), seq(2)),
        CatchUp([Row(rev(2), HIGH, seq(1), seq(1), insert(3, 0, "R"))]),
        CatchUp([Row(rev(1), HIGH, seq(1), seq(1), insert(9, 0, "R"))]),
        CatchUp([Row(rev(1), ME, seq(1), seq(2), insert(3, 0, "R"))]),
    ],
    ids=lambda message: repr(message)[:60],
)
def test_a_message_that_does_not_fit_is_refused_and_does_no_harm(message: ServerMessage) -> None:
    replica = living()
    replica.edit(insert(4, 0, "y"))
    before = everything(replica)
    with pytest.raises(RemoteProtocolError):
        replica.receive(message)
    assert everything(replica) == before


@pytest.mark.parametrize(
    "message",
    [
        Merged(rev(1), seq(1), seq(2), noop(4)),
        Merged(rev(1), seq(2), seq(2), noop(4)),
        Merged(rev(1), seq(1), seq(1), noop(9)),
        Merged(rev(0), seq(1), seq(1), noop(4)),
    ],
    ids=repr,
)
def test_a_merge_that_does_not_fit_is_refused_and_does_no_harm(message: Merged) -> None:
    replica = handing_in()
    replica.edit(insert(4, 0, "y"))
    replica.edit(insert(5, 5, "z"))
    before = everything(replica)
    with pytest.raises(RemoteProtocolError):
        replica.receive(message)
    assert everything(replica) == before


def test_rows_before_the_one_that_does_not_fit_are_part_of_the_text() -> None:
    replica = live("abc")
    rows = [
        Row(rev(1), HIGH, seq(1), seq(1), insert(3, 3, "d")),
        Row(rev(3), HIGH, seq(2), seq(2), insert(4, 4, "e")),
    ]
    with pytest.raises(RemoteProtocolError):
        replica.receive(CatchUp(rows))
    assert (replica.text, replica.revision) == ("abcd", 1)


def test_a_branch_is_not_asked_for_where_nothing_was_done() -> None:
    replica = live("abc")
    reconnected(replica)
    before = everything(replica)
    with pytest.raises(ProtocolError, match="nothing was done"):
        replica.receive(Joined(rev(0), None, None, branch=True))
    assert everything(replica) == before


# --- cursors ----------------------------------------------------------------------------------------------


def test_the_own_cursor_follows_the_own_typing_and_stays_behind_that_of_others() -> None:
    replica = live("abc")
    replica.select((1, 1))
    replica.edit(insert(3, 1, "xy"))
    assert replica.selection == (3, 3)
    replica.receive(remote(1, insert(3, 1, "R")))  # the same place, and z comes after m
    assert (replica.text, replica.selection) == ("axyRbc", (3, 3))


def test_a_cursor_that_moved_is_told_when_nothing_is_in_flight() -> None:
    replica = live("abc")
    assert replica.select((1, 2)) == (Presence(rev(0), (1, 2)),)
    replica.edit(insert(3, 3, "d"))
    assert replica.select((0, 0)) == ()
    assert replica.receive(Ack(rev(1), seq(1), seq(1))) == (Presence(rev(1), (0, 0)),)


def test_a_cursor_outside_the_text_is_the_callers_mistake() -> None:
    with pytest.raises(LocalProtocolError, match="outside the text"):
        live("abc").select((0, 4))


def test_the_cursor_of_a_peer_is_carried_over_everything_displayed_since() -> None:
    replica = live("abc")
    replica.edit(insert(3, 0, "__"))  # in flight
    replica.edit(insert(5, 0, "^"))  # pending
    replica.receive(PeerPresence(rev(0), HIGH, (1, 3)))
    assert replica.cursor_of(HIGH) == ((4, 6), 0)
    replica.receive(remote(1, delete(3, 0, 1), LOW))
    assert replica.text == "^__bc"
    assert replica.cursor_of(HIGH) == ((3, 5), 0)


def test_the_cursor_of_an_author_comes_with_the_operation() -> None:
    replica = live("abc")
    replica.receive(Committed(rev(1), HIGH, seq(1), seq(1), insert(3, 1, "x"), (2, 2)))
    assert replica.cursor_of(HIGH) == ((2, 2), 1)


def test_peers_come_and_go() -> None:
    replica = Replica(ME, DOCUMENT)
    replica.connect("t")
    replica.receive(WELCOME)
    replica.receive(Joined(rev(0), "abc", peers=[Peer(HIGH, (1, 1)), Peer(LOW)]))
    assert list(replica.peers) == [HIGH]
    replica.receive(PeerPresence(rev(0), LOW, (0, 0)))
    assert list(replica.peers) == [HIGH, LOW]
    replica.receive(PeerPresence(rev(0), LOW, None))
    replica.receive(PeerLeft(HIGH))
    assert list(replica.peers) == []
    assert replica.cursor_of(HIGH) is None


def test_cursors_are_gone_with_the_connection() -> None:
    replica = live("abc")
    replica.receive(PeerPresence(rev(0), HIGH, (1, 1)))
    replica.disconnected()
    assert replica.peers == ()


# --- undo -------------------------------------------------------------------------------------------------


def test_an_undo_is_a_new_edit_with_a_new_identity() -> None:
    replica = live("abc")
    replica.edit(insert(3, 1, "x"))
    undone = replica.undo()
    assert undone == (delete(4, 1, 1), ())
    assert (replica.text, replica.sequence) == ("abc", 2)
    redone = replica.redo()
    assert redone is not None
    assert (replica.text, replica.sequence) == ("axbc", 3)
    assert replica.redo() is None


def test_an_undo_under_concurrency_takes_back_only_what_is_left_of_the_own_edit() -> None:
    replica = live("")
    replica.edit(insert(0, 0, "abc"))
    replica.receive(Ack(rev(1), seq(1), seq(1)))
    replica.receive(remote(2, Operation(3, (1, -1, "R"))))  # the b is gone, an R in its place
    replica.undo()
    assert replica.text == "R"
    replica.redo()
    assert replica.text in ("acR", "aRc")  # the b stays deleted
