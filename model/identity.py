"""Names of the things every record, message and verdict speaks about."""

from __future__ import annotations

from typing import NewType

SiteId = NewType("SiteId", str)
"""A client as the document knows it: one browser tab, never reused. Compared as code points (D4)."""

DocumentId = NewType("DocumentId", str)
"""The name of a document."""

ConnectionId = NewType("ConnectionId", int)
"""One connection to one gateway, counted by whoever accepts connections; never reused by it."""

Revision = int
"""The number of committed operations of a document; the empty log has revision 0."""

SequenceNumber = int
"""The number of a local edit, counted per site from 1 (D3)."""
