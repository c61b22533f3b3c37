"""The schema of the databases: numbered steps, each applied once, in order, never changed afterwards.

``<dialect>/<number>_<name>.sql`` holds statements that each end with a semicolon at the end of a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from reference_server.store.port import StoreError

FOLDER = Path(__file__).parent


class Migration(NamedTuple):
    """One step of the schema."""

    number: int
    name: str
    statements: tuple[str, ...]


def migrations(dialect: str, folder: Path = FOLDER) -> list[Migration]:
    """All steps of a dialect (``sqlite`` or ``postgres``), by number from 1."""
    found = []
    for path in sorted((folder / dialect).glob("*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(int(number), name, _statements(path.read_text(encoding="utf-8"))))
    assert [step.number for step in found] == list(range(1, len(found) + 1)), (
        f"{dialect}: a number is missing"
    )
    return found


def missing(dialect: str, applied: Iterable[int], folder: Path = FOLDER) -> list[Migration]:
    """The steps that a database lacks.

    Raises:
        StoreError: the database has steps that this version does not know.
    """
    known = migrations(dialect, folder)
    newest = max(applied, default=0)
    if newest > len(known):
        raise StoreError(
            f"the database is from a newer version: it has schema {newest}, this one knows up to {len(known)}"
        )
    return known[newest:]


def _statements(text: str) -> tuple[str, ...]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    parts = "\n".join(lines).split(";\n")
    return tuple(statement for part in parts if (statement := part.strip().removesuffix(";")))
