"""What every command shares with the terminal: the console, progress, its own command line."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the program say how it ends."""
        raise  # called where the error is handled


console = _Console(highlight=False)
"""Standard output; what is refused goes to standard error."""


class Progress(NamedTuple):
    """How a command says how far it has come."""

    share: Callable[[float], None]  # 0 to 1
    stage: Callable[[str], None]  # what is done now


@contextlib.contextmanager
def progress(stage: str) -> Iterator[Progress]:
    """A progress bar, on a terminal only; what is printed meanwhile goes above it."""
    # Here, because most commands have none.
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    with Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task(stage, total=1.0)
        yield Progress(
            share=lambda share: bar.update(task, completed=share),
            stage=lambda text: bar.update(task, description=text),
        )


def command_line(secret: str = "") -> str:
    """What repeats this command; ``secret`` is left out of it."""
    return shlex.join(["concord", *(a.replace(secret, "TOKEN") if secret else a for a in sys.argv[1:])])
