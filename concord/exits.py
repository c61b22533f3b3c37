"""The ways out of the program, each with its exit code."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType

import typer
from typer.exceptions import TyperException

from concord.refusals import UsageError
from model.machine import is_of_the_disk
from model.verdict import ExitCode
from model.wording import printable


class _Termination:
    """What ended this process; a signal has no other way to say it."""

    is_terminated = False


def code_of(program: Callable[[], object]) -> int:
    """Run a program that returns an exit code or something else; what went wrong is on standard error."""
    _Termination.is_terminated = False
    _spare_the_run_for_signs()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, _terminate)
    if before[signal.SIGINT] is signal.SIG_IGN:  # in the background of a script; SIGTERM comes this way too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = program()
        sys.stdout.flush()
    except UsageError as error:
        refuse(*error.problems)
        return error.code
    except TyperException as error:
        return refuse(" ".join(error.format_message().split()))
    except (typer.Abort, KeyboardInterrupt):
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        return _say_nothing_more()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # typer's own way out
            return _say_nothing_more()
        raise
    except OSError as error:
        refuse(cause_of(error))
        return ExitCode.IO_ERROR if is_of_the_disk(error) else ExitCode.USAGE
    except Exception:
        for line in traceback.format_exc().splitlines():
            typer.echo(printable(line), err=True)
        refuse("this is a bug in Concord")
        return ExitCode.BUG
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if code == ExitCode.INTERRUPTED and _Termination.is_terminated:
        return ExitCode.TERMINATED
    return code if isinstance(code, int) else ExitCode.GOOD


def cause_of(error: OSError) -> str:
    """What could not be done with which file, in one line."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


class Kept:
    """Writing what is kept, before the verdict is told: what goes wrong with it is said after that."""

    def __init__(self) -> None:
        self._error: BaseException | None = None

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if isinstance(error, OSError | KeyboardInterrupt):
            self._error = error
        return self._error is not None

    @property
    def is_whole(self) -> bool:
        """Whether everything was written."""
        return self._error is None

    def code(self, code: int) -> int:
        """The code of a command that would have ended with this one; correctness comes first.

        Raises:
            OSError, KeyboardInterrupt: what kept it from being written, unless something is violated.
        """
        if self._error is not None and code != ExitCode.VIOLATED:
            raise self._error
        if isinstance(self._error, OSError):
            refuse(cause_of(self._error))
        return code


def refuse(*problems: str) -> ExitCode:
    """Say on standard error what cannot be used, a line each."""
    for problem in problems:
        typer.echo(f"concord: {printable(problem)}", err=True)
    return ExitCode.USAGE


def _spare_the_run_for_signs() -> None:
    """Let a terminal lose the signs that it does not know, instead of the run."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _terminate(number: int, frame: FrameType | None) -> None:
    """Let SIGTERM end everything that Ctrl-C ends, and in the same way."""
    del number, frame
    _Termination.is_terminated = True
    signal.raise_signal(signal.SIGINT)


def _say_nothing_more() -> ExitCode:
    """Let nothing fail that is still to be written when the process ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.CLOSED_PIPE
