"""Names that somebody else chose: whatever is in them, a command shows each in its line, and goes on."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from concord.program import COMMANDS
from concord.terminal import quoted
from model.identity import DocumentId
from model.verdict import ExitCode
from reference_server.store.sqlite import SqliteCatalogue, SqliteStore
from simulator.children import group
from tests.conftest import ROOT
from tests.reference_server.store.requests import append
from tests.reports.strategies import BROKEN, write_run
from tests.terminal import Outcome, Terminal, beside_progress, terminal

__all__ = ["terminal"]  # a fixture

FORGED = "valid: all of it"
NAMES = {
    "markup": "[b] [not a style] :bomb: [/b]",
    "line breaks": f"a\n{FORGED}\r{FORGED}\x0b{FORGED}\x85{FORGED}\u2028{FORGED}\u2029{FORGED}",
    "escapes": "a\x1b[2J\x1b]0;title\x07\x9b31mb\x08\x7f",
    "directions": "a\u202egnp.\u2066b\u200f\u061c\u200b\ufeff",
    "not UTF-8": "a\udcff\udc80b",
}


@pytest.fixture(params=NAMES)
def hostile(request: pytest.FixtureRequest) -> str:
    return NAMES[request.param]


@pytest.fixture
def folder(tmp_path: Path, hostile: str) -> Path:
    """A folder that is called like this."""
    path = tmp_path / hostile
    path.mkdir(parents=True)
    return path


def is_harmless(outcome: Outcome) -> None:
    """What was said is made of lines of signs, none of which begins as the name wanted."""
    said = outcome.out + outcome.err
    assert [line for line in said.split("\n") if not line.isprintable() or line.startswith(FORGED)] == []
    assert outcome.code != ExitCode.BUG


def stored(path: Path, *names: str) -> str:
    """A file with these documents, each of three revisions; its URL."""
    catalogue, store = SqliteCatalogue(path), SqliteStore(path)
    for name in names:
        catalogue.create(DocumentId(name), "", "ann", "", {})
        store.perform([append(0, 3, document=DocumentId(name))])
    store.close()
    catalogue.close()
    return f"sqlite:///{path}"


def recorded(path: Path, end: str = "ab") -> str:
    transactions = [{"parents": [], "agent": n, "patches": [[0, 0, "ab"[n]]]} for n in (0, 1)]
    path.write_text(json.dumps({"endContent": end, "numAgents": 2, "txns": transactions}))
    return str(path)


def failed(path: Path, name: str) -> str:
    """A failure whose document, site and message are called ``name``."""
    text = (ROOT / "tests/corpus/dopt.json").read_text()
    case = json.loads(text.replace('"c1"', json.dumps(name)))
    case["message"] = case["origin"]["command"] = case["origin"]["document"] = name
    path.write_text(json.dumps(case))
    return str(path)


def test_documents(terminal: Terminal, tmp_path: Path, hostile: str) -> None:
    if not hostile.isascii() and "\udcff" in hostile:
        pytest.skip("a store holds no such name")
    url = stored(tmp_path / "some.db", "a first", hostile, "z last")
    done = terminal("verify", "--store", url, "--check-all-states")
    is_harmless(done)
    verdicts = [line.split(": ")[:2] for line in done.out.splitlines()]
    assert (done.code, len(verdicts)) == (0, 3)
    assert ["valid", "a first"] in verdicts
    assert ["valid", "z last"] in verdicts
    done = terminal("rebuild", "--store", url, "--document-id", hostile)
    is_harmless(done)
    assert (done.code, len(done.out.splitlines())) == (0, 1)


def test_recordings(terminal: Terminal, folder: Path) -> None:
    for end, code in (("ab", 0), ("ba", 1)):
        file = recorded(folder / f"{folder.name}.json", end)
        for arguments in ((), ("--engine", "all"), ("--json",)):
            done = terminal("trace", file, *arguments)
            is_harmless(done)
            assert done.code == (0 if arguments == ("--engine", "all") else code)  # some order is that one
            assert done.out.startswith(
                "[" if arguments == ("--json",) else ("valid", "violated", folder.name[0])
            )


@pytest.mark.slow
def test_failures(terminal: Terminal, folder: Path) -> None:
    for name in (folder.name, "c1"):
        if name == NAMES["not UTF-8"]:
            continue  # JSON holds no such name
        file = failed(folder / "case.json", name)
        page = folder / "why.html"
        for command in (("replay",), ("explain", "--out", str(page)), ("shrink",)):
            is_harmless(terminal(*command, file))
        assert not page.exists() or page.read_text(encoding="utf-8").replace("\n", "").isprintable()


@pytest.mark.slow
def test_results(terminal: Terminal, folder: Path) -> None:
    small = ("--clients", "20", "--documents", "2", "--duration", "4s", "--no-shrink", "--jobs", "1")
    crowded = ("--set", "workload.contention_share=1", "--set", "workload.edits_per_second=1")
    run = ("calm", *small, *crowded, "--inject", "tie-reversed", "--out")
    for arguments in (("simulate", *run, str(folder)), ("campaign", "--seeds=1:2", *run, str(folder / "c"))):
        done = terminal(*arguments)
        is_harmless(done)
        assert done.code == ExitCode.VIOLATED
    is_harmless(terminal("report", str(folder)))
    for file in folder.glob("*.*"):
        assert file.read_text(encoding="utf-8").replace("\n", "").isprintable(), file.name


@pytest.mark.slow
def test_reports(terminal: Terminal, tmp_path: Path, folder: Path) -> None:
    """What a server answered stands in results; here it is the message of a violation."""
    if folder.name == NAMES["not UTF-8"]:
        pytest.skip("JSON holds no such message")
    directory = write_run(tmp_path, [BROKEN])
    result = json.loads((directory / "result.json").read_bytes())
    evil = f"{folder.name}|`<b>&amp; http://x.y @ann ~~x~~"
    result["notes"] = [evil, f"# {evil}"]
    result["command"] = f"concord `{evil}`"
    result["checks"][0]["violations"][0]["message"] = evil
    (directory / "result.json").write_text(json.dumps(result))
    is_harmless(terminal("report", str(directory)))
    for name in ("report.html", "junit.xml", "summary.md"):
        text = (directory / name).read_text(encoding="utf-8")
        assert text.replace("\n", "").isprintable()
        assert name == "report.html" or not re.search(rf"^[* ]*{FORGED}", text, re.MULTILINE)
    summary = (directory / "summary.md").read_text(encoding="utf-8")
    assert r"http\://x.y \@ann \~\~x\~\~" in summary


REFUSED: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "run": lambda folder: ("--out", str(folder / "file")),
    "simulate": lambda folder: (str(folder / "file.yaml"),),
    "campaign": lambda folder: ("--seeds", folder.name),
    "check": lambda folder: (str(folder), "--check", folder.name),
    "follow": lambda folder: (str(folder), folder.name),
    "replay": lambda folder: (str(folder / "file"),),
    "explain": lambda folder: (str(folder / "file"),),
    "shrink": lambda folder: (str(folder / "file"),),
    "explore": lambda folder: ("--action", folder.name),
    "zoo": lambda folder: (folder.name,),
    "laws": lambda folder: ("--seed", folder.name),
    "arena": lambda folder: (folder.name,),
    "trace": lambda folder: (str(folder / "file"),),
    "serve": lambda folder: ("--config", str(folder / "file.yaml")),
    "token": lambda folder: ("--user-id", "ann", "--grant", folder.name),
    "validate-config": lambda folder: (str(folder / "file.yaml"),),
    "slo": lambda folder: ("validate", str(folder / "file")),
    "verify": lambda folder: ("--store", f"sqlite:///{folder}/absent"),
    "rebuild": lambda folder: ("--document-id", folder.name, "--store", stored(folder / "a.db", "one")),
    "load": lambda folder: ("--host", folder.name),
    "probe": lambda folder: ("--host", folder.name),
    "report": lambda folder: (str(folder),),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_refused(
    terminal: Terminal, folder: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", "a secret of the length that is needed")
    (folder / "file").write_text("")
    (folder / "file.yaml").write_text(json.dumps({folder.name.replace("\udcff\udc80", ""): folder.name}))
    done = terminal(command, *REFUSED[command](folder))
    is_harmless(done)
    assert done.code == ExitCode.USAGE
    assert len(done.err.splitlines()) == 1
    is_harmless(terminal(folder.name))
    is_harmless(terminal(command, f"--{folder.name}"))


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LANG": "C", "PYTHONUTF8": "0"}])
def test_a_terminal_that_does_not_know_a_sign_loses_it_and_not_the_run(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    url = stored(tmp_path / "some.db", "ä–…😀")
    file = recorded(tmp_path / "ä–…😀.json")
    for arguments in (
        ("verify", "--store", url),
        ("trace", file, "--engine", "all"),
        ("arena", "forward-runs"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "concord", *arguments],
            cwd=ROOT,
            env=os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"} | environment,
            capture_output=True,
            check=False,
            process_group=group(),
        )
        assert beside_progress(done.stderr.decode("ascii", "replace")) == ""
        assert done.returncode in (0, 1)
        assert b"valid" in done.stdout or b"yes" in done.stdout


@pytest.mark.slow
def test_a_command_line_is_repeated_exactly(hostile: str) -> None:
    argument = hostile + "'\\$(x) "
    assert quoted(argument).isprintable()
    said = subprocess.run(
        ["bash", "-c", f"printf %s {quoted(argument)}"],
        capture_output=True,
        check=True,
        process_group=group(),
    ).stdout
    assert os.fsdecode(said) == argument


def test_no_command_prints_by_another_way() -> None:
    found = []
    for path in sorted((ROOT / "concord").rglob("*.py")):
        if path.name in ("terminal.py", "exits.py"):  # standard output, and what is said of an end
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "typer.echo", "Console"):
                found.append(f"{path.name}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and "console" in [alias.name for alias in node.names]:
                found.append(f"{path.name}:{node.lineno}")
    assert [place for place in found if not place.startswith("program.py")] == []  # its own version
