"""The laws of sequence replicas: those of :mod:`model.crdt.laws`, and those about ids, origins and events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, Final

import msgspec

from model.crdt.laws import BrokenLaw, Lattice
from model.crdt.replicas.port import (
    Element,
    ElementId,
    Event,
    MissingDependency,
    Replica,
    covers,
    first_missing,
    spoken,
)


def copied(replica: Replica) -> Replica:
    """The same replica, independent of the first."""
    return type(replica).load(replica.save())


def merged(one: Replica, other: Replica) -> Replica:
    """What ``one`` would be if it took over everything of ``other``."""
    result = copied(one)
    result.merge(other)
    return result


def _below(one: Replica, other: Replica) -> bool:
    return all(other.version.get(site, 0) >= counter for site, counter in one.version.items())


def _show(replica: Replica) -> dict[str, Any]:
    return {"site": replica.site, "text": replica.text, "version": dict(sorted(replica.version.items()))}


REPLICAS: Final = Lattice[Replica](
    join=merged,
    equal=lambda one, other: one.version == other.version and one.elements() == other.elements(),
    below=_below,
    show=_show,
    size=lambda replica: sum(replica.version.values()),
)
"""Replicas as states of a lattice: ordered by version, equal if version and elements are."""


def ids_unique(replicas: Sequence[Replica]) -> BrokenLaw | None:
    """No id stands for two elements, in one replica or in two; none is outside its replica's version."""
    first_seen: dict[ElementId, tuple[Replica, Element]] = {}
    for replica in _smallest_first(replicas):
        version, here = replica.version, set()
        for element in replica.elements():
            if element.id in here or not covers(version, element.id):
                problem = f"{spoken(element.id)} is twice in one replica, or beyond its version."
                return BrokenLaw("ids_unique", problem, {"replica": _show(replica)})
            here.add(element.id)
            other, known = first_seen.setdefault(element.id, (replica, element))
            if _content(known) != _content(element):
                texts = f"{known.character!r} at {other.site}, {element.character!r} at {replica.site}"
                problem = f"{spoken(element.id)} is two elements: {texts}."
                return BrokenLaw("ids_unique", problem, {"one": _show(other), "other": _show(replica)})
    return None


def origins_present(replicas: Sequence[Replica]) -> BrokenLaw | None:
    """Every element stands between its origins, and both are there; for replicas that never compacted."""
    for replica in _smallest_first(replicas):
        elements = replica.elements()
        place = {element.id: at for at, element in enumerate(elements)}
        for at, element in enumerate(elements):
            left = -1 if element.left is None else place.get(element.left, at)
            right = len(elements) if element.right is None else place.get(element.right, at)
            if not left < at < right:
                problem = f"{spoken(element.id)} does not stand between origins that are present."
                evidence = {"replica": _show(replica), "element": msgspec.to_builtins(element)}
                return BrokenLaw("origins_present", problem, evidence)
    return None


def effects_commute(replicas: Sequence[Replica], events: Iterable[Event]) -> BrokenLaw | None:
    """Two events that a replica can take in either order have one effect; each can be taken at all.

    An event that has everything it needs must be taken by every replica, not only where it was made.
    """
    known = list(events)
    for replica in _smallest_first(replicas):
        enabled = [event for event in known if _is_enabled(event, replica)]
        for event in enabled:
            try:
                copied(replica).apply(event)
            except MissingDependency as refused:
                return BrokenLaw("effects_commute", f"{refused}.", {"replica": _show(replica)})
        for one, other in combinations(enabled, 2):
            forth, back = copied(replica), copied(replica)
            for event in (one, other):
                forth.apply(event)
            for event in (other, one):
                back.apply(event)
            if not REPLICAS.equal(forth, back):
                problem = f"{spoken(one.id)} and {spoken(other.id)} do not commute."
                evidence = {"before": _show(replica), "forth": _show(forth), "back": _show(back)}
                return BrokenLaw("effects_commute", problem, evidence)
    return None


def _is_enabled(event: Event, replica: Replica) -> bool:
    version = replica.version
    return not covers(version, event.id) and first_missing(event, version) is None


def _content(element: Element) -> tuple[object, ...]:
    return element.character, element.left, element.right


def _smallest_first(replicas: Iterable[Replica]) -> list[Replica]:
    return sorted(replicas, key=REPLICAS.size)
