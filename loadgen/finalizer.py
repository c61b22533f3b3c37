"""The end of a worker's run: every document read back, everything judged, the results in files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from gevent.pool import Pool  # type: ignore[import-untyped]

from loadgen import outcome as outcomes
from loadgen.audit import Readers, broken_promises
from loadgen.health import WorkerHealth
from loadgen.outcome import DURABILITY, DURABILITY_DETAIL, WorkerOutcome
from loadgen.plan import AUDIT_SECONDS_MAX, LoadPlan
from loadgen.state import Room, WorkerState
from loadgen.user import User
from model import history, marks
from model.audit import Audited
from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.claims import JUPITER
from model.client.auditor import AuditError
from model.history_file import HistoryFile, HistoryWriter
from model.identity import DocumentId
from model.machine import Patience
from model.measures import MeasureSet, encode_measures
from model.strata import Strata, Stratum
from model.verdict import VIOLATIONS_KEPT_MAX, CheckResult, Violation

AUDITORS: Final = 8
JOIN_SECONDS: Final = 0.1
BATCH_RECORDS: Final = 4_096


class Audit(NamedTuple):
    """The documents as they are stored, and what could not be read, in sentences."""

    finals: dict[DocumentId, Audited]
    missing: list[str]


def read_back(state: WorkerState, readers: Readers, ended: str) -> Audit:
    """Read every document that anybody edited; none if the run ``ended`` because there is no server."""
    used = [room for room in state.rooms if room.users]
    if ended:
        return Audit({}, [f"{room.document} was not read back: {ended}" for room in used])
    finals: dict[DocumentId, Audited] = {}
    problems: dict[DocumentId, str] = {}

    def read(room: Room) -> None:
        try:
            finals[room.document] = readers.read(room.document)
        except AuditError as error:
            problems[room.document] = str(error)

    pool = Pool(AUDITORS)
    patience = Patience(AUDIT_SECONDS_MAX)
    for room in used:
        if not patience.is_over:
            pool.spawn(read, room)  # waits for a free auditor
    while not (pool.join(timeout=JOIN_SECONDS) or patience.is_over):
        pass
    pool.kill()
    for room in used:
        if room.document not in finals:
            problems.setdefault(room.document, f"was not read back within {AUDIT_SECONDS_MAX:.0f} s")
    return Audit(finals, [f"{name} {problem}" for name, problem in problems.items()])


class Finalizer:
    """Judges a worker's run, once."""

    def __init__(self, state: WorkerState, audit: Audit) -> None:
        self._state = state
        self._audit = audit
        self._promises = 0
        self._lost = ""
        self._broken: list[Violation] = []

    def record_end(self, users: Sequence[User]) -> None:
        """What everybody shows in the end and what is stored, while the connections are still open."""
        for user in users:
            user.record_final()
        for room in self._state.rooms:
            final = self._audit.finals.get(room.document)
            if final is not None:
                self._final_document(room, final)

    def _final_document(self, room: Room, final: Audited) -> None:
        """The durable log of a document against what every site was told."""
        now = self._state.now
        if not room.is_sampled:
            fingerprint = self._state.memo.fingerprint(final.text)
            self._state.judge(history.FinalDocument(now, room.document, final.revision, fingerprint, ""))
        promises = [promise for user in room.users for promise in user.promises]
        self._promises += len(promises)
        # A log that begins later was trimmed; one without rows, although there are revisions, is lost.
        is_whole = not final.rows or final.rows[0].revision == 1
        for site, sentence in broken_promises(final.rows, promises, is_whole=is_whole):
            self._broken.append(Violation(DURABILITY, now, room.document, sentence, {"site": site}))

    def outcome(self, health: WorkerHealth, users: int, ended: str) -> WorkerOutcome:
        """Everything judged; also writes the history of the sampled documents."""
        state, (finals, missing) = self._state, self._audit
        checks: list[CheckResult] = []
        histories: list[Stratum] = []
        digest = ""
        now = state.now
        sampled = [room for room in state.rooms if room.is_sampled and room.users]
        if sampled:
            checkers = checkers_for(JUPITER)
            strata = Strata()
            known = [finals[room.document] for room in sampled if room.document in finals]
            digest = self._replay(Judge([*checkers, strata]), known, now)
            checks += [checker.result() for checker in checkers]
            histories = strata.result()
            said = {sentence.split()[0] for sentence in missing}
            missing = [*missing, *(m for m in state.assembly.missing if m.split()[0] not in said)]
        state.everywhere(history.Finished(now))
        if any(not room.is_sampled for room in state.rooms):
            checks += [checker.result() for checker in state.checkers]
        return WorkerOutcome(
            worker=state.plan.worker,
            checks=outcomes.by_name([*checks, self._durability()]),
            happened=state.triviality.counts,
            errors=state.errors,
            health=health,
            documents_read=len(finals) + sum(not room.users for room in state.rooms),
            missing=missing,
            digest=digest,
            ended=ended,
            users=users,
            has_unique=any(room.supply is not None for room in sampled),
            wall_seconds=round(now / 1e6, 3),
            lost=self._lost,
            histories=histories,
            impact=state.impacts.result(),
            reached=marks.merged([marks.tally()]),
        )

    def _durability(self) -> CheckResult:
        kept = tuple(self._broken[:VIOLATIONS_KEPT_MAX])
        return CheckResult(DURABILITY, self._promises, len(self._broken), DURABILITY_DETAIL, True, kept)

    def _replay(self, judge: Judge, finals: list[Audited], now: int) -> str:
        """The assembled history through the checkers and into its file; the digest."""
        writer: HistoryWriter | None = None
        if self._state.plan.directory:
            folder = Path(self._state.plan.directory) / "history"
            folder.mkdir(parents=True, exist_ok=True)
            file = HistoryFile(folder / f"worker-{self._state.plan.worker:02d}.jsonl.gz")
            writer = HistoryWriter(io.BufferedWriter(file))
        batch: list[history.Record] = []
        for record in self._state.assembly.finish(finals, now):
            batch.append(record)
            if len(batch) >= BATCH_RECORDS:
                judge.feed(batch)
                if writer is not None:
                    writer.write(batch)
                batch.clear()
        judge.feed(batch)
        if writer is None:
            return ""
        writer.write(batch)
        digest = writer.close()
        self._lost = file.lost
        return digest


def write_results(plan: LoadPlan, outcome: WorkerOutcome, measures: MeasureSet) -> None:
    """Leave the results of a worker in its directory, if it has one; where the outcome is, everything is."""
    if not plan.directory:
        return
    name = f"worker-{plan.worker:02d}"
    folder = Path(plan.directory)
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, data in (
        (".measures.json", encode_measures(measures)),
        (".json", outcomes.encode(outcome)),
    ):
        part = folder / f"{name}{suffix}.part"
        part.write_bytes(data)
        part.replace(folder / f"{name}{suffix}")
