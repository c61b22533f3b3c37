"""Branches against plain FugueMax replicas."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import history
from model.checkers import reconciliation
from model.checkers.reconciliation import Reconciliation
from model.crdt.merging import BranchMerge
from model.history import Record
from model.identity import DocumentId, SiteId
from model.text import Operation, apply, compose_all, delete, insert
from model.verdict import Verdict
from tests.model.checkers.histories import assert_valid, assert_violated, judged
from tests.model.strategies import chains, texts
from tests.numbers import rev, seq

D, A, B, C = DocumentId("d"), SiteId("a"), SiteId("b"), SiteId("c")


class Trunk:
    """The rows of one document."""

    def __init__(self, text: str, *, displayed: bool = False) -> None:
        self.text = text
        self.rows: list[tuple[SiteId, Operation]] = []
        self.records: list[Record] = [history.DocumentCreated(0, D, text, False, displayed)]

    def append(
        self,
        site: SiteId,
        operation: Operation,
        *,
        base: int | None = None,
        edits: tuple[Operation, ...] = (),
    ) -> None:
        self.rows.append((site, operation))
        revision = len(self.rows)
        self.text = apply(self.text, operation)
        original = compose_all(edits) if edits else operation
        from_revision = revision - 1 if base is None else base
        self.records.append(
            history.Stored(
                revision,
                D,
                rev(revision),
                site,
                seq(1),
                seq(1),
                rev(from_revision),
                bool(edits),
                original,
                operation,
                edits,
            )
        )

    def merge(self, site: SiteId, base: int, *edits: Operation) -> None:
        """Append a branch, merged as the server does."""
        self.append(site, self.merged(site, base, *edits), base=base, edits=edits)

    def merged(self, site: SiteId, base: int, *edits: Operation) -> Operation:
        merge = BranchMerge(edits[0].base_length, edits, site)
        for author, operation in self.rows[base:]:
            merge.add_trunk(operation, author)
        while merge.step(100):
            pass
        return merge.result().operation

    def finished(self, text: str | None = None) -> list[Record]:
        fingerprint = history.fingerprint(self.text if text is None else text)
        return [*self.records, history.FinalDocument(99, D, rev(len(self.rows)), fingerprint, "")]


def contested() -> Trunk:
    """``a`` and ``b`` write a word each at one place, and then more of it."""
    trunk = Trunk("[]")
    trunk.append(A, insert(2, 1, "an"))
    trunk.append(A, insert(4, 3, "na"))
    return trunk


B_EDITS = (insert(2, 1, "n"), insert(3, 1, "i"), insert(4, 1, "b"), delete(5, 3, 1), insert(4, 3, "g"))


def test_a_branch_that_is_merged_in_order() -> None:
    trunk = contested()
    trunk.merge(B, 0, *B_EDITS)
    assert trunk.text == "[annabig]"
    assert assert_valid(Reconciliation(), trunk.records).checked == 1


@pytest.mark.parametrize(
    ("at", "seen", "right"),
    [(1, "[biganna]", "[annabig]"), (3, "[anbigna]", "[annabig]")],
)
def test_a_branch_that_is_merged_elsewhere_is_found(at: int, seen: str, right: str) -> None:
    trunk = contested()
    trunk.append(B, insert(6, at, "big"), base=0, edits=B_EDITS)
    assert trunk.text == seen
    assert_violated(Reconciliation(), trunk.records, "b#1 are merged to", seen[1:5], right[1:5])


def test_a_branch_that_lost_an_edit_is_found() -> None:
    trunk = contested()
    trunk.append(B, insert(6, 5, "bi"), base=0, edits=B_EDITS)
    assert_violated(Reconciliation(), trunk.records, "b#1 are merged to")


def test_what_is_a_row_of_the_trunk_later_counts_as_typed_there() -> None:
    """A second branch, of a base before the first was merged, is merged with what the first became (D14)."""
    trunk = contested()
    trunk.merge(B, 0, *B_EDITS)
    trunk.merge(C, 1, insert(4, 3, "c"))
    assert assert_valid(Reconciliation(), trunk.records).checked == 2


def test_other_rows_are_not_compared() -> None:
    result = judged(Reconciliation(), contested().records)
    assert (result.verdict, result.checked) == (Verdict.UNKNOWN, 0)


def test_the_log_of_a_sampled_document_has_to_give_its_final_text() -> None:
    trunk = Trunk("[]", displayed=True)
    trunk.append(A, insert(2, 1, "an"))
    trunk.merge(B, 0, *B_EDITS)
    assert assert_valid(Reconciliation(), trunk.finished()).checked == 2
    assert_violated(Reconciliation(), trunk.finished("[]"), "a FugueMax replica fed the log of 2 revisions")


def test_a_base_that_is_forgotten_is_not_compared() -> None:
    trunk = contested()
    trunk.merge(B, 0, *B_EDITS)
    with patch.object(reconciliation, "ROWS_KEPT_MAX", 1):
        assert judged(Reconciliation(), trunk.finished()).verdict is Verdict.UNKNOWN


def test_the_time_it_takes_is_bounded() -> None:
    trunk = contested()
    trunk.merge(B, 0, *B_EDITS)
    trunk.merge(C, 1, insert(4, 3, "c"))
    with patch.object(reconciliation, "ELEMENTS_FED_MAX", 3):
        assert judged(Reconciliation(), trunk.records).checked == 1


def test_rows_that_make_no_log_are_left_to_other_checks() -> None:
    trunk = contested()
    del trunk.records[1]
    assert judged(Reconciliation(), trunk.records).verdict is Verdict.UNKNOWN
    trunk = contested()
    trunk.append(B, insert(6, 1, "x"), base=0, edits=(insert(7, 1, "x"),))  # on a text that never was
    assert judged(Reconciliation(), trunk.records).verdict is Verdict.UNKNOWN


@pytest.mark.slow
@given(st.data())
def test_what_the_server_merges_is_what_replicas_merge(data: st.DataObject) -> None:
    trunk = Trunk(data.draw(texts(6)))
    lengths = [len(trunk.text)]
    for operation in data.draw(chains(len(trunk.text), data.draw(st.integers(0, 4)))):
        trunk.append(data.draw(st.sampled_from([A, C])), operation)
        lengths.append(len(trunk.text))
    base = data.draw(st.integers(0, len(trunk.rows)))
    trunk.merge(B, base, *data.draw(chains(lengths[base], data.draw(st.integers(1, 4)))))
    assert_valid(Reconciliation(), trunk.records)
