"""The messages that bring somebody from an older revision to a newer one, each of a bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from model.marks import Mechanism, mark
from model.protocol import CATCH_UP_BYTES_MAX, CATCH_UP_ROWS_MAX, CatchUp, Row, operation_bytes
from reference_server.core.effects import LogRow

ROW_BYTES_MAX: Final = 1_024
"""What a row of a catch-up takes besides its operation, mostly the name of its site."""


def catch_up(rows: Sequence[LogRow]) -> Iterator[CatchUp]:
    """The rows one by one, never composed (D5), in as many messages as they need; none if there are none."""
    chunk: list[Row] = []
    size = 0
    for row in rows:
        row_bytes = operation_bytes(row.operation) + ROW_BYTES_MAX
        if chunk and (len(chunk) == CATCH_UP_ROWS_MAX or size + row_bytes > CATCH_UP_BYTES_MAX):
            mark(Mechanism.CATCH_UP_IN_PARTS)
            yield CatchUp(chunk)
            chunk, size = [], 0
        chunk.append(Row(row.revision, row.site, row.first, row.last, row.operation))
        size += row_bytes
    if chunk:
        yield CatchUp(chunk)
