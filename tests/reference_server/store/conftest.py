"""The databases that every store test runs against, and requests to make of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from reference_server.store.open import open_store
from reference_server.store.port import Catalogue, Store
from reference_server.store.transient import TransientCatalogue, TransientDatabase, TransientStore

Pair = tuple[Store, Catalogue]
Opener = Callable[[], Pair]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the two ports on one fresh database, as often as it is called; they are closed in the end."""
    with ExitStack() as stack:
        match request.param:
            case "memory":
                database = TransientDatabase()

                def make() -> Pair:
                    return TransientStore(database), TransientCatalogue(database)

            case "sqlite":

                def make() -> Pair:
                    return open_store(f"sqlite:///{tmp_path / 'documents.db'}")

            case _:
                url: str = request.getfixturevalue("database_url")

                def make() -> Pair:
                    return open_store(url)

        def open_and_close_later() -> Pair:
            store, catalogue = make()
            stack.enter_context(closing(store))
            stack.enter_context(closing(catalogue))
            return store, catalogue

        yield open_and_close_later


@pytest.fixture
def pair(opener: Opener) -> Pair:
    return opener()


@pytest.fixture
def store(pair: Pair) -> Store:
    return pair[0]


@pytest.fixture
def catalogue(pair: Pair) -> Catalogue:
    return pair[1]
