"""Histories put together from outside: what is in order passes every check, what contradicts itself fails."""

from __future__ import annotations

from collections.abc import Sequence

from model import history
from model.assembly import Assembly
from model.audit import Audited, as_judgable
from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.claims import JUPITER
from model.history import Record
from model.identity import DocumentId, SiteId
from model.protocol import Ack, Branch, CatchUp, Committed, Edits, Row, Submit
from model.text import Operation, insert
from model.verdict import CheckResult, Verdict
from tests.numbers import rev, seq

D = DocumentId("d")
A, B = SiteId("a"), SiteId("b")


class TwoSites:
    """Two sites in one document; ``a`` writes, ``b`` reads."""

    def __init__(self) -> None:
        self.assembly = Assembly()
        self.now = 0
        self.rows: list[Row] = []
        self.text = ""
        self.assembly.create(0, D, "", unique=False, displayed=True)
        for site in (A, B):
            self.tick()
            self.assembly.record(history.Online(self.now, site, D))
            self.assembly.record(history.Joined(self.now, site, D, rev(0), "fresh", history.fingerprint("")))

    def tick(self) -> int:
        self.now += 1_000
        return self.now

    def write(self, word: str, *, seen: bool = True, acknowledged: bool = True) -> Row:
        """An edit of ``a``, from the keyboard to both replicas."""
        revision = len(self.rows) + 1
        op = insert(len(self.text), len(self.text), word)
        record, n = self.assembly.record, revision
        record(history.Edited(self.tick(), A, D, seq(n), "type", rev(revision - 1), op, self.now))
        self.assembly.submitted(D, A, 1, [Submit(rev(revision - 1), seq(n), seq(n), op)], self.tick())
        record(history.Sent(self.now, A, D, rev(revision - 1), seq(n), seq(n), "submit"))
        self.text += word
        shown = history.fingerprint(self.text)
        row = Row(rev(revision), A, seq(n), seq(n), op)
        self.rows.append(row)
        if seen:
            self.tick()
            self.assembly.saw(D, B, Committed(rev(revision), A, seq(n), seq(n), op), self.now)
            record(history.Delivered(self.now, B, D, rev(revision), shown))
        if acknowledged:
            self.tick()
            self.assembly.saw(D, A, Ack(rev(revision), seq(n), seq(n)), self.now)
            record(history.Acknowledged(self.now, A, D, rev(revision), seq(n), seq(n), shown))
        return row

    def finish(self, rows: Sequence[Row] | None = None, text: str | None = None) -> list[Record]:
        kept = tuple(self.rows if rows is None else rows)
        self.assembly.record(history.Healed(self.tick(), 1_000_000))
        for site in (A, B):
            final = history.fingerprint(self.text)
            self.assembly.record(history.FinalReplica(self.now, site, D, rev(len(self.rows)), final, 0, True))
        shown = self.text if text is None else text
        head = kept[-1].revision if kept else 0
        return list(self.assembly.finish([Audited(D, kept, rev(head), shown)], self.tick()))


def judge(records: list[Record]) -> dict[str, CheckResult]:
    checkers = checkers_for(JUPITER)
    Judge(checkers).feed(records)
    return {checker.name: checker.result() for checker in checkers}


def violated(records: list[Record]) -> set[str]:
    return {name for name, result in judge(records).items() if result.violated and result.claimed}


def of(records: list[Record], kind: type) -> list[Record]:
    return [record for record in records if type(record) is kind]


def test_what_is_in_order_passes_every_check() -> None:
    sites = TwoSites()
    for word in ("one ", "two ", "three "):
        sites.write(word)
    results = judge(sites.finish())
    assert {name for name, result in results.items() if result.violated} == set()
    assert results["ledger"].checked
    assert results["convergence"].checked
    assert sites.assembly.audit().verdict is Verdict.VALID


def test_a_revision_is_stored_before_anything_mentions_it_and_broadcast_at_its_first_sight() -> None:
    sites = TwoSites()
    sites.write("x")
    records = sites.finish()
    kinds = [type(r) for r in records]
    stored, broadcast = kinds.index(history.Stored), kinds.index(history.Broadcast)
    assert stored < broadcast < kinds.index(history.Delivered)
    (row,), (told,) = of(records, history.Stored), of(records, history.Broadcast)
    assert isinstance(row, history.Stored)
    assert isinstance(told, history.Broadcast)
    assert (row.base, row.branch, row.original) == (0, False, insert(0, 0, "x"))
    assert (told.received_us, told.time_us, told.audience) == (4_000, 5_000, 1)


def test_an_acknowledged_edit_that_the_log_lost_is_a_violation() -> None:
    sites = TwoSites()
    sites.write("one ")
    sites.write("two ", seen=False)  # only its author was ever told
    assert {"ledger", "total_order"} <= violated(sites.finish(sites.rows[:1], "one "))


def test_a_revision_that_was_used_twice_is_a_violation() -> None:
    sites = TwoSites()
    sites.write("one ")
    other = Row(rev(1), B, seq(1), seq(1), insert(0, 0, "uno "))
    assert "total_order" in violated(sites.finish([other], "uno "))


def test_a_client_told_of_other_content_is_a_violation() -> None:
    sites = TwoSites()
    row = sites.write("one ")
    sites.assembly.saw(D, B, Committed(rev(1), A, seq(1), seq(1), insert(0, 0, "eno ")), sites.tick())
    assert violated(sites.finish([row]))


def test_an_edit_stored_twice_is_a_violation() -> None:
    sites = TwoSites()
    row = sites.write("one ")
    twice = Row(rev(2), A, row.first, row.last, insert(4, 4, "one "))
    assert "ledger" in violated(sites.finish([row, twice], "one one "))


def test_a_text_that_the_log_does_not_give_is_a_violation() -> None:
    sites = TwoSites()
    sites.write("one ")
    assert "convergence" in violated(sites.finish(text="another"))


def test_a_log_that_does_not_fit_its_own_texts_is_a_violation() -> None:
    sites = TwoSites()
    row = sites.write("one ")
    odd = Row(rev(2), B, seq(1), seq(1), Operation(99, [99, "!"]))
    assert "intention" in violated(sites.finish([row, odd], "one !"))


def test_a_branch_is_stored_as_one_row_with_everything_its_chunks_held() -> None:
    sites = TwoSites()
    chunks = [
        Branch(rev(0), [Edits(seq(1), seq(1), insert(0, 0, "a"))], more=True),
        Branch(rev(0), [Edits(seq(2), seq(2), insert(1, 1, "b"))]),
    ]
    sites.assembly.submitted(D, A, 1, chunks, sites.tick())
    sites.rows.append(Row(rev(1), A, seq(1), seq(2), insert(0, 0, "ab")))
    (row,) = of(sites.finish(text="ab"), history.Stored)
    assert isinstance(row, history.Stored)
    assert (row.branch, row.base, row.original) == (True, 0, insert(0, 0, "ab"))


def test_what_the_server_no_longer_keeps_is_taken_from_what_was_seen() -> None:
    sites = TwoSites()
    for word in ("one ", "two ", "three "):
        sites.write(word)
    records = sites.finish(sites.rows[2:])
    assert len(of(records, history.Stored)) == 3
    assert violated(records) == set()
    assert sites.assembly.audit().verdict is Verdict.VALID


def test_a_log_with_an_unknown_begin_is_unknown_not_valid_and_not_violated() -> None:
    sites = TwoSites()
    sites.write("one ", seen=False)  # nobody but its author knows it, who was not sent its operation
    sites.write("two ")
    records = sites.finish(sites.rows[1:])
    assert of(records, history.Stored) == []
    assert violated(records) == set()
    assert sites.assembly.audit().verdict is Verdict.UNKNOWN


def test_a_document_that_could_not_be_read_is_judged_by_what_was_seen_and_unknown() -> None:
    sites = TwoSites()
    sites.write("one ")
    records = list(sites.assembly.finish([], sites.tick()))
    assert len(of(records, history.Stored)) == 1
    assert of(records, history.FinalDocument) == []
    assert sites.assembly.audit().verdict is Verdict.UNKNOWN
    assert "could not be read" in sites.assembly.audit().detail


def test_rows_of_a_catch_up_are_sightings_too() -> None:
    sites = TwoSites()
    row = sites.write("one ", seen=False, acknowledged=False)
    sites.assembly.saw(D, B, CatchUp([row]), sites.tick())
    assert len(of(sites.finish(), history.Broadcast)) == 1


def test_checks_that_need_the_servers_view_do_not_vote_unless_they_found_something() -> None:
    unseen = CheckResult("presence", 0, 0, "cursors")
    assert not as_judgable(unseen, sampled=True, unique=False).claimed
    seen = as_judgable(CheckResult("presence", 10, 0, "cursors"), sampled=True, unique=False)
    assert seen.claimed  # by what is seen of it, and it says what is not
    assert seen.detail.endswith("is not known outside it")
    wrong = CheckResult("presence", 10, 1, "cursors")
    assert as_judgable(wrong, sampled=True, unique=False).claimed
    none = CheckResult("weak_list", 0, 0, "texts")
    assert not as_judgable(none, sampled=True, unique=False).claimed
    assert as_judgable(none, sampled=True, unique=True).claimed
    assert not as_judgable(CheckResult("undo", 0, 0, "edits"), sampled=True, unique=True).claimed
    assert as_judgable(CheckResult("ledger", 0, 0, "edits"), sampled=True, unique=True).claimed
