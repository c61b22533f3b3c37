"""Replicas followed through a history; their branches, merged and seen by their authors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import history
from model.checkers.follower import Follower, for_author
from model.crdt.merging import BranchMerge
from model.history import Record
from model.identity import Revision, SiteId
from model.text import Operation, OperationError, apply, compose_all, insert
from simulator.failures.trial import attempt
from simulator.planning.small import BLIPS, BUSY, COMERS_AND_GOERS, SmallCell
from tests.model.strategies import chains, texts


class Watch:
    """Follows everybody, and counts what was compared and who was lost."""

    def __init__(self) -> None:
        self.rows: dict[Revision, history.Stored] = {}
        self.followers: dict[SiteId, Follower] = {}
        self.compared = 0
        self.lost = 0

    def of(self, site: SiteId) -> Follower:
        return self.followers.setdefault(site, Follower(site, self.rows))

    def take(self, record: Record) -> None:
        match record:
            case history.Stored():
                self.rows[record.revision] = record
            case history.Joined():
                self.of(record.site).joined(record)
            case history.Edited():
                self.of(record.site).edited(record)
            case history.Sent():
                self.of(record.site).sent(record)
            case history.Delivered():
                self.of(record.site).delivered(record)
            case history.Acknowledged():
                self.of(record.site).acknowledged(record)
            case history.Merged():
                self.of(record.site).merged(record)
            case history.Displayed():
                follower = self.of(record.site)
                self.compared += follower.text is not None
                assert follower.displayed(record), record
                self.lost += follower.text is None
            case _:
                pass


@pytest.mark.slow
@pytest.mark.parametrize("cell", [BUSY, COMERS_AND_GOERS, BLIPS], ids=["busy", "absences", "blips"])
def test_replicas_show_what_they_ought_to_at_every_moment(cell: SmallCell) -> None:
    for seed in range(3):
        watch = Watch()
        for record in attempt(cell(seed), keep=True).records:
            watch.take(record)
        assert watch.compared > 300
        assert not watch.lost


@pytest.mark.slow
@given(st.data())
def test_what_the_author_of_a_branch_applies_is_what_the_merge_says(data: st.DataObject) -> None:
    text = data.draw(texts())
    branch = data.draw(chains(len(text), data.draw(st.integers(1, 4))))
    missed = data.draw(chains(len(text), data.draw(st.integers(0, 4))))
    walk = BranchMerge(len(text), branch, SiteId("b"))
    for op in missed:
        walk.add_trunk(op, SiteId("a"))
    while walk.step(1_000):
        pass
    merged, for_sender = walk.result()
    whole = compose_all(branch)
    found = for_author(whole, missed, merged)
    assert apply(apply(text, whole), found) == apply(apply(text, whole), for_sender)


def test_a_branch_that_is_stored_as_something_else() -> None:
    with pytest.raises(OperationError, match="in another order"):
        for_author(Operation(2, ["a", 2, "b"]), [], Operation(2, [2, "ab"]))
    with pytest.raises(OperationError, match="an operation on 2 code points met 1"):
        for_author(insert(1, 0, "a"), [], insert(2, 0, "a"))
