"""The history of one cell on its way to the judges and to the disk, in batches and bounded memory.

What is under test may fail in here, too: it has made a record of what no record is made of, or it raises when
a judge asks one of its values something. Then the history has that it raised, and nothing is judged after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final

from model import history
from model.checkers import Judge
from model.fitting import UnfitError, unfit_among
from model.history import Header, Record
from model.history_file import HistoryWriter

BATCH_RECORDS: Final = 4_096

OF_SERVER: Final = (history.Stored, history.Broadcast, history.Placed, history.FinalProgress)
"""Records of a site that are not of its client."""


class Recorder:
    """Takes records in the order in which things happen."""

    def __init__(self, judge: Judge, file: BinaryIO | None, header: Header | None = None) -> None:
        """``header`` comes first; ``file`` None keeps no history, and the digest then covers nothing."""
        self._judge: Judge | None = judge
        self._writer = None if file is None else HistoryWriter(file)
        self._batch: list[Record] = [] if header is None else [header]
        self.record: Callable[[Record], None] = self._batch.append

    def flush_if_full(self) -> None:
        """Hand on what was recorded if a batch is full; called where it costs little."""
        if len(self._batch) >= BATCH_RECORDS:
            self.flush()

    def flush(self) -> None:
        """Hand on what was recorded."""
        batch = self._batch
        if self._judge is not None:
            try:
                self._judge.feed(batch)
            except Exception as error:
                self._judge.feed([self._failed(error)])
                self._judge = None
        if self._writer is not None:
            self._writer.write(batch)
        batch.clear()

    def _failed(self, error: Exception) -> Record:
        """What of the batch the judges could not take, as a record at its end or in its place."""
        batch = self._batch
        found = unfit_among(batch)
        if found is None:
            record = history.raised(_time_of(batch[-1]), "algebra", "", "", "was asked by the judges", error)
            batch.append(record)
            return record
        number, problem = found
        is_of_client = "site" in batch[number].__struct_fields__ and not isinstance(batch[number], OF_SERVER)
        part = "client" if is_of_client else "server"
        time_us = max((_time_of(record) for record in batch[:number]), default=0)
        record = history.raised(time_us, part, "", "", "told of itself", UnfitError(problem))
        batch[number:] = [record]
        return record

    def close(self) -> str:
        """Hand on the rest; the digest of the history in hexadecimal, empty if none was kept."""
        self.flush()
        return "" if self._writer is None else self._writer.close()


def _time_of(record: Record) -> int:
    return getattr(record, "time_us", 0)
