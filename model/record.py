"""What all records of a history share."""

from __future__ import annotations

import msgspec


class RecordBase(msgspec.Struct, frozen=True, array_like=True, gc=False, forbid_unknown_fields=True):
    """Frozen, written as an array that starts with the tag."""
