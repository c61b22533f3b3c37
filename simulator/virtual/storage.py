"""The store's process: one commit after another, each for everything that waited, with its faults."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random

from model.identity import DocumentId
from model.marks import Mechanism, mark
from reference_server.core.effects import Answer, Appended, Committed, Conflict, Loaded, Request, Unknown
from reference_server.store.memory import MemoryStore
from simulator.planning.plan import CellPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock
from simulator.virtual.holds import Holds
from simulator.virtual.witness import STORE, Symptom, Witness


class Storage:
    """Drives a :class:`MemoryStore` in virtual time.

    A commit takes ``commit_us`` plus jitter; requests that arrive meanwhile share the next one.

    Attributes:
        stalls: hold commits back.
        failures: lose the answers of this share of the commits, the largest one that is held.
        interceptions: the oldest one is called with the first answer of every commit that made revisions
            durable, before anybody is told.
    """

    def __init__(
        self,
        store: MemoryStore,
        clock: Clock,
        seeds: Seeds,
        plan: CellPlan,
        answer: Callable[[Answer], None],
        raised: Callable[[DocumentId, Exception], None],
        witness: Witness,
    ) -> None:
        """``answer`` is told what became of each request, ``raised`` of a commit that raised an exception."""
        self.store = store
        self.stalls: Holds[None] = Holds(over=self._release)
        self.failures: Holds[float] = Holds()
        self.interceptions: Holds[Callable[[Answer], None]] = Holds()
        self._clock = clock
        self._seeds = seeds
        self._plan = plan
        self._tell = answer
        self._raised = raised
        self._notice = witness.notice
        self._busy = False
        self._committing = DocumentId("")
        self._held_back = False
        self._due_us = 0
        self._streams: dict[DocumentId, Random] = {}

    def request(self, request: Request) -> None:
        """Queue a request; a lone one starts its commit at once."""
        self.store.request(request)
        self._start()

    def _start(self) -> None:
        if self._busy or not self.store.has_requests:
            return
        self._busy = True
        plan = self._plan.server
        try:
            requests = self.store.write()
        except Exception as error:
            self._broke(error)
            return
        if len(requests) > 1:
            mark(Mechanism.COMMIT_SHARED)
        self._committing = requests[0].document
        delay = plan.commit_us + int(self._random(requests[0].document) * plan.commit_jitter_us)
        self._due_us = self._clock.now_us + delay
        self._clock.call(delay, self._finish)

    def _random(self, document: DocumentId) -> float:
        """A draw from the document's own stream, so that a document alone sees the same commits again."""
        stream = self._streams.get(document)
        if stream is None:
            stream = self._streams[document] = self._seeds.stream("store", document)
        return stream.random()

    def _finish(self) -> None:
        if self.stalls:
            self._held_back = True
            return
        self._complete()

    def _release(self) -> None:
        """The stall is over: the commit that was held back completes now."""
        if self._held_back:
            self._held_back = False
            self._complete()

    def _complete(self) -> None:
        try:
            answers = self._failed() if self.failures else None
            if answers is None:
                answers = self.store.sync()
        except Exception as error:
            self._broke(error)
            return
        self._busy = False
        if self._clock.now_us > self._due_us:
            self._notice(Symptom.DELAYED, STORE, times=len(answers))
        self._answer(answers)
        self._start()

    def _broke(self, error: Exception) -> None:
        """The store raised: what was written and what waits is gone, and nobody gets an answer."""
        self._busy = False
        with suppress(Exception):  # it is broken already
            self.store.crash(applied=False)
        self._raised(self._committing, error)

    def _failed(self) -> list[Answer] | None:
        """What is told of a commit whose answer is lost; None if it is not lost."""
        rng = self._seeds.stream("store failure", self._plan.index, self._clock.now_us)
        if rng.random() >= max(self.failures.values):
            return None
        return self.store.fail(applied=rng.random() < 0.5)

    def _answer(self, answers: list[Answer]) -> None:
        appends = (a for a in answers if isinstance(a, Appended) and a.request >= 0)  # rivals are nobody's
        durable = (a for a in appends if isinstance(a.outcome, Committed))
        if self.interceptions and (first := next(durable, None)) is not None:
            self.interceptions.values[0](first)
        else:
            self._notice_unsuccessful(answers)
        for answer in answers:
            self._tell(answer)

    def _notice_unsuccessful(self, answers: list[Answer]) -> None:
        for answer in answers:
            match answer:
                case Appended(outcome=Unknown()) | Loaded(contents=None):
                    self._notice(Symptom.UNKNOWN, STORE)
                case Appended(outcome=Conflict()) if answer.request >= 0:  # those of rivals are below
                    self._notice(Symptom.REFUSED, STORE)
