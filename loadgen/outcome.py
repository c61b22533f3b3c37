"""What a worker leaves behind, and the judgement over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from loadgen.health import WorkerHealth
from model.audit import as_judgable, audit_result
from model.checkers.triviality import judge_triviality
from model.impact import Impact
from model.strata import Stratum
from model.verdict import CheckResult, merge_results

DURABILITY: Final = "durability"
DURABILITY_DETAIL: Final = "sites of all documents whose acknowledged edits were looked up in the durable log"


class WorkerOutcome(msgspec.Struct, kw_only=True):
    """Everything about one worker but its measures.

    Attributes:
        checks: results of this worker's checks; of a name at most one.
        happened: counts for non-triviality.
        errors: how often what went wrong, by kind.
        documents_read: documents that were read back in the end.
        missing: what could not be, in sentences.
        digest: of the history of the sampled documents.
        ended: why the run ended, if it was not the time.
        users: who ever started.
        has_unique: whether a sampled document has no character twice.
        lost: why there is no history of them; empty if there is one, or was to be none.
        histories: the sampled documents, by what happened in them.
        impact: what people noticed.
        reached: how often each mechanism happened, by name.
    """

    worker: int
    checks: list[CheckResult]
    happened: dict[str, int]
    errors: dict[str, int]
    health: WorkerHealth
    documents_read: int
    missing: list[str]
    digest: str
    ended: str
    users: int
    has_unique: bool
    wall_seconds: float
    lost: str = ""
    histories: list[Stratum] = []
    impact: list[Impact] = []
    reached: dict[str, int] = {}


def encode(outcome: WorkerOutcome) -> bytes:
    """The outcome as a file."""
    return msgspec.json.encode(outcome)


def decode(data: bytes) -> WorkerOutcome:
    """The outcome that :func:`encode` wrote.

    Raises:
        ValueError: it is none.
    """
    return msgspec.json.decode(data, type=WorkerOutcome)


def by_name(results: Sequence[CheckResult]) -> list[CheckResult]:
    """One result for each name, in the order in which the names came first."""
    names = dict.fromkeys(result.name for result in results)
    return [merge_results([r for r in results if r.name == name]) for name in names]


def judged(workers: Sequence[WorkerOutcome], documents: int) -> list[CheckResult]:
    """One result for each check, over all workers; ``documents`` is how many the run has."""
    checks = [
        as_judgable(result, sampled=True, unique=any(worker.has_unique for worker in workers))
        for result in by_name([result for worker in workers for result in worker.checks])
    ]
    happened: dict[str, int] = {}
    for worker in workers:
        for name, count in worker.happened.items():
            happened[name] = happened.get(name, 0) + count
    missing = [sentence for worker in workers for sentence in worker.missing]
    read = sum(worker.documents_read for worker in workers)
    if read < documents and not missing:
        missing.append(f"{documents - read} documents were not read")
    return [*checks, audit_result(documents, missing), judge_triviality(happened, (), ())]
