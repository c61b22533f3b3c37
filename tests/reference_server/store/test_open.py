from __future__ import annotations

from pathlib import Path

import pytest

from reference_server.store.open import open_store
from reference_server.store.port import StoreUnavailable
from tests.reference_server.store.requests import append, load, outcomes, row
from tests.servers import free_port


def test_three_slashes_are_relative_and_four_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url, file in (
        ("sqlite:///here.db", tmp_path / "here.db"),
        (f"sqlite:///{tmp_path}/there%20now.db", tmp_path / "there now.db"),
    ):
        store, catalogue = open_store(url)
        store.close()
        catalogue.close()
        assert file.is_file()


def test_a_file_keeps_what_was_committed_and_memory_does_not(tmp_path: Path) -> None:
    for url, kept in ((f"sqlite:///{tmp_path}/documents.db", (row(1),)), ("memory:", ())):
        store, catalogue = open_store(url)
        outcomes(store, append(0))
        store.close()
        catalogue.close()
        store, catalogue = open_store(url)
        assert load(store).rows == kept
        store.close()
        catalogue.close()


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "documents.db",
            "sqlite:",
            "sqlite://",
            "sqlite:///",
            "sqlite://host/a.db",
            "sqlite:///a.db?x=1",
        ),
        *("mysql://a/b", "memory:x", "postgresql:", "postgresql://host/name?nonsense=1"),
    ],
)
def test_a_url_of_no_known_form_is_named(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        open_store(url)
    assert url in str(caught.value)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="ann@") as caught:
        open_store("mysql://ann:secret@host/name")
    assert "secret" not in str(caught.value)


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/none/a.db", f"postgresql://ann@127.0.0.1:{free_port()}/name"):
        with pytest.raises(StoreUnavailable):
            open_store(url)


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("no database at all, but long enough to be looked at" * 50)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_store(f"sqlite:///{tmp_path}/a.db")
