"""The program: which commands there are, loaded when they are called, and what its exit codes are."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import CompletionItem, TyperGroup  # type: ignore[attr-defined]  # not exported

from concord import exits
from model.verdict import EXIT_CODES

EPILOG: Final = f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in EXIT_CODES.items())}."

DEFAULTS: Final = (
    "Defaults can be set by environment variables as shown, or in [tool.concord] of the next pyproject.toml:"
)

DISTRIBUTION: Final = "concord-collab"
"""The name of the package where packages are published; the command is ``concord``."""


class CommandEntry(NamedTuple):
    """One command, as far as it can be told without importing it."""

    section: str
    summary: str


COMMANDS: Final[Mapping[str, CommandEntry]] = {
    "run": CommandEntry("Simulate and check", "The main job: simulate, drive and load a server; one report."),
    "simulate": CommandEntry(
        "Simulate and check", "Run a scenario, in virtual time or against a real server."
    ),
    "campaign": CommandEntry("Simulate and check", "Run a scenario with many seeds; state what they prove."),
    "explore": CommandEntry(
        "Simulate and check", "Try every order of a few edits, with every fault at every moment."
    ),
    "check": CommandEntry("Simulate and check", "Judge recorded histories again, whoever wrote them."),
    "follow": CommandEntry("Simulate and check", "Follow one edit, from the key to everybody who shows it."),
    "replay": CommandEntry("Simulate and check", "Run a saved failure again, exactly."),
    "explain": CommandEntry("Simulate and check", "Explain a saved failure in sentences and a diagram."),
    "shrink": CommandEntry("Simulate and check", "Make a saved failure smaller, and explain what is left."),
    "zoo": CommandEntry("Simulate and check", "Let the checks loose on seeded bugs."),
    "laws": CommandEntry("Algorithms", "Measure the published laws of the field."),
    "arena": CommandEntry("Algorithms", "Let every algorithm play one schedule of edits."),
    "trace": CommandEntry("Algorithms", "Replay a recorded editing session."),
    "serve": CommandEntry("Server", "Run the reference server."),
    "token": CommandEntry("Server", "Print a token for a user."),
    "validate-config": CommandEntry("Server", "Check a configuration of the server."),
    "verify": CommandEntry("Server", "Verify what a store holds."),
    "rebuild": CommandEntry("Server", "Rebuild the CRDT of a document from its operations."),
    "load": CommandEntry("Load", "Load a running server with users over real sockets."),
    "probe": CommandEntry("Load", "Edit one document once a second, and tell how long that takes."),
    "slo": CommandEntry("Reports", "Check files of objectives: validate FILE…"),
    "report": CommandEntry("Reports", "Write the report of a recorded run again."),
}
"""By name; ``a-name`` is the function ``a_name`` of the module ``concord.commands.a_name``."""

CONTEXT: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"]}


class _Loaded(Mapping[str, Any]):
    """The commands by name; each is imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        # Here, because the help of the program does without.
        from concord.defaults import SETTINGS, take_defaults
        from concord.options import takes_numbers_as_written

        function = name.replace("-", "_")
        module = import_module(f"concord.commands.{function}")
        app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT)
        examples = "\n".join(("\b", "Examples:", *(f"  {example}" for example in module.EXAMPLES)))
        epilog = f"{examples}\n\n{EPILOG}"
        keys = [key for key, setting in SETTINGS.items() if name in setting.commands]
        if keys:
            epilog += f"\n\n{DEFAULTS} {', '.join(keys)}."
        app.command(name, epilog=epilog)(getattr(module, function))
        command = typer.main.get_command(app)
        take_defaults(name, command)
        for parameter in command.params:
            takes_numbers_as_written(parameter)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Program(TyperGroup):
    """The group of all commands; its help and its completion import none of them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": _Loaded()})

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[CompletionItem]:
        """Commands by the table, and the options of the program."""
        commands = [
            CompletionItem(name, help=entry.summary)
            for name, entry in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*commands, *super(TyperGroup, self).shell_complete(ctx, incomplete)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """One section of the help for each section of the table."""
        del ctx
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl(
                    [(name, entry.summary) for name, entry in COMMANDS.items() if entry.section == section]
                )


app = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=CONTEXT,
    epilog=EPILOG,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        # Here, because nothing else needs it.
        from importlib import metadata

        typer.echo(f"concord {metadata.version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Find out whether a real-time collaborative editor is correct and fast enough."""


def main() -> None:
    """Run the command line; every way out has a code of the table."""
    sys.exit(exits.code_of(lambda: app(prog_name="concord", standalone_mode=False)))
