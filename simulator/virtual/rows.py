"""What a history says of the server's rows: when they were durable, when others were told, what is left."""

from __future__ import annotations

from collections.abc import Iterator

from model import history
from model.identity import DocumentId
from reference_server.core.effects import CursorPlaced, LogRow, Published
from reference_server.store.memory import MemoryStore


def stored(time_us: int, document: DocumentId, row: LogRow) -> history.Stored:
    """A row became durable."""
    return history.Stored(
        time_us,
        document,
        row.revision,
        row.site,
        row.first,
        row.last,
        row.base,
        row.branch,
        row.original,
        row.operation,
        tuple(e.operation for e in row.edits) if row.branch else (),
    )


def broadcast(time_us: int, effect: Published, fingerprint: int, turn_us: int = 0) -> history.Broadcast:
    """A row was handed to everybody; ``fingerprint`` is that of the text, ``turn_us`` of its turn."""
    row = effect.row
    return history.Broadcast(
        time_us,
        effect.document,
        row.revision,
        row.site,
        row.first,
        row.last,
        effect.received_us,
        effect.audience,
        fingerprint,
        turn_us,
    )


def placed(time_us: int, effect: CursorPlaced) -> history.Placed:
    """The server knows where a cursor is."""
    return history.Placed(
        time_us, effect.site, effect.document, effect.revision, effect.position, effect.received_us
    )


def final(time_us: int, store: MemoryStore) -> Iterator[history.Record]:
    """What the store really holds, read back."""
    for document in store.documents:
        durable = store.durable(document)
        for site, progress in durable.progress.items():
            yield history.FinalProgress(time_us, site, document, progress.last)
        try:
            text, chain = durable.read_text(), durable.chain()
        except Exception as error:
            yield history.raised(time_us, "store", "", document, "read its log back", error)
            continue
        if durable.snapshot_revision:
            kept = history.fingerprint(durable.text)
            yield history.Snapshotted(time_us, document, durable.snapshot_revision, kept)
        yield history.FinalDocument(time_us, document, durable.head, history.fingerprint(text), chain)
