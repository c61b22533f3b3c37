"""What people noticed of all that went wrong, as every report says it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from model.claims import ENGINES
from model.impact import PATIENCE_US, WHOLE_RUN, Impact
from model.result import RunResult
from model.wording import counted, listed
from reports.wording import NONE, duration_text

LOSS_CHECKS: Final = ("ledger", "durability")
"""Checks that look for acknowledged edits that are not durable."""

PATIENCE: Final = duration_text(PATIENCE_US)


class ImpactView(NamedTuple):
    """What people noticed during one kind of fault, or in the whole run, ready to be shown."""

    fault: str
    delayed: int
    median: str
    longest: str
    documents: int
    read_only: str
    read_only_longest: str
    handed_back: int
    unanswered: int


def impact_views(result: RunResult) -> list[ImpactView]:
    """The whole run and each kind of fault that somebody noticed; nothing where no server answers edits."""
    return [_view(impact) for impact in result.impact] if ENGINES[result.engine].has_server else []


def _view(impact: Impact) -> ImpactView:
    delayed, read_only = impact.delayed, impact.read_only
    return ImpactView(
        impact.fault or "whole run",
        delayed.count,
        duration_text(delayed.percentile(50)) if delayed.count else NONE,
        duration_text(delayed.maximum) if delayed.count else NONE,
        impact.documents,
        duration_text(read_only.total) if read_only.count else NONE,
        duration_text(read_only.maximum) if read_only.count else NONE,
        impact.handed_back,
        impact.unanswered,
    )


def impact_text(result: RunResult) -> str:
    """The same of the whole run, in sentences; empty where no server answers edits."""
    whole = next((one for one in result.impact if one.fault == WHOLE_RUN), None)
    if whole is None or not ENGINES[result.engine].has_server:
        return ""
    return " ".join([*_waited(whole), *_lost(result, whole), _read_only(whole)])


def _waited(impact: Impact) -> Iterator[str]:
    delayed = impact.delayed
    if delayed.count:
        waited = f"{counted(delayed.count, 'edit')} waited longer than {PATIENCE} to become durable"
        yield (
            f"{waited}, half of them at most {duration_text(delayed.percentile(50))}, "
            f"the longest {duration_text(delayed.maximum)}."
        )
    elif not impact.unanswered:
        yield f"No edit waited longer than {PATIENCE} to become durable."
    if impact.unanswered:
        yield f"{counted(impact.unanswered, 'edit')} had no answer yet when the run ended."


def _lost(result: RunResult, impact: Impact) -> Iterator[str]:
    """What became of acknowledged edits, by the checks that look for them, and of others."""
    looked = [check for check in result.checks if check.name in LOSS_CHECKS and check.checked]
    broken = [check.name for check in looked if check.violated]
    if broken:
        yield f"Acknowledged edits are not as they were promised: see {listed(broken)}."
    elif looked:
        yield "No acknowledged edit was lost."
    else:
        yield "Nobody looked whether acknowledged edits were lost."
    if impact.lost:
        yield f"{counted(impact.lost, 'edit')} went down with the client of their author."
    if impact.handed_back:
        yield f"{counted(impact.handed_back, 'edit')} came too late for the log and were handed back."


def _read_only(impact: Impact) -> str:
    read_only = impact.read_only
    if not read_only.count:
        return f"No document was read-only for longer than {PATIENCE}."
    return (
        f"{counted(impact.documents, 'document')} took no edit for longer than {PATIENCE}, as if read-only: "
        f"the longest time {duration_text(read_only.maximum)}, {duration_text(read_only.total)} in all."
    )
