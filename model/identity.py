"""Names of the things every record, message and verdict speaks about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NewType, cast

SiteId = NewType("SiteId", str)
"""A client as the document knows it: one browser tab, never reused. Compared as code points (D4)."""

DocumentId = NewType("DocumentId", str)
"""The name of a document."""

ConnectionId = NewType("ConnectionId", int)
"""One connection to one gateway, counted by whoever accepts connections; never reused by it."""

Revision = NewType("Revision", int)
"""The number of committed operations of a document; the empty log has revision 0."""

EMPTY_LOG: Final = Revision(0)
"""Before any operation; also said where there is no revision."""

SequenceNumber = NewType("SequenceNumber", int)
"""The number of a local edit, counted per site from 1 (D3)."""

NO_EDIT: Final = SequenceNumber(0)
"""Before the first edit of a site; also said where there is no edit."""


def edits_from(first: SequenceNumber, last: SequenceNumber) -> Sequence[SequenceNumber]:
    """The numbers ``first..last``."""
    return cast("Sequence[SequenceNumber]", range(first, last + 1))


def revisions_between(after: Revision, before: Revision) -> Sequence[Revision]:
    """The revisions behind one and in front of another, oldest first."""
    return cast("Sequence[Revision]", range(after + 1, before))
