"""The commands that look into a store: verify, rebuild."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from model.identity import DocumentId
from model.text import OperationError
from model.verdict import ExitCode
from reference_server.commands import configuration, refuse
from reference_server.core.effects import Contents, Load, Loaded
from reference_server.store.open import open_store
from reference_server.store.port import Catalogue, Store, StoreError
from reference_server.verification.states import Verified, rebuild, text_of, verify

console = Console(highlight=False)

PAGE = 500
"""Documents that are listed at once."""

_Document = Annotated[str | None, typer.Option("--document-id", help="The document; all if left out.")]
_Store: TypeAlias = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="As of serve; sqlite:///concord.db if left out.")
]
_Config: TypeAlias = Annotated[Path | None, typer.Option(help="The server's configuration, for its store.")]


def verify_command(
    document_id: _Document = None,
    store: _Store = None,
    config: _Config = None,
    check_all_states: Annotated[
        bool,
        typer.Option("--check-all-states", help="Also snapshots, progress and the CRDT, not the log alone."),
    ] = False,
) -> None:
    """Verify what the store holds: the order of each log, and that edits are stored as transformed.

    With --check-all-states also that the log leads to the snapshot, that the progress of each site is that of
    its last edit, and that a CRDT fed the same operations shows the same text. Exit code 1 if something is
    wrong, 2 if there was nothing to compare.
    """
    compared = wrong = 0
    with _opened(store, config) as (log, catalogue):
        for name in _names(catalogue, document_id):
            try:
                found = verify(name, _contents(log, name), all_states=check_all_states)
            except OperationError as error:
                found = Verified(name, 0, 0, {}, (str(error),))
            compared += sum(found.compared.values())
            wrong += bool(found.problems)
            _say(found)
    if wrong:
        raise typer.Exit(ExitCode.VIOLATED)
    if not compared:
        console.print("unknown: nothing was compared")
        raise typer.Exit(ExitCode.UNKNOWN)


def rebuild_command(
    document_id: Annotated[str, typer.Option("--document-id", help="The document.")],
    store: _Store = None,
    config: _Config = None,
    from_operations: Annotated[
        bool, typer.Option("--from-operations", help="From the log of operations; there is no other source.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the replica (JSON); nowhere if left out.")
    ] = None,
) -> None:
    """Rebuild the CRDT of a document from its operations, and compare its text with that of the log.

    Exit code 1 if the texts differ.
    """
    del from_operations
    with _opened(store, config) as (log, catalogue):
        (name,) = _names(catalogue, document_id)
        contents = _contents(log, name)
    try:
        replica, text = rebuild(contents), text_of(contents)
    except OperationError as error:
        console.print(f"[red]violated[/]: {name}: {error}", soft_wrap=True)
        raise typer.Exit(ExitCode.VIOLATED) from None
    elements = replica.elements()
    if out is not None:
        out.write_bytes(replica.save())
        console.print(f"replica: {out}", soft_wrap=True)
    equal = replica.text == text
    deleted = sum(element.deleted for element in elements)
    console.print(
        f"{'[green]valid[/]' if equal else '[red]violated[/]'}: {name}: {len(contents.rows):,} revisions, "
        f"{len(elements):,} elements, {deleted:,} of them deleted, {len(replica.version):,} sites; "
        f"its text is {'equal to' if equal else 'not'} that of the log",
        soft_wrap=True,
    )
    if not equal:
        raise typer.Exit(ExitCode.VIOLATED)


@contextmanager
def _opened(url: str | None, config: Path | None) -> Iterator[tuple[Store, Catalogue]]:
    """Both ports of the store that is meant; one that cannot be used ends the command."""
    settings = configuration(config)
    chosen = url or settings.store_url
    try:
        if chosen == "memory:":
            raise ValueError("a store in memory ends with its server: there is nothing to look into")
        if chosen.startswith("sqlite:///") and not Path(chosen.removeprefix("sqlite:///")).exists():
            raise ValueError(f"{chosen}: there is no such file")
        store, catalogue = open_store(chosen)
    except (StoreError, ValueError) as error:
        raise refuse(str(error)) from None
    try:
        yield store, catalogue
    except StoreError as error:
        raise refuse(str(error)) from None
    finally:
        store.close()
        catalogue.close()


def _names(catalogue: Catalogue, wanted: str | None) -> Iterator[DocumentId]:
    if wanted is not None:
        name = DocumentId(wanted)
        if catalogue.get(name) is None:
            raise refuse(f"--document-id {wanted}: there is no such document")
        yield name
        return
    after = ""
    while page := catalogue.list(None, PAGE, after):
        yield from (info.id for info in page)
        after = page[-1].id


def _contents(store: Store, document: DocumentId) -> Contents:
    (answer,) = store.perform([Load(1, document)])
    assert isinstance(answer, Loaded)
    if answer.contents is None:
        raise StoreError("the store does not answer")
    return answer.contents


def _say(found: Verified) -> None:
    compared = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found.compared.items())
    verdict = "[red]violated[/]" if found.problems else "[green]valid[/]"
    console.print(
        f"{verdict}: {found.document}: revision {found.revision:,}, {found.rows:,} kept; "
        f"compared: {compared or 'nothing'}",
        soft_wrap=True,
    )
    for problem in found.problems:
        console.print(f"  {problem}", markup=False, soft_wrap=True)
