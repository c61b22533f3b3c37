from __future__ import annotations

import random

from model.history import (
    Acknowledged,
    Broadcast,
    Connected,
    Delivered,
    Disconnected,
    Displayed,
    DocumentCreated,
    Edited,
    FaultBegan,
    FaultEnded,
    FinalReplica,
    Garbled,
    Joined,
    Merged,
    Offline,
    Online,
    Placed,
    Record,
    Restarted,
    Seen,
    Sent,
    Stored,
    Stranded,
    fingerprint,
)
from model.identity import SiteId
from model.text import delete, insert
from simulator.failures.explain.steps import SERVER, StoryStep
from simulator.failures.explain.story import story
from tests.numbers import rev, seq
from tests.simulator.failures.explain.cases import C1, C2, DOCUMENT, diverging, two_clients


def short(step: StoryStep) -> tuple[object, ...]:
    return (step.time_us, step.lane, step.kind, step.what, step.sends, step.text, step.origin)


def test_a_tiny_history_is_told_step_by_step() -> None:
    assert [short(s) for s in story(two_clients())] == [
        (0, "server", "create", "the document starts as 'ab'", "", "ab", None),
        (10_000, "c1", "join", "joins at revision 0", "", "ab", None),
        (10_000, "c2", "join", "joins at revision 0", "", "ab", None),
        (20_000, "c1", "edit", "c1#1 inserts 'x' at 1", "sends c1#1 on revision 0", "axb", None),
        (32_000, "server", "store", "revision 1 = c1#1: inserts 'x' at 1", "", "axb", 3),
        (42_000, "c1", "acknowledge", "c1#1 is durable as revision 1", "", "axb", 4),
        (43_000, "c2", "deliver", "receives revision 1 (c1#1)", "", "abx", 4),
        (90_000, "c1", "final", "ends at revision 1", "", "axb", None),
        (90_000, "c2", "final", "ends at revision 1", "", "abx", None),
        (90_000, "server", "final", "ends at revision 1", "", "axb", None),
    ]


def test_only_the_client_with_the_wrong_text_diverges() -> None:
    wrong = [(s.lane, s.kind, s.expected) for s in story(two_clients()) if s.diverges]
    assert wrong == [("c2", "deliver", "axb"), ("c2", "final", "axb")]


def test_a_client_with_something_pending_is_not_compared() -> None:
    records = [r for r in two_clients() if not isinstance(r, FinalReplica)]
    at = next(n for n, r in enumerate(records) if isinstance(r, Delivered))
    records[at] = Delivered(43_000, C2, DOCUMENT, rev(1), 0)
    assert not any(s.diverges for s in story(records))


def test_records_may_come_out_of_order_of_time() -> None:
    records = list(two_clients())
    random.Random(1).shuffle(records)
    by_time = sorted(records, key=lambda r: (r.time_us, two_clients().index(r)))  # type: ignore[union-attr]
    assert story(by_time) == story(two_clients())
    moved = [
        *two_clients()[:13],
        two_clients()[14],
        two_clients()[13],
        *two_clients()[15:],
    ]  # the answer recorded before the broadcast
    assert story(moved) == story(two_clients())


def test_nothing_is_told_of_no_document() -> None:
    assert story([FaultBegan(0, "network", "flapping", 1)]) == []


def test_texts_are_those_of_the_records() -> None:
    explained = diverging()
    shown = [s.text for s in story(explained.records) if s.lane == "c1" and s.text != s.before]
    assert shown == ["ab", "axb", "axdb", "Qaxdb"]
    server = [s.text for s in story(explained.records) if s.lane == SERVER and s.text != s.before]
    assert server == ["ab", "Qab", "Qaxb", "Qadxb"]


def test_a_transformed_revision_tells_what_it_was_made_as() -> None:
    whats = [s.what for s in story(diverging().records) if s.kind == "store"]
    assert whats[1] == "revision 2 = c1#1: inserts 'x' at 2 (made on revision 0: inserts 'x' at 1)"


def start(*more: Record) -> list[Record]:
    return [
        DocumentCreated(0, DOCUMENT, "ab", False, True),
        Online(0, C1, DOCUMENT),
        Connected(5_000, C1, DOCUMENT, 0, 300),
        Joined(10_000, C1, DOCUMENT, rev(0), "fresh", fingerprint("ab")),
        Displayed(10_000, C1, DOCUMENT, "ab"),
        *more,
    ]


def whats(*more: Record) -> list[str]:
    return [s.what for s in story(start(*more))][2:]


def test_going_coming_and_crashing_are_told_once() -> None:
    assert whats(
        Offline(20_000, C1, DOCUMENT, "closed"),
        Disconnected(20_000, C1, DOCUMENT, rev(0), "closed"),
        Online(30_000, C1, DOCUMENT),
        Connected(35_000, C1, DOCUMENT, 30_000, 300),
        Joined(40_000, C1, DOCUMENT, rev(0), "resume", fingerprint("ab")),
        Disconnected(50_000, C1, DOCUMENT, rev(0), "1006"),
        Joined(60_000, C1, DOCUMENT, rev(0), "branch", fingerprint("ab")),
        Offline(70_000, C1, DOCUMENT, "crashed"),
        Disconnected(70_000, C1, DOCUMENT, rev(0), "crashed"),
        Restarted(80_000, C1, DOCUMENT, rev(0), seq(3)),
        Online(80_000, C1, DOCUMENT),
        Offline(90_000, C1, DOCUMENT, "left"),
    ) == [
        "closes the laptop",
        "opens the laptop",
        "resumes at revision 0",
        "loses its connection (1006)",
        "comes back with a branch at revision 0",
        "crashes",
        "restarts with revision 0 and its edits up to c1#3",
        "leaves",
    ]


def test_what_a_restarted_client_shows_is_not_known_before_it_is_recorded() -> None:
    steps = story(
        start(
            Offline(70_000, C1, DOCUMENT, "crashed"),
            Restarted(80_000, C1, DOCUMENT, rev(0), seq(0)),
            Joined(90_000, C1, DOCUMENT, rev(0), "resume", fingerprint("ab")),
        )
    )
    assert [s.text for s in steps[-3:]] == ["ab", None, None]


def test_a_client_under_a_new_identity_stays_on_its_lane() -> None:
    new = SiteId("c1.1")
    steps = story(
        start(
            Stranded(20_000, C1, DOCUMENT, seq(1), seq(3)),
            Disconnected(20_000, C1, DOCUMENT, rev(0), "stranded"),
            Joined(30_000, new, DOCUMENT, rev(0), "fresh", fingerprint("ab")),
            Displayed(30_000, new, DOCUMENT, "ab"),
        )
    )
    assert [(s.lane, s.what) for s in steps[2:]] == [
        ("c1", "is refused, its base is too old; keeps c1#2..3 for its person"),
        ("c1", "joins at revision 0"),
    ]


def test_what_was_sent_again_has_the_sender_that_the_server_heard() -> None:
    op = delete(2, 0, 1)
    steps = story(
        start(
            Edited(20_000, C1, DOCUMENT, seq(1), "cut", rev(0), op, 20_000),
            Displayed(20_000, C1, DOCUMENT, "b", seq(1)),
            Sent(20_000, C1, DOCUMENT, rev(0), seq(1), seq(1), "submit"),
            Sent(30_000, C1, DOCUMENT, rev(0), seq(1), seq(1), "resend"),
            Sent(48_000, C1, DOCUMENT, rev(0), seq(1), seq(1), "resend"),
            Stored(50_000, DOCUMENT, rev(1), C1, seq(1), seq(1), rev(0), False, op, op),
            Broadcast(50_100, DOCUMENT, rev(1), C1, seq(1), seq(1), 45_000, 0, fingerprint("b")),
        )
    )
    stored = next(s for s in steps if s.kind == "store")
    assert stored.origin is not None
    assert steps[stored.origin].time_us == 30_000
    assert steps[stored.origin].what == "sends again c1#1 on revision 0"


def test_a_revision_from_before_the_connection_came_by_catching_up() -> None:
    op = insert(2, 2, "c")
    steps = story(
        start(
            Disconnected(11_000, C1, DOCUMENT, rev(0), "1006"),
            Stored(20_000, DOCUMENT, rev(1), C2, seq(1), seq(1), rev(0), False, op, op),
            Broadcast(20_100, DOCUMENT, rev(1), C2, seq(1), seq(1), 18_000, 0, fingerprint("abc")),
            Connected(30_000, C1, DOCUMENT, 29_000, 300),
            Joined(40_000, C1, DOCUMENT, rev(0), "resume", fingerprint("ab")),
            Delivered(40_100, C1, DOCUMENT, rev(1), fingerprint("abc")),
            Displayed(40_100, C1, DOCUMENT, "abc"),
        )
    )
    assert steps[-1].late
    assert not any(s.late for s in steps[:-1])


def test_a_merge_comes_from_the_revision_it_became() -> None:
    op = insert(2, 2, "c")
    steps = story(
        start(
            Edited(20_000, C1, DOCUMENT, seq(1), "type", rev(0), op, 20_000),
            Displayed(20_000, C1, DOCUMENT, "abc", seq(1)),
            Edited(21_000, C1, DOCUMENT, seq(2), "type", rev(0), insert(3, 3, "d"), 21_000),
            Displayed(21_000, C1, DOCUMENT, "abcd", seq(2)),
            Sent(30_000, C1, DOCUMENT, rev(0), seq(1), seq(2), "branch"),
            Stored(
                40_000,
                DOCUMENT,
                rev(1),
                C1,
                seq(1),
                seq(2),
                rev(0),
                True,
                insert(2, 2, "cd"),
                insert(2, 2, "cd"),
            ),
            Broadcast(40_100, DOCUMENT, rev(1), C1, seq(1), seq(2), 35_000, 0, fingerprint("abcd")),
            Merged(50_000, C1, DOCUMENT, rev(0), rev(1), seq(1), seq(2), fingerprint("abcd")),
            Displayed(50_000, C1, DOCUMENT, "abcd"),
        )
    )
    merged = steps[-1]
    assert (merged.kind, merged.what) == ("merge", "c1#1..2 are durable as revision 1")
    assert merged.origin is not None
    assert steps[merged.origin].kind == "store"
    assert steps[4].what == "hands in as a branch c1#1..2 on revision 0"


def test_a_revision_told_only_later_has_a_step_for_that() -> None:
    op = insert(2, 2, "c")
    steps = story(
        start(
            Stored(20_000, DOCUMENT, rev(1), C2, seq(1), seq(1), rev(0), False, op, op),
            Disconnected(21_000, C1, DOCUMENT, rev(0), "1006"),
            Broadcast(40_000, DOCUMENT, rev(1), C2, seq(1), seq(1), 0, 0, fingerprint("abc")),
            Acknowledged(50_000, C2, DOCUMENT, rev(1), seq(1), seq(1), fingerprint("abc")),
        )
    )
    assert steps[-2].what == "broadcasts revision 1 (c2#1)"
    assert steps[-1].origin == len(steps) - 2


def test_cursors_are_told_only_if_asked_for() -> None:
    records = start(
        Placed(20_000, C2, DOCUMENT, rev(0), 1, 19_000),
        Seen(30_000, C1, DOCUMENT, C2, rev(0), 1, 2, rev(0), True),
    )
    assert len(story(records)) == 2
    assert story(records, cursors=True)[-1].what == "shows the cursor of c2 at 1 of 2"


def test_faults_concern_everybody() -> None:
    steps = story(start(FaultBegan(20_000, "network", "clog", 1), FaultEnded(30_000, "network", "clog", 4)))
    assert [(s.lane, s.what) for s in steps[2:]] == [("", "clog begins"), ("", "clog ends (4 hit)")]


def test_a_log_that_does_not_fit_its_own_text_has_no_text() -> None:
    op = insert(7, 1, "x")
    steps = story(start(Stored(20_000, DOCUMENT, rev(1), C2, seq(1), seq(1), rev(0), False, op, op)))
    assert steps[-1].kind == "store"
    assert steps[-1].text is None


def test_what_the_network_garbles_is_told_where_it_belongs() -> None:
    steps = story(
        start(Garbled(20_000, SiteId("a"), DOCUMENT, "up"), Garbled(30_000, SiteId("a"), DOCUMENT, "down"))
    )
    told = [(s.lane, s.what) for s in steps if s.kind == "garble"]
    assert told == [
        ("a", "the network flips a bit of a message of this client"),
        ("a", "the network flips a bit of a message for this client"),
    ]
