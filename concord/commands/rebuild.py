"""The command ``rebuild``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from concord.exits import Kept
from concord.folders import refuse_foreign_file
from concord.options import Json
from concord.stores import ConfigOption, StoreOption, contents, names, opened
from concord.terminal import say, say_json, status
from model.crdt.replicas.fuguemax import FugueMax
from model.text import OperationError
from model.verdict import ExitCode, Verdict
from reference_server.verification.states import rebuild as rebuilt
from reference_server.verification.states import text_of

EXAMPLES = ("concord rebuild --document-id minutes --out minutes.json",)


def rebuild(
    document_id: Annotated[str, typer.Option("--document-id", help="The document.")],
    store: StoreOption = None,
    config: ConfigOption = None,
    from_operations: Annotated[
        bool, typer.Option("--from-operations", help="From the log of operations; there is no other source.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the replica (JSON); nowhere if left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Rebuild the CRDT of a document from its operations, and compare its text with that of the log.

    Exit code 1 if the texts differ.
    """
    del from_operations
    if out is not None:
        refuse_foreign_file(out, _is_replica)
    with opened(store, config) as (log, catalogue):
        (name,) = names(catalogue, document_id)
        stored = contents(log, name)
    try:
        with status(f"rebuilding {name}"):
            replica, text = rebuilt(stored), text_of(stored)
    except OperationError as error:
        say(("violated", "red"), f": {name}: {error}")
        if json:
            say_json({"verdict": Verdict.VIOLATED, "document": name, "note": str(error)})
        raise typer.Exit(ExitCode.VIOLATED) from None
    elements = replica.elements()
    with Kept() as kept:
        if out is not None:
            out.write_bytes(replica.save())
    equal = replica.text == text
    deleted = sum(element.deleted for element in elements)
    say(
        ("valid", "green") if equal else ("violated", "red"),
        f": {name}: {len(stored.rows):,} revisions, "
        f"{len(elements):,} elements, {deleted:,} of them deleted, {len(replica.version):,} sites; "
        f"its text is {'equal to' if equal else 'not'} that of the log",
    )
    if out is not None and kept.is_whole:
        say(f"replica: {out}")
    if json:
        say_json(
            {
                "verdict": Verdict.VALID if equal else Verdict.VIOLATED,
                "document": name,
                "revisions": len(stored.rows),
                "elements": len(elements),
                "deleted": deleted,
                "sites": len(replica.version),
            }
        )
    if code := kept.code(ExitCode.GOOD if equal else ExitCode.VIOLATED):
        raise typer.Exit(code)


def _is_replica(data: bytes) -> bool:
    try:
        FugueMax.load(data)
    except (ValueError, LookupError):
        return False
    return True
