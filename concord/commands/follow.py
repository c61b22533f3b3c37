"""The command ``follow``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from concord.folders import refuse_foreign_file
from concord.options import Json
from concord.refusals import UsageError, refusing
from concord.terminal import Part, say, say_json, status
from reports.following import (
    GENERATOR,
    Recorded,
    Step,
    Waterfall,
    followed,
    followed_in_order,
    recorded,
    slowest,
)
from reports.otlp import spans_of
from reports.recorded import ReportError, is_job
from reports.wording import duration_text

EXAMPLES = (
    "concord follow concord-out --slowest 3",
    "concord follow load u0-3#17 --server-log server.log --page edit.html",
    "concord follow load --slowest 10 --json",
)

BAR_SIGNS: Final = 40
"""Width of the picture."""

_STYLES: Final = {
    "client": "cyan",
    "network": "blue",
    "server": "magenta",
    "store": "yellow",
    "reader": "green",
}
_LABEL_SIGNS_MAX: Final = 44
_LISTS: Final = ("attempts", "absences", "readers")


@refusing(ReportError)
def follow(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a recorded run.")],
    edit: Annotated[
        str | None, typer.Argument(metavar="SITE#SEQUENCE", help="The edit; without one, the slowest.")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--slowest", min=1, max=1_000, help="Follow so many of the slowest edits.")
    ] = None,
    server_log: Annotated[
        Path | None, typer.Option(help="The log of the server; else server/server.log of the folder.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Draw them on this page too.")] = None,
    otlp: Annotated[Path | None, typer.Option(help="Write their steps as spans of OTLP, in JSON.")] = None,
    json: Json = False,
) -> None:
    """Follow an edit from the key that was pressed to its author and to everybody who shows it.

    Of a real server, the times within it are in its log, if monitoring.log_edits is on.
    """
    if edit is not None and count is not None:
        raise UsageError("one edit, or --slowest N")
    if is_job(directory):
        raise UsageError(f"{directory}: holds several runs; name one of them, such as {directory / 'load'}")
    for path in filter(None, (page, otlp)):
        refuse_foreign_file(path, lambda data: GENERATOR.encode() in data)
    with status("reading histories") as stage:
        run = recorded(directory, server_log)
        falls = _named(run, edit) if edit is not None else followed_in_order(run, slowest(run, count or 1))
        if not falls:
            raise UsageError(f"{directory}: nobody has edited anything")
        if page is not None:
            stage("drawing")
            # Here, because drawing takes long to import.
            from reports.followed import render_page

            page.write_text(render_page(falls), encoding="utf-8")
        if otlp is not None:
            otlp.write_bytes(spans_of(falls))
    for fall in falls:
        _say(fall)
    for written in filter(None, (page, otlp)):
        say(f"written: {written}")
    if json:
        say_json({"edits": [_plain(fall) for fall in falls]})


def _named(run: Recorded, text: str) -> list[Waterfall]:
    site, sign, number = text.rpartition("#")
    if not sign or not site or not (number.isascii() and number.isdigit()):
        raise UsageError(f"{text}: an edit is SITE#SEQUENCE, such as u0-3#17")
    falls = followed(run, lambda name: (name.site, name.sequence) == (site, int(number)))
    if not falls:
        raise UsageError(f"{text}: there is no such edit in the histories of this run")
    return falls


def _plain(fall: Waterfall) -> dict[str, Any]:
    """A waterfall as data: whose it is, its steps, and every moment that is known of it."""
    known = msgspec.to_builtins(fall.edit)
    del known["name"]
    return {
        **fall.edit.name._asdict(),
        "took_us": fall.took_us,
        "most": fall.most.label if fall.most else None,
        "steps": [step._asdict() for step in fall.steps],
        "notes": fall.notes,
        "moments": known | {name: [row._asdict() for row in getattr(fall.edit, name)] for name in _LISTS},
    }


def _say(fall: Waterfall) -> None:
    """The steps below each other, each with its bar in the time from the key to the last of them."""
    say(fall.title, style="bold")
    if fall.longest:
        say(f"  {fall.longest}")
    begin_us = fall.edit.planned_us
    width = min(_LABEL_SIGNS_MAX, max((len(step.label) for step in fall.steps), default=0))
    for step in fall.steps:
        bar: Part = (_bar(step, begin_us, fall.end_us), _STYLES.get(step.where, "dim"))
        say(
            f"  {step.label[:width]:{width}}  {'+' + duration_text(step.begin_us - begin_us):>9} "
            f"{duration_text(step.took_us):>8}  ",
            bar,
        )
    for note in fall.notes:
        say(f"  {note}")


def _bar(step: Step, begin_us: int, end_us: int) -> str:
    whole = max(1, end_us - begin_us)
    first = min(BAR_SIGNS - 1, (step.begin_us - begin_us) * BAR_SIGNS // whole)
    last = max(first + 1, -((begin_us - step.end_us) * BAR_SIGNS // whole))
    return " " * first + "█" * (last - first)
