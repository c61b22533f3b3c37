"""The one way in which a command line describes a scenario, checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast, get_args

from concord.options import ScenarioChoice
from concord.refusals import UsageError, refusing
from model.claims import SEQUENCES
from model.settings.reader import nearest
from simulator.engines.engine import SimulatedEngine
from simulator.engines.gossip import GossipEngine
from simulator.engines.known import WITH_SERVER
from simulator.planning.overrides import override_all, workload_settings
from simulator.planning.plan import Topology
from simulator.planning.scenario import Scenario, ScenarioError, load_scenario
from simulator.planning.seeds import Seeds
from simulator.planning.swarm import swarm
from simulator.workload.traces import TraceError, read_trace
from simulator.zoo.catalogue import bug_of, bugs

SERVER_MODE = "server"
CRDT_MODE = "crdt"


class Chosen(NamedTuple):
    """What is to be run."""

    scenario: Scenario
    engine: SimulatedEngine


@refusing(ScenarioError, TraceError)
def chosen(choice: ScenarioChoice, seed: int) -> Chosen:
    """The scenario that the options of a command line describe.

    Raises:
        UsageError: it cannot be used, a setting is not KEY=VALUE, a fault is for replicas without a server,
            or there is no such bug, mode, rule or topology.
    """
    engine = _engine(choice)
    _known_bug(choice.inject, engine)
    scenario = load_scenario(choice.scenario or engine.scenario)
    changes: dict[str, str | float] = {}
    if choice.clients is not None:
        changes["clients"] = choice.clients
    if choice.documents is not None:
        changes["documents"] = choice.documents
    if choice.duration is not None:
        changes["duration"] = choice.duration
    if choice.workload is not None:
        changes.update(workload_settings(choice.workload))
    settings = settings_of(choice.setting or ())
    if twice := changes.keys() & settings.keys():
        raise UsageError(f"--set {min(twice)}: is set by an option of its own too; leave one of them out")
    scenario = override_all(scenario, changes | settings)
    if scenario.workload.trace_file:
        read_trace(Path(scenario.workload.trace_file))
    engine.validate(scenario)
    return Chosen(swarm(scenario, Seeds(seed), engine.fault_kinds) if choice.swarm else scenario, engine)


def settings_of(arguments: Sequence[str]) -> dict[str, str]:
    """What ``--set KEY=VALUE`` says, by key.

    Raises:
        UsageError: one of them is not of this form, or a key is set twice.
    """
    settings: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UsageError(f"--set {argument}: expected KEY=VALUE, for example network.keep_alive=8s")
        if key.strip() in settings:
            raise UsageError(f"--set {argument}: {key.strip()} is set twice; leave one of them out")
        settings[key.strip()] = value.strip()
    return settings


def _engine(choice: ScenarioChoice) -> SimulatedEngine:
    """The engine; the list rule that is left out is the bug's, or FugueMax."""
    mode, rule, topology = choice.mode, choice.rule, choice.topology
    if mode not in (SERVER_MODE, CRDT_MODE):
        raise UsageError(f"--mode {mode}: must be {SERVER_MODE} or {CRDT_MODE}")
    if mode == SERVER_MODE:
        if rule is not None or topology is not None:
            raise UsageError(f"--rule and --topology are for --mode {CRDT_MODE}")
        return WITH_SERVER
    rules = [claims.engine for claims in SEQUENCES]
    if rule is not None and rule not in rules:
        raise UsageError(f"--rule {rule}: unknown; {nearest(rule, rules)}")
    if topology is not None and topology not in get_args(Topology):
        raise UsageError(f"--topology {topology}: must be {' or '.join(get_args(Topology))}")
    of_bug = bugs()[choice.inject].rule if choice.inject and choice.inject in bugs() else ""
    rule = rule or of_bug or rules[0]
    return GossipEngine(rule, cast(Topology, topology or "mesh"))


def _known_bug(name: str, engine: SimulatedEngine) -> None:
    """Refuse the name of a bug that is not in the zoo, or needs another engine."""
    if not name:
        return
    with refusing(ValueError):
        required = bug_of(name).engine
    if required.claims != engine.claims:
        raise UsageError(f"--inject {name}: needs {required.arguments}")
