"""Sequence CRDTs: the texts that each algorithm makes of the named scenarios, and who interleaves what."""

from __future__ import annotations

from typing import Final

from model.crdt.replicas import ALGORITHMS, Replica
from model.crdt.scripts import SCENARIOS, Delete, Insert, NamedScript, Script, Sync, perform, play
from simulator.algorithms.laws import interleaving
from simulator.algorithms.laws.interleaving import Expected, interleaving_table
from simulator.algorithms.laws.tables import LawRow, Table, row, rule_of_three

INTERLEAVING_RUNS: Final = 500
"""Random scenarios of each kind, the same ones for every algorithm."""


def scenarios_table() -> Table:
    """Every scenario under every algorithm of which a text is published."""
    rows = [
        _row(scenario, algorithm, published)
        for scenario in SCENARIOS
        for algorithm, published in scenario.expected.items()
    ]
    return Table("crdt_scenarios", "Sequence CRDTs: scenarios", tuple(rows))


def _row(scenario: NamedScript, algorithm: str, published: str) -> LawRow:
    """What all agents end with; several texts if they do not agree."""
    replicas = play(scenario.script, ALGORITHMS[algorithm])
    texts = sorted({replica.text for replica in replicas.values()})
    return row(
        f"{scenario.name}, {algorithm}",
        published,
        " or ".join(texts),
        script_text(scenario.script, ALGORITHMS[algorithm]),
    )


def interleaving_of_runs(seed: int) -> Table:
    """Who interleaves concurrent runs, forward and backward, and who breaks the maximal rule."""
    rows = [measured_row(found) for found in interleaving_table(seed, INTERLEAVING_RUNS, ALGORITHMS)]
    return Table("crdt_interleaving", "Sequence CRDTs: interleaving", tuple(rows))


def measured_row(found: interleaving.InterleavingRow) -> LawRow:
    """A row of the other table; what happens rarely may not happen at all in a number of runs."""
    if not found.broken:
        measured = Expected.NEVER
    elif found.agrees:
        measured = found.expected
    else:
        measured = Expected.INTERLEAVES
    count = f"{found.broken} of {found.scenarios}"
    if found.evidence is None:
        evidence = f"{count}: {rule_of_three(found.scenarios)}"
    else:
        script, text, message = found.evidence.script, found.evidence.text, found.evidence.message
        evidence = f'{count}: {script_text(script, ALGORITHMS[found.algorithm])} → "{text}": {message}'
    what = f"{found.algorithm}: {found.kind.value}"
    return LawRow(what, found.expected.value, measured.value, found.agrees, evidence)


def script_text(script: Script, algorithm: type[Replica]) -> str:
    """The edits of a script in one line, at the places that came of them under this algorithm.

    The syncs at its end, after which all know all, are left out.
    """
    steps = list(script.steps)
    while steps and isinstance(steps[-1], Sync):
        steps.pop()
    replicas = {agent: algorithm(agent) for agent in script.agents}
    parts = []
    for step in steps:
        length = len(replicas[step.agent].text)
        match step:
            case Insert(agent, at, text):
                parts.append(f"{agent}: Ins {at % (length + 1)} {text}")
            case Delete(agent, at, count):
                if length:
                    parts.append(f"{agent}: Del {at % length} {min(count, length - at % length)}")
            case Sync(agent, source):
                parts.append(f"{agent} hears {source}")
        perform(step, replicas)
    return ", ".join(parts)
