"""A store, as the commands that look into one open it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from concord.configuration import configuration
from concord.refusals import UsageError, refusing
from model.identity import DocumentId
from reference_server.core.effects import Contents, Load, Loaded
from reference_server.store.open import open_store
from reference_server.store.port import Catalogue, Store, StoreError

PAGE = 500
"""Documents that are listed at once."""

DocumentOption: TypeAlias = Annotated[
    str | None, typer.Option("--document-id", help="The document; all if left out.")
]
StoreOption: TypeAlias = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="As of serve; sqlite:///concord.db if left out.")
]
ConfigOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="The server's configuration, for its store.")
]


@contextmanager
def opened(url: str | None, config: Path | None) -> Iterator[tuple[Store, Catalogue]]:
    """Both ports of the store that is meant.

    Raises:
        UsageError: it cannot be used.
    """
    settings = configuration(config)
    chosen = url or settings.store_url
    with refusing(StoreError, ValueError):
        if chosen == "memory:":
            raise ValueError("a store in memory ends with its server: there is nothing to look into")
        if chosen.startswith("sqlite:///") and not Path(chosen.removeprefix("sqlite:///")).exists():
            raise ValueError(f"{chosen}: there is no such file")
        store, catalogue = open_store(chosen)
    try:
        with refusing(StoreError):
            yield store, catalogue
    finally:
        store.close()
        catalogue.close()


def names(catalogue: Catalogue, wanted: str | None) -> Iterator[DocumentId]:
    """The document that is wanted, or all of them.

    Raises:
        UsageError: there is no such document.
    """
    if wanted is not None:
        name = DocumentId(wanted)
        try:
            is_there = catalogue.get(name) is not None
        except UnicodeEncodeError:  # no id is such bytes
            is_there = False
        if not is_there:
            raise UsageError(f"--document-id {wanted}: there is no such document")
        yield name
        return
    after = ""
    while page := catalogue.list(None, PAGE, after):
        yield from (info.id for info in page)
        after = page[-1].id


def contents(store: Store, document: DocumentId) -> Contents:
    """What the store holds of a document.

    Raises:
        StoreError: it does not answer.
    """
    (answer,) = store.perform([Load(1, document)])
    assert isinstance(answer, Loaded)
    if answer.contents is None:
        raise StoreError("the store does not answer")
    return answer.contents
