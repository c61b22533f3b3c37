"""The history of one cell on its way to the judges and to the disk, in batches and bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final

from model.checkers import Judge
from model.history import Header, Record
from model.history_file import HistoryWriter

BATCH_RECORDS: Final = 4_096


class Recorder:
    """Takes records in the order in which things happen."""

    def __init__(self, judge: Judge, file: BinaryIO | None, header: Header | None = None) -> None:
        """``header`` comes first; ``file`` None keeps no history, and the digest then covers nothing."""
        self._judge = judge
        self._writer = None if file is None else HistoryWriter(file)
        self._batch: list[Record] = [] if header is None else [header]
        self.record: Callable[[Record], None] = self._batch.append

    def flush_if_full(self) -> None:
        """Hand on what was recorded if a batch is full; called where it costs little."""
        if len(self._batch) >= BATCH_RECORDS:
            self.flush()

    def flush(self) -> None:
        """Hand on what was recorded."""
        self._judge.feed(self._batch)
        if self._writer is not None:
            self._writer.write(self._batch)
        self._batch.clear()

    def close(self) -> str:
        """Hand on the rest; the digest of the history in hexadecimal, empty if none was kept."""
        self.flush()
        return "" if self._writer is None else self._writer.close()
