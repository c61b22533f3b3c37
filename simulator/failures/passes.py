"""What a case can do without: each pass proposes simpler plans, from the largest bite to the smallest.

A pass is a generator of plans. It is told by ``send`` whether the plan it proposed last was taken, and goes
on from there. Where there are several things to take away, it proposes to leave out all of them, then halves,
quarters, and single ones last (delta debugging: Zeller and Hildebrandt 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan, ScriptStep

HEAL_BOUND_US_MAX: Final = 8_000_000
"""A shrunk case that does not converge within this long after the heal does not converge."""

PLAIN_LATENCY_US: Final = 20_000
SHORT_PAUSE_US: Final = 100_000
LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

_T = TypeVar("_T")
_R = TypeVar("_R")
_Proposing: TypeAlias = Generator[CellPlan, bool | None, _R]
Proposals: TypeAlias = _Proposing[None]
Pass: TypeAlias = Callable[[CellPlan], Proposals]

_replace = msgspec.structs.replace


class _ClientStep(NamedTuple):
    """A step of a script, with the places of client and step."""

    client: int
    number: int
    step: ScriptStep


def left_out(items: Sequence[_T], plan_with: Callable[[list[_T]], CellPlan]) -> _Proposing[list[_T]]:
    """The plans without all items, without a half, a quarter … of those left, without a single one.

    The last items go first, since what came after a failure has not caused it. Returns the items that stay.
    """
    kept = list(items)
    size = len(kept)
    while size:
        end = len(kept)
        while end > 0:
            begin = max(0, end - size)
            fewer = kept[:begin] + kept[end:]
            if (yield plan_with(fewer)):
                kept = fewer
            end = begin
        size = min(size, len(kept) + 1) // 2
    return kept


# --- who takes part, what happens to them, what they do -----------------------------------------------------


def fewer_clients(plan: CellPlan) -> Proposals:
    """Leave clients out; if all can go, the first one stays."""
    clients = list(_document(plan).clients)
    yield from left_out(clients, lambda kept: _with_clients(plan, kept or clients[:1]))


def fewer_faults(plan: CellPlan) -> Proposals:
    """Leave fault windows out."""
    yield from left_out(plan.faults, lambda kept: _replace(plan, faults=tuple(kept)))


def fewer_absences(plan: CellPlan) -> Proposals:
    """Leave out a step of going together with the next step of coming back."""
    steps = _steps(plan)
    absences: list[tuple[_ClientStep, _ClientStep]] = []
    for number, going in enumerate(steps):
        if going.step.do in ("offline", "crash"):
            later = (s for s in steps[number:] if s.client == going.client)
            coming = next((s for s in later if s.step.do in ("online", "restart")), None)
            if coming is not None:
                absences.append((going, coming))

    def with_absences(kept: list[tuple[_ClientStep, _ClientStep]]) -> CellPlan:
        gone = {s[:2] for absence in absences if absence not in kept for s in absence}
        return _with_steps(plan, [s for s in steps if s[:2] not in gone])

    yield from left_out(absences, with_absences)


def fewer_steps(plan: CellPlan) -> Proposals:
    """Leave out what clients did, over all of them in order of time; what was typed later keeps its place.

    The first step of each (coming online) stays.
    """
    yield from _fewer_steps(plan, _in_place)


def fewer_steps_as_they_are(plan: CellPlan) -> Proposals:
    """As :func:`fewer_steps`, with the positions of the steps that stay as they are."""
    yield from _fewer_steps(plan, lambda _, kept: kept)


def _fewer_steps(
    plan: CellPlan, moved: Callable[[list[_ClientStep], list[_ClientStep]], list[_ClientStep]]
) -> Proposals:
    first = [s for s in _steps(plan) if not s.number]
    others = sorted((s for s in _steps(plan) if s.number), key=lambda s: s.step.at_us)
    yield from left_out(others, lambda kept: _with_steps(plan, [*first, *moved(others, kept)]))


def _in_place(steps: list[_ClientStep], kept: list[_ClientStep]) -> list[_ClientStep]:
    """The steps that are kept, moved by what the others would have inserted and deleted in front of them.

    As if every client saw every edit at once; a plan that is wrong about it is tried as well as any other.
    """
    places = {s[:2] for s in kept}
    gone: list[ScriptStep] = []
    moved: list[_ClientStep] = []
    for s in steps:
        if s[:2] in places:
            position = s.step.position
            for edit in reversed(gone):
                length = len(edit.inserted)
                if position > edit.position:
                    position = max(edit.position, position - length) + edit.deleted
            moved.append(s._replace(step=_replace(s.step, position=position)))
        elif s.step.do == "edit":
            gone.append(s.step)
    return moved


def plainer_network(plan: CellPlan) -> Proposals:
    """One region, one constant latency, constant commits, no datagram lost, doubled or held up."""
    regions = plan.network.regions
    server = _replace(plan.server, commit_jitter_us=0)
    for plainer in (
        tuple(_replace(r, latency_us=PLAIN_LATENCY_US, jitter_us=0) for r in regions),
        tuple(_replace(r, jitter_us=0) for r in regions),
    ):
        proposal = _replace(plan, network=_replace(plan.network, regions=plainer), server=server)
        if (yield proposal):
            plan = proposal
            break
    if plan.gossip is not None:
        quiet = _replace(plan.gossip.settings, loss=0.0, duplication=0.0, reordering=0.0)
        yield _replace(plan, gossip=_replace(plan.gossip, settings=quiet))


# --- when ---------------------------------------------------------------------------------------------------


def less_time(plan: CellPlan) -> Proposals:
    """Shorter: cut what is left of the run after the last step, then close gaps, then shorten windows."""
    last_us = max([0, *(s.step.at_us for s in _steps(plan)), *(w.end_us for w in plan.faults)])
    for shorter in (
        {"duration_us": min(plan.duration_us, last_us + 1_000_000)},
        {"heal_bound_us": min(plan.heal_bound_us, HEAL_BOUND_US_MAX)},
    ):
        proposal = _replace(plan, **shorter)
        if (yield proposal):
            plan = proposal
    gaps = _gaps(plan)
    kept = yield from left_out(gaps, lambda kept: _with_gaps(plan, gaps, kept))
    plan = _with_gaps(plan, gaps, kept)
    for number, window in enumerate(plan.faults):
        while (half_us := (window.end_us - window.begin_us) // 2) > SHORT_PAUSE_US:
            window = _replace(window, end_us=window.begin_us + half_us)
            proposal = _replace(plan, faults=(*plan.faults[:number], window, *plan.faults[number + 1 :]))
            if not (yield proposal):
                break
            plan = proposal


def _gaps(plan: CellPlan) -> list[tuple[int, int]]:
    """When nothing begins or ends for longer than needed: since when, and how long; the longest last."""
    times = sorted(
        {
            0,
            *(s.step.at_us for s in _steps(plan)),
            *(t for w in plan.faults for t in (w.begin_us, w.end_us)),
        }
    )
    gaps = [(a, b - a) for a, b in pairwise(times) if b - a > 2 * SHORT_PAUSE_US]
    return sorted(gaps, key=lambda gap: gap[1])


def _with_gaps(plan: CellPlan, gaps: Sequence[tuple[int, int]], kept: Sequence[tuple[int, int]]) -> CellPlan:
    """The plan with only some of its gaps left open."""
    closed = [gap for gap in gaps if gap not in kept]

    def moved(time_us: int) -> int:
        return time_us - sum(long_us - SHORT_PAUSE_US for begin_us, long_us in closed if begin_us < time_us)

    steps = [s._replace(step=_replace(s.step, at_us=moved(s.step.at_us))) for s in _steps(plan)]
    faults = [_replace(w, begin_us=moved(w.begin_us), end_us=moved(w.end_us)) for w in plan.faults]
    duration_us = max(moved(plan.duration_us), SHORT_PAUSE_US)
    return _replace(_with_steps(plan, steps), faults=tuple(faults), duration_us=duration_us)


# --- what is typed ------------------------------------------------------------------------------------------


def less_text(plan: CellPlan) -> Proposals:
    """A shorter text to start with: the end cut off, or the front with all positions moved along."""
    length = 0
    while length < (whole := len(_document(plan).text)):
        for proposal in (_without_end(plan, whole - length), _without_front(plan, whole - length)):
            if (yield proposal):
                plan = proposal
                length = 0
                break
        else:
            length = max(length + 1, (whole + length) // 2)


def _without_end(plan: CellPlan, count: int) -> CellPlan:
    document = _document(plan)
    return _replace(plan, documents=(_replace(document, text=document.text[:-count]),))


def _without_front(plan: CellPlan, count: int) -> CellPlan:
    steps = [
        s._replace(step=_replace(s.step, position=max(0, s.step.position - count))) for s in _steps(plan)
    ]
    document = _document(_with_steps(plan, steps))
    return _replace(plan, documents=(_replace(document, text=document.text[count:]),))


def plainer_text(plan: CellPlan) -> Proposals:
    """The text to start with in digits; characters stay unique as long as there are enough digits."""
    document = _document(plan)
    digits = "".join(chr(ord("0") + n % 10) for n in range(len(document.text)))
    unique = document.unique and len(digits) <= 10
    yield _replace(plan, documents=(_replace(document, text=digits, unique=unique),))


def plainer_edits(plan: CellPlan) -> Proposals:
    """Edits of one character, near the front, each with a letter that nobody else has."""
    for simpler in _SIMPLER:
        taken = True
        while taken:
            edits = [s[:2] for s in _steps(plan) if _weight(simpler(s.step, LETTERS[0])) < _weight(s.step)]
            kept = yield from left_out(edits, partial(_simplified, plan, simpler, edits))
            taken = kept != edits
            plan = _simplified(plan, simpler, edits, kept)


_Simpler: TypeAlias = Callable[[ScriptStep, str], ScriptStep]

_SIMPLER: Final[tuple[_Simpler, ...]] = (
    lambda step, letter: _replace(step, inserted=letter) if step.inserted else step,
    lambda step, _: _replace(step, inserted=step.inserted[:1]),
    lambda step, _: _replace(step, deleted=min(step.deleted, 1)),
    lambda step, _: _replace(step, position=0),
    lambda step, _: _replace(step, position=min(step.position, 1)),
    lambda step, _: _replace(step, position=step.position // 2),
    lambda step, _: _replace(step, deleted=0) if step.inserted else step,
    lambda step, _: _replace(step, inserted="") if step.deleted else step,
)
"""Ways to make an edit simpler, given a letter that nobody has inserted yet."""


def _simplified(
    plan: CellPlan, simpler: _Simpler, edits: Sequence[tuple[int, int]], kept: Sequence[tuple[int, int]]
) -> CellPlan:
    """The plan with some of these edits as they are and the others made simpler."""
    steps = _steps(plan)
    taken = {*_document(plan).text, *(c for s in steps for c in s.step.inserted)}
    letters = iter(c for c in LETTERS if c not in taken)
    places = {place for place in edits if place not in kept}
    for number, s in enumerate(steps):
        if s[:2] in places:
            letter = next(letters, s.step.inserted)
            steps[number] = s._replace(step=simpler(s.step, letter))
    return _with_steps(plan, steps)


def _weight(step: ScriptStep) -> tuple[int, int, int, bool]:
    return (
        len(step.inserted) + step.deleted,
        bool(step.deleted) + bool(step.inserted),
        step.position,
        step.inserted > "z",
    )


# --- parts of a plan ----------------------------------------------------------------------------------------


def _document(plan: CellPlan) -> DocumentPlan:
    return plan.documents[0]


def _steps(plan: CellPlan) -> list[_ClientStep]:
    """The steps of all scripts, one client after the other."""
    return [
        _ClientStep(number, index, step)
        for number, client in enumerate(_document(plan).clients)
        for index, step in enumerate(client.script or ())
    ]


def _with_steps(plan: CellPlan, steps: Sequence[_ClientStep]) -> CellPlan:
    """The same clients with these steps, those of each in the order given."""
    scripts: list[list[ScriptStep]] = [[] for _ in _document(plan).clients]
    for number, _, step in steps:
        scripts[number].append(step)
    clients = zip(_document(plan).clients, scripts, strict=True)
    return _with_clients(plan, [_replace(client, script=tuple(script)) for client, script in clients])


def _with_clients(plan: CellPlan, clients: Sequence[ClientPlan]) -> CellPlan:
    """Some of the clients, and of the faults those that can hit one of them."""
    names = {c.site for c in clients}
    faults = tuple(
        w if w.sites is None else _replace(w, sites=tuple(s for s in w.sites if s in names))
        for w in plan.faults
    )
    document = _replace(_document(plan), clients=tuple(clients))
    return _replace(plan, documents=(document,), faults=tuple(w for w in faults if w.sites != ()))


PASSES: Final[tuple[Pass, ...]] = (
    fewer_clients,
    fewer_faults,
    fewer_absences,
    fewer_steps,
    fewer_steps_as_they_are,
    plainer_network,
    less_time,
    less_text,
    plainer_edits,
    plainer_text,
)
"""By what they take away: who and what a reader has to follow first, how it looks last."""

STEADY_FIRST: Final[tuple[Pass, ...]] = (plainer_network, *(p for p in PASSES if p is not plainer_network))
"""Beginning with a network without jitter, where leaving out a step delays no other message."""
