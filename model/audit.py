"""What an auditor reads of a foreign server, and which checks can decide anything there and in a sample."""

from __future__ import annotations

from collections.abc import Sequence as Items
from typing import Final, NamedTuple

import msgspec

from model.identity import DocumentId, Revision
from model.protocol import Row
from model.verdict import CheckResult

AUDIT: Final = "audit"
"""Name of the check that :func:`audit_result` makes."""


class Audited(NamedTuple):
    """A document as an auditor read it when nobody edited any more.

    ``rows`` is the durable log, from revision 1 or from the first one that is still kept. ``revision`` and
    ``text`` come from a join that knew nothing, so from another way through the server than the rows.
    """

    document: DocumentId
    rows: tuple[Row, ...]
    revision: Revision
    text: str


def audit_result(documents: int, missing: Items[str]) -> CheckResult:
    """The check of an audit of so many documents; ``missing`` says what could not be read, in sentences."""
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return CheckResult(AUDIT, 0, 0, f"not everything could be read back: {missing[0]}{more}")
    return CheckResult(AUDIT, documents, 0, "documents whose whole log and final text were read back")


_SAMPLED: Final = ("weak_list", "strong_list", "presence", "undo")
"""Checks of sampled documents, which a run need not have."""


def as_applicable(result: CheckResult, *, sampled: bool, unique: bool) -> CheckResult:
    """A check of sampled documents, when a simulation has none it applies to, says so and does not vote.

    Args:
        result: over all histories of the run.
        sampled: whether there is a document with company whose displayed texts are recorded.
        unique: whether there is one whose characters are all different.
    """
    if result.checked or not result.claimed or result.name not in _SAMPLED:
        return result
    if (sampled and result.name == "presence") or (unique and result.name in ("weak_list", "strong_list")):
        return result
    detail = f"{result.detail}; no document of this run can show it"
    return msgspec.structs.replace(result, claimed=False, detail=detail)


def as_judgable(result: CheckResult, *, sampled: bool, unique: bool) -> CheckResult:
    """A check that a history seen from outside cannot decide says so and does not vote.

    Args:
        result: of a checker over assembled records.
        sampled: whether there is a document whose displayed texts are recorded.
        unique: whether there is one whose characters are all different.

    A violation always counts: what the check could see was wrong.
    """
    if result.violated or not result.claimed:
        return result
    if result.name == "presence":
        how = "where the server placed cursors is not known outside it"
        if result.checked:  # their bounds, and the carets of their owners
            return msgspec.structs.replace(result, detail=f"{result.detail}; {how}")
    elif result.name == "weak_list" and not result.checked and not (sampled and unique):
        how = "no document of this run can show it"
    elif result.name == "resources" and not result.checked:
        how = "what a server holds is not known outside it"
    elif result.name == "undo" and not result.checked:
        how = "nobody took anything back in a sampled document"
    elif result.name == "reconciliation" and not result.checked:
        how = "no branch was merged whose base is known"
    else:
        return result
    return msgspec.structs.replace(result, claimed=False, detail=f"{result.detail}; {how}")
