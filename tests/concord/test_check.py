"""`concord check`: recorded histories judged again, and those of the documentation, as a stranger does it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from model.verdict import ExitCode
from tests.conftest import ROOT
from tests.terminal import Terminal, beside_progress, refused, terminal

__all__ = ["terminal"]  # a fixture

HISTORY = (ROOT / "docs" / "history.md").read_text(encoding="utf-8")
SMALL = (
    *("--clients", "20", "--documents", "2", "--duration", "4s", "--jobs", "1"),
    *("--set", "workload.contention_share=1", "--set", "workload.edits_per_second=1"),
)


def block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", HISTORY, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    path = tmp_path / "healthy.jsonl"
    path.write_text(block("json history valid"))
    return path


@pytest.fixture
def lossy(tmp_path: Path) -> Path:
    path = tmp_path / "lossy.jsonl"
    path.write_text(block("json history violated"))
    return path


def test_the_documented_history_is_valid_compressed_or_not(terminal: Terminal, healthy: Path) -> None:
    assert terminal("check", str(healthy)).code == ExitCode.GOOD
    compressed = healthy.with_suffix(".gz")
    compressed.write_bytes(gzip.compress(healthy.read_bytes()))
    assert terminal("check", str(compressed)).code == ExitCode.GOOD


def test_a_lost_acknowledged_edit_is_named_as_the_documentation_says(terminal: Terminal, lossy: Path) -> None:
    ended = terminal("check", str(lossy))
    assert ended.code == ExitCode.VIOLATED
    assert block("text said") in ended.out
    assert ended.out.splitlines()[-1] == f"violated: {lossy}"


def test_only_the_named_checks_are_made_and_decide(terminal: Terminal, lossy: Path) -> None:
    ended = terminal("check", str(lossy), "--check", "ledger", "--json")
    told = json.loads(ended.out)
    assert (ended.code, told["exit_code"], told["verdict"]) == (1, 1, "violated")
    assert [row["name"] for row in told["judged"][0]["checks"]] == ["ledger", "whole"]
    assert terminal("check", str(lossy), "--check", "liveness").code == ExitCode.GOOD
    assert terminal("check", str(lossy), "--check", "presence").code == ExitCode.UNKNOWN  # has nothing


def test_what_the_history_claims_decides(terminal: Terminal, healthy: Path) -> None:
    claims = '{"claims": ["ledger", "presence"]}'
    healthy.write_text(healthy.read_text().replace("{}", claims, 1))
    ended = terminal("check", str(healthy))
    assert ended.code == ExitCode.UNKNOWN
    assert "presence: nothing compared" in ended.out


@pytest.mark.parametrize(("last", "code"), [(1, ExitCode.GOOD), (0, ExitCode.VIOLATED)], ids=["kept", "lost"])
def test_the_records_named_for_the_ledger_are_enough_for_it(
    terminal: Terminal, healthy: Path, last: int, code: ExitCode
) -> None:
    (sentence,) = re.findall(r"nothing but the ledger is wanted needs (.*?)\.", HISTORY, re.DOTALL)
    named = re.findall(r"`([a-z_]+)`", sentence)
    lines = [line for line in healthy.read_text().splitlines() if json.loads(line)[0] in named]
    lines[0] = lines[0].replace("{}", '{"claims": ["ledger"]}')
    text = "\n".join(lines).replace('"bob", "minutes", 1]', f'"bob", "minutes", {last}]')
    healthy.write_text(text)
    ended = terminal("check", str(healthy))
    assert ended.code == code
    assert ("acknowledged bob#1 is lost at the end" in ended.out) == (last == 0)


@pytest.mark.parametrize("check", ["convergence", "total_order", "ledger"])
def test_a_history_without_what_is_essential_is_unknown(
    terminal: Terminal, tmp_path: Path, check: str
) -> None:
    path = tmp_path / "h.jsonl"
    path.write_text(
        '["history",1,"mine","server",{}]\n["document",0,"d","",false,false]\n'
        '["joined",1,"a","d",0,"fresh",0]\n["finished",2]\n'
    )
    ended = terminal("check", str(path))
    assert ended.code == ExitCode.UNKNOWN
    assert (f"{check}: nothing compared" in ended.out) == (check != "total_order")


def test_a_fingerprint_or_a_log_that_nobody_knows_contradicts_nothing(
    terminal: Terminal, healthy: Path
) -> None:
    healthy.write_text(re.sub(r"\d{10,}", "0", healthy.read_text()))
    ended = terminal("check", str(healthy))
    assert ended.code == ExitCode.UNKNOWN  # but then no text is compared either
    assert "convergence: nothing compared" in ended.out
    assert terminal("check", str(healthy), "--check", "quiescence").code == ExitCode.GOOD


@pytest.mark.parametrize("data", [b"", gzip.compress(b"")], ids=["plain", "compressed"])
def test_an_empty_history_is_unknown(terminal: Terminal, tmp_path: Path, healthy: Path, data: bytes) -> None:
    path = tmp_path / "empty"
    path.write_bytes(data)
    assert terminal("check", str(path)).code == ExitCode.UNKNOWN
    assert terminal("check", str(path), str(healthy)).code == ExitCode.UNKNOWN


def test_a_history_that_is_cut_off_is_unknown(terminal: Terminal, healthy: Path) -> None:
    healthy.write_text("".join(healthy.read_text().splitlines(keepends=True)[:-1]))
    ended = terminal("check", str(healthy))
    assert ended.code == ExitCode.UNKNOWN
    assert "ends without 'finished'" in ended.out


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        (1, '["document", 0, "d", "", false, false]', "the first record has to be 'history'"),
        (1, '["history", 7, "x", "server", {}]', "history: version: 7"),
        (1, '["history", 1, "x", "server", {"engine": "word"}]', "history: run.engine: 'word' is none of"),
        (
            1,
            '["history", 1, "x", "server", {"engine": ["jupiter"]}]',
            "history: run.engine: ['jupiter'] is none",
        ),
        (1, '["history", 1, "x", "server", {"claims": ["speed"]}]', "history: run.claims: there is no check"),
        (5, '["edit", 1, "ann", "minutes", "x", "type", 0, {"length": 2, "ops": []}, 1]', "edit: sequence: "),
        (5, '["edit", 1, "ann", "minutes", 1, "type", 0, {"length": 2, "ops": [3]}, 1]', "edit: operation: "),
        (5, '["edit", 1, "ann", "minutes", 1]', "edit: kind, revision, operation, client_us: missing"),
        (5, '["online", 1, "ann", "minutes", 4]', "online: 4 fields, of 3: time_us, site, document"),
        (5, '["online", 1, "ann", "notes"]', "online: document: 'notes' has no record 'document' before"),
        (5, '["document", 1, "minutes", "", false, false]', "document: document: 'minutes' exists already"),
        (5, '["finished", 5]', "line 6: a record after 'finished'"),
        (1, '["history", 1, "x", "moon", {}]', "history: clock: 'moon' is none of virtual, server, client"),
        (5, '["edit", 1, "ann", "minutes", 1, "Undo", 0, {"length": 2, "ops": []}, 1]', "edit: kind: 'Undo'"),
        (5, '["joined", 1, "ann", "minutes", 0, "Fresh", 0]', "joined: how: 'Fresh' is none of fresh,"),
        (5, '["sent", 1, "ann", "minutes", 0, 1, 1, "again"]', "sent: how: 'again' is none of submit,"),
        (5, '["garbled", 1, "ann", "minutes", "left"]', "garbled: direction: 'left' is none of up, down"),
        (5, '["say", 1]', "there is no record 'say'"),
        (5, "", "Input data was truncated"),
    ],
)
def test_bad_input_is_named_with_line_and_field_and_nothing_is_judged(
    terminal: Terminal, healthy: Path, lossy: Path, line: int, wrong: str, said: str
) -> None:
    lines = healthy.read_text().splitlines()
    lines[line - 1] = wrong
    healthy.write_text("\n".join(lines))
    ended = terminal("check", str(lossy), str(healthy))
    assert ended.out == ""
    told = refused(ended._replace(err=beside_progress(ended.err)))
    assert told.startswith(f"{healthy}: line ")
    assert said in told


def test_names_and_files_that_there_are_not(terminal: Terminal, healthy: Path, tmp_path: Path) -> None:
    assert "there are convergence, quiescence" in refused(terminal("check", str(healthy), "--check", "speed"))
    assert refused(terminal("check", str(tmp_path / "absent"))).endswith("absent: there is no such file")
    assert "no folder 'history'" in refused(terminal("check", str(tmp_path)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "verdict"), [((), "valid"), (("--inject", "tie-reversed"), "violated")], ids=["healthy", "broken"]
)
def test_a_recorded_run_is_judged_as_it_was(
    terminal: Terminal, tmp_path: Path, bug: tuple[str, ...], verdict: str
) -> None:
    run = tmp_path / "run"
    terminal("simulate", "calm", *SMALL, *bug, "--no-shrink", "--out", str(run))
    again = terminal("check", str(run), "--json")
    (told,) = json.loads(again.out)["judged"]
    recorded = json.loads((run / "result.json").read_text())
    assert (told["verdict"], recorded["verdict"], told["notes"]) == (verdict, verdict, [])
    assert again.code == (ExitCode.VIOLATED if bug else ExitCode.GOOD)
    rows = {row["name"]: row for row in told["checks"]}
    assert all(rows[row["name"]] == row for row in recorded["checks"])
