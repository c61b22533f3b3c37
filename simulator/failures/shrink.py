"""The smallest case that still fails the same check, by steps of the domain, in a bounded time.

Each pass proposes simpler plans: fewer clients, fewer faults, fewer edits, shorter absences, a plainer
network, less text. A proposal that still fails the check replaces the case, and the passes start again until
none of them helps. Every proposal is run; nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias, TypeVar

import msgspec

from simulator.engines.engine import AnyParts
from simulator.failures.case import Case
from simulator.failures.trial import Trial, attempt
from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan, ScriptStep

HEAL_BOUND_US_MAX: Final = 8_000_000
"""A shrunk case that does not converge within this long after the heal does not converge."""

PLAIN_LATENCY_US: Final = 20_000
SHORT_PAUSE_US: Final = 100_000
LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

Pass: TypeAlias = Callable[[CellPlan], Iterator[CellPlan]]

_T = TypeVar("_T")
_replace = msgspec.structs.replace


class Shrinker:
    """A search for a smaller case.

    Attributes:
        attempts: plans tried so far.
    """

    def __init__(
        self,
        case: Case,
        parts: AnyParts | None,
        *,
        out_of_time: Callable[[], bool],
        progress: Callable[[Case], None] | None = None,
    ) -> None:
        """``out_of_time`` is asked before every attempt and ends the search."""
        self.attempts = 0
        self._case = case
        self._parts = parts
        self._out_of_time = out_of_time
        self._progress = progress

    def shrink(self) -> Case:
        """Search until no pass helps or the time is up; the smallest case found.

        Where a search gets stuck depends on what it tries first, so there is one for each order of passes.
        """
        whole = self._case
        found: list[Case] = []
        for passes in ORDERS:
            self._case = whole
            self._search(passes)
            found.append(self._case)
            if self._out_of_time():
                break
        return _replace(min(found, key=_size), shrunk=True)

    def _search(self, passes: Iterable[Pass]) -> None:
        improved = True
        while improved and not self._out_of_time():
            improved = False
            for candidates in passes:
                improved |= self._exhaust(candidates)

    def _exhaust(self, candidates: Pass) -> bool:
        """Take the first proposal that fails, again and again."""
        improved = False
        again = True
        while again:
            again = False
            for plan in candidates(self._case.plan):
                if self._out_of_time():
                    return improved
                if plan != self._case.plan and self._take(plan):
                    improved = again = True
                    break
        return improved

    def _take(self, plan: CellPlan) -> bool:
        self.attempts += 1
        try:
            trial: Trial = attempt(plan, self._parts)
        except Exception:  # a seeded bug may break the engine itself on another plan; not this failure
            return False
        found = trial.shown(self._case.check, self._case.kind)
        if found is None:
            return False
        self._case = _replace(self._case, plan=plan, digest=trial.digest, message=found.message)
        if self._progress is not None:
            self._progress(self._case)
        return True


def _size(case: Case) -> tuple[int, int]:
    """What makes a case easy to read: few clients and edits, then little else."""
    steps = sum(len(c.script or ()) for d in case.plan.documents for c in d.clients)
    return case.clients + case.operations, steps + len(case.plan.faults)


# --- passes -----------------------------------------------------------------------------------------------


def _document(plan: CellPlan) -> DocumentPlan:
    return plan.documents[0]


def _with_clients(plan: CellPlan, clients: Sequence[ClientPlan]) -> CellPlan:
    names = {c.site for c in clients}
    faults = tuple(
        w if w.sites is None else _replace(w, sites=tuple(s for s in w.sites if s in names))
        for w in plan.faults
    )
    document = _replace(_document(plan), clients=tuple(clients))
    return _replace(plan, documents=(document,), faults=tuple(w for w in faults if w.sites != ()))


def _without_parts(items: Sequence[_T]) -> Iterator[list[_T]]:
    """``items`` without a half, a quarter … down to without a single one (as delta debugging does)."""
    size = len(items) // 2 or 1
    while items:
        for begin in range(0, len(items), size):
            yield [*items[:begin], *items[begin + size :]]
        if size == 1:
            return
        size //= 2


def fewer_clients(plan: CellPlan) -> Iterator[CellPlan]:
    """Leave clients out; at least one stays."""
    for clients in _without_parts(_document(plan).clients):
        if clients:
            yield _with_clients(plan, clients)


def fewer_faults(plan: CellPlan) -> Iterator[CellPlan]:
    """Leave fault windows out."""
    for faults in _without_parts(plan.faults):
        yield _replace(plan, faults=tuple(faults))


def fewer_steps(plan: CellPlan) -> Iterator[CellPlan]:
    """Leave out what clients did, over all clients together; the first step (coming online) stays."""
    clients = _document(plan).clients
    indexed = [(n, s) for n, c in enumerate(clients) for s in (c.script or ())[1:]]
    for kept in _without_parts(indexed):
        yield _with_scripts(plan, kept)


def _with_scripts(plan: CellPlan, kept: Sequence[tuple[int, ScriptStep]]) -> CellPlan:
    clients = [
        _replace(c, script=(*(c.script or ())[:1], *(s for n, s in kept if n == number)))
        for number, c in enumerate(_document(plan).clients)
    ]
    return _with_clients(plan, clients)


def paired_steps(plan: CellPlan) -> Iterator[CellPlan]:
    """Leave out one absence: a step of going and the next step of coming back, together."""
    for number, client in enumerate(_document(plan).clients):
        script = client.script or ()
        for i, step in enumerate(script):
            if step.do not in ("offline", "crash"):
                continue
            back = next((j for j in range(i + 1, len(script)) if script[j].do in ("online", "restart")), None)
            if back is not None:
                kept = [s for j, s in enumerate(script) if j not in (i, back)]
                yield _with_script(plan, number, kept)


def _with_script(plan: CellPlan, number: int, script: Sequence[ScriptStep]) -> CellPlan:
    clients = list(_document(plan).clients)
    clients[number] = _replace(clients[number], script=tuple(script))
    return _with_clients(plan, clients)


def plainer_network(plan: CellPlan) -> Iterator[CellPlan]:
    """One region, one constant latency, constant commits, no datagram lost, doubled or held up."""
    regions = plan.network.regions
    same = tuple(_replace(r, latency_us=PLAIN_LATENCY_US, jitter_us=0) for r in regions)
    steady = tuple(_replace(r, jitter_us=0) for r in regions)
    server = _replace(plan.server, commit_jitter_us=0)
    yield _replace(plan, network=_replace(plan.network, regions=same), server=server)
    yield _replace(plan, network=_replace(plan.network, regions=steady), server=server)
    if plan.gossip is not None:
        quiet = _replace(plan.gossip.settings, loss=0.0, duplication=0.0, reordering=0.0)
        yield _replace(plan, gossip=_replace(plan.gossip, settings=quiet))


def less_time(plan: CellPlan) -> Iterator[CellPlan]:
    """Shorter: cut what is left of the run after the last step, then close gaps, then shorten windows."""
    last = max([0, *(s.at_us for c in _document(plan).clients for s in c.script or ())])
    ends = max([last, *(w.end_us for w in plan.faults)])
    if plan.duration_us > ends + 1_000_000:
        yield _replace(plan, duration_us=ends + 1_000_000)
    if plan.heal_bound_us > HEAL_BOUND_US_MAX:
        yield _replace(plan, heal_bound_us=HEAL_BOUND_US_MAX)
    for at_us, gap_us in _gaps(plan):
        yield _without_gap(plan, at_us, gap_us - SHORT_PAUSE_US)
    for n, window in enumerate(plan.faults):
        half = window.begin_us + (window.end_us - window.begin_us) // 2
        if half - window.begin_us > SHORT_PAUSE_US:
            shorter = _replace(window, end_us=half)
            yield _replace(plan, faults=(*plan.faults[:n], shorter, *plan.faults[n + 1 :]))


def _gaps(plan: CellPlan) -> list[tuple[int, int]]:
    times = sorted(
        {
            0,
            *(s.at_us for c in _document(plan).clients for s in c.script or ()),
            *(t for w in plan.faults for t in (w.begin_us, w.end_us)),
        }
    )
    gaps = [(a, b - a) for a, b in pairwise(times) if b - a > 2 * SHORT_PAUSE_US]
    return sorted(gaps, key=lambda gap: -gap[1])


def _without_gap(plan: CellPlan, after_us: int, cut_us: int) -> CellPlan:
    def moved(time_us: int) -> int:
        return time_us - cut_us if time_us > after_us else time_us

    clients = [
        _replace(c, script=tuple(_replace(s, at_us=moved(s.at_us)) for s in c.script or ()))
        for c in _document(plan).clients
    ]
    faults = tuple(_replace(w, begin_us=moved(w.begin_us), end_us=moved(w.end_us)) for w in plan.faults)
    document = _replace(_document(plan), clients=tuple(clients))
    duration_us = max(moved(plan.duration_us), SHORT_PAUSE_US)
    return _replace(plan, documents=(document,), faults=faults, duration_us=duration_us)


def less_text(plan: CellPlan) -> Iterator[CellPlan]:
    """A shorter text to start with: the end cut off, or the front with all positions moved along."""
    text = _document(plan).text
    for length in (0, 1, 2, 3, 4, len(text) // 2, len(text) - 1):
        if 0 <= length < len(text):
            document = _replace(_document(plan), text=text[:length])
            yield _replace(plan, documents=(document,))
            yield _without_front(plan, len(text) - length)


def _without_front(plan: CellPlan, count: int) -> CellPlan:
    clients = [
        _replace(c, script=tuple(_replace(s, position=max(0, s.position - count)) for s in c.script or ()))
        for c in _document(plan).clients
    ]
    document = _replace(_document(plan), text=_document(plan).text[count:], clients=tuple(clients))
    return _replace(plan, documents=(document,))


def plainer_text(plan: CellPlan) -> Iterator[CellPlan]:
    """The text to start with in digits; characters stay unique as long as there are enough digits."""
    document = _document(plan)
    digits = "".join(chr(ord("0") + n % 10) for n in range(len(document.text)))
    if digits != document.text:
        unique = document.unique and len(digits) <= 10
        yield _replace(plan, documents=(_replace(document, text=digits, unique=unique),))


def plainer_edits(plan: CellPlan) -> Iterator[CellPlan]:
    """Edits of one character, near the front, each with a letter that nobody else has."""
    document = _document(plan)
    used = {
        *document.text,
        *(c for client in document.clients for s in client.script or () for c in s.inserted),
    }
    letter = next((c for c in LETTERS if c not in used), "")
    for number, client in enumerate(document.clients):
        script = client.script or ()
        for i, step in enumerate(script):
            if step.do != "edit":
                continue
            for simpler in (
                _replace(step, inserted=letter) if step.inserted and letter else step,
                _replace(step, inserted=step.inserted[:1]),
                _replace(step, deleted=min(step.deleted, 1)),
                _replace(step, position=0),
                _replace(step, position=1),
                _replace(step, position=step.position // 2),
                _replace(step, deleted=0) if step.inserted else step,
                _replace(step, inserted="") if step.deleted else step,
            ):
                if _weight(simpler) < _weight(step):
                    yield _with_script(plan, number, [*script[:i], simpler, *script[i + 1 :]])


def _weight(step: ScriptStep) -> tuple[int, int, int, bool]:
    return (
        len(step.inserted) + step.deleted,
        bool(step.deleted) + bool(step.inserted),
        step.position,
        step.inserted > "z",
    )


PASSES: Final[tuple[Pass, ...]] = (
    less_time,
    fewer_clients,
    fewer_faults,
    paired_steps,
    fewer_steps,
    plainer_network,
    less_text,
    plainer_edits,
    plainer_text,
)
"""In the order that saves most time: what makes every further attempt cheaper comes first."""

ORDERS: Final = (PASSES, (plainer_network, *(p for p in PASSES if p is not plainer_network)))
"""The second one begins with a network without jitter, where leaving out a step delays no other message."""
