"""Going everywhere: breadth first, equal states once, every different history judged.

Two orders of the same independent steps give every client and the server the same things to tell, so they are
one history. A state that is reached again with another history is not gone on from, but that history is
judged up to there: whatever a checker notices, it notices when it happens, or at an end, which is judged too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

import msgspec

from model import history
from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.claims import JUPITER
from model.history import Record
from model.verdict import CheckResult, Verdict, Violation, merge_results
from simulator.exploring.boundaries import Boundaries
from simulator.exploring.playing import ending, timed
from simulator.exploring.state import Move, State
from simulator.exploring.system import System
from simulator.exploring.values import Values
from simulator.planning.scope import BOUNDARIES, FAULTS, Boundary, FaultKind, Scope, Step
from simulator.virtual.cell import HEALTHY, Parts

PROGRESS_EVERY: Final = 256
"""States between two looks at the budget."""

SHORTEST_STATES_MAX: Final = 5_000
"""States that are visited to find a shorter way to what was found."""

NO_BOUND: Final = 1 << 62

_replace = msgspec.structs.replace

Told: TypeAlias = tuple[int, ...]
"""For the server and each client, the number of what it has put into the history so far."""


class Budget(NamedTuple):
    """What an exploration may cost.

    Attributes:
        states: that are visited.
        cpu_seconds: CPU time of this process.
    """

    states: int = NO_BOUND
    cpu_seconds: float = float("inf")


class Found(NamedTuple):
    """What a check says of one history.

    Attributes:
        violation: the first of the check.
        steps: the way there.
        is_end: whether it takes the end of the history to see it.
        is_shortest: whether there is no shorter one within the same scope.
    """

    violation: Violation
    steps: tuple[Step, ...]
    is_end: bool
    is_shortest: bool = False


class Exploration(NamedTuple):
    """What came of it.

    Attributes:
        scope: how far it went: the smallest scope in which something is violated, or all of it.
        states: different states that were visited.
        transitions: steps from one to another.
        ends: states after which nothing more has to happen.
        histories: different ones that were judged.
        frontier: states that were met and not visited, because the budget was spent.
        checks: what each check says of all histories together.
        covered: how often each fault happened where.
        found: the violations of one history, one a check, the most telling first; empty if there are none.
        cpu_seconds: what it cost.
    """

    scope: Scope
    states: int
    transitions: int
    ends: int
    histories: int
    frontier: int
    checks: tuple[CheckResult, ...]
    covered: dict[tuple[FaultKind, Boundary], int]
    found: tuple[Found, ...]
    cpu_seconds: float

    @property
    def missing(self) -> tuple[tuple[FaultKind, Boundary], ...]:
        """Faults that the scope has, and boundaries at which they never happened."""
        return tuple(place for place in places_of(self.scope) if not self.covered.get(place))

    @property
    def verdict(self) -> Verdict:
        """Valid only if everything within the scope was visited, and every fault happened everywhere."""
        if self.found:
            return Verdict.VIOLATED
        return Verdict.UNKNOWN if self.frontier or self.missing or not self.transitions else Verdict.VALID


def places_of(scope: Scope) -> Iterator[tuple[FaultKind, Boundary]]:
    """The boundaries that each kind of fault of a scope has to be tried at."""
    wanted = {
        "break": scope.breaks,
        "crash": scope.crashes,
        "death": scope.crashes,
        "unknown": scope.unknown,
    }
    for fault in FAULTS:
        if not (wanted[fault] and scope.faults and scope.edits):
            continue
        for boundary in BOUNDARIES:
            if boundary == "broadcast" and scope.clients == 1:
                continue
            if boundary == "compose" and scope.edits == 1:
                continue
            if boundary == "join" and scope.faults == 1 and fault != "unknown":
                continue
            if fault != "unknown" or boundary == "persist":
                yield fault, boundary


def explore(
    scope: Scope,
    parts: Parts = HEALTHY,
    budget: Budget = Budget(),  # noqa: B008  # it is a tuple
    *,
    reduced: bool = True,
    is_shortest: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Exploration:
    """Try everything within a scope until something is violated, or nothing is left.

    Smaller scopes within it come first, so that a violation is found where there is least to read. One edit
    and one fault take about half a second of CPU time, two edits ten. ``explore(Scope(edits=1), parts)`` is
    what a test of many subjects calls; ``.found`` says what is wrong.

    Args:
        scope: how far to go.
        parts: the classes under test; the product's own if nobody says otherwise.
        budget: what it may cost, all scopes together.
        reduced: as for :class:`System`; the findings are the same without.
        is_shortest: whether to look for the shortest way to what was found.
        progress: told now and then how many states of a scope were visited, and how many are waiting.
    """
    begin = time.process_time()
    for part in within(scope):
        left = budget._replace(cpu_seconds=budget.cpu_seconds - (time.process_time() - begin))
        result = _Search(part, parts, left, reduced, progress).run()
        if result.found and is_shortest:
            result = result._replace(found=_shortest(result, parts, left))
        if result.found or result.frontier:
            break
    return result._replace(cpu_seconds=time.process_time() - begin)


def within(scope: Scope) -> list[Scope]:
    """The scope itself, after smaller ones with fewer edits and faults."""
    sizes = [(edits, faults) for edits in range(1, scope.edits + 1) for faults in range(scope.faults + 1)]
    sizes.sort(key=lambda size: (size[0] + 2 * size[1], size[1]))
    smaller = [_replace(scope, edits=e, faults=f) for e, f in sizes if (e, f) != (scope.edits, scope.faults)]
    return [*smaller, scope]


def _shortest(result: Exploration, parts: Parts, budget: Budget) -> tuple[Found, ...]:
    """What can be found on the shortest way to anything that is wrong, as far as the budget goes."""
    bounded = budget._replace(states=min(budget.states, SHORTEST_STATES_MAX))
    again = _Search(result.scope, parts, bounded, False, None, is_thorough=True).run()
    return again.found or result.found


class _Search:
    def __init__(
        self,
        scope: Scope,
        parts: Parts,
        budget: Budget,
        reduced: bool,
        progress: Callable[[int, int], None] | None,
        *,
        is_thorough: bool = False,
    ) -> None:
        """A search; a thorough one judges after each step, so that nothing is noticed late."""
        self._scope = scope
        self._is_thorough = is_thorough
        self._begin = time.process_time()
        self._parts = parts
        self._budget = budget
        self._progress = progress
        self._system = System(scope, parts, reduced=reduced)
        self._boundaries = Boundaries(self._system)
        first = self._system.first
        self._numbers: dict[State, int] = {first: 0}
        self._states = [first]
        self._ways: list[tuple[int, Move] | None] = [None]
        self._histories: Values[tuple[int, tuple[int, int]]] = Values()
        self._histories.number((0, (0, 0)))  # the history in which nobody has told anything
        self._told: list[Told] = [(0,) * (scope.clients + 1)]
        self._judged: set[tuple[int, Told]] = set()
        self._results: dict[str, CheckResult] = {}
        self._covered: dict[tuple[FaultKind, Boundary], int] = {}
        self._found: list[Found] = []
        self._transitions = self._ends = self._visited = self._count = 0

    def run(self) -> Exploration:
        """Go everywhere."""
        for number, state in enumerate(self._states):  # grows meanwhile
            if self._is_spent(number):
                break
            self._visit(number, state)
            self._visited += 1
            if self._found:
                break
        return Exploration(
            self._scope,
            self._visited,
            self._transitions,
            self._ends,
            self._count,
            len(self._states) - self._visited,
            tuple(self._results.values()),
            self._covered,
            tuple(self._found),
            time.process_time() - self._begin,
        )

    def _is_spent(self, number: int) -> bool:
        if number >= self._budget.states:
            return True
        if number % PROGRESS_EVERY:
            return False
        if self._progress is not None:
            self._progress(number, len(self._states) - number)
        return time.process_time() - self._begin > self._budget.cpu_seconds

    def _visit(self, number: int, state: State) -> None:
        moves = self._system.moves(state)
        self._transitions += len(moves)
        told = self._told[number]
        for move in moves:
            if (fault := move.step.fault) is not None:
                for boundary in self._boundaries.at(state, move.step):
                    self._covered[fault, boundary] = self._covered.get((fault, boundary), 0) + 1
            self._take(number, move, self._told_after(told, move))
        if self._system.is_over(moves):
            self._ends += 1
            records = [*self._records(number), *ending(self._system.ending(state), self._depth(number))]
            self._judge(records, number, is_end=True)

    def _take(self, number: int, move: Move, told: Told) -> None:
        known = self._numbers.setdefault(move.after, len(self._states))
        if known == len(self._states):
            self._states.append(move.after)
            self._ways.append((number, move))
            self._told.append(told)
            if (self._is_thorough and move.told) or any(type(r) in _ACCUSING for r in move.records):
                self._judge(self._records(known), known, is_end=False)
        elif told != self._told[known] and (known, told) not in self._judged:
            self._judged.add((known, told))
            records = self._records(number)
            records += timed(move.records, self._depth(number) + 1)
            self._judge(records, number, is_end=False, last=move.step)

    def _told_after(self, told: Told, move: Move) -> Told:
        if not move.told:
            return told
        after = list(told)
        for part, outcome in move.told:
            after[part] = self._histories.number((after[part], (part, outcome)))
        return tuple(after)

    # --- histories ----------------------------------------------------------------------------------------

    def _way(self, number: int) -> list[Move]:
        moves: list[Move] = []
        way = self._ways[number]
        while way is not None:
            moves.append(way[1])
            way = self._ways[way[0]]
        return moves[::-1]

    def _depth(self, number: int) -> int:
        return len(self._way(number))

    def _records(self, number: int) -> list[Record]:
        """The history of the way on which a state was met first."""
        records = list(self._system.first_records)
        for at, move in enumerate(self._way(number), 1):
            records += timed(move.records, at)
        return records

    def _judge(self, records: list[Record], number: int, *, is_end: bool, last: Step | None = None) -> None:
        self._count += 1
        found: list[Found] = []
        steps = [move.step for move in self._way(number)]
        if last is not None:
            steps.append(last)
        for result in judged(records):
            before = self._results.get(result.name)
            self._results[result.name] = result if before is None else merge_results((before, result))
            first = result.violations[:1] if result.claimed else ()
            found += [Found(v, tuple(steps), is_end, self._is_thorough) for v in first]
        self._found += sorted(found, key=_rank) if not self._found else ()


def _rank(found: Found) -> tuple[int, bool, bool]:
    """What was noticed first says most; of the same moment, what says why, and last a bare assertion."""
    violation = found.violation
    return violation.time_us, INVARIANTS in violation.kind, violation.check not in SAYS_WHY


SAYS_WHY: Final = frozenset({"exceptions", "protocol"})
"""Checks whose violations name the cause."""

INVARIANTS: Final = "check_invariants"
"""Of the kind of an exception: no more is said than that something does not hold."""

_ACCUSING: Final = frozenset({history.Raised, history.Accused})


def judged(records: list[Record]) -> list[CheckResult]:
    """What the checks say of a history."""
    checkers = checkers_for(JUPITER)
    Judge(checkers).feed(records)
    return [checker.result() for checker in checkers]
