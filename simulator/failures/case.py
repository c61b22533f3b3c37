"""A failure as data: the plan that shows it, which check it fails, and where it came from.

A case is found in the history of the cell that failed: everything the clients of one document did becomes
their scripts, and the fault windows become windows with named sites. Because latencies come from streams
named by site, the same clients see the same network again. A case is kept only after it was tried and
failed the same check.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from model import history
from model.checkers.presence import Presence
from model.client.client import RAISED
from model.history import Record
from model.identity import DocumentId, SiteId
from model.text import Operation
from model.verdict import Violation
from simulator.engines.engine import AnyParts
from simulator.failures.trial import attempt
from simulator.planning.plan import (
    PLAN_VERSION,
    CellPlan,
    ClientPlan,
    DocumentPlan,
    FaultWindow,
    ScriptStep,
    StepKind,
)


class CaseError(ValueError):
    """A failure file is truncated, of another version, or no failure file."""


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a case was found."""

    scenario: str
    seed: int
    cell: int
    document: str
    time_us: int
    command: str


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What another check said of the same failure."""

    check: str
    message: str


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A failure that can be replayed from this alone.

    Attributes:
        check: the check that fails.
        message: what it said when the case was found.
        bug: the seeded bug it was found with; empty for a real one.
        digest: of the history of ``plan``; a replay gives the same one.
        plan: one cell with one document and scripted clients.
        shrunk: whether nothing can be taken away from it any more.
        attempts: plans tried so far to make it smaller.
        reason: why somebody keeps it, in one line.
        kind: as of the violation; another kind of violation is not this failure.
        also: what other checks said of it when it was found; those may say nothing of a smaller case.
    """

    check: str
    message: str
    bug: str
    digest: str
    origin: Origin
    plan: CellPlan
    shrunk: bool = False
    attempts: int = 0
    reason: str = ""
    also: tuple[Finding, ...] = ()
    version: int = PLAN_VERSION
    kind: str = ""

    @property
    def checks(self) -> tuple[str, ...]:
        """All checks that the failure showed in, that of the case first."""
        return (self.check, *(finding.check for finding in self.also))

    @property
    def clients(self) -> int:
        """Number of clients."""
        return sum(len(d.clients) for d in self.plan.documents)

    @property
    def operations(self) -> int:
        """Number of edits in the scripts, or on the way."""
        if self.plan.way is not None:
            return self.plan.way.edits
        return sum(step.do in ("edit", "undo", "redo") for step in self._script_steps)

    @property
    def faults(self) -> int:
        """How much goes wrong: fault windows, or steps of the way."""
        return len(self.plan.faults if self.plan.way is None else self.plan.way.faults)

    @property
    def steps(self) -> int:
        """How much happens: what clients do by themselves, or everything on the way."""
        return len(self._script_steps if self.plan.way is None else self.plan.way.steps)

    @property
    def _script_steps(self) -> list[ScriptStep]:
        return [step for d in self.plan.documents for c in d.clients for step in c.script or ()]


def save_case(case: Case, path: Path) -> None:
    """Write a case as readable JSON, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(case), indent=1) + b"\n")
    part.replace(path)


def is_case(data: bytes) -> bool:
    """Whether this is what a failure file holds."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        return bool(msgspec.json.decode(data, type=Case))
    return False


def load_case(path: Path) -> Case:
    """Read a case.

    Raises:
        CaseError: one line saying what is wrong with the file.
    """
    try:
        case = msgspec.json.decode(path.read_bytes(), type=Case)
    except OSError as error:
        raise CaseError(f"{path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CaseError(f"{path}: not a failure file: {error}") from None
    if case.version != PLAN_VERSION or case.plan.version != PLAN_VERSION:
        raise CaseError(f"{path}: version {case.version}, this is {PLAN_VERSION}")
    return case


def extract(
    plan: CellPlan, realised: Iterable[FaultWindow], records: Iterable[Record], violation: Violation
) -> CellPlan:
    """The part of a cell that concerns the document of a violation, as a plan of scripts."""
    document = next(d for d in plan.documents if d.document == violation.document)
    if violation.check != Presence.name:
        records = (r for r in records if type(r) is not history.Caret)  # carets change no text
    steps = _steps(records, document.document)
    clients = tuple(ClientPlan(c.site, c.region, tuple(steps.get(c.site, ()))) for c in document.clients)
    names = {c.site for c in clients}
    faults = tuple(f for w in realised if (f := _restricted(w, names)) is not None)
    alone = DocumentPlan(document.document, document.text, document.workload, document.unique, True, clients)
    return msgspec.structs.replace(plan, documents=(alone,), faults=faults)


UNDO_STEPS: Final[dict[str, StepKind]] = {"undo": "undo", "redo": "redo"}
"""Kinds of edits that are repeated as what they were, not as the operations they became."""

GOING_STEPS: Final[dict[str, StepKind]] = {"crashed": "crash", "left": "leave"}
"""Causes of going offline that are steps of their own; who left does not come back when the run heals."""

CLIENT_FAULTS_IN_SCRIPTS: Final = frozenset({"long_offline", "herd", "client_crash"})
"""Faults whose whole effect is that clients go and come; their steps are in the scripts already."""


def _restricted(window: FaultWindow, sites: set[SiteId]) -> FaultWindow | None:
    if window.kind in CLIENT_FAULTS_IN_SCRIPTS:
        return None
    if window.sites is None:
        return window
    kept = tuple(s for s in window.sites if s in sites)
    return msgspec.structs.replace(window, sites=kept) if kept else None


def _steps(records: Iterable[Record], document: DocumentId) -> dict[SiteId, list[ScriptStep]]:
    """What each client of the document did by itself, in order, up to the heal."""
    steps: dict[SiteId, list[ScriptStep]] = {}
    records = tuple(records)
    came = {(r.site, r.time_us) for r in records if type(r) is history.Online and r.document == document}

    def add(site: SiteId, *new: ScriptStep) -> None:
        steps.setdefault(SiteId(site.partition(".")[0]), []).extend(new)

    def is_down(site: SiteId) -> bool:
        done = [step.do for step in steps.get(SiteId(site.partition(".")[0]), ())]
        return "crash" in done and "restart" not in done[len(done) - done[::-1].index("crash") :]

    for record in records:
        match record:
            case history.Edited() if record.document == document:
                if (kind := UNDO_STEPS.get(record.kind)) is not None:
                    add(record.site, ScriptStep(record.time_us, kind))
                else:
                    add(record.site, *_edits(record.time_us, record.kind, record.operation))
            case history.Caret() if record.document == document and record.moved:
                add(record.site, ScriptStep(record.time_us, "select", record.position))
            case history.Online() if record.document == document:
                add(record.site, ScriptStep(record.time_us, "online"))
            case history.Offline() if record.document == document and record.cause != RAISED:
                add(record.site, ScriptStep(record.time_us, GOING_STEPS.get(record.cause, "offline")))
            case history.Restarted() if record.document == document:
                if not is_down(record.site):  # it crashed while it was offline, of which there is no record
                    add(record.site, ScriptStep(record.time_us, "crash"))
                if (record.site, record.time_us) not in came:  # something else kept it away
                    add(record.site, ScriptStep(record.time_us, "offline"))
                add(record.site, ScriptStep(record.time_us, "restart"))
            case history.Healed():
                break
            case _:
                pass
    return steps


def _edits(time_us: int, kind: str, op: Operation) -> list[ScriptStep]:
    """An operation as deletes and inserts, one after another in the coordinates of the growing result."""
    steps: list[ScriptStep] = []
    at = 0
    for c in op.components:
        if isinstance(c, str):
            steps.append(ScriptStep(time_us, "edit", at, 0, c, kind))
            at += len(c)
        elif c > 0:
            at += c
        else:
            steps.append(ScriptStep(time_us, "edit", at, -c, "", kind))
    if len(steps) == 2 and steps[0].position == steps[1].position and steps[0].deleted:
        return [ScriptStep(time_us, "edit", steps[0].position, steps[0].deleted, steps[1].inserted, kind)]
    return steps


def confirm(
    plan: CellPlan, parts: AnyParts | None, violation: Violation, bug: str, origin: Origin
) -> Case | None:
    """Try an extracted plan; a case if it fails the same check in the same way, else None."""
    trial = attempt(plan, parts)
    if trial.shown(violation.check, violation.kind) is None:
        return None
    also = tuple(
        Finding(r.name, r.violations[0].message)
        for r in trial.results
        if r.claimed and r.violations and r.name != violation.check
    )
    return Case(
        violation.check, violation.message, bug, trial.digest, origin, plan, kind=violation.kind, also=also
    )
