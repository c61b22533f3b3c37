"""Rows that say what is published, what was measured, and by which evidence."""

from __future__ import annotations

import msgspec


class LawRow(msgspec.Struct, frozen=True):
    """One published statement against our measurement.

    Attributes:
        what: the statement's subject.
        published: what the literature says.
        measured: what came out here, in the same words if it is the same.
        same: whether it is.
        evidence: in one line, the smallest counterexample, or how much was looked at in vain.
    """

    what: str
    published: str
    measured: str
    same: bool
    evidence: str


class Table(msgspec.Struct, frozen=True):
    """Rows of one kind.

    Attributes:
        name: stays the same from version to version.
        title: for people.
    """

    name: str
    title: str
    rows: tuple[LawRow, ...]


def row(what: str, published: str, measured: str, evidence: str) -> LawRow:
    """A row; equal words are the same result."""
    return LawRow(what, published, measured, published == measured, evidence)


def rule_of_three(runs: int) -> str:
    """What runs without a failure prove."""
    return f"below {3 / runs:.2g} each at 95 %"
