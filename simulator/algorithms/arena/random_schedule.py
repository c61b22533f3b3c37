"""A random schedule of people who type as in a scenario, go offline as in it, and hear of each other late.

From the scenario come how people type, how often and how long they are away, the faults that cut people off,
and how far away they live. The rest of it (stores that stall, slow readers, cursors, undo) has no place in a
schedule for algorithms. Whoever is away and edits goes on typing; what it did is handed in when it is back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import msgspec

from model.identity import SiteId
from model.people.actions import Author, Edit, Move, Redo, Undo
from model.people.characters import Supply, prose
from simulator.algorithms.arena.rehearsal import Rehearsal
from simulator.algorithms.arena.schedule import Schedule
from simulator.planning.scenario import NetworkSettings, Scenario
from simulator.planning.schedule import schedule as fault_windows
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock
from simulator.workload.catalogue import author
from simulator.workload.settings import Workload, WorkloadKind

TEXT_LENGTH_MAX: Final = 120
"""People who write prose keep the text at most this long, so that a few of them meet."""

START_LENGTH: Final = 20
"""What is there before all of them meet at one spot."""

AGENTS_MAX: Final = 16
EDITS_MAX: Final = 1_000

CUT_OFF: Final = frozenset(
    {"partition_region", "partition_halves", "partition_clients", "gateway_crash", "long_offline", "herd"}
)
"""Faults during which somebody has no connection; whom they hit goes by their share and region."""


class _Person:
    """One of the people, and where the person's cursor is: behind a character, or where that one was."""

    def __init__(self, site: SiteId, who: Author, region: str, latency_us: int) -> None:
        self.site = site
        self.region = region
        self.author = who
        self.latency_us = latency_us
        self.away = 0  # reasons for which the person is away
        self.silent = 0  # those of them during which it does not type
        self.has_exchange_ahead = False
        self._behind = ""
        self._caret = 0

    def caret(self, text: str) -> int:
        """Where the cursor is in a text."""
        at = text.find(self._behind) + 1 if self._behind else 0
        return at or min(self._caret, len(text))

    def put_caret(self, at: int, text: str) -> None:
        """Move the cursor."""
        self._caret = at
        self._behind = text[at - 1] if at else ""


class _People:
    """The people at work in virtual time, which is where the schedule comes from."""

    def __init__(self, scenario: Scenario, kind: WorkloadKind, seeds: Seeds, agents: int, edits: int) -> None:
        self._edits = edits
        self._done = 0
        self._is_prose = kind == "human"
        length = min(scenario.workload.text_length, TEXT_LENGTH_MAX)
        sites = tuple(SiteId(chr(ord("A") + n)) for n in range(agents))
        self.rehearsal = Rehearsal(sites, length if self._is_prose else START_LENGTH)
        if self._is_prose:
            text = prose(seeds.stream("arena", "text"), length)
            self.rehearsal.shown |= dict(zip(self.rehearsal.start, text, strict=True))
        self._clock = Clock()
        rate = edits / agents / (scenario.duration_us / 1_000_000)
        workload = msgspec.structs.replace(
            scenario.workload,
            edits_per_second=min(20.0, max(0.001, rate)),
            text_length=length,
            weights=msgspec.structs.replace(scenario.workload.weights, undo=0.0),
        )
        self._people = [
            _person(site, kind, workload, scenario.network, seeds) for site in self.rehearsal.agents
        ]
        for person in self._people:
            self._clock.call(person.author.pause_us(), self._edit, person)
            for begin_us, end_us, silent in _absences(scenario, seeds, person):
                self._clock.call(begin_us, self._leave, person, silent)
                self._clock.call(end_us, self._return, person, silent)

    def run(self) -> None:
        """Until everything that was asked for is typed."""
        while self._done < self._edits:
            self._clock.step()

    def _edit(self, person: _Person) -> None:
        """The person's turn to do something; the next one follows after a pause."""
        if not person.silent:
            self._done += self._act(person)
            self._send(person)
        self._clock.call(person.author.pause_us(), self._edit, person)

    def _leave(self, person: _Person, silent: bool) -> None:
        person.away += 1
        person.silent += silent
        self.rehearsal.offline(person.site)

    def _return(self, person: _Person, silent: bool) -> None:
        person.away -= 1
        person.silent -= silent
        self._exchange(person)

    def _arrive(self, person: _Person) -> None:
        """What the person sent, or is sent, arrives."""
        person.has_exchange_ahead = False
        self._exchange(person)

    def _exchange(self, person: _Person) -> None:
        """Unless the person is away; if the server learns something, everybody who is there hears of it."""
        if not person.away and self.rehearsal.exchange(person.site):
            for other in self._people:
                self._send(other)

    def _send(self, person: _Person) -> None:
        if not person.away and not person.has_exchange_ahead:
            person.has_exchange_ahead = True
            self._clock.call(person.latency_us, self._arrive, person)

    def _act(self, person: _Person) -> bool:
        """The person's next action; whether it changed anything."""
        rehearsal, site = self.rehearsal, person.site
        text = rehearsal.text(site)
        action = person.author.act(rehearsal.read(site), person.caret(text))
        match action:
            case Edit():
                if action.deleted:
                    rehearsal.erase(site, action.position, action.deleted)
                if action.inserted and self._is_prose:
                    rehearsal.type_as(site, action.position, action.inserted)
                elif action.inserted:
                    rehearsal.type(site, action.position, rehearsal.take(len(action.inserted)))
                person.put_caret(action.position + len(action.inserted), rehearsal.text(site))
                return True
            case Move():
                person.put_caret(action.head, text)
            case Undo() | Redo():
                pass  # what they stand for depends on the algorithm; a schedule has none
        return False


def _person(
    site: SiteId, kind: WorkloadKind, workload: Workload, network: NetworkSettings, seeds: Seeds
) -> _Person:
    rng = seeds.stream("arena", "life", site)
    region = rng.choices(network.regions, [region.share for region in network.regions])[0]
    latency_us = max(1, region.latency_us + rng.randrange(region.jitter_us + 1))
    # Of what is typed only the length counts under contention, so the supplies may be several.
    who = author(kind, workload, seeds.stream("arena", "typing", site), supply=Supply())
    return _Person(site, who, region.name, latency_us)


def _absences(scenario: Scenario, seeds: Seeds, person: _Person) -> Iterator[tuple[int, int, bool]]:
    """From when to when a person is away, and whether it does not type meanwhile; they may overlap."""
    rng = seeds.stream("arena", "absences", person.site)
    plan, end_us = scenario.sessions, scenario.duration_us
    for _ in range(_poisson(rng, plan.offline_mean_count)):
        begin_us = rng.randrange(end_us)
        away_us = 1 + int(rng.expovariate(1 / plan.offline_mean_us))
        yield begin_us, begin_us + away_us, rng.random() >= plan.offline_editing_share
    for window in fault_windows(scenario, seeds):
        is_hit = rng.random() < window.params.get("share", 1.0)
        if window.kind in CUT_OFF and is_hit and window.params.get("region", person.region) == person.region:
            yield window.begin_us, window.end_us, False


def _poisson(rng: random.Random, mean: float) -> int:
    """How often something happens that happens ``mean`` times on average."""
    count, time = 0, rng.expovariate(1.0)
    while time < mean:
        count += 1
        time += rng.expovariate(1.0)
    return count


def random_schedule(
    scenario: Scenario, seed: int, *, agents: int, edits: int, kind: WorkloadKind
) -> Schedule:
    """A random schedule; equal arguments give an equal one.

    Args:
        scenario: how people come and go.
        seed: of everything random.
        agents: how many people, 2 to :data:`AGENTS_MAX`.
        edits: how many edits all of them make, up to :data:`EDITS_MAX`; they type as fast as the scenario's
            duration demands.
        kind: ``human`` or ``contention``.
    """
    people = _People(scenario, kind, Seeds(seed), agents, edits)
    people.run()
    return people.rehearsal.finished(scenario.name)
