"""Edits followed through a recorded run: their steps, the page, the part of the report, and spans."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest

from model.following import Alignment, EditName, Followed
from model.history import Edited, Header, Record
from model.history_file import HistoryWriter
from reports.followed import render_page
from reports.following import Waterfall, followed, measured_edits, recorded, slowest, waterfall
from reports.otlp import spans_of
from reports.recorded import ReportError
from tests.browser import fits
from tests.model.test_following import ANN, DOC, ONLINE, moments
from tests.numbers import rev, seq

NAME = EditName(DOC, ANN, seq(1))


def write(directory: Path, records: Iterable[Record], producer: str = "simulator") -> Path:
    folder = directory / "history"
    folder.mkdir(parents=True, exist_ok=True)
    writer = HistoryWriter((folder / "cell-00.jsonl.gz").open("wb"))
    writer.write([Header(1, producer, "virtual", {}), *records])
    writer.close()
    return directory


def steps(fall: Waterfall) -> list[tuple[str, int, int]]:
    return [(step.label, step.begin_us, step.end_us) for step in fall.steps]


def test_the_steps_of_a_simulated_edit_are_those_of_its_history(tmp_path: Path) -> None:
    run = recorded(write(tmp_path, ONLINE))
    (fall,) = followed(run, {NAME}.__contains__, {DOC})
    assert steps(fall) == [
        ("waits at the client", 100, 110),
        ("sent (submit)", 110, 120),
        ("waits for its turn", 120, 130),
        ("commit", 130, 140),
        ("sent on", 140, 150),
        ("acknowledged", 150, 180),
        ("shown by bob", 150, 170),
    ]
    assert fall.title == "ann#1 (type) in d, revision 1: 80 µs from the key to its author and 1 reader"
    assert fall.longest == "most of it: acknowledged, 30 µs (38 %)"
    assert fall.notes == ()


def test_what_was_planned_earlier_counts_from_then(tmp_path: Path) -> None:
    late = [msgspec.structs.replace(r, planned_us=40) if isinstance(r, Edited) else r for r in ONLINE]
    (fall,) = followed(recorded(write(tmp_path, late)), {NAME}.__contains__)
    assert steps(fall)[:2] == [("the key is pressed late", 40, 100), ("waits at the client", 100, 110)]
    assert fall.took_us == 140
    assert fall.longest == "most of it: the key is pressed late, 60 µs (43 %)"


def test_all_is_read_or_only_what_concerns_a_document(tmp_path: Path) -> None:
    run = recorded(write(tmp_path, ONLINE))
    about = followed(run, {NAME}.__contains__, {DOC})
    assert followed(run, {NAME}.__contains__) == about
    assert followed(run, {NAME}.__contains__, {"another"}) == []
    assert [name.sequence for name in slowest(run, 9)] == [2, 1]
    plain = tmp_path / "history" / "cell-00.jsonl"
    plain.write_bytes(gzip.decompress((tmp_path / "history" / "cell-00.jsonl.gz").read_bytes()))
    (tmp_path / "history" / "cell-00.jsonl.gz").unlink()
    assert followed(recorded(tmp_path), {NAME}.__contains__, {DOC}) == about


def log_line(**changes: object) -> str:
    line = {"event": "edit", "level": "info", **msgspec.to_builtins(moments(1, 5_118, 5_147)), **changes}
    return json.dumps(line, separators=(",", ":"))


def test_what_a_real_server_did_is_in_its_log(tmp_path: Path) -> None:
    records = [  # its clients know when it was sent, and when it was first seen
        msgspec.structs.replace(r, received_us=110, turn_us=0) if type(r).__name__ == "Broadcast" else r
        for r in ONLINE
    ]
    directory = write(tmp_path, records, "load")
    (without,) = followed(recorded(directory), {NAME}.__contains__)
    assert steps(without)[1] == ("sent, at the server, and on its way back", 110, 150)
    assert "not known" in without.notes[0]
    log = tmp_path / "server.log"
    log.write_text(f"listening\n{log_line()}\n{log_line()[:40]}\n")
    (fall,) = followed(recorded(directory, log), {NAME}.__contains__)
    assert [label for label, _, _ in steps(fall)] == [
        *("waits at the client", "sent (submit)", "waits for its turn", "transform"),
        *("waits for the store", "commit", "sent on", "acknowledged", "shown by bob"),
    ]
    assert fall.longest.startswith("most of it: acknowledged")
    assert [step.took_us for step in fall.steps[2:7]] == [1, 1, 1, 25, 1]
    assert "is within" in fall.notes[0]
    (directory / "server").mkdir()
    (directory / "server" / "server.log").write_text(log.read_text())
    assert followed(recorded(directory), {NAME}.__contains__) == [fall]
    with pytest.raises(ReportError, match=r"log_edits"):
        recorded(directory, directory / "history" / "cell-00.jsonl.gz")


ABSENT = Followed(NAME, "type", 100, 100, seq(1), seq(1), end_us=900)


def test_an_edit_that_nobody_answers_is_said_to_be_unanswered() -> None:
    fall = waterfall(ABSENT, Alignment({}), is_real=True)
    assert steps(fall) == [("waits at the client, nothing more is known", 100, 900)]
    assert "never durable: its author does not know" in fall.title
    untold = msgspec.structs.replace(ABSENT, revision=rev(3), committed_us=120, seen_us=130)
    assert steps(waterfall(untold, Alignment({}), is_real=False))[-1] == (
        "its author is never told",
        130,
        900,
    )


def test_a_run_without_histories_has_a_report_all_the_same(tmp_path: Path) -> None:
    assert measured_edits(tmp_path, []) == []
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "cell-00.jsonl.gz").write_bytes(b"\x1f\x8bnothing")
    assert measured_edits(tmp_path, []) == []


def some(tmp_path: Path) -> Sequence[Waterfall]:
    hostile = msgspec.structs.replace(ABSENT, kind="<script>alert(1)</script>\u202e")
    falls = followed(recorded(write(tmp_path, ONLINE)), lambda _: True)
    return [*falls, waterfall(hostile, Alignment({}), is_real=False)]


def test_spans_are_those_of_open_telemetry(tmp_path: Path) -> None:
    falls = some(tmp_path)
    (resource,) = json.loads(spans_of(falls))["resourceSpans"]
    spans = resource["scopeSpans"][0]["spans"]
    assert len(spans) == sum(1 + len(fall.steps) for fall in falls)
    roots = {span["traceId"]: span["spanId"] for span in spans if "parentSpanId" not in span}
    assert all(span.get("parentSpanId") in (None, roots[span["traceId"]]) for span in spans)
    assert all(len(span["traceId"]) == 32 and len(span["spanId"]) == 16 for span in spans)
    assert all(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) for span in spans)
    (commit,) = [s for s in spans if s["name"] == "commit" and s["traceId"] == spans[0]["traceId"]]
    assert (commit["startTimeUnixNano"], commit["endTimeUnixNano"]) == ("130000", "140000")


@pytest.mark.slow
def test_the_page_fits_into_both_windows(tmp_path: Path) -> None:
    page = render_page(some(tmp_path))
    assert "<script>alert" not in page
    for width, fit in fits(page, tmp_path).items():
        assert fit.outside == [], width
