"""The one way to the terminal, for every command: lines, tables, data, progress; and a command line as text.

Names of documents, files and sites, and what a server answers, are somebody else's. Whatever is in them, a
line stays one line, and nothing in it is markup or a sequence that a terminal obeys. No command prints by
another way; a test holds on to that.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from concord import defaults
from model.verdict import Verdict
from model.wording import printable

Part: TypeAlias = str | tuple[str, str]
"""A text, or a text and its style."""

TOLD_EVERY_SECONDS: Final = 10.0
"""How often a command says where it is when there is no terminal to show it on."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the program say how it ends."""
        raise  # called where the error is handled

    def render_str(self, text: str, **settings: Any) -> Text:
        """Cells of tables come this way too."""
        return super().render_str(printable(text), **settings)


console = _Console(highlight=False, markup=False, emoji=False)
"""Standard output; what is refused goes to standard error."""


def say(*parts: Part, style: str = "") -> None:
    """Print one line, however long it is."""
    console.print(_line(parts), style=style or None, soft_wrap=True)


def say_table(table: Table) -> None:
    """Print a table; its cells are texts, or made by :func:`styled`."""
    console.print(table)


def say_data(data: bytes) -> None:
    """Print what is read by programs, as it is, and a line break."""
    typer.echo(data)


def say_json(content: object) -> None:
    """Print the one JSON document of a command that was asked for it."""
    say_data(msgspec.json.format(msgspec.json.encode(content), indent=2))


def answering_in_json(context: typer.Context, wanted: bool) -> bool:
    """Leave standard output to the JSON document of a command, if one is wanted; a callback of an option."""
    console.stderr = wanted

    def as_before() -> None:
        console.stderr = False

    context.call_on_close(as_before)
    return wanted


def coloured(verdict: Verdict) -> Part:
    """A verdict in its colour."""
    return verdict.value, {Verdict.VALID: "green", Verdict.VIOLATED: "red"}.get(verdict, "yellow")


def styled(text: str, style: str) -> Text:
    """A cell of a table."""
    return _line([(text, style)])


def _line(parts: Iterable[Part]) -> Text:
    pairs = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text.assemble(*[(printable(text), style) for text, style in pairs])


class ProgressDisplay(NamedTuple):
    """How a command says how far it has come."""

    share: Callable[[float], None]  # 0 to 1
    stage: Callable[[str], None]  # what is done now


@contextlib.contextmanager
def _told(stage: str) -> Iterator[ProgressDisplay]:
    """A line on standard error every few seconds, where no bar can be seen."""
    begin, is_over = time.monotonic(), threading.Event()
    now, done = stage, ""

    def share(part: float) -> None:
        nonlocal done
        done = f"{part:.0%} after "

    def change(text: str) -> None:
        nonlocal now
        now = text

    def tell() -> None:
        with contextlib.suppress(OSError):  # nobody listens
            while not is_over.wait(TOLD_EVERY_SECONDS):
                typer.echo(f"{printable(now)}: {done}{time.monotonic() - begin:.0f} s", err=True)

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield ProgressDisplay(share, change)
    finally:
        is_over.set()
        thread.join()


@contextlib.contextmanager
def status(stage: str) -> Iterator[Callable[[str], None]]:
    """What is done now, on a terminal, or as lines every few seconds; yields what changes it."""
    if not console.is_terminal:  # and nothing is written to a pipe that may be closed
        with _told(stage) as display:
            yield display.stage
        return
    with console.status(_line([stage])) as shown:
        yield lambda text: shown.update(_line([text]))


@contextlib.contextmanager
def progress(stage: str) -> Iterator[ProgressDisplay]:
    """A progress bar on a terminal, below what is printed meanwhile, or lines every few seconds."""
    if not console.is_terminal:  # and nothing is written to a pipe that may be closed
        with _told(stage) as display:
            yield display
        return
    # Here, because most commands have none.
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    with Bar(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task(printable(stage), total=1.0)
        yield ProgressDisplay(
            share=lambda share: bar.update(task, completed=share),
            stage=lambda text: bar.update(task, description=printable(text)),
        )


def command_line(secret: str = "") -> str:
    """What repeats this command, without its environment and project; ``secret`` is left out of it."""
    arguments = [a.replace(secret, "TOKEN") if secret else a for a in sys.argv[1:]]
    return " ".join(["concord", *map(quoted, [*arguments, *defaults.arguments()])])


def quoted(argument: str | Path) -> str:
    """An argument as a shell takes it; what cannot be printed, or is no text, as bytes in ``$'…'``."""
    text = str(argument)
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(c if c.isprintable() and c not in "'\\" else _bytes(c) for c in text) + "'"


def _bytes(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
