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
from simulator.algorithms.arena.engines.server import RecordingReplica, ServerEngine
from simulator.algorithms.arena.schedule import Schedule


class LogReasons:
    """What the clients and the server of an engine did, ready to be asked."""

    def __init__(self, engine: ServerEngine, schedule: Schedule) -> None:
        """``engine``: it played the schedule, and its clients recorded."""
        self._rows = engine.rows
        self._shown = schedule.shown
        self._anchors = schedule.anchors
        self._authors = schedule.authors
        self._typed = {character: number for number, character in enumerate(self._authors)}
        self._transformed = {
            client.replica.site: client.replica.transformed
            for client in engine.clients.values()
            if isinstance(client.replica, RecordingReplica)
        }

    def why(self, first: str, second: str) -> str:
        """Why two characters stand in the order in which they stand; either may be deleted by now."""
        one, other = sorted((first, second), key=self._typed.__getitem__)
        a, b = self._authors[one], self._authors[other]
        if not a or not b:
            return "one of them was there before everything"
        if a == b:
            return f"{a} typed both"
        said = self._by_place(one, other) or self._by_place(other, one) or self._by_gap(one, other)
        if said:
            return said
        # Their authors' edits never met, so whoever typed later saw the other one.
        anchor = self._anchors[other]
        if anchor in ("", one):
            return f"who typed {self._name(other)} saw {self._name(one)}"
        goes = f"{self._name(other)} goes with {self._name(anchor)}, behind which it was typed"
        return f"{goes}; {self.why(anchor, one)}"

    def _by_place(self, arrived: str, own: str) -> str:
        """What is said if ``own`` was not acknowledged when ``arrived`` came; empty if it was otherwise."""
        for mine, theirs in self._transformed[self._authors[own]]:
            here, there = _place(mine, own), _place(theirs, arrived)
            if here is not None and there is not None:
                break
        else:
            return ""
        a, b = self._authors[arrived], self._authors[own]
        meeting = f"{self._name(own)} of {b}, not acknowledged yet, met {self._name(arrived)} of {a}"
        if here == there:
            return f"{meeting} at one place: the smaller site goes first, {min(a, b)}"
        return f"{meeting}, {here} against {there} on one text, which is no tie"

    def _by_gap(self, one: str, other: str) -> str:
        """What is said if one came with a branch that did not know the other one; empty if it was otherwise.

        Both go by the gaps of the text that the branch hangs off.
        """
        rows = {character: self._row_of(character) for character in (one, other)}
        found = sorted((row.revision, c, row) for c, row in rows.items() if row is not None)
        if len(found) < 2:
            return ""
        (revision, stored, _), (_, own, branch) = found
        if not branch.branch or revision <= branch.base:
            return ""
        length = branch.edits[0].operation.base_length
        trunk = self._rows[branch.base : branch.revision - 1]
        theirs, owners = _gaps(length, [(row.operation, row.site) for row in trunk])
        ours, _ = _gaps(length, [(edits.operation, branch.site) for edits in branch.edits])
        said = f"the branch of {branch.site} was merged in FugueMax order"
        here, there = ours[own], theirs[stored]
        if here != there:
            return f"{said}: {self._name(own)} in gap {here} of its base, {self._name(stored)} in gap {there}"
        return (
            f"{said}: in gap {here} of its base it met what {owners[here]} began there, "
            f"and the smaller site goes first, {min(branch.site, owners[here])}"
        )

    def _row_of(self, character: str) -> LogRow | None:
        """The revision that brought a character, even if the same branch took it away again."""
        return next(
            (
                row
                for row in self._rows
                if any(_place(edits.operation, character) is not None for edits in row.edits)
            ),
            None,
        )

    def _name(self, character: str) -> str:
        return repr(self._shown.get(character, character))


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
