"""Carets of their owners and cursors of those who are gone: by hand, by law, and in products that err."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import history, protocol
from model.checkers.carets import DEPARTED_BOUND_US, carried
from model.checkers.presence import Presence
from model.history import Record
from model.identity import Revision, SiteId
from model.jupiter import Replica
from model.protocol import ClientMessage
from model.text import Operation, Selection, transform_position
from simulator.failures.trial import attempt
from simulator.planning.small import BLIPS, BUSY, COMERS_AND_GOERS, PROSE, SmallCell
from simulator.virtual.cell import Parts
from simulator.zoo.catalogue import bug_of
from tests.model.checkers.histories import DOCUMENT, Room, assert_valid, assert_violated, judged
from tests.model.strategies import operations
from tests.simulator.plans import edit, script, scripted

SEVERAL = script(edit(1, 0, "a"))
LINGERING = scripted(*([SEVERAL] * 3), text="abc", seconds=9.0)
"""Everybody types once, and stays."""

LEAVING = PROSE._replace(clients=6, leave_share=0.5)


@given(st.data())
def test_a_position_goes_where_the_protocol_says(data: st.DataObject) -> None:
    length = data.draw(st.integers(0, 12))
    op = data.draw(operations(length))
    position, pushes = data.draw(st.integers(0, length)), data.draw(st.booleans())
    wanted = transform_position(position, op, follows_insert=pushes)
    assert carried(position, [op], pushes=pushes) == wanted


class Desk(Room):
    """A room whose people have carets."""

    def caret(self, site: str, position: int, *, moved: bool = False) -> None:
        self.add(history.Caret, site=site, position=position, moved=moved)

    def seen(self, site: str, peer: str, position: int, *, pending: bool = False, placed: int = 0) -> None:
        self.see(site, peer, position, placed=placed, fresh=pending, pending=pending)


def desk() -> Desk:
    here = Desk("house", unique=False)
    here.caret("a", 2, moved=True)
    return here


class TestOwn:
    def test_it_keeps_to_its_left_neighbour_under_edits_of_others(self) -> None:
        here = desk()
        here.type("b", 2, "BB")
        here.settle()
        here.caret("a", 2)
        assert_valid(Presence(), here.records)
        here.caret("a", 4)
        assert_violated(
            Presence(), here.records, "a shows its own caret at 4, but the characters beside it are at 2 now"
        )

    def test_it_goes_behind_what_its_owner_types(self) -> None:
        here = desk()
        here.type("a", 2, "xy")
        here.caret("a", 4)
        here.type("b", 0, ">")
        here.settle()
        here.caret("a", 5)
        assert_valid(Presence(), here.records)
        here.caret("a", 4)
        assert_violated(Presence(), here.records, "at 4, but the characters beside it are at 5 now")

    def test_a_delete_around_it(self) -> None:
        here = desk()
        here.erase("b", 1, 3)
        here.settle()
        here.caret("a", 1)
        assert_valid(Presence(), here.records)

    def test_outside_of_the_text(self) -> None:
        here = desk()
        here.caret("a", 6, moved=True)
        assert_violated(Presence(), here.records, "a shows its own caret at 6, in a text of 5 code points")

    def test_after_a_restart_nothing_is_known(self) -> None:
        here = desk()
        here.add(history.Restarted, site="a", revision=0, last=0)
        here.caret("a", 0)
        assert judged(Presence(), here.records).violated == 0


class TestPeers:
    def test_own_edits_count(self) -> None:
        here = desk()
        here.place("b", 4)
        here.type("a", 0, "xy")
        here.seen("a", "b", 6, pending=True)
        assert_valid(Presence(), here.records)
        here.seen("a", "b", 4, pending=True)
        assert_violated(
            Presence(),
            here.records,
            "a shows the cursor of b at 4 of revision 0, but with its own edits it belongs at 6",
        )

    def test_what_was_said_is_not_where_its_owner_sees_it(self) -> None:
        for shown, words in ((3, ""), (2, "but b sees it at 3, on the other side of 'u' of the first text")):
            here = desk()
            here.caret("b", 3, moved=True)
            here.place("b", shown)
            records = self.at_the_end(here, shown)
            if words:
                assert_violated(Presence(), records, words)
            else:
                assert_valid(Presence(), records)

    @staticmethod
    def at_the_end(here: Desk, shown: int) -> list[Record]:
        here.seen("a", "b", shown)
        seen = here.records[-1]
        return [*here.records[:-1], *_finals(here, seen)]

    def test_what_came_later_may_be_on_either_side(self) -> None:
        here = desk()
        here.caret("b", 3, moved=True)
        here.place("b", 3)
        here.type("a", 3, "xy")
        here.settle()
        for shown in (3, 5):
            records = self.at_the_end(here, shown)
            assert judged(Presence(), records).violated == 0


def _finals(here: Desk, seen: Record) -> list[Record]:
    now = here.time_us
    return [
        seen,
        *(
            history.FinalReplica(now, r.site, DOCUMENT, r.revision or r.revision, 1, 0, True)  # type: ignore[arg-type]
            for r in here.replicas.values()
        ),
        history.Finished(now),
    ]


class TestDeparted:
    def departed(self, seen_us: int, *, back_us: int | None = None, end: bool = False) -> list[Record]:
        here = desk()
        here.place("b", 3)
        begin = here.time_us
        here.add(history.Offline, site="b", cause="left")
        if back_us is not None:
            here.time_us = begin + back_us
            here.add(history.Joined, site="b", revision=0, how="resume", fingerprint=here.shown("b"))
        if end:
            here.records.append(history.Healed(here.time_us, 1_000))
        here.time_us = begin + seen_us
        here.seen("a", "b", 3)
        if end:
            for site, online in (("a", True), ("b", False)):
                final = {"revision": 0, "fingerprint": 1, "unacknowledged": 0, "online": online}
                here.time_us -= 1_000
                here.add(history.FinalReplica, site=site, **final)
        return here.records

    def test_a_while_is_allowed(self) -> None:
        assert judged(Presence(), self.departed(DEPARTED_BOUND_US)).violated == 0
        spoiled = self.departed(DEPARTED_BOUND_US + 1_001)
        assert_violated(Presence(), spoiled, "a shows the cursor of b at 3 of revision 0, 30.0 s after b")

    def test_who_came_back_is_there(self) -> None:
        assert judged(Presence(), self.departed(DEPARTED_BOUND_US * 2, back_us=5_000)).violated == 0

    def test_at_rest_nobody_who_is_gone_is_shown(self) -> None:
        assert judged(Presence(), self.departed(500, end=True)).violated == 0  # there is time left
        spoiled = self.departed(9_000, end=True)
        assert_violated(Presence(), spoiled, "a shows the cursor of b when all had come to rest, although")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("cursor-lingers", LEAVING),
        ("departure-untold", LEAVING),
        ("caret-pushed", BUSY),
        ("caret-frozen", PROSE),
        ("cursor-without-own", BUSY),
    ],
)
def test_products_whose_cursors_are_wrong(name: str, cell: SmallCell) -> None:
    trial = attempt(cell(1), bug_of(name).parts())
    assert [r.name for r in trial.results if r.claimed and r.violated] == ["presence"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        BUSY,
        COMERS_AND_GOERS,
        BLIPS,
        PROSE._replace(clients=5, latency_us=150_000, absences=2.0, crash_share=0.3, leave_share=0.3),
    ],
    ids=["busy", "absences", "blips", "prose"],
)
def test_the_product_shows_every_cursor_where_it_belongs(cell: SmallCell) -> None:
    for seed in range(3):
        trial = attempt(cell(seed))
        (presence,) = (r for r in trial.results if r.name == "presence")
        assert presence.violations == ()
        assert presence.checked > 200


class SaysElsewhere(Replica):
    """Says that its caret is one place further in front than it is."""

    def _send_presence(self) -> tuple[ClientMessage, ...]:
        said = super()._send_presence()
        return tuple(
            protocol.Presence(m.revision, (max(0, m.selection[0] - 1), max(0, m.selection[1] - 1)))
            if isinstance(m, protocol.Presence) and m.selection is not None
            else m
            for m in said
        )


@pytest.mark.slow
def test_a_client_that_says_something_else_than_it_shows() -> None:
    trial = attempt(PROSE(1), Parts(replica=SaysElsewhere))
    violation = trial.shown("presence")
    assert violation is not None
    assert "says that its caret is at" in violation.message


class Blind(Replica):
    """Does not know where somebody is, whose cursor it was told of."""

    def cursor_of(self, peer: SiteId) -> tuple[Selection, Revision] | None:
        return None if peer == "b" else super().cursor_of(peer)


@pytest.mark.slow
def test_a_cursor_that_is_not_shown() -> None:
    trial = attempt(LINGERING, Parts(replica=Blind))
    violation = trial.shown("presence")
    assert violation is not None
    assert violation.message.endswith("shows the cursor of b nowhere, although the server has told it of one")
    assert not attempt(LINGERING).violated("presence")


def test_the_longer_way_of_an_operation() -> None:
    op = Operation(6, [1, "ab", -2, 1, "c", -1])
    assert [carried(p, [op], pushes=False) for p in range(7)] == [0, 1, 3, 3, 4, 5, 6]
    assert [carried(p, [op], pushes=True) for p in range(7)] == [0, 3, 3, 3, 5, 5, 6]
