"""The form of a revision in a database, and of a whole document in one answer of it.

Both databases are asked with one statement for all of a document, so that its parts belong to one moment. It
gives rows of one shape:

    kind       number    site    first  last      base     branch  edits  operation  user
    DOCUMENT   snapshot          head   trimmed                            text
    SITE       revision  site    epoch  last
    REVISION   revision  site    first  last      base     branch  edits  operation  user

Edits and operations are JSON as on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from model.identity import Revision, SiteId
from model.protocol import Edits, operation_from_plain, operation_to_plain
from model.text import Operation, apply
from reference_server.core.effects import Contents, LogRow, Progress

DOCUMENT: Final = 0
SITE: Final = 1
REVISION: Final = 2

_encoder = msgspec.json.Encoder(enc_hook=operation_to_plain)
_edits_decoder = msgspec.json.Decoder(tuple[Edits, ...], dec_hook=operation_from_plain)
_operation_decoder = msgspec.json.Decoder(Operation, dec_hook=operation_from_plain)

RowValues = tuple[int, str, int, int, int, bool, str, str, str]


def row_values(row: LogRow) -> RowValues:
    """A revision as a database takes it, in the order of the columns."""
    return (
        row.revision,
        row.site,
        row.first,
        row.last,
        row.base,
        row.branch,
        _encoder.encode(row.edits).decode(),
        _encoder.encode(row.operation).decode(),
        row.user,
    )


def row_from(values: Iterable[Any]) -> LogRow:
    """The opposite of :func:`row_values`."""
    revision, site, first, last, base, branch, edits, operation, user = values
    return LogRow(
        revision,
        SiteId(site),
        first,
        last,
        base,
        bool(branch),
        _edits_decoder.decode(edits),
        _operation_decoder.decode(operation),
        user,
    )


def contents_from(rows: Iterable[tuple[Any, ...]], after: Revision | None = None) -> Contents:
    """A document out of the rows of one answer.

    Args:
        rows: as above, in any order; none for a document that nobody has written yet.
        after: the revision that a :class:`Read` asked for; None after a :class:`Load`.
    """
    snapshot, trimmed, text = 0, 0, ""
    progress: dict[SiteId, Progress] = {}
    revisions: list[LogRow] = []
    for kind, number, site, first, last, *rest in rows:
        if kind == REVISION:
            revisions.append(row_from((number, site, first, last, *rest)))
        elif kind == SITE:
            progress[SiteId(site)] = Progress(first, last, number)
        else:
            snapshot, trimmed, text = number, last, rest[3]
    revisions.sort()
    if after is not None:
        snapshot, text = after, ""
    return Contents(Revision(snapshot), text, tuple(revisions), progress, Revision(trimmed))


def text_at_head(contents: Contents) -> tuple[Revision, str]:
    """The newest revision and its text."""
    text = contents.text
    for row in contents.rows:
        if row.revision > contents.revision:
            text = apply(text, row.operation)
    return (contents.rows[-1].revision if contents.rows else contents.revision), text
