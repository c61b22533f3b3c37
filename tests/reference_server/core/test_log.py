from __future__ import annotations

import pytest

from model.identity import SiteId
from model.protocol import Edits, ProtocolError
from model.text import apply, insert
from reference_server.core.effects import Contents, LogRow, Progress, Snapshot
from reference_server.core.limits import Limits
from reference_server.core.log import Log
from tests.numbers import rev, seq
from tests.reference_server.exchange import DOCUMENT

A = SiteId("a")


def row(revision: int) -> LogRow:
    """Revision ``n`` appends a digit to ``n - 1`` code points."""
    op = insert(revision - 1, revision - 1, str(revision % 10))
    edits = (Edits(seq(revision), seq(revision), op),)
    return LogRow(rev(revision), A, seq(revision), seq(revision), rev(revision - 1), False, edits, op)


def grown(count: int, limits: Limits | None = None) -> Log:
    log = Log(limits or Limits(), apply)
    for revision in range(1, count + 1):
        log.advance(row(revision), log.text_after(row(revision)))
    return log


def test_a_log_is_its_snapshot_and_the_rows_after_it() -> None:
    log = Log(Limits(), apply)
    log.load(Contents(rev(2), "12", (row(2), row(3), row(4)), {A: Progress(3, seq(4), rev(4))}, rev(1)))
    assert (log.text, log.revision, log.start) == ("1234", 4, 1)
    assert log.progress_of(A) == Progress(3, seq(4), rev(4))
    assert log.row(rev(1)) is None
    assert log.row(rev(2)) == row(2)


def test_a_log_without_rows_is_its_snapshot() -> None:
    log = Log(Limits(), apply)
    log.load(Contents(rev(9), "text", (), {}, rev(9)))
    assert (log.text, log.revision, log.start) == ("text", 9, 9)


def test_a_log_with_a_gap_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="gap"):
        Log(Limits(), apply).load(Contents(rev(0), "", (row(1),), {}, rev(1)))


def test_a_site_that_never_was_here_has_no_progress() -> None:
    assert Log(Limits(), apply).progress_of(A) == Progress(0, seq(0), rev(0))


def test_a_fence_keeps_what_is_durable() -> None:
    log = grown(2)
    log.fence(A, 7)
    assert log.progress_of(A) == Progress(7, seq(2), rev(2))


def test_revisions_do_not_skip() -> None:
    with pytest.raises(AssertionError):
        grown(1).advance(row(3), "")


def test_the_trunk_after_a_revision() -> None:
    log = grown(3)
    assert log.trunk_after(rev(1)) == [row(2), row(3)]
    assert log.trunk_after(rev(3)) == []
    assert log.missed(rev(0), rev(2)) == [row(1), row(2)]


def test_what_is_not_in_the_log_has_no_trunk() -> None:
    log = grown(8, Limits(snapshot_every_revisions=8, offline_horizon_revisions=4))
    log.snapshot(DOCUMENT)
    for revision, code in ((3, "base_too_old"), (9, "unknown_revision")):
        with pytest.raises(ProtocolError, match=code):
            log.trunk_after(rev(revision))
    assert log.trunk_after(rev(4)) == [row(n) for n in (5, 6, 7, 8)]


def test_a_snapshot_is_taken_when_it_is_time() -> None:
    limits = Limits(snapshot_every_revisions=4, offline_horizon_revisions=100)
    assert grown(3, limits).snapshot(DOCUMENT) is None
    log = grown(4, limits)
    assert log.snapshot(DOCUMENT) == Snapshot(DOCUMENT, rev(4), "1234", rev(0))
    assert log.snapshot(DOCUMENT) is None
    assert len(log.rows) == 4  # all of it is within the horizon


def test_nothing_within_the_horizon_is_trimmed() -> None:
    log = grown(9, Limits(snapshot_every_revisions=4, offline_horizon_revisions=3))
    snapshot = log.snapshot(DOCUMENT)
    assert snapshot is not None
    assert snapshot.trim == log.start == 6
    assert [r.revision for r in log.rows] == [7, 8, 9]
