"""Every engine that can replay a recorded session, and what came of each.

The engines are Jupiter (:mod:`.jupiter`), Eg-walker over the event graph with a list rule (:mod:`.graph`),
and the plain replicas (:mod:`.plain`). Where two people inserted at one place at once, the recorded text is
that of the order it was recorded under; an engine of another order may lead to another text, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from model.crdt.replicas import ALGORITHMS
from model.crdt.rules import Rule
from model.crdt.walker import replay
from model.text import OperationError
from simulator.algorithms.recordings.graph import event_graph
from simulator.algorithms.recordings.jupiter import replay_trace
from simulator.algorithms.recordings.plain import play_trace
from simulator.algorithms.texts import first_difference
from simulator.workload.traces import Trace, TraceError

JUPITER: Final = "jupiter"
EG_WALKER: Final = "eg-walker"
ENGINES: Final = (JUPITER, EG_WALKER, *ALGORITHMS)
"""Every engine by its name."""


class Replayed(NamedTuple):
    """What one engine made of a session.

    Attributes:
        engine: its name, for Eg-walker with the list rule.
        order: what decides between concurrent insertions; engines of one order must show one text.
        text: None if the engine refused the session.
        converged: whether all of its replicas ended with that text.
        sentence: what came of it, or the reason of the refusal.
        detail: how much there was to do, in the engine's own terms.
    """

    engine: str
    order: str
    text: str | None
    converged: bool
    sentence: str
    detail: str = ""

    def shows(self, recorded: str) -> bool:
        """Whether every replica ended with the recorded text."""
        return self.converged and self.text == recorded


def replay_with(
    engine: str, trace: Trace, rule: Rule = Rule.FUGUE, applications_max: int | None = None
) -> Replayed:
    """Replay a session with one engine.

    Args:
        engine: one of :data:`ENGINES`.
        trace: the session.
        rule: the list rule of Eg-walker; no other engine looks at it.
        applications_max: as for :func:`simulator.algorithms.recordings.plain.play_trace`.

    Raises:
        TraceError: the engine cannot replay it; one sentence with the reason.
    """
    try:
        if engine == JUPITER:
            return _jupiter(trace)
        if engine == EG_WALKER:
            return _walked(trace, rule)
        return _plain(trace, engine, applications_max)
    except OperationError as error:
        raise TraceError(f"{trace.name}: a patch does not fit its text: {error}") from None


def replay_with_all(trace: Trace, applications_max: int | None = None) -> Iterator[Replayed]:
    """Replay a session with every engine, Eg-walker with every rule; who refuses says why."""
    for engine in ENGINES:
        for rule in Rule if engine == EG_WALKER else (Rule.FUGUE,):
            try:
                yield replay_with(engine, trace, rule, applications_max)
            except TraceError as error:
                yield Replayed(_named(engine, rule), _order(engine, rule), None, True, str(error))


def _named(engine: str, rule: Rule) -> str:
    return f"{engine} ({rule.value})" if engine == EG_WALKER else engine


def _order(engine: str, rule: Rule) -> str:
    return rule.value if engine == EG_WALKER else engine


def _jupiter(trace: Trace) -> Replayed:
    outcome = replay_trace(trace)
    detail = f"{outcome.concurrent} concurrent, {outcome.transformations} transformations"
    return Replayed(JUPITER, JUPITER, outcome.text, outcome.converged, outcome.sentence, detail)


def _walked(trace: Trace, rule: Rule) -> Replayed:
    graph = event_graph(trace)
    text = replay(graph, rule, trace.start)
    engine = _named(EG_WALKER, rule)
    contended = sum(end - begin for begin, end in graph.contended)
    detail = f"{contended} of {len(graph)} events contended"
    return Replayed(engine, rule.value, text, True, _compared(trace, engine, (text,)), detail)


def _plain(trace: Trace, algorithm: str, applications_max: int | None) -> Replayed:
    played = play_trace(trace, algorithm, applications_max)
    converged = len(set(played.texts)) == 1
    sentence = _compared(trace, algorithm, played.texts)
    detail = f"{played.events} events on {len(played.texts)} replicas"
    return Replayed(algorithm, algorithm, played.texts[0], converged, sentence, detail)


def _compared(trace: Trace, engine: str, texts: tuple[str, ...]) -> str:
    """What the texts of an engine's replicas are, beside each other and beside the recording."""
    if len(set(texts)) > 1:
        apart = [name for name, text in zip(trace.agents, texts, strict=True) if text != texts[0]]
        return f"{trace.name}: the replicas of {', '.join([trace.agents[0], *apart])} differ by {engine}"
    text = texts[0]
    if text == trace.end:
        return f"{trace.name}: {engine} shows the recorded text"
    at = first_difference(text, trace.end)
    if sorted(text) == sorted(trace.end):
        what = "the recorded characters in another order, its own,"
    else:
        what = "another text than the recorded one"
    return f"{trace.name}: {engine} shows {what} from {at} on"


# --- all of them beside each other ------------------------------------------------------------------------


def problems(outcomes: Iterable[Replayed], recorded: str) -> list[str]:
    """What must not be: replicas that differ, one order with two texts, a text that no engine reproduces.

    That engines of different orders end with different texts is information, not a problem.
    """
    replayed = [outcome for outcome in outcomes if outcome.text is not None]
    found = [outcome.sentence for outcome in replayed if not outcome.converged]
    first_of: dict[str, Replayed] = {}
    for outcome in replayed:
        first = first_of.setdefault(outcome.order, outcome)
        if first.text != outcome.text:
            found.append(f"{first.engine} and {outcome.engine} have one order and show different texts")
    if replayed and not any(outcome.shows(recorded) for outcome in replayed):
        found.append("no engine shows the recorded text")
    return found
