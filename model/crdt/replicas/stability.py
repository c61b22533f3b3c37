"""Causal stability: which events everybody knows, as far as one replica can tell.

Source: Baquero, Almeida & Shoker, "Making operation-based CRDTs operation-based" (DAIS 2014), causal
stability; the table is the matrix clock of Wuu & Bernstein (PODC 1984).

An event is stable at a replica if it is in the past of everything that the replica has not seen yet. It is
*not* enough that everybody knows the event by now: something typed before may still be on its way.
"""

from __future__ import annotations

from collections.abc import Iterable

from model.crdt.replicas.port import Version
from model.identity import SiteId


class Stability:
    """For each site of a group, a version that it had and that has been taken over here.

    Invariant: for every site s, this replica knows everything that s knew when s had ``seen[s]``; so what
    comes from s later was made knowing that version.
    """

    def __init__(self, sites: Iterable[SiteId]) -> None:
        """A group whose members are all known from the beginning; nothing was seen of them."""
        self._seen: dict[SiteId, dict[SiteId, int]] = {site: {} for site in sites}

    def saw(self, site: SiteId, version: Version) -> None:
        """Everything that ``site`` knew at ``version`` has been taken over; also to be told of the own site.

        Raises:
            KeyError: the site is not of the group.
        """
        seen = self._seen[site]
        for author, counter in version.items():
            seen[author] = max(seen.get(author, 0), counter)

    def merge(self, other: Stability) -> None:
        """Everything that the owner of ``other`` knew has been taken over, so all it saw was seen here."""
        for site, version in other._seen.items():
            self.saw(site, version)

    @property
    def stable(self) -> Version:
        """The version that is in the past of everything not seen yet."""
        rows = list(self._seen.values())
        authors = rows[0] if rows else {}
        lowest = {author: min(row.get(author, 0) for row in rows) for author in authors}
        return {author: counter for author, counter in lowest.items() if counter}
