"""Sequence CRDTs: the texts that each algorithm makes of the named scenarios."""

from __future__ import annotations

from model.crdt.replicas import ALGORITHMS
from model.crdt.scripts import SCENARIOS, Delete, Insert, Scenario, Script, Sync, play
from simulator.laws.tables import Row, Table, row


def scenarios_table() -> Table:
    """Every scenario under every algorithm of which a text is published."""
    rows = [
        _row(scenario, algorithm, published)
        for scenario in SCENARIOS
        for algorithm, published in scenario.expected.items()
    ]
    return Table("crdt_scenarios", "Sequence CRDTs: scenarios", tuple(rows))


def _row(scenario: Scenario, algorithm: str, published: str) -> Row:
    """What all agents end with; several texts if they do not agree."""
    replicas = play(scenario.script, ALGORITHMS[algorithm])
    texts = sorted({replica.text for replica in replicas.values()})
    return row(f"{scenario.name}, {algorithm}", published, " or ".join(texts), told(scenario.script))


def told(script: Script) -> str:
    """The edits of a script in one line; the syncs at its end, after which all know all, are left out."""
    steps = list(script.steps)
    while steps and isinstance(steps[-1], Sync):
        steps.pop()
    parts = []
    for step in steps:
        match step:
            case Insert(agent, at, text):
                parts.append(f"{agent}: Ins {at} {text}")
            case Delete(agent, at, count):
                parts.append(f"{agent}: Del {at} {count}")
            case Sync(agent, source):
                parts.append(f"{agent} hears {source}")
    return ", ".join(parts)
