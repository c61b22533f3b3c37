"""All seeded bugs by name."""

from __future__ import annotations

from typing import Final

from simulator.cell import Parts
from simulator.workload.human import Weights
from simulator.zoo.bug import Bug
from simulator.zoo.client_bugs import (
    Corrupted,
    DeleteOffByOne,
    FrozenCursors,
    HalfTransformed,
    ReversedTie,
    ShiftedCursors,
    TieByArrival,
    TieByLength,
    UndoUncarried,
    Utf16Units,
)
from simulator.zoo.displaced import Gapless, Positional
from simulator.zoo.exchange_bugs import (
    CatchUpOffByOne,
    ComposedCatchUp,
    LostBroadcast,
    MergeDropsLast,
    MergedWithWrongTie,
    TrimmedTooFar,
)
from simulator.zoo.habitat import Blow, Habitat, repeated
from simulator.zoo.server_bugs import (
    AppliedAgain,
    ConflictIgnored,
    EarlyAnswer,
    GroupCommitUncarried,
    NoFence,
    TwoBranchesAtOnce,
    UnknownIsCommitted,
    UnknownIsFailed,
)
from simulator.zoo.session_bugs import (
    ChangedInFlight,
    ForgetfulCounter,
    SelfishAcknowledgement,
    SharedOperation,
    TrustingDocument,
)
from simulator.zoo.store_bugs import LostWrite, MemoByLength, TornCommit

_CROWD: Final = Habitat()
_BUSY: Final = Habitat(clients=4, edits_per_second=4.0, latency_us=100_000)
_PROSE: Final = Habitat(workload="human", edits_per_second=3.0, text_length=60)
_COMERS_AND_GOERS: Final = Habitat(clients=4, edits_per_second=4.0, absences=3.0, seconds=16.0)
_BLIPS: Final = Habitat(clients=4, edits_per_second=3.0, absences=10.0, absence_us=700_000, seconds=20.0)
_LOST_ANSWERS: Final = Habitat(
    clients=4, edits_per_second=3.0, blows=repeated("store_error", 3, 3.0, 1.5, rate=0.5)
)

_BUGS: Final = (
    # --- the client's transformations ---------------------------------------------------------------------
    Bug(
        "dopt",
        "What comes in is carried past the own operations, but not they past it.",
        "the dOPT puzzle (Ellis and Gibbs 1989)",
        lambda: Parts(replica=HalfTransformed),
        ("convergence", "weak_list"),
        _BUSY,
    ),
    Bug(
        "tie-reversed",
        "Client and server order inserts at one position differently.",
        "decision D4",
        lambda: Parts(replica=ReversedTie),
        ("convergence", "weak_list"),
        _CROWD,
    ),
    Bug(
        "tie-by-arrival",
        "The client orders inserts at one position by who came first.",
        "decision D4",
        lambda: Parts(replica=TieByArrival),
        ("convergence", "weak_list"),
        _CROWD,
    ),
    Bug(
        "tie-by-length",
        "Site ids are compared as numbers by one side and as code points by the other.",
        "decision D4",
        lambda: Parts(replica=TieByLength),
        ("convergence", "weak_list"),
        _CROWD._replace(clients=4, names=lambda n: f"c{n + 7}"),
    ),
    Bug(
        "delete-off-by-one",
        "A delete carried past an own delete lands one place too far right.",
        "decision D2",
        lambda: Parts(replica=DeleteOffByOne),
        ("convergence", "weak_list"),
        _BUSY,
    ),
    Bug(
        "utf16-units",
        "Positions are sent in units of UTF-16 and read as code points.",
        "rustpad #14, gutenberg #76049",
        lambda: Parts(replica=Utf16Units),
        ("convergence",),
        _PROSE._replace(text_length=300),
    ),
    Bug(
        "undo-uncarried",
        "An undo is sent as it was noted, not carried through what came in since.",
        "ot.js #24",
        lambda: Parts(replica=UndoUncarried),
        ("convergence",),
        _PROSE._replace(weights=Weights(undo=60.0)),
    ),
    Bug(
        "corrupt-replica",
        "The text of one replica changes by itself.",
        "decision D22",
        lambda: Parts(replica=Corrupted),
        ("convergence", "weak_list"),
        _CROWD,
    ),
    Bug(
        "cursor-frozen",
        "Cursors of peers stay at the number where they were.",
        "decision D7",
        lambda: Parts(replica=FrozenCursors),
        ("presence",),
        _PROSE,
    ),
    Bug(
        "cursor-by-length",
        "Cursors of peers move by the length of every edit, wherever it is.",
        "decision D7",
        lambda: Parts(replica=ShiftedCursors),
        ("presence",),
        _PROSE,
    ),
    # --- what a client remembers --------------------------------------------------------------------------
    Bug(
        "changed-in-flight",
        "A resend has more text under the same number; the server takes it for a repeat.",
        "ShareDB #327",
        lambda: Parts(replica=ChangedInFlight, document=TrustingDocument),
        ("weak_list", "quiescence", "convergence"),
        _BUSY._replace(blows=repeated("duplicate_resend", 2, 4.0, 3.0, share=1.0)),
    ),
    Bug(
        "shared-operation",
        "The operation in flight is changed where it is kept for sending.",
        "ShareDB #672",
        lambda: Parts(replica=SharedOperation),
        ("quiescence",),
        _CROWD._replace(
            clients=4, latency_us=250_000, seconds=16.0, blows=repeated("gateway_crash", 6, 2.2, 0.2)
        ),
    ),
    Bug(
        "selfish-acknowledgement",
        "An acknowledgement of another revision than expected leaves the operation in flight for ever.",
        "ShareDB #265",
        lambda: Parts(replica=SelfishAcknowledgement),
        ("total_order", "session_guarantees", "liveness"),
        _CROWD,
    ),
    Bug(
        "forgetful-counter",
        "The counter of edits is not saved, so numbers are used twice after a restart.",
        "automerge-classic #145",
        lambda: Parts(replica=ForgetfulCounter),
        ("ledger", "intention", "quiescence"),
        _BUSY._replace(absences=3.0, crash_share=1.0),
    ),
    # --- what the server appends --------------------------------------------------------------------------
    Bug(
        "applied-again",
        "What is sent again because its acknowledgement was lost is applied again.",
        "ProseMirror #307",
        lambda: Parts(document=AppliedAgain),
        ("ledger",),
        _BUSY._replace(blows=repeated("duplicate_resend", 2, 4.0, 3.0, share=1.0)),
    ),
    Bug(
        "early-answer",
        "An acknowledgement is sent before the append is durable.",
        "decision D8",
        lambda: Parts(document=EarlyAnswer),
        ("total_order",),
        _CROWD,
    ),
    Bug(
        "unknown-is-committed",
        "An append whose answer was lost is taken for done.",
        "decision D9",
        lambda: Parts(document=UnknownIsCommitted),
        ("total_order",),
        _LOST_ANSWERS._replace(commit_us=50_000),
    ),
    Bug(
        "unknown-is-failed",
        "An append whose answer was lost is done again without a look.",
        "decision D9",
        lambda: Parts(document=UnknownIsFailed),
        ("ledger",),
        _LOST_ANSWERS,
    ),
    Bug(
        "no-fence",
        "A late operation of a dead connection is applied.",
        "decision D11",
        lambda: Parts(document=NoFence),
        ("quiescence",),
        _BUSY._replace(
            clients=4,
            latency_us=200_000,
            seconds=20.0,
            blows=repeated("clog", 6, 3.0, 2.5, share=0.8, impatient=1.0),
        ),
    ),
    Bug(
        "conflict-ignored",
        "After a conflict the same operation is appended to the new head.",
        "decision D9",
        lambda: Parts(document=ConflictIgnored),
        ("intention",),
        _PROSE._replace(commit_us=30_000, blows=repeated("rival_writer", 2, 5.0, 4.0, period_us=150_000)),
    ),
    Bug(
        "group-commit",
        "Operations of one batch are not carried over each other.",
        "decision D8",
        lambda: Parts(document=GroupCommitUncarried),
        ("intention", "weak_list"),
        _BUSY._replace(commit_us=150_000),
    ),
    Bug(
        "two-branches",
        "Of two branches in one batch, the second one is merged without the first.",
        "gutenberg #77980",
        lambda: Parts(document=TwoBranchesAtOnce),
        ("intention", "convergence", "quiescence"),
        _BUSY._replace(commit_us=150_000, blows=repeated("herd", 2, 6.0, 4.0, share=1.0)),
    ),
    # --- what the server sends and keeps ------------------------------------------------------------------
    Bug(
        "catch-up-off-by-one",
        "Missed revisions are read one place too early, and applied by position.",
        "an off-by-one, as everywhere",
        lambda: Parts(replica=Positional, document=CatchUpOffByOne),
        ("ledger", "weak_list", "convergence"),
        _COMERS_AND_GOERS,
    ),
    Bug(
        "composed-catch-up",
        "Missed revisions are composed into one.",
        "decision D5",
        lambda: Parts(document=ComposedCatchUp),
        ("convergence", "weak_list"),
        _BLIPS,
    ),
    Bug(
        "lost-broadcast",
        "A revision is not sent to one of its readers, who does not look for gaps.",
        "automerge #1284, Etherpad #4978",
        lambda: Parts(replica=Gapless, document=LostBroadcast),
        ("total_order", "convergence"),
        _CROWD,
    ),
    Bug(
        "merge-drops-last",
        "A branch is acknowledged, but its last edit is left out.",
        "gutenberg #77980",
        lambda: Parts(document=MergeDropsLast),
        ("intention",),
        _COMERS_AND_GOERS._replace(blows=(Blow("herd", 5.0, 4.0),)),
    ),
    Bug(
        "merged-with-wrong-tie",
        "The sender of a branch is told another order of inserts than the log has.",
        "decision D15",
        lambda: Parts(document=MergedWithWrongTie),
        ("convergence", "weak_list"),
        _COMERS_AND_GOERS._replace(blows=repeated("long_offline", 2, 6.0, 4.0, share=0.5)),
    ),
    Bug(
        "trimmed-too-far",
        "The log is trimmed under clients that are offline, and their base taken for the oldest there is.",
        "decision D12",
        lambda: Parts(document=TrimmedTooFar),
        ("quiescence", "intention", "convergence"),
        _COMERS_AND_GOERS._replace(snapshot_every=4),
    ),
    # --- the store, and the simulation itself -------------------------------------------------------------
    Bug(
        "torn-commit",
        "Rows and the progress of their sites are not one transaction.",
        "decision D10",
        lambda: Parts(store=TornCommit),
        ("ledger", "quiescence"),
        _LOST_ANSWERS._replace(
            blows=(Blow("store_error", 2.0, 8.0, {"rate": 0.5}), *repeated("gateway_crash", 8, 1.0, 0.2))
        ),
    ),
    Bug(
        "lost-write",
        "The store confirms a commit that never reached its disk.",
        "a lost fsync",
        lambda: Parts(store=LostWrite),
        ("total_order",),
        _CROWD._replace(commit_us=50_000),
    ),
    Bug(
        "memo-by-length",
        "Results of the simulation are shared by texts of equal length.",
        "decision D22",
        lambda: Parts(memo=MemoByLength),
        ("convergence", "weak_list"),
        _BUSY,
    ),
)

ZOO: Final[dict[str, Bug]] = {bug.name: bug for bug in _BUGS}
"""All seeded bugs by name, in the order of the table."""


def bug_of(name: str) -> Bug:
    """The bug of this name.

    Raises:
        ValueError: there is none; names those there are.
    """
    try:
        return ZOO[name]
    except KeyError:
        raise ValueError(f"unknown bug {name!r}; known are {', '.join(ZOO)}") from None
