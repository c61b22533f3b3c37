"""The final order of the elements is that of the list rule, found by a second implementation.

A mistake that all replicas make alike converges; it shows only against something that does not share it.
Here the rule is the naive scan over a list, with :func:`model.crdt.rules.sibling_step` saying what a sibling
means. Logoot's order is that of its positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check
from model.crdt.replicas.port import ElementId, Insertion, spoken
from model.crdt.rules import Rule, ScanStep, sibling_step
from model.identity import DocumentId

INSERTIONS_MAX: Final = 2_000
"""Insertions of a document that is followed; the scan costs the square."""

LOGOOT: Final = "logoot"


class RuleOrder(Check):
    """Elements of sampled documents end in the order of the rule that the history's header names."""

    name = "rule_order"
    detail = "final elements of sampled documents, tombstones too, in the order of a second implementation"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._engine = ""
        self._insertions: dict[DocumentId, list[Insertion]] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """What was inserted, and the end."""
        return {
            history.Header: self._header,
            history.DocumentCreated: self._created,
            history.Generated: self._generated,
            history.FinalElements: self._final,
        }

    def _header(self, record: history.Header) -> None:
        self._engine = record.run.get("engine", "")

    def _created(self, record: history.DocumentCreated) -> None:
        if record.displayed and self._engine in (LOGOOT, *(rule.value for rule in Rule)):
            self._insertions[record.document] = []

    def _generated(self, record: history.Generated) -> None:
        insertions = self._insertions.get(record.document)
        if insertions is None:
            return
        insertions.extend(event for event in record.events if isinstance(event, Insertion))
        if len(insertions) > INSERTIONS_MAX:
            del self._insertions[record.document]

    def _final(self, record: history.FinalElements) -> None:
        insertions = self._insertions.pop(record.document, None)
        if insertions is None:
            return
        try:
            order = ordered(insertions, self._engine)
        except ValueError:
            return  # ids that are not unique, or origins that are missing: other checks say so
        place = {element: at for at, element in enumerate(order)}
        before: ElementId | None = None
        for element in record.elements:
            if element.id not in place:
                continue
            self.checked += 1
            if before is not None and place[before] > place[element.id]:
                self.violate(
                    record.time_us,
                    record.document,
                    f"{record.site} has {spoken(before)} before {spoken(element.id)}, "
                    f"which {self._engine} puts the other way round",
                    first=spoken(before),
                    second=spoken(element.id),
                )
                return
            before = element.id


def ordered(insertions: Iterable[Insertion], engine: str) -> list[ElementId]:
    """The ids of all insertions in the order of a rule.

    Args:
        insertions: each behind those it depends on.
        engine: name of the rule.

    Raises:
        ValueError: there is no such rule, or an origin is missing.
    """
    if engine == LOGOOT:
        return [i.id for i in sorted(insertions, key=lambda i: i.position)]
    rule, order = Rule(engine), _Order()
    for new in insertions:
        order.insert(new, rule)
    return order.ids


class _Order:
    """All elements so far, in order."""

    def __init__(self) -> None:
        self.ids: list[ElementId] = []
        self._known: dict[ElementId, Insertion] = {}

    def insert(self, new: Insertion, rule: Rule) -> None:
        """Scan from the left origin to the right one."""
        left = self._index(new.left, -1)
        end = len(self.ids) if rule is Rule.RGA else self._index(new.right, len(self.ids))
        candidate, is_passing = left + 1, True
        for at in range(left + 1, end):
            other = self._known[self.ids[at]]
            its_left = self._index(other.left, -1)
            if its_left < left:
                break
            if its_left == left:
                step = self._step(rule, other, new)
                if step is ScanStep.STOP:
                    break
                is_passing = step is ScanStep.PASS
            if is_passing:
                candidate = at + 1
        self.ids.insert(candidate, new.id)
        self._known[new.id] = new

    def _step(self, rule: Rule, other: Insertion, new: Insertion) -> ScanStep:
        theirs, ours = self._right(rule, other), self._right(rule, new)
        return sibling_step(
            rule,
            is_older=(other.lamport, other.id) < (new.lamport, new.id),
            is_smaller=other.id < new.id,
            right=(theirs > ours) - (theirs < ours),
        )

    def _right(self, rule: Rule, insertion: Insertion) -> int:
        """Where the right origin stands; for Fugue the right parent, the end unless it is a sibling."""
        right = insertion.right
        if rule is Rule.FUGUE and right is not None and self._known[right].left != insertion.left:
            right = None
        return self._index(right, len(self.ids))

    def _index(self, element: ElementId | None, default: int) -> int:
        return default if element is None else self.ids.index(element)
