"""Mutations that somebody has judged, in files: those that change nothing, and those that must be found.

They are named by what is read, not by line numbers: file, function, the line and what becomes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import yaml

from tests.mutation.areas import source_of
from tests.mutation.operators import Mutation, mutations
from tests.mutation.rows import Row, change_of

FOLDER: Final = Path(__file__).parent


class Listed(msgspec.Struct, frozen=True):
    """A mutation in words, and ``why`` it is listed."""

    file: str
    function: str
    was: str
    becomes: str
    why: str = ""

    def is_of(self, row: Row) -> bool:
        """Whether a row is about it."""
        return (self.file, self.function, self.was, self.becomes) == (
            row.file,
            row.function,
            row.was,
            row.becomes,
        )

    def mutation(self) -> Mutation | None:
        """As it can be tried; None if the product has no such line any more."""
        for mutation in mutations(self.file, source_of(self.file)):
            if mutation.function == self.function and change_of(mutation) == (self.was, self.becomes):
                return mutation
        return None


def _listed(name: str) -> list[Listed]:
    lines = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")) or []
    return msgspec.convert(lines, list[Listed])


def equivalent() -> list[Listed]:
    """Those that change nothing that anybody could notice, with the reason."""
    return _listed("equivalent.yaml")


def known() -> list[Listed]:
    """Those that simulations find: a sample that is tried after every change."""
    return _listed("known.yaml")


def reason_of(row: Row, listed: Sequence[Listed]) -> str:
    """Why a mutation is equivalent; empty if nobody said so."""
    return next((one.why for one in listed if one.is_of(row)), "")
