"""Histories judged again from their files: the same checkers, the same verdict, whoever wrote them.

What a history has to hold is in ``docs/history.md``. A file is read twice: first to be sure that it is a
history, so that nothing is said of one that is half of it, and then to be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from model import history
from model.audit import as_applicable, as_judgable
from model.checkers import Judge
from model.checkers.catalogue import CHECKERS, REPLICA_CHECKERS, checkers_for
from model.claims import ANY_EDITOR, ENGINES, ESSENTIAL, Claims
from model.history_file import EmptyHistoryError, HistoryError
from model.identity import DocumentId
from model.result import CheckRow
from model.verdict import CheckResult, Verdict, merge_results

WHOLE: Final = "whole"
"""Name of the check that every history has its last record."""

_OF_NO_DOCUMENT: Final = (history.Raised, history.Accused)

_WORDS: Final[Mapping[type, tuple[str, tuple[str, ...]]]] = {
    history.Header: ("clock", ("virtual", "server", "client")),
    history.Joined: ("how", ("fresh", "resume", "branch")),
    history.Edited: (
        "kind",
        ("type", "backspace", "delete", "paste", "replace", "cut", "undo", "redo", history.SETUP_KIND),
    ),
    history.Sent: ("how", ("submit", "resend", "branch")),
    history.Garbled: ("direction", ("up", "down")),
}
"""Fields that say by one of some words what is judged how: another word would let a check look away."""


Reading: TypeAlias = Callable[[], Iterator[history.Record]]
"""Begins to read a history, as often as it is called."""


class Surveyed(NamedTuple):
    """What is known of a history file before it is judged.

    Attributes:
        name: of the file.
        read: begins to read it.
        claims: what is demanded; of an editor that names neither engine nor claims, what is of any.
        producer: as the header has it.
        is_told: whether the history says itself what is demanded.
        is_whole: whether it has its last record.
        sampled: whether there is a document whose displayed texts are recorded.
        unique: whether there is one of these whose characters are all different.
    """

    name: str
    read: Reading
    claims: Claims
    producer: str
    is_told: bool
    is_whole: bool
    sampled: bool
    unique: bool


def survey(name: str, read: Reading) -> Surveyed:
    """Read a history and be sure that it is one.

    Raises:
        HistoryError: it is none; names the line and the field.
        EmptyHistoryError: it has no record.
    """
    header: history.Header | None = None
    documents: set[DocumentId] = set()  # never iterated over
    is_whole = sampled = unique = False
    for number, record in enumerate(read(), start=1):
        problem = ""
        if header is None:
            if not isinstance(record, history.Header):
                problem = "the first record has to be 'history'"
            elif record.version != history.HISTORY_VERSION:
                problem = f"history: version: {record.version}, this is version {history.HISTORY_VERSION}"
            else:
                header, problem = record, _misworded(record)
        elif is_whole:
            problem = "a record after 'finished'"
        elif isinstance(record, history.Header):
            problem = "history: a second one"
        else:
            problem = _misworded(record) or _misplaced(record, documents)
            is_whole = isinstance(record, history.Finished)
            if isinstance(record, history.DocumentCreated) and record.displayed:
                sampled, unique = True, unique or record.unique
        if problem:
            raise HistoryError(f"{name}: line {number}: {problem}")
    if header is None:
        raise EmptyHistoryError(f"{name}: line 1: no records")
    try:
        claims, is_told = _claims_of(header)
    except ValueError as error:
        raise HistoryError(f"{name}: line 1: history: {error}") from None
    return Surveyed(name, read, claims, header.producer, is_told, is_whole, sampled, unique)


def _misworded(record: history.Record) -> str:
    """What is wrong with the words of a record; empty if nothing is."""
    field, words = _WORDS.get(type(record), ("", ()))
    if not field or getattr(record, field) in words:
        return ""
    kind = record.__struct_config__.tag
    return f"{kind}: {field}: {getattr(record, field)!r} is none of {', '.join(words)}"


def _misplaced(record: history.Record, documents: set[DocumentId]) -> str:
    """What is wrong with a record at its place; empty if nothing is."""
    kind = record.__struct_config__.tag
    document: DocumentId | None = getattr(record, "document", None)
    if isinstance(record, history.DocumentCreated):
        if record.document in documents:
            return f"document: document: {record.document!r} exists already"
        documents.add(record.document)
    elif document is not None and document not in documents and not isinstance(record, _OF_NO_DOCUMENT):
        return f"{kind}: document: {document!r} has no record 'document' before"
    return ""


def _claims_of(header: history.Header) -> tuple[Claims, bool]:
    """What is demanded of who wrote a history, and whether it says so itself.

    Raises:
        ValueError: there is no such engine or check; names the field.
    """
    engine, claimed = header.run.get("engine"), header.run.get("claims")
    base = ANY_EDITOR
    if engine is not None:
        if not isinstance(engine, str) or engine not in ENGINES:
            raise ValueError(f"run.engine: {engine!r} is none of {', '.join(ENGINES)}; leave it out")
        base = ENGINES[engine]
    if claimed is None:
        return base, engine is not None
    known = names_of(base)
    if not isinstance(claimed, list) or not all(isinstance(name, str) for name in claimed):
        raise ValueError("run.claims: has to be a list of names of checks")
    for name in claimed:
        if name not in known:
            raise ValueError(f"run.claims: there is no check {name!r}; there are {', '.join(known)}")
    return msgspec.structs.replace(base, checks=frozenset(claimed)), True


def names_of(claims: Claims) -> list[str]:
    """The checks that there are for histories of such an engine."""
    return [checker.name for checker in (CHECKERS if claims.has_server else REPLICA_CHECKERS)]


def judge(found: Sequence[Surveyed], checks: Sequence[str] = ()) -> list[CheckResult]:
    """What the checkers say of some histories together, in the order of the reports.

    Args:
        found: histories of which all demand the same; at least one.
        checks: the only checks to make, all of which vote; without them all, of which those vote that are
            demanded. Of a history that demands nothing itself, what compared nothing does not vote, unless
            it is essential.

    Raises:
        HistoryError: the files are not those any more that were surveyed.
    """
    claims = found[0].claims
    if checks:
        claims = msgspec.structs.replace(claims, checks=frozenset(checks))
    parts: list[list[CheckResult]] = []
    for one in found:
        checkers = [c for c in checkers_for(claims) if not checks or c.name in checks]
        Judge(checkers).feed(one.read())
        parts.append([checker.result() for checker in checkers])
    results = [merge_results(same) for same in zip(*parts, strict=True)]
    if not checks:
        results = [_if_it_applies(result, found) for result in results]
    return [*results, _wholeness(found)]


def _if_it_applies(result: CheckResult, found: Sequence[Surveyed]) -> CheckResult:
    """A check that compared nothing, and need not have, does not vote."""
    first = found[0]
    if not first.is_told:
        if result.verdict is not Verdict.UNKNOWN or not result.claimed or result.name in ESSENTIAL:
            return result
        detail = f"{result.detail}; this history has nothing of the kind"
        return msgspec.structs.replace(result, claimed=False, detail=detail)
    sampled, unique = any(one.sampled for one in found), any(one.unique for one in found)
    if first.producer in ("live", "load"):
        return as_judgable(result, sampled=sampled, unique=unique)
    if first.producer == "simulator":
        return as_applicable(result, sampled=sampled, unique=unique)
    return result


def _wholeness(found: Sequence[Surveyed]) -> CheckResult:
    cut = [one.name for one in found if not one.is_whole]
    if cut:
        more = f" and {len(cut) - 1} more" if len(cut) > 1 else ""
        return CheckResult(
            WHOLE, 0, 0, f"{cut[0]}{more} ends without 'finished': what came after is not known"
        )
    return CheckResult(WHOLE, len(found), 0, "histories with their last record")


def recorded_as(made: Sequence[CheckResult], rows: Sequence[CheckRow]) -> list[CheckResult]:
    """The checks of a run's histories among all that the run was judged by.

    The run knows what its scenario has in it, so what it did not let vote does not vote now, unless it is
    violated. What no history tells, such as a log that was read back, is taken over as it was recorded.
    """
    recorded = {row.name: row for row in rows}
    own = {result.name for result in made}
    again = [
        msgspec.structs.replace(result, claimed=result.claimed and _voted(result, recorded.get(result.name)))
        for result in made
    ]
    others = [
        CheckResult(row.name, row.checked, row.violated, row.detail, row.claimed, row.violations)
        for row in rows
        if row.name not in own
    ]
    return [*again, *others]


def _voted(result: CheckResult, row: CheckRow | None) -> bool:
    """Whether a check votes again: one that an earlier version of Concord did not make, if it compares."""
    if result.violated or result.name == WHOLE:
        return True
    return row.claimed if row is not None else result.checked > 0
