"""Replicas without a server: who knows the same shows the same, and in the end everybody knows everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check
from model.identity import DocumentId, SiteId

VERSIONS_KEPT_MAX: Final = 4_096
"""Versions of one document whose text is remembered; what comes back later begins anew."""

NEVER_US: Final = 1 << 62


class Agreement(Check):
    """Any two texts of one version are equal, under faults too; at the end also the order of the elements.

    The first sighting of a version is no comparison and does not count.
    """

    name = "convergence"
    detail = "texts compared with another one of the same version, and final orders of elements"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._texts: dict[DocumentId, dict[int, tuple[int, SiteId]]] = {}
        self._orders: dict[DocumentId, dict[int, tuple[int, SiteId]]] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Every record that may carry a version and a fingerprint."""
        return {
            history.Generated: self._shown,
            history.Integrated: self._shown,
            history.FinalVersion: self._final,
        }

    def _shown(self, record: history.Generated | history.Integrated) -> None:
        # By far the most frequent records: most carry neither, and the usual case of the others ends here.
        version = record.version
        if not version:
            return
        texts = self._texts.get(record.document)
        if texts is None:
            texts = self._texts[record.document] = {}
        known = texts.get(version)
        if known is not None and known[0] == record.fingerprint:
            self.checked += 1
            return
        self._compare(record.time_us, record.document, record.site, texts, version, record.fingerprint)

    def _final(self, record: history.FinalVersion) -> None:
        version = history.version_fingerprint(record.version)
        texts = self._texts.setdefault(record.document, {})
        agree = self._compare(
            record.time_us, record.document, record.site, texts, version, record.fingerprint
        )
        orders = self._orders.setdefault(record.document, {})
        if agree:
            self._compare(
                record.time_us, record.document, record.site, orders, version, record.order, "orders"
            )

    def _compare(
        self,
        time_us: int,
        document: DocumentId,
        site: SiteId,
        seen: dict[int, tuple[int, SiteId]],
        version: int,
        value: int,
        what: str = "texts",
    ) -> bool:
        known = seen.get(version)
        if known is None:
            seen[version] = value, site
            if len(seen) > VERSIONS_KEPT_MAX:
                del seen[next(iter(seen))]
            return True
        self.checked += 1
        other, other_site = known
        if other != value:
            self.violate(
                time_us,
                document,
                f"{site} and {other_site} know the same events and show different {what}",
                site=site,
                fingerprint=value,
                other_site=other_site,
                other_fingerprint=other,
                version=version,
            )
        return other == value


class Arrival(Check):
    """After the heal every online replica learns every event within the bound, and holds none back."""

    name = "liveness"
    detail = "online replicas that know every event, in time after the heal"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._deadline_us = NEVER_US
        self._late: set[DocumentId] = set()  # never iterated over
        self._made: dict[DocumentId, dict[SiteId, int]] = {}
        self._replicas: list[history.FinalVersion] = []

    def handlers(self) -> Mapping[type, Handler]:
        """What was made, what arrives late, and the end."""
        return {
            history.Generated: self._generated,
            history.Integrated: self._integrated,
            history.Healed: self._healed,
            history.FinalVersion: self._final,
        }

    def _generated(self, record: history.Generated) -> None:
        made = self._made.setdefault(record.document, {})
        for event in record.events:
            site, counter = event.id
            if counter > made.get(site, 0):
                made[site] = counter

    def _integrated(self, record: history.Integrated) -> None:
        if record.time_us <= self._deadline_us or record.document in self._late:
            return
        self._late.add(record.document)
        beyond_us = record.time_us - self._deadline_us
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} learnt events {beyond_us / 1e6:.1f} s after the time to converge",
            site=record.site,
            deadline_us=self._deadline_us,
        )

    def _healed(self, record: history.Healed) -> None:
        self._deadline_us = record.time_us + record.bound_us

    def _final(self, record: history.FinalVersion) -> None:
        if record.online and self._deadline_us != NEVER_US:
            self._replicas.append(record)

    def _finish(self) -> None:
        for replica in self._replicas:
            self.checked += 1
            made = self._made.get(replica.document, {})
            lacking = {
                site: (replica.version.get(site, 0), counter)
                for site, counter in made.items()
                if replica.version.get(site, 0) < counter
            }
            if lacking:
                site, (known, counter) = next(iter(lacking.items()))
                problem = f"knew {known} of the {counter} events of {site or 'the first text'}"
            elif replica.waiting:
                problem = f"held back {replica.waiting} events"
            else:
                continue
            self.violate(
                replica.time_us,
                replica.document,
                f"{replica.site} {problem} when the time to converge was over",
                site=replica.site,
                lacking={site: list(counts) for site, counts in lacking.items()},
                waiting=replica.waiting,
                deadline_us=self._deadline_us,
            )
