"""The ways out of the program: every one has its code, and says one line or nothing."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from concord import exits
from concord.commands import campaign
from concord.fleet import run_fleet
from concord.refusals import UsageError
from model.verdict import EXIT_CODES, ExitCode
from simulator.children import group
from tests.conftest import ROOT
from tests.servers import is_alive, processes_below
from tests.terminal import Terminal, beside_progress, refused, terminal
from tests.waiting import until

__all__ = ["terminal"]  # a fixture

PROGRAM = [sys.executable, "-m", "concord"]
BACKGROUND = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
"""As a script starts a program with ``&``: it ignores Ctrl-C."""


def raising(error: BaseException) -> int:
    def program() -> None:
        raise error

    return exits.code_of(program)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("one", "two"), ExitCode.USAGE, "concord: one\nconcord: two\n"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), ExitCode.USAGE, "concord: x: No such file\n"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), ExitCode.USAGE, "x: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), ExitCode.IO_ERROR, "x: No space left"),
        (OSError(errno.ENOSPC, "No space left on device"), ExitCode.IO_ERROR, "No space left"),
        (OSError(errno.EIO, "Input/output error"), ExitCode.IO_ERROR, "Input/output error"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, ""),
        (ZeroDivisionError("x"), ExitCode.BUG, "concord: this is a bug in Concord"),
    ],
)
def test_every_error_has_its_code(
    error: BaseException, code: ExitCode, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) is code
    err = capsys.readouterr().err
    assert said in err
    assert ("Traceback" in err) == (code is ExitCode.BUG)


@pytest.mark.slow
def test_a_full_disk_is_seen() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "arena", "forward-runs", "--json"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            process_group=group(),
        )
    assert done.returncode == ExitCode.IO_ERROR
    assert beside_progress(done.stderr) == "concord: No space left on device\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("simulate", "--help"),
        ("arena", "forward-runs"),
        ("arena", "forward-runs", "--json"),
    ],
)
def test_a_closed_pipe_ends_it_quietly(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=ROOT,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            process_group=group(),
        )
    assert (done.returncode, beside_progress(done.stderr)) == (ExitCode.CLOSED_PIPE, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "verdict"), [((), ExitCode.GOOD), (("--inject", "tie-reversed"), ExitCode.VIOLATED)]
)
def test_a_run_of_which_only_the_first_line_is_read_is_kept_whole(
    tmp_path: Path, bug: tuple[str, ...], verdict: ExitCode
) -> None:
    small = ("calm", "--clients", "20", "--documents", "2", "--duration", "4s", "--no-shrink")
    crowded = ("--set", "workload.contention_share=1", "--set", "workload.edits_per_second=1")
    process = subprocess.Popen(
        [*PROGRAM, "simulate", *small, *crowded, *bug, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=group(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("calm: 20 clients")
    process.stdout.close()
    assert (beside_progress(process.stderr.read()), process.wait()) == ("", ExitCode.CLOSED_PIPE)
    process.stderr.close()
    assert (tmp_path / "out/report.html").exists()
    assert json.loads((tmp_path / "out/result.json").read_bytes())["exit_code"] == verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "to_all", "code", "shell"),
    [(signal.SIGINT, True, ExitCode.INTERRUPTED, ()), (signal.SIGINT, False, ExitCode.INTERRUPTED, ()),
     (signal.SIGTERM, False, ExitCode.TERMINATED, ()),
     (signal.SIGTERM, False, ExitCode.TERMINATED, BACKGROUND)],
)  # fmt: skip
def test_a_run_of_several_processes_ends_with_a_signal_at_once_and_quietly(
    tmp_path: Path, number: signal.Signals, to_all: bool, code: ExitCode, shell: tuple[str, ...]
) -> None:
    big = ("--clients", "4000", "--documents", "40", "--duration", "30m", "--jobs", "2")
    process = subprocess.Popen(
        [*shell, *PROGRAM, "simulate", "default", *big, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=group(),
    )
    try:
        until(lambda: any((tmp_path / "out").glob("history/*")))
        children = processes_below(process.pid)
        assert len(children) >= 2
        for pid in (process.pid, *(children if to_all else ())):  # to all, as Ctrl-C in a terminal
            os.kill(pid, number)
        _, err = process.communicate()
    finally:
        process.kill()
    assert (process.returncode, beside_progress(err)) == (code, "")
    until(lambda: not any(is_alive(pid) for pid in children))


@pytest.mark.slow
def test_a_violation_that_was_found_before_counts(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = 0

    def interrupted_later(*arguments: object) -> object:
        nonlocal runs
        runs += 1
        if runs == 2:
            raise KeyboardInterrupt
        return run_fleet(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(campaign, "run_fleet", interrupted_later)
    small = ("--clients", "20", "--documents", "2", "--duration", "4s", "--no-shrink", "--jobs", "1")
    crowded = ("--set", "workload.contention_share=1", "--set", "workload.edits_per_second=1")
    out = tmp_path / "out"
    arguments = ("campaign", "calm", *small, *crowded, "--seeds", "0:3", "--out", str(out))
    assert terminal(*arguments, "--inject", "tie-reversed").code == ExitCode.VIOLATED
    runs = 0
    assert terminal(*arguments).code == ExitCode.INTERRUPTED


def test_the_help_tells_every_code(terminal: Terminal) -> None:
    said = " ".join(terminal("--help").out.split())
    assert all(f"{code.value} {meaning}" in said for code, meaning in EXIT_CODES.items())
    assert set(EXIT_CODES) == set(ExitCode)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("simulat",), "No such command 'simulat'. Did you mean 'simulate'?"),
        (("simulate", "--cliens", "3"), "No such option: --cliens (Possible options: --clients"),
        (("token", "--user", "u"), "(Possible options: --user-id, --username)"),
        (("simulate", "a", "b"), "Got unexpected extra argument(s) (b)"),
        (("token",), "Missing option '--user-id'."),
        (
            ("simulate", "--clients", "1_0"),
            "'CONCORD_CLIENTS'): expected a whole number in decimal digits, got '1_0'",
        ),
        (
            ("simulate", "--clients=017"),
            "'CONCORD_CLIENTS'): expected a whole number in decimal digits, got '017'",
        ),
        (
            ("campaign", "--jobs", "\u0663"),
            "'CONCORD_JOBS'): expected a whole number in decimal digits",
        ),
        (("campaign", "--seeds", "0:1_0"), "--seeds 0:1_0: expected A:B"),
        (("campaign", "--seeds", "0:\u0663"), "expected A:B"),
        (("shrink", "x.json", "--seconds", "1_0.5"), "'--seconds': expected a number in decimal digits"),
        (
            ("shrink", "x.json", "--seconds", "inf"),
            "'--seconds': expected a number in decimal digits, got 'inf'",
        ),
    ],
)
def test_what_is_misspelled_or_missing_is_said(
    terminal: Terminal, arguments: tuple[str, ...], said: str
) -> None:
    assert said in refused(terminal(*arguments))
