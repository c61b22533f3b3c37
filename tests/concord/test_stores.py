"""`concord verify` and `concord rebuild` on a file."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from model.identity import DocumentId
from reference_server.store.sqlite import SqliteCatalogue, SqliteStore
from tests.reference_server.store.requests import append
from tests.terminal import Terminal, refused, terminal

__all__ = ["terminal"]  # a fixture


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two documents of three revisions each."""
    path = tmp_path / "some.db"
    catalogue = SqliteCatalogue(path)
    store = SqliteStore(path)
    for name in ("one", "two"):
        catalogue.create(DocumentId(name), "", "ann", "", {})
        store.perform([append(0, 3, document=DocumentId(name))])
    store.close()
    catalogue.close()
    return path


def damage(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def test_sound_documents(terminal: Terminal, database: Path) -> None:
    done = terminal("verify", "--store", f"sqlite:///{database}", "--check-all-states")
    assert done.code == 0
    one, two = done.out.splitlines()
    assert one.startswith("valid: one: revision 3, 3 kept; compared: 3 transformations, 1 progress entries")
    assert two.startswith("valid: two:")


def test_a_damaged_document_among_sound_ones(terminal: Terminal, database: Path) -> None:
    damage(database, "DELETE FROM operations WHERE document_id = 'two' AND revision = 2")
    done = terminal("verify", "--store", f"sqlite:///{database}")
    assert done.code == 1
    assert "valid: one" in done.out
    assert "violated: two" in done.out
    assert "revision 3 follows 1" in done.out
    assert terminal("verify", "--store", f"sqlite:///{database}", "--document-id", "one").code == 0


def test_an_empty_store_is_unknown(terminal: Terminal, tmp_path: Path) -> None:
    SqliteStore(tmp_path / "empty.db").close()
    done = terminal("verify", "--store", f"sqlite:///{tmp_path}/empty.db")
    assert (done.code, done.out) == (2, "unknown: nothing was compared\n")


def test_rebuilding(terminal: Terminal, database: Path, tmp_path: Path) -> None:
    out = tmp_path / "one.json"
    done = terminal("rebuild", "--store", f"sqlite:///{database}", "--document-id", "one", "--out", str(out))
    assert done.code == 0
    assert "valid: one: 3 revisions, 3 elements, 0 of them deleted, 1 sites; its text is equal" in done.out
    assert json.loads(out.read_bytes())["algorithm"] == "fuguemax"


@pytest.mark.parametrize("command", ["verify", "rebuild"])
@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("sqlite:///{}/some.db", "there is no such document"),
        ("sqlite:///{}/absent.db", "there is no such file"),
        ("memory:", "nothing to look into"),
        ("mysql://x", "no store has the URL"),
    ],
)
def test_what_cannot_be_looked_into_is_refused(
    terminal: Terminal, database: Path, command: str, store: str, words: str
) -> None:
    url = store.format(database.parent)
    assert words in refused(terminal(command, "--store", url, "--document-id", "three"))
    assert not (database.parent / "absent.db").exists()
