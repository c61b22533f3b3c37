"""What a way can do without: passes that propose simpler ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from simulator.failures.passes import Pass, Proposals, left_out
from simulator.planning.plan import CellPlan
from simulator.planning.scope import ActionKind, Way, concerned
from simulator.planning.small import cell_of

PLAINER_ACTIONS: Final[tuple[ActionKind, ...]] = ("insert", "delete", "replace")
"""What an action may become, the plainest first."""

_replace = msgspec.structs.replace


def _way(plan: CellPlan) -> Way:
    assert plan.way is not None
    return plan.way


def fewer_clients(plan: CellPlan) -> Proposals:
    """Leave out the last client, with all that happens to it."""
    while (way := _way(plan)).scope.clients > 1:
        last = way.scope.clients - 1
        scope = _replace(way.scope, clients=last, readers=min(way.scope.readers, last - 1))
        steps = tuple(step for step in way.steps if concerned(step) != last)
        proposal = cell_of(_replace(way, scope=scope, steps=steps))
        if not (yield proposal):
            return
        plan = proposal


def no_end(plan: CellPlan) -> Proposals:
    """Do not wait for the end."""
    yield cell_of(_replace(_way(plan), is_end=False))


def fewer_steps(plan: CellPlan) -> Proposals:
    """Leave out steps; what cannot happen then does not."""
    way = _way(plan)
    yield from left_out(way.steps, lambda kept: cell_of(_replace(way, steps=tuple(kept))))


def smaller_scope(plan: CellPlan) -> Proposals:
    """One worker, no trimming, a long queue, a shorter text, no more than happens."""
    for simpler in _SIMPLER:
        way = _way(plan)
        for changes in simpler(way):
            proposal = cell_of(_replace(way, scope=_replace(way.scope, **changes)))
            if (yield proposal):
                plan = proposal
                break


def plainer_actions(plan: CellPlan) -> Proposals:
    """Insert instead of anything else."""
    for number, step in enumerate(_way(plan).steps):
        if step.kind != "act":
            continue
        for action in PLAINER_ACTIONS:
            if action == step.how:
                break
            proposal = _with_action(_way(plan), number, action)
            if (yield proposal):
                plan = proposal
                break


def _with_action(way: Way, number: int, action: ActionKind) -> CellPlan:
    steps = list(way.steps)
    steps[number] = steps[number]._replace(how=action)
    actions = tuple(dict.fromkeys((*way.scope.actions, action)))
    return cell_of(_replace(way, scope=_replace(way.scope, actions=actions), steps=tuple(steps)))


def _fitting(way: Way) -> Iterator[dict[str, Any]]:
    """The bounds of what happens."""
    acts = [step for step in way.steps if step.kind == "act"]
    kinds = [step.fault for step in way.faults]
    yield {
        "edits": len(acts),
        "actions": tuple(dict.fromkeys(step.how for step in acts)),
        "faults": len(kinds),
        "breaks": kinds.count("break"),
        "crashes": kinds.count("crash") + kinds.count("death"),
        "unknown": kinds.count("unknown"),
    }


_SIMPLER: Final[tuple[Callable[[Way], Iterator[dict[str, Any]]], ...]] = (
    lambda _: iter([{"workers": 1}]),
    lambda _: iter([{"horizon": 0}]),
    lambda _: iter([{"queue": 0}]),
    lambda way: iter([{"text": way.scope.text[:length]} for length in range(len(way.scope.text))]),
    _fitting,
)

WAY_PASSES: Final[tuple[Pass, ...]] = (fewer_clients, no_end, fewer_steps, plainer_actions, smaller_scope)
"""By what they take away, as :data:`simulator.failures.passes.PASSES`."""
