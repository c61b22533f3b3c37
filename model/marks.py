"""Marks: what rarely happens is counted where it happens, because a line that never ran was never checked.

A mechanism is a branch of the product that a run may miss without anybody noticing: a trimmed log, an
append whose outcome is unknown, an undo three edits deep. The code of such a branch calls :func:`mark`; where
nothing rare happens nothing is called, so that marks cost nothing on the way of every edit.

Whoever runs something asks for its tally with :func:`tallied`. A process that never does, such as a server,
has one tally for all its life: :func:`tally`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeAlias


class Side(enum.Enum):
    """Whose code it is that marks a mechanism."""

    SERVER = "server"
    CLIENT = "client"
    PERSON = "person"
    REPLICA = "replica"


class Mechanism(enum.Enum):
    """Everything that is marked; the value is its name.

    Attributes:
        side: whose code marks it.
        meaning: what happened, in a sentence.
    """

    side: Side
    meaning: str

    def __new__(cls, name: str, side: Side, meaning: str) -> Mechanism:
        """A member as it stands below."""
        member = object.__new__(cls)
        member._value_ = name
        member.side = side
        member.meaning = meaning
        return member

    # --- the server: turns and appends --------------------------------------------------------------------

    WAITED_FOR_TURN = (
        "waited_for_turn",
        Side.SERVER,
        "An item waited for the next append, because its site or a branch had its turn in this one.",
    )
    BUSY = ("busy", Side.SERVER, "Edits were refused for now, because the queue of their document was full.")
    BUSY_TOO_OFTEN = (
        "busy_too_often",
        Side.SERVER,
        "A client was sent away that kept coming while the queue of its document was full.",
    )
    JOIN_REFUSED_BUSY = (
        "join_refused_busy",
        Side.SERVER,
        "A join was refused, because the queue of its document was full.",
    )
    CONFLICT = ("conflict", Side.SERVER, "An append met a head in the store that it did not know.")
    UNKNOWN_OUTCOME = ("unknown_outcome", Side.SERVER, "Nobody could say what became of an append of edits.")
    UNKNOWN_OUTCOME_OF_BRANCH = (
        "unknown_outcome_of_branch",
        Side.SERVER,
        "Nobody could say what became of an append with a branch in it.",
    )
    UNKNOWN_OUTCOME_OF_JOIN = (
        "unknown_outcome_of_join",
        Side.SERVER,
        "Nobody could say what became of an append with a join in it.",
    )
    FOUND_APPLIED = (
        "found_applied",
        Side.SERVER,
        "Edits of an append without an answer were found in the store, and acknowledged.",
    )
    BRANCH_FOUND_APPLIED = (
        "branch_found_applied",
        Side.SERVER,
        "The branch of an append without an answer was found in the store, and acknowledged.",
    )
    JOIN_FOUND_APPLIED = (
        "join_found_applied",
        Side.SERVER,
        "The join of an append without an answer was found in the store, and let in.",
    )
    TURN_AGAIN = (
        "turn_again",
        Side.SERVER,
        "Edits of an append without success were not in the store, and took their turn again.",
    )
    BRANCH_TURN_AGAIN = (
        "branch_turn_again",
        Side.SERVER,
        "The branch of an append without success was not in the store, and took its turn again.",
    )
    JOIN_TURN_AGAIN = (
        "join_turn_again",
        Side.SERVER,
        "The join of an append without success was not in the store, and took its turn again.",
    )
    FOREIGN_REVISION = (
        "foreign_revision",
        Side.SERVER,
        "A revision that another worker appended was taken over from the store.",
    )
    READ_AGAIN = (
        "read_again",
        Side.SERVER,
        "The store did not answer a read or a load, and was asked again.",
    )
    OTHER_WORKER = (
        "other_worker",
        Side.SERVER,
        "A client came to another worker than the time before.",
    )
    FOUND_BY_COMPARING = (
        "found_by_comparing",
        Side.SERVER,
        "A worker compared heads with the store and found a revision that no hint had told of yet.",
    )

    # --- the server: the log ------------------------------------------------------------------------------

    SNAPSHOT = ("snapshot", Side.SERVER, "A snapshot was taken.")
    TRIM = ("trim", Side.SERVER, "Revisions behind a snapshot and the horizon were forgotten.")
    LOADED = ("loaded", Side.SERVER, "A document with revisions was loaded from the store.")
    SNAPSHOT_LOADED = (
        "snapshot_loaded",
        Side.SERVER,
        "A document was loaded from a snapshot and the revisions after it.",
    )
    TRIMMED_LOADED = (
        "trimmed_loaded",
        Side.SERVER,
        "A document was loaded whose oldest revisions are forgotten.",
    )
    LOADED_AFTER_CRASH = (
        "loaded_after_crash",
        Side.SERVER,
        "A document with revisions was loaded by a process that took over from a dead one.",
    )
    FORGOTTEN_IDLE = (
        "forgotten_idle",
        Side.SERVER,
        "A document that nobody needed any more left the memory.",
    )
    BASE_TOO_OLD = (
        "base_too_old",
        Side.SERVER,
        "A client came from before the oldest revision that is kept.",
    )

    # --- the server: exactly once -------------------------------------------------------------------------

    REPEATED_WAITING = (
        "repeated_waiting",
        Side.SERVER,
        "A client sent again what was still waiting for its turn or for the store.",
    )
    REPEATED_ANSWERED = (
        "repeated_answered",
        Side.SERVER,
        "A client sent again what was durable already, and was answered as the first time.",
    )
    NEXT_BEFORE_REPEATED = (
        "next_before_repeated",
        Side.SERVER,
        "The next operation of a client came while one that it had sent twice was still waiting.",
    )
    BRANCH_REPEATED = (
        "branch_repeated",
        Side.SERVER,
        "A branch was handed in again that was merged and durable already.",
    )
    BRANCH_REPEATED_LIVE = (
        "branch_repeated_live",
        Side.SERVER,
        "A client sent its branch again while the answer was on its way.",
    )
    FENCED = (
        "fenced",
        Side.SERVER,
        "Edits of an old connection came to their turn when a newer one had joined.",
    )
    SUPERSEDED = (
        "superseded",
        Side.SERVER,
        "A newer connection of a site took over from one that was still open.",
    )
    FENCED_ELSEWHERE = (
        "fenced_elsewhere",
        Side.SERVER,
        "A connection was closed because its site had joined at another worker.",
    )
    STALE_EPOCH = ("stale_epoch", Side.SERVER, "A join came to its turn after a newer one of its site.")

    # --- the server: coming back --------------------------------------------------------------------------

    FATE_APPLIED = (
        "fate_applied",
        Side.SERVER,
        "A client came back whose operation in flight had become durable.",
    )
    FATE_LOST = ("fate_lost", Side.SERVER, "A client came back whose operation in flight had not arrived.")
    REJOIN_BLIP = (
        "rejoin_blip",
        Side.SERVER,
        "A client came back with few edits, and sent them as operations.",
    )
    REJOIN_BRANCH = ("rejoin_branch", Side.SERVER, "A client came back and was asked for a branch.")
    REJOIN_MID_BRANCH = (
        "rejoin_mid_branch",
        Side.SERVER,
        "A client came back with a branch that was under way already.",
    )
    BRANCH_AFTER_FATE = (
        "branch_after_fate",
        Side.SERVER,
        "A client had to catch up to its own operation in flight before it handed in a branch.",
    )
    CATCH_UP_IN_PARTS = (
        "catch_up_in_parts",
        Side.SERVER,
        "A client missed so much that the catch-up took several messages.",
    )
    GONE_BEFORE_JOINED = (
        "gone_before_joined",
        Side.SERVER,
        "A connection was gone before its join was durable.",
    )
    AUTHOR_GONE = (
        "author_gone",
        Side.SERVER,
        "Edits became durable when the connection that they came over was gone.",
    )

    # --- the server: branches -----------------------------------------------------------------------------

    BRANCH_IN_CHUNKS = ("branch_in_chunks", Side.SERVER, "A branch came in several chunks.")
    BRANCH_IN_SLICES = ("branch_in_slices", Side.SERVER, "A branch was merged in several slices.")
    BRANCH_OVERTAKEN = (
        "branch_overtaken",
        Side.SERVER,
        "Others appended while a branch was being merged.",
    )

    # --- the server: who may ------------------------------------------------------------------------------

    TOKEN_EXPIRING = ("token_expiring", Side.SERVER, "A client was warned that its token has expired.")
    TOKEN_EXPIRED = ("token_expired", Side.SERVER, "A connection was closed because its token had expired.")
    TOKEN_RENEWED = ("token_renewed", Side.SERVER, "A client renewed its token over an open connection.")
    TOKEN_REFUSED = ("token_refused", Side.SERVER, "A token was refused.")
    TOKEN_REVOKED = ("token_revoked", Side.SERVER, "A connection was closed because its token was revoked.")
    RIGHT_LOST = ("right_lost", Side.SERVER, "A connection was closed because its right was withdrawn.")
    RIGHT_REFUSED = ("right_refused", Side.SERVER, "A join was refused because there is no right to it.")
    RIGHT_LESSENED = ("right_lessened", Side.SERVER, "An editor may only read from now on.")
    BARRED = ("barred", Side.SERVER, "Edits were dropped because the right of their sender was gone.")
    NO_JOIN_IN_TIME = ("no_join_in_time", Side.SERVER, "A connection was closed that did not join in time.")

    # --- the server: cursors ------------------------------------------------------------------------------

    CURSOR_CARRIED = (
        "cursor_carried",
        Side.SERVER,
        "A cursor was placed in an older text, and carried to the newest one.",
    )
    CURSOR_FORGOTTEN = (
        "cursor_forgotten",
        Side.SERVER,
        "A cursor was placed before the oldest revision that is kept.",
    )
    WHISPER_EARLY = (
        "whisper_early",
        Side.SERVER,
        "Another worker told of a cursor in a revision that this one had not read yet.",
    )
    WHISPER_OF_MEMBER = (
        "whisper_of_member",
        Side.SERVER,
        "Another worker told late of a cursor whose site had come here since.",
    )
    LEFT_ELSEWHERE = (
        "left_elsewhere",
        Side.SERVER,
        "Another worker told that a site with a cursor had left.",
    )
    CURSOR_UNHEARD_OF = (
        "cursor_unheard_of",
        Side.SERVER,
        "The cursor of a site at another worker was forgotten, because nothing was heard of it for long.",
    )
    CURSORS_AT_JOIN = ("cursors_at_join", Side.SERVER, "Somebody who joined was told where others are.")

    # --- the server: commits, merges, outboxes --------------------------------------------------------------

    BRANCH_MEETS_TRUNK = (
        "branch_meets_trunk",
        Side.SERVER,
        "A branch and the trunk had inserted into the same gap.",
    )
    BRANCH_DELETES_DELETED = (
        "branch_deletes_deleted",
        Side.SERVER,
        "A branch and the trunk had deleted the same.",
    )
    MERGED_IN_PARTS = (
        "merged_in_parts",
        Side.SERVER,
        "A merge took in an insertion of more than 1,024 code points part by part.",
    )
    COMMIT_SHARED = ("commit_shared", Side.SERVER, "Several requests to the store shared a commit.")
    SLOW_READER = ("slow_reader", Side.SERVER, "A connection was closed because its client read too slowly.")

    # --- the client -----------------------------------------------------------------------------------------

    COMPOSED = (
        "composed",
        Side.CLIENT,
        "Edits that piled up behind an operation in flight became one operation.",
    )
    CROSSED_PENDING = (
        "crossed_pending",
        Side.CLIENT,
        "A revision of somebody else met edits that were not sent yet.",
    )
    ANSWERED_TWICE = (
        "answered_twice",
        Side.CLIENT,
        "A client got the answer to an operation that it had sent twice once more.",
    )
    EDITED_OFFLINE = ("edited_offline", Side.CLIENT, "Somebody edited without a connection.")
    EDITED_HANDING_IN = (
        "edited_handing_in",
        Side.CLIENT,
        "Somebody edited while the branch of before was on its way.",
    )
    MERGED_PAST_PENDING = (
        "merged_past_pending",
        Side.CLIENT,
        "What a merge brought met edits that were made meanwhile.",
    )
    SENT_AGAIN_ON_RETURN = (
        "sent_again_on_return",
        Side.CLIENT,
        "What was in flight was sent again over the next connection.",
    )
    OWN_IN_CATCH_UP = (
        "own_in_catch_up",
        Side.CLIENT,
        "A client learnt from a catch-up that its operation in flight had become durable.",
    )
    BRANCH_WITH_IN_FLIGHT = (
        "branch_with_in_flight",
        Side.CLIENT,
        "An operation in flight that had not arrived became the first edit of a branch.",
    )
    BRANCH_SENT_AGAIN = (
        "branch_sent_again",
        Side.CLIENT,
        "A branch that was under way was sent again, byte for byte.",
    )
    RESTARTED_WITH_EDITS = (
        "restarted_with_edits",
        Side.CLIENT,
        "A crashed client came back with edits from its disk that were not known to be durable.",
    )
    PEER_CURSOR_PAST_OWN = (
        "peer_cursor_past_own",
        Side.CLIENT,
        "The cursor of a peer was carried past own edits that the server had not got.",
    )
    PEER_CURSOR_REMOVED = (
        "peer_cursor_removed",
        Side.CLIENT,
        "The cursor of a peer went because the peer had left.",
    )
    OWN_CURSOR_FORGOTTEN = (
        "own_cursor_forgotten",
        Side.CLIENT,
        "More was applied since the own cursor was placed than a replica remembers.",
    )
    PEER_CURSOR_FORGOTTEN = (
        "peer_cursor_forgotten",
        Side.CLIENT,
        "More was applied since a cursor of a peer was placed than a replica remembers.",
    )
    UNDO_DEEP = (
        "undo_deep",
        Side.CLIENT,
        "An edit was undone while another one already was: the second or a later undo in a row.",
    )
    UNDO_PAST_OTHERS = ("undo_past_others", Side.CLIENT, "An undo was carried past edits of others.")
    UNDO_IN_VAIN = ("undo_in_vain", Side.CLIENT, "A step had nothing left to undo or redo and was skipped.")
    UNDO_TOO_OLD = (
        "undo_too_old",
        Side.CLIENT,
        "More was applied since an edit than a replica remembers, so it cannot be undone or redone.",
    )
    UNDO_FORGOTTEN = ("undo_forgotten", Side.CLIENT, "Somebody made more edits than can be undone.")
    REDO = ("redo", Side.CLIENT, "An edit was redone.")
    REDO_DEEP = ("redo_deep", Side.CLIENT, "An edit was redone with more undone ones behind it.")
    REDO_PAST_OTHERS = ("redo_past_others", Side.CLIENT, "A redo was carried past edits of others.")
    REDO_IN_VAIN = ("redo_in_vain", Side.CLIENT, "Somebody asked for a redo when there was nothing to redo.")
    EDIT_AFTER_UNDO = ("edit_after_undo", Side.CLIENT, "A new edit took away what could have been redone.")
    NO_CONNECTION = (
        "no_connection",
        Side.CLIENT,
        "A connection could not be opened, and was tried again later.",
    )
    OPENED_IN_VAIN = (
        "opened_in_vain",
        Side.CLIENT,
        "A connection opened when its client did not want it any more.",
    )
    CAME_ANOTHER_WAY = (
        "came_another_way",
        Side.CLIENT,
        "A client left a connection without a word and opened another one.",
    )
    LATE_MESSAGE = ("late_message", Side.CLIENT, "A message came over a connection that its client had left.")
    SENT_AGAIN_AFTER_BUSY = (
        "sent_again_after_busy",
        Side.CLIENT,
        "A client sent again what a busy server had refused.",
    )
    STRANDED = ("stranded", Side.CLIENT, "A client kept its text for its person and went on as a new site.")
    GAVE_UP_WITH_EDITS = (
        "gave_up_with_edits",
        Side.CLIENT,
        "A client gave up with edits that were not known to be durable.",
    )
    TOKEN_EXPIRED_AWAY = (
        "token_expired_away",
        Side.CLIENT,
        "A client came back with edits when the token it had shown before had expired.",
    )
    NO_OTHER_TOKEN = ("no_other_token", Side.CLIENT, "A token was to be renewed, and there was no other one.")

    # --- people ---------------------------------------------------------------------------------------------

    LARGE_PASTE = ("large_paste", Side.PERSON, "Somebody inserted more than 1,024 code points at once.")
    LARGE_CUT = ("large_cut", Side.PERSON, "Somebody deleted more than 1,024 code points at once.")
    ASTRAL = ("astral", Side.PERSON, "Somebody inserted a character that needs two units of UTF-16.")
    LEFTWARD = ("leftward", Side.PERSON, "Somebody typed a character in front of the one typed before.")
    FORWARD_DELETE = ("forward_delete", Side.PERSON, "Somebody deleted what was behind the cursor.")
    SWEEP = ("sweep", Side.PERSON, "Somebody went through a whole text and changed it in hundreds of places.")

    # --- replicas without a server --------------------------------------------------------------------------

    EVENT_REPEATED = (
        "event_repeated",
        Side.REPLICA,
        "An event arrived that its receiver had or held back already.",
    )
    EVENT_HELD_BACK = (
        "event_held_back",
        Side.REPLICA,
        "An event was held back until what it depends on was there.",
    )
    DELETED_TWICE = ("deleted_twice", Side.REPLICA, "Two replicas deleted the same element.")
    COMPACTED = ("compacted", Side.REPLICA, "A replica dropped tombstones that everybody knows of.")
    ASKED_BACK = (
        "asked_back",
        Side.REPLICA,
        "A replica that was asked lacked something itself, and asked back.",
    )
    ANSWER_CUT_OFF = (
        "answer_cut_off",
        Side.REPLICA,
        "A replica lacked more than one answer carries, and had to ask again.",
    )
    SENT_IN_PARTS = ("sent_in_parts", Side.REPLICA, "Events were sent in several datagrams.")
    UNSYNCED_LOST = (
        "unsynced_lost",
        Side.REPLICA,
        "A replica crashed with events that its disk did not have yet.",
    )
    REPLICA_RELOADED = ("replica_reloaded", Side.REPLICA, "A replica was loaded from its disk.")


WITH_SERVER: Final = (Side.SERVER, Side.CLIENT, Side.PERSON)
"""Whose mechanisms a run with a server can reach."""

Tally: TypeAlias = dict[Mechanism, int]
"""How often each mechanism was marked; those that never were are left out."""

BY_NAME: Final[Mapping[str, Mechanism]] = {mechanism.value: mechanism for mechanism in Mechanism}

_tallies: Final[list[Tally]] = [{}]  # the last one counts; the first one is that of the process


def mark(mechanism: Mechanism) -> None:
    """It happened once more."""
    current = _tallies[-1]
    current[mechanism] = current.get(mechanism, 0) + 1


def tally() -> Tally:
    """What was marked in this process outside of every :func:`tallied`."""
    return _tallies[0]


@contextmanager
def tallied() -> Iterator[Tally]:
    """Count what is marked inside by itself; what was marked before is not in it, and gets nothing of it."""
    counts: Tally = {}
    _tallies.append(counts)
    try:
        yield counts
    finally:
        assert _tallies.pop() is counts


def merged(tallies: Iterable[Tally]) -> dict[str, int]:
    """Several tallies added up, by name, in the order of the registry."""
    sums: Tally = {}
    for counts in tallies:
        for mechanism, count in counts.items():
            sums[mechanism] = sums.get(mechanism, 0) + count
    return {mechanism.value: sums[mechanism] for mechanism in Mechanism if mechanism in sums}


def counted(mechanisms: Iterable[Mechanism], counts: Mapping[str, int]) -> dict[str, int]:
    """How often each of ``mechanisms`` happened, 0 included, by name."""
    return {mechanism.value: counts.get(mechanism.value, 0) for mechanism in mechanisms}


def reached(tally: Mapping[str, int], server: Mapping[str, int] | None) -> dict[str, int]:
    """How often each mechanism happened in a run over real sockets, 0 included, by name.

    Args:
        tally: what clients and people counted.
        server: what the server says that it counted; None or nothing if it does not say.
    """
    sides = WITH_SERVER if server else (Side.CLIENT, Side.PERSON)
    mechanisms = [mechanism for mechanism in Mechanism if mechanism.side in sides]
    return counted(mechanisms, {**tally, **(server or {})})
