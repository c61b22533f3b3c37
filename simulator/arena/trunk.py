"""Why two characters stand in the order in which they stand, by what the server's log says.

Online, whatever is not acknowledged yet is carried over every revision that arrives, at its author's and with
the same outcome at the server; there the two met on one text, at two places or at one. A branch meets all of
the trunk since its base, gap by gap (D14).
"""

from __future__ import annotations

from collections.abc import Sequence

from model.crdt.merging import Composition
from model.identity import SiteId
from model.text import Operation
from reference_server.core.effects import LogRow
from simulator.arena.schedule import Schedule
from simulator.arena.server import RecordingReplica, ServerEngine


class Trunk:
    """What the clients and the server of an engine did, ready to be asked."""

    def __init__(self, engine: ServerEngine, schedule: Schedule) -> None:
        """``engine``: it played the schedule, and its clients recorded."""
        self._rows = engine.rows
        self._shown = schedule.shown
        self._anchors = schedule.anchors
        self._crossings = {
            client.replica.site: client.replica.crossings
            for client in engine.clients.values()
            if isinstance(client.replica, RecordingReplica)
        }

    def why(self, first: str, second: str) -> str:
        """Why two characters stand in the order in which they stand; either may be deleted by now."""
        rows = [row for row in (self._row_of(first), self._row_of(second)) if row is not None]
        if len(rows) < 2:
            return "one of them was there before everything"
        if rows[0].site == rows[1].site:
            return f"{rows[0].site} typed both"
        earlier, later = sorted(rows, key=lambda row: row.revision)
        one, other = (first, second) if rows[0] is earlier else (second, first)
        for mine, theirs in self._crossings[later.site]:
            here, there = _place(mine, other), _place(theirs, one)
            if here is not None and there is not None:
                return self._by_place(one, other, earlier, later, there, here)
        if later.branch and later.base < earlier.revision:
            return self._by_gap(one, other, later)
        anchor = self._anchors.get(other, "")
        if anchor in ("", one):
            return f"who typed {self._name(other)} saw {self._name(one)}"
        goes = f"{self._name(other)} goes with {self._name(anchor)}, behind which it was typed"
        return f"{goes}; {self.why(anchor, one)}"

    def _row_of(self, character: str) -> LogRow | None:
        return next((row for row in self._rows if _place(row.operation, character) is not None), None)

    def _name(self, character: str) -> str:
        return repr(self._shown.get(character, character))

    def _by_place(self, one: str, other: str, earlier: LogRow, later: LogRow, there: int, here: int) -> str:
        met = (
            f"{self._name(other)} of {later.site}, not acknowledged yet, met revision {earlier.revision} "
            f"of {earlier.site} with {self._name(one)}"
        )
        if here == there:
            return f"{met} at one place: the smaller site goes first, {min(earlier.site, later.site)}"
        return f"{met}, {here} against {there} on one text, which is no tie"

    def _by_gap(self, one: str, other: str, branch: LogRow) -> str:
        """A branch was merged with the trunk since its base: both go by the gaps of the base's text."""
        trunk = self._rows[branch.base : branch.revision - 1]
        length = branch.edits[0].operation.base_length
        theirs, owners = _gaps(length, [(row.operation, row.site) for row in trunk])
        ours, _ = _gaps(length, [(edits.operation, branch.site) for edits in branch.edits])
        here, there = ours[other], theirs[one]
        met = f"the branch of {branch.site} was merged in FugueMax order"
        if here != there:
            return f"{met}: {self._name(other)} in gap {here} of its base, {self._name(one)} in gap {there}"
        return (
            f"{met}: in gap {here} of its base it met what {owners[here]} began there, "
            f"and the smaller site goes first, {min(branch.site, owners[here])}"
        )


def _place(operation: Operation, character: str) -> int | None:
    """Where in its base text an operation inserts a character; None if it does not."""
    at = 0
    for c in operation.components:
        if isinstance(c, str):
            if character in c:
                return at
        else:
            at += abs(c)
    return None


def _gaps(
    length: int, operations: Sequence[tuple[Operation, SiteId]]
) -> tuple[dict[str, int], dict[int, SiteId]]:
    """To which gap of a text of ``length`` each inserted character goes, and who inserted there first."""
    composition = Composition(length)
    gaps: dict[str, int] = {}
    owners: dict[int, SiteId] = {}
    for operation, site in operations:
        at = 0
        for c in operation.components:
            if isinstance(c, str):
                gap = composition.insert(at, c)
                owners.setdefault(gap, site)
                gaps |= dict.fromkeys(c, gap)
                at += len(c)
            elif c > 0:
                at += c
            else:
                left = -c
                while left:
                    left -= composition.delete(at, left)
    return gaps, owners
