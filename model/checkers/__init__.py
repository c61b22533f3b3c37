"""Checks of recorded histories; each consumes records as they come and keeps bounded state.

A checker names the record types it wants; a :class:`Judge` hands every record to the checkers that asked
for its type. The same checkers judge a running simulation, a live run and a history read from disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from model.history import Record
from model.verdict import CheckResult

Handler = Callable[[Any], None]


class Checker(Protocol):
    """One property of a history.

    Attributes:
        claimed: whether the engine claims the property.
        violated: facts that contradicted it so far.
    """

    name: str
    claimed: bool
    violated: int

    def handlers(self) -> Mapping[type, Handler]:
        """The record types this checker wants, each with the method that takes it."""

    def result(self) -> CheckResult:
        """What the records fed so far say; callable once, at the end."""


class Judge:
    """Hands records to the consumers that want them."""

    def __init__(self, consumers: Iterable[Any]) -> None:
        """``consumers`` have a ``handlers()`` like :class:`Checker`; measures have it too."""
        table: dict[type, list[Handler]] = {}
        for consumer in consumers:
            for kind, handler in consumer.handlers().items():
                table.setdefault(kind, []).append(handler)
        self._table = {kind: tuple(handlers) for kind, handlers in table.items()}

    def feed(self, records: Iterable[Record]) -> None:
        """Hand on records, in the order given."""
        table = self._table
        for record in records:
            for handler in table.get(type(record), ()):
                handler(record)
