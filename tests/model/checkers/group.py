"""Histories of replicas without a server: a small group that records what it does, and a story of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from model import history
from model.crdt.replicas import ALGORITHMS
from model.crdt.replicas.port import Event
from model.history import Record
from model.identity import SiteId
from model.text import delete, insert
from tests.model.checkers.histories import DOCUMENT


class Group:
    """Replicas ``a``, ``b``, … of one document; ``records`` is their history so far.

    Events move only when a test says so; every state is looked at.
    """

    def __init__(self, text: str = "", sites: str = "abc", *, rule: str = "fuguemax") -> None:
        self.kind = ALGORITHMS[rule]
        header = history.Header(history.HISTORY_VERSION, "simulator", "virtual", {"engine": rule})
        self.records: list[Record] = [header]
        self.time_us = 0
        self.add(history.DocumentCreated, text=text, unique=True, displayed=True)
        first = self.kind(history.FIRST).insert(0, text)
        self.add(history.Generated, site=history.FIRST, sequence=0, events=tuple(first))
        self.replicas = {SiteId(site): self.kind(SiteId(site)) for site in sites}
        self.sequences = dict.fromkeys(self.replicas, 0)
        for site, replica in self.replicas.items():
            for event in first:
                replica.apply(event)
            self.add(history.Online, site=site)

    def add(self, kind: Callable[..., Record], /, **fields: Any) -> None:
        """Record something at the next moment."""
        self.time_us += 1_000
        self.records.append(kind(time_us=self.time_us, document=DOCUMENT, **fields))

    def looked(self, site: SiteId) -> dict[str, int]:
        """Version and fingerprint, as they are recorded."""
        replica = self.replicas[site]
        return {
            "version": history.version_fingerprint(replica.version),
            "fingerprint": history.fingerprint(replica.text),
        }

    def type(self, name: str, position: int, text: str) -> list[Event]:
        """Somebody inserts."""
        site = SiteId(name)
        op = insert(len(self.replicas[site].text), position, text)
        return self._edited(site, op, lambda: self.replicas[site].insert(position, text))

    def erase(self, name: str, position: int, count: int = 1) -> list[Event]:
        """Somebody deletes."""
        site = SiteId(name)
        op = delete(len(self.replicas[site].text), position, count)
        return self._edited(site, op, lambda: self.replicas[site].delete(position, count))

    def _edited(self, site: SiteId, op: Any, make: Callable[[], list[Event]]) -> list[Event]:
        self.sequences[site] += 1
        sequence = self.sequences[site]
        self.add(
            history.Edited,
            site=site,
            sequence=sequence,
            kind="type",
            revision=0,
            operation=op,
            client_us=0,
        )
        events = make()
        self.add(history.Generated, site=site, sequence=sequence, events=tuple(events), **self.looked(site))
        self.add(history.Displayed, site=site, text=self.replicas[site].text, sequence=sequence)
        return events

    def take(self, source: str, target: str) -> None:
        """The target takes over everything that the source knows."""
        site = SiteId(target)
        replica = self.replicas[site]
        self.integrate(target, self.replicas[SiteId(source)].events_since(replica.version))

    def integrate(self, target: str, events: Iterable[Event]) -> None:
        """Events reach a replica."""
        site = SiteId(target)
        fresh = [event for event in events if self.replicas[site].apply(event)]
        if fresh:
            self.add(history.Integrated, site=site, spans=history.spans_of(fresh), **self.looked(site))
            self.add(history.Displayed, site=site, text=self.replicas[site].text)

    def reload(self, name: str) -> None:
        """A replica saves, and is loaded again."""
        site = SiteId(name)
        replica = self.replicas[site] = self.kind.load(self.replicas[site].save())
        saved = history.fingerprint(replica.text)
        self.add(history.Reloaded, site=site, version=dict(replica.version), saved=saved, loaded=saved)
        self.add(history.Restarted, site=site, revision=0, last=self.sequences[site])

    def finish(self, *, settle: bool = True) -> list[Record]:
        """Everybody learns everything, and the end is recorded."""
        self.time_us += 1_000
        self.records.append(history.Healed(self.time_us, 1_000_000))
        for target in self.replicas if settle else ():
            for source in self.replicas:
                self.take(source, target)
        for site, replica in self.replicas.items():
            self.add(
                history.FinalVersion,
                site=site,
                version=dict(replica.version),
                fingerprint=history.fingerprint(replica.text),
                order=history.order_fingerprint(replica.elements()),
                waiting=0,
                online=True,
            )
        site, replica = next(iter(self.replicas.items()))
        self.add(history.FinalElements, site=site, elements=tuple(replica.elements()))
        self.records.append(history.Traffic(self.time_us, {"arrived": 3}))
        self.records.append(history.Finished(self.time_us))
        return self.records


def group_story(rule: str = "fuguemax") -> list[Record]:
    """Three people at one text: concurrent runs both ways, deletions, a reload, laws that hold."""
    group = Group("ab", rule=rule)
    group.type("a", 1, "xyz")
    group.type("b", 1, "u")
    group.type("b", 1, "v")
    group.take("a", "c")
    group.erase("c", 0, 2)
    group.type("c", 0, "n")
    group.take("b", "a")
    group.reload("b")
    group.take("c", "b")
    group.type("b", 3, "m")
    group.add(history.Examined, law="commutative", sites=(SiteId("a"), SiteId("b")))
    group.add(history.Preserved, site=SiteId("a"), how="compacted", dropped=1, before=5, after=5)
    return group.finish()
