"""Options that several commands share, and how a command takes a struct of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeAlias, get_type_hints

import typer

from concord.terminal import answering_in_json
from model.result import CannotTell
from model.settings.written import WRITTEN
from simulator.planning.scope import ACTIONS, SITES

Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="Everything random comes from it.")]
Jobs: TypeAlias = Annotated[
    int, typer.Option(min=0, help="Processes; 0 is one for each core. The result is the same.")
]
Out: TypeAlias = Annotated[Path, typer.Option(help="Folder of the results.")]
Json: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=answering_in_json,
        help="Print the result as one JSON document; everything else goes to standard error.",
    ),
]
Setting: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any number, such as network.keep_alive=8s."),
]


class ScenarioChoice(NamedTuple):
    """The options that choose a scenario; :func:`concord.scenarios.chosen` makes one of them."""

    scenario: Annotated[
        str | None,
        typer.Argument(help="A shipped scenario or a YAML file; without one: default, or replicas for crdt."),
    ] = None
    clients: Annotated[int | None, typer.Option(help="Number of clients, instead of the scenario's.")] = None
    documents: Annotated[int | None, typer.Option(help="Number of documents, instead of the scenario's.")] = (
        None
    )
    duration: Annotated[str | None, typer.Option(help="Time with faults, such as 120s or 2m.")] = None
    workload: Annotated[str | None, typer.Option(help="human, contention or trace:FILE.")] = None
    swarm: Annotated[
        bool, typer.Option("--swarm", help="Draw a random part and tuning of the faults by seed.")
    ] = False
    setting: Setting = None
    mode: Annotated[
        str, typer.Option("--mode", help="server, or crdt for replicas that gossip without one.")
    ] = "server"
    rule: Annotated[
        str | None,
        typer.Option(help="crdt: fuguemax, fugue, yata, rga, woot or logoot; fuguemax if left out."),
    ] = None
    topology: Annotated[
        str | None, typer.Option("--topology", help="crdt: mesh, or star for one relay each.")
    ] = None
    inject: Annotated[str, typer.Option(help="A seeded bug of the zoo, to see it found.")] = ""


class JobChoice(NamedTuple):
    """The options that choose what a job of several runs is about, and how large each of them is."""

    scenario: Annotated[
        str | None,
        typer.Argument(help="A shipped scenario or a YAML file with a server; without one: default."),
    ] = None
    clients: Annotated[int | None, typer.Option(help="Clients of the simulation.")] = None
    documents: Annotated[int | None, typer.Option(help="Documents of the simulation.")] = None
    duration: Annotated[str | None, typer.Option(help="Time with faults of the simulation.")] = None
    workload: Annotated[
        str | None, typer.Option(help="human, contention or trace:FILE; simulation and live run.")
    ] = None
    setting: Setting = None
    live_clients: Annotated[int, typer.Option(min=2, help="Clients of the live run.")] = 300
    live_documents: Annotated[int | None, typer.Option(help="Documents of the live run.")] = None
    live_duration: Annotated[str, typer.Option(help="Time with faults of the live run.")] = "50s"
    load_users: Annotated[int, typer.Option(min=2, help="Users of the load run.")] = 300
    load_documents: Annotated[
        int | None, typer.Option(min=1, help="Documents of the load run; one for ten users if left out.")
    ] = None
    load_time: Annotated[str, typer.Option(help="How long people edit in the load run.")] = "25s"

    @property
    def simulated(self) -> ScenarioChoice:
        """What is simulated."""
        return ScenarioChoice(
            self.scenario, self.clients, self.documents, self.duration, self.workload, setting=self.setting
        )

    @property
    def live(self) -> ScenarioChoice:
        """What a real server is driven with."""
        return ScenarioChoice(
            self.scenario,
            self.live_clients,
            self.live_documents,
            self.live_duration,
            self.workload,
            setting=self.setting,
        )


class FleetOptions(NamedTuple):
    """The options of a simulated run that change nothing in it."""

    jobs: Jobs = 0
    no_shrink: Annotated[bool, typer.Option("--no-shrink", help="Keep failures as they were found.")] = False
    paranoid: Annotated[
        bool, typer.Option("--paranoid", help="Check every invariant around every step; much slower.")
    ] = False


class ScopeOptions(NamedTuple):
    """The options that bound what is explored, as :class:`simulator.planning.scope.Scope` names them."""

    clients: Annotated[int, typer.Option(min=1, max=len(SITES), help="Clients of the one document.")] = 2
    readers: Annotated[int, typer.Option(min=0, help="Of them, how many only read.")] = 0
    edits: Annotated[int, typer.Option(min=0, max=9, help="Things that people do, all together.")] = 2
    action: Annotated[
        list[str] | None,
        typer.Option(
            help=f"What they may do, repeatable: {', '.join(ACTIONS)}; insert and delete if left out."
        ),
    ] = None
    breaks: Annotated[int, typer.Option(min=0, max=9, help="Connections that break.")] = 1
    crashes: Annotated[int, typer.Option(min=0, max=9, help="Crashes, of a client or of the server.")] = 1
    unknown: Annotated[int, typer.Option(min=0, max=9, help="Answers of the store that are lost.")] = 1
    faults: Annotated[int, typer.Option(min=0, max=9, help="Of these, how many in one history.")] = 1
    workers: Annotated[int, typer.Option(min=1, max=3, help="Workers of the server, over one store.")] = 1
    horizon: Annotated[
        int, typer.Option(min=0, max=9, help="Revisions kept behind a snapshot of each; 0 trims nothing.")
    ] = 0
    queue: Annotated[
        int, typer.Option(min=0, max=9, help="Edits that may wait before the server is busy; 0: its own.")
    ] = 0


class ObjectiveOptions(NamedTuple):
    """What a run is held against, and how; :func:`concord.judging.judging_of` reads and checks it."""

    objectives: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Objectives (OpenSLO) in place of the shipped ones; several add up."
        ),
    ] = None
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OBJECTIVE", help="One more objective, such as 'operation.p95<30ms'; repeatable."
        ),
    ] = None
    cannot_tell: Annotated[
        CannotTell,
        typer.Option(help="Too few samples for an objective: warn and exit as without it, or fail with 2."),
    ] = "warn"


_STRUCTS = (ScenarioChoice, JobChoice, FleetOptions, ScopeOptions, ObjectiveOptions)


def takes_structs(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes structs of options one parameter for each of their fields.

    The parameters of the command stand in their order, those of a struct where the struct stands.
    """
    signature = inspect.signature(command, eval_str=True)
    structs: dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if parameter.annotation in _STRUCTS
    }
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        parameters += _fields(structs[name]) if name in structs else [parameter]

    @functools.wraps(command)
    def with_structs(**values: Any) -> None:
        for name, struct in structs.items():
            values[name] = struct(**{field: values.pop(field) for field in struct._fields})
        command(**values)

    ordered = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    with_structs.__signature__ = signature.replace(parameters=ordered)  # type: ignore[attr-defined]
    return with_structs


def takes_numbers_as_written(parameter: Any) -> None:
    """Let a parameter of a command refuse numbers that read otherwise than they are written.

    Python takes ``1_0`` for 10, ``017`` for 17 and the digits of every script for numbers, a typing slip too.

    Args:
        parameter: of a command of typer's.
    """
    kind = parameter.type_descriptor.annotation
    if kind not in (int, float):
        return
    convert = parameter.process_value

    def process(context: Any, value: Any) -> Any:
        if isinstance(value, str) and not WRITTEN[kind].fullmatch(value):
            what = "a whole number" if kind is int else "a number"
            raise typer.BadParameter(f"expected {what} in decimal digits, got {value!r}", context, parameter)
        return convert(context, value)

    parameter.process_value = process


def _fields(struct: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(struct, include_extras=True)
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=struct._field_defaults[name], annotation=hints[name]
        )
        for name in struct._fields
    ]
