"""The list specifications, on sampled documents in which every character is unique.

Sources: Attiya et al., "Specification and complexity of collaborative text editing" (PODC 2016), §3; Wei,
Huang and Lu, "Specification and implementation of replicated list: the Jupiter protocol revisited" (2018),
who prove that Jupiter satisfies the weak one. The order is followed on a bounded number of elements, see
:mod:`model.checkers.displays`; whatever holds for all elements holds for these.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from model import history
from model.checkers import Handler
from model.checkers.check import Check
from model.checkers.cycles import find_cycle
from model.checkers.displays import ELEMENTS_TRACKED_MAX, Displays
from model.identity import DocumentId


class _Document(Displays):
    """One sampled document; bit y of ``relation[x]`` says that x and y are related as the check has it."""

    __slots__ = ("relation",)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.relation = [0] * ELEMENTS_TRACKED_MAX


class _ListCheck(Check):
    """What both specifications look at: own edits, and every text that is displayed for the first time."""

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._documents: dict[DocumentId, _Document] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Edits and displayed texts."""
        return {
            history.DocumentCreated: self._created,
            history.Edited: self._edited,
            history.Displayed: self._displayed,
        }

    def _created(self, record: history.DocumentCreated) -> None:
        if record.unique and record.displayed:
            self._documents[record.document] = _Document(record.text)

    def _edited(self, record: history.Edited) -> None:
        document = self._documents.get(record.document)
        if document is not None:
            document.edited(record)

    def _displayed(self, record: history.Displayed) -> None:
        document = self._documents.get(record.document)
        if document is None or not document.is_unique:
            return
        if record.sequence:
            self._compare_own(record, document)
        if document.is_new(record):
            self.checked += 1
            self._take(record, document)

    def _compare_own(self, record: history.Displayed, document: _Document) -> None:
        """Look at what a site displays right after its own edit."""

    def _take(self, record: history.Displayed, document: _Document) -> None:
        """Look at a text that was not displayed before."""
        raise NotImplementedError


class WeakList(_ListCheck):
    """No two elements are ever displayed in both orders; texts hold inserted elements only, each once.

    Also, an insert at a position puts its text exactly there on the replica that made it.
    """

    name = "weak_list"
    detail = "different displayed texts, and own edits as displayed"

    def _take(self, record: history.Displayed, document: _Document) -> None:
        """Compare the text with what was inserted, and its order with all orders before."""
        if self._is_list(record, document):
            self._compare_order(record, document)

    def _compare_own(self, record: history.Displayed, document: _Document) -> None:
        """An insert at k puts its element at index k on the inserting replica."""
        op = document.edit_of(record.site, record.sequence)
        if op is None:
            return
        self.checked += 1
        at = 0
        for c in op.components:
            if isinstance(c, str):
                shown = record.text[at : at + len(c)]
                if shown != c:
                    edit = f"{record.site}#{record.sequence}"
                    self._violate(
                        record, f"{edit} inserted {c!r} at {at}, but its author was shown {shown!r}"
                    )
                    return
                at += len(c)
            elif c > 0:
                at += c
        if len(record.text) != op.target_length:
            problem = f"leads to {op.target_length} code points, but its author was shown {len(record.text)}"
            self._violate(record, f"{record.site}#{record.sequence} {problem}")

    def _is_list(self, record: history.Displayed, document: _Document) -> bool:
        """Whether the text holds inserted elements only, each once."""
        text = record.text
        if len(set(text)) != len(text):
            twice = next(c for n, c in enumerate(text) if text.find(c, n + 1) >= 0)
            self._violate(record, f"{record.site} shows {document.spoken(twice)} twice")
            return False
        stranger = document.stranger(text)
        if stranger:
            self._violate(record, f"{record.site} shows {stranger!r}, which nobody inserted")
        return not stranger

    def _compare_order(self, record: history.Displayed, document: _Document) -> None:
        after = document.relation
        numbers = document.projected(record.text)
        before = 0
        for number in numbers:
            wrong = before & after[number]
            if wrong:
                other = document.characters[(wrong & -wrong).bit_length() - 1]
                self._violate_pair(record, document, other, document.characters[number])
                return
            before |= 1 << number
        behind = 0
        for number in reversed(numbers):
            after[number] |= behind
            behind |= 1 << number

    def _violate_pair(self, record: history.Displayed, document: _Document, first: str, second: str) -> None:
        known = document.witness(second, first)
        text, sighting = known if known is not None else ("", None)
        earlier = f"{sighting.site} showed it behind" if sighting else "it was shown behind before"
        self._violate(
            record,
            f"{record.site} shows {document.spoken(first)} before {document.spoken(second)}; {earlier}",
            elements=[first, second],
            other_text=text,
            other_site=sighting.site if sighting else "",
            other_time_us=sighting.time_us if sighting else 0,
        )

    def _violate(self, record: history.Displayed, problem: str, **evidence: object) -> None:
        self.violate(
            record.time_us,
            record.document,
            problem,
            site=record.site,
            sequence=record.sequence,
            text=record.text,
            **evidence,
        )


class StrongList(_ListCheck):
    """One order over all elements ever inserted agrees with every displayed text.

    Such an order exists if and only if the graph of all displayed neighbours has no cycle, which is decided
    when the run is over; a document with a cycle counts as one violation.
    """

    name = "strong_list"
    detail = "different displayed texts; each document with a cycle is one violation"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._now_us = 0

    def _take(self, record: history.Displayed, document: _Document) -> None:
        """Note which elements stand next to each other."""
        self._now_us = record.time_us
        for left, right in pairwise(document.projected(record.text)):
            document.relation[left] |= 1 << right

    def _finish(self) -> None:
        for name, document in self._documents.items():
            cycle = find_cycle(document.relation) if document.is_unique else []
            if cycle:
                self._violate_cycle(name, document, [document.characters[n] for n in cycle])

    def _violate_cycle(self, name: DocumentId, document: _Document, cycle: list[str]) -> None:
        edges = []
        for first, second in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            known = document.witness(first, second, neighbours=True)
            text, sighting = known if known is not None else ("", None)
            edges.append(
                {
                    "first": first,
                    "second": second,
                    "text": text,
                    "site": sighting.site if sighting else "",
                    "time_us": sighting.time_us if sighting else 0,
                }
            )
        spoken = ", before ".join(document.spoken(c) for c in [*cycle, cycle[0]])
        self.violate(self._now_us, name, f"displayed in a circle: {spoken}", cycle=cycle, edges=edges)
