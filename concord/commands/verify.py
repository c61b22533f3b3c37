"""The command ``verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from concord.options import Json
from concord.stores import ConfigOption, DocumentOption, StoreOption, contents, names, opened
from concord.terminal import say, say_json, status
from model.identity import EMPTY_LOG
from model.text import OperationError
from model.verdict import ExitCode, Verdict
from reference_server.verification.states import VerifiedDocument
from reference_server.verification.states import verify as verified

EXAMPLES = (
    "concord verify --store sqlite:///concord.db --check-all-states",
    "concord verify --config server.yaml --document-id minutes",
)


def verify(
    document_id: DocumentOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    check_all_states: Annotated[
        bool,
        typer.Option("--check-all-states", help="Also snapshots, progress and the CRDT, not the log alone."),
    ] = False,
    json: Json = False,
) -> None:
    """Verify what the store holds: the order of each log, and that edits are stored as transformed.

    With --check-all-states also that the log leads to the snapshot, that the progress of each site is that of
    its last edit, and that a CRDT fed the same operations shows the same text. Exit code 1 if something is
    wrong, 2 if there was nothing to compare.
    """
    documents: list[VerifiedDocument] = []
    with opened(store, config) as (log, catalogue):
        for name in names(catalogue, document_id):
            try:
                with status(f"verifying {name}"):
                    found = verified(name, contents(log, name), all_states=check_all_states)
            except OperationError as error:
                found = VerifiedDocument(name, EMPTY_LOG, 0, {}, (str(error),))
            documents.append(found)
            _say(found)
    wrong = any(found.problems for found in documents)
    compared = any(count for found in documents for count in found.compared.values())
    if json:
        checked = Verdict.VALID if compared else Verdict.UNKNOWN
        verdict = Verdict.VIOLATED if wrong else checked
        say_json({"verdict": verdict, "documents": [found._asdict() for found in documents]})
    if wrong:
        raise typer.Exit(ExitCode.VIOLATED)
    if not compared:
        say("unknown: nothing was compared")
        raise typer.Exit(ExitCode.UNKNOWN)


def _say(found: VerifiedDocument) -> None:
    compared = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found.compared.items())
    say(
        ("violated", "red") if found.problems else ("valid", "green"),
        f": {found.document}: revision {found.revision:,}, {found.rows:,} kept; "
        f"compared: {compared or 'nothing'}",
    )
    for problem in found.problems:
        say(f"  {problem}")
