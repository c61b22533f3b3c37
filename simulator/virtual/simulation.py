"""A plan played in virtual time, with a server or without: two phases, then everything is read back (D21).

The time is SimPy's clock, in integer microseconds. What the participants are, and when they agree, is said by
the kind of cell.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final, Generic, TypeVar

from simpy.events import ProcessGenerator

from model import history
from model.histogram import Histogram
from model.history import Record
from model.memo import Memo
from model.raised import frames_of, owners_of
from simulator.planning.plan import CellPlan, FaultWindow
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock
from simulator.virtual.occurrence import FaultOf, persist
from simulator.virtual.recorder import Recorder
from simulator.virtual.sessions import Participant, come_back, start_clients
from simulator.virtual.witness import Witness

LOOK_EVERY_US: Final = 1_000_000
"""Virtual time between two looks at what is held; the most that was seen is in the history and its digest."""

PROGRESS_EVERY_US: Final = 1_000_000
"""Virtual time between two reports of how far a run has come, at most; nothing else depends on it."""

SETTLE_POLL_US: Final = 100_000
"""How often a healing cell is asked whether everything has converged."""


_P = TypeVar("_P", bound=Participant)


class Simulation(ABC, Generic[_P]):
    """One cell in virtual time.

    Attributes:
        part: what the history calls those who take part, if one of them raises.
        clients: everybody who takes part, document after document.
        is_healing: no fault acts any more and nobody edits.
        realised: the fault windows as they happened, with the sites each one hit.
        witness: sees what really happens to whom.
        transform: how long carrying and merging edits took, if that is measured; microseconds of CPU time.
    """

    part: ClassVar[str] = "client"

    def __init__(
        self,
        plan: CellPlan,
        recorder: Recorder,
        memo: Memo,
        fault_of: FaultOf,
        progress: Callable[[int], None] | None,
    ) -> None:
        """A cell that has not run yet.

        ``progress`` is told of the virtual microseconds done, and may raise what :meth:`run` then raises.
        """
        self.plan = plan
        self.seeds = Seeds(plan.seed)
        self.clock = Clock()
        self.witness = Witness(self.clock)
        self.memo = memo
        self.recorder = recorder
        self.record: Callable[[Record], None] = recorder.record
        self.clients: list[_P] = []
        self.is_healing = False
        self.realised: list[FaultWindow] = []
        self.transform = Histogram()
        self._fault_of = fault_of
        self._progress = progress

    @property
    def now(self) -> int:
        """Virtual time in microseconds."""
        return self.clock._now  # type: ignore[return-value]  # asked a million times; see Clock.now_us

    def fingerprint(self, text: str) -> int:
        """The fingerprint of a text, computed once for all replicas that show it."""
        return self.memo.fingerprint(text)

    def run(self) -> str:
        """Faults with safety checks, then heal and demand convergence (D21); the digest of the history."""
        self._start()
        self._run_until(self.plan.duration_us)
        while self._raises(lambda: self.clock.run_until(self.plan.duration_us, inclusive=True)):
            pass  # faults may end with the run
        self._raises(self._heal)
        end = self.plan.duration_us + self.plan.heal_bound_us
        while self.now < end and not self._has_settled():
            self._run_until(min(end, self.now + SETTLE_POLL_US))
        self._raises(self._record_end)
        self.record(history.Finished(self.now))
        return self.recorder.close()

    def stop(self) -> str:
        """End before the time; the digest of the history so far."""
        self.record(history.Finished(self.now))
        return self.recorder.close()

    def _start(self) -> None:
        """Plan everything that happens by itself."""
        start_clients(self)
        for window in self.plan.faults:
            self.clock.process(self._occur(window))

    def _run_until(self, until_us: int) -> None:
        """Let time pass, and look now and then."""
        while self.now < until_us:
            self._pass_until(min(until_us, self.now + LOOK_EVERY_US))
            self._raises(self._look, "server")
            self.recorder.flush_if_full()

    def _pass_until(self, until_us: int) -> None:
        """Let time pass, and tell how far it has come; whoever is told may end it."""
        while self.now < until_us:
            end_us = min(until_us, self.now + PROGRESS_EVERY_US)
            while self._raises(lambda: self.clock.run_until(end_us)):  # noqa: B023  # called at once
                pass
            if self._progress is not None:
                self._progress(self.now)

    def _raises(self, happens: Callable[[], None], by: str = "") -> bool:
        """Let something happen; whether it raised an exception of what is under test, which is recorded.

        ``by`` is the part that is asked, if it is known.
        """
        try:
            happens()
        except Exception as error:
            owners = list(owners_of(error))
            client = next((c for c in self.clients if any(owner is c for owner in owners)), None)
            is_of_server = any(frame.startswith("reference_server.") for frame in frames_of(error))
            part = by or ("server" if client is None and is_of_server else self.part)
            self.record(history.raised(self.now, part, *self._name_of(client), "went on", error))
            return True
        return False

    def _name_of(self, client: _P | None) -> tuple[str, str]:
        """The site of somebody and the document; empty if it is nobody."""
        if client is None:
            return "", ""
        documents = (d.document for d in self.plan.documents if client.plan in d.clients)
        return client.plan.site, next(documents, "")

    def _occur(self, window: FaultWindow) -> ProcessGenerator:
        """The process of one fault."""
        yield self.clock.timeout(window.begin_us)
        yield from persist(self, window, self.plan.duration_us, self._fault_of, self.realised.append)

    @property
    def _rest_bound_us(self) -> int:
        """Within how long after the heal everything has to come to rest."""
        return self.plan.heal_bound_us

    def _heal(self) -> None:
        self.is_healing = True
        self.record(history.Healed(self.now, self._rest_bound_us))
        for client in self.clients:
            come_back(client)

    def _look(self) -> None:
        """Look at what is held, now and then."""

    @abstractmethod
    def _has_settled(self) -> bool:
        """Whether everybody agrees with everybody."""

    @abstractmethod
    def _record_end(self) -> None:
        """Read everything back."""
