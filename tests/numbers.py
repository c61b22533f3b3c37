"""Revisions and edit numbers as tests write them down."""

from __future__ import annotations

from model.identity import Revision, SequenceNumber


def rev(number: int) -> Revision:
    """The revision of this number."""
    return Revision(number)


def seq(number: int) -> SequenceNumber:
    """The edit of this number."""
    return SequenceNumber(number)
