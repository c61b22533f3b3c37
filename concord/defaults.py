"""Defaults of options from the environment and from the project in which a command is called.

An option of the command line comes first, then its variable ``CONCORD_…``, then ``[tool.concord]`` of the
next ``pyproject.toml`` upward that has such a table, then what is built in. What is in effect belongs to
what repeats a run, so it is remembered as arguments.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from concord.refusals import UsageError

PREFIX: Final = "CONCORD_"
PROJECT: Final = "pyproject.toml"
TABLE: Final = "tool.concord"
_FILE_BYTES_MAX: Final = 1_048_576
_PLACE: Final = re.compile(r"(?P<what>.*) \(at line (?P<line>[0-9]+), column [0-9]+\)")

_JUDGING: Final = frozenset({"run", "simulate", "campaign", "load", "report"})
_RUNNING: Final = frozenset({"run", "simulate", "campaign", "load"})
_SCENARIO: Final = frozenset({"run", "simulate", "campaign"})


class Setting(NamedTuple):
    """A default that a project may set.

    Attributes:
        kind: what its value has to be.
        expected: the same in words.
        commands: which of them take it.
        is_path: it names a file, found from the folder of the project.
    """

    kind: Any
    expected: str
    commands: frozenset[str]
    is_path: bool = False


_Count = Annotated[int, msgspec.Meta(ge=1)]
_Number = Annotated[int, msgspec.Meta(ge=0)]

SETTINGS: Final[Mapping[str, Setting]] = {
    "objectives": Setting(list[str], "a list of texts", _JUDGING, is_path=True),
    "require": Setting(list[str], "a list of texts", _JUDGING),
    "cannot-tell": Setting(Literal["warn", "fail"], "one of warn, fail", _JUDGING),
    "scenario": Setting(str, "a text", _SCENARIO, is_path=True),
    "clients": Setting(_Count, "a whole number of at least 1", _SCENARIO),
    "documents": Setting(_Count, "a whole number of at least 1", _SCENARIO),
    "duration": Setting(str, "a text such as '60s'", _SCENARIO),
    "workload": Setting(str, "a text", _SCENARIO),
    "seed": Setting(_Number, "a whole number of at least 0", _RUNNING - {"campaign"}),
    "jobs": Setting(_Number, "a whole number of at least 0", _SCENARIO),
}
"""By the name of the option without its hyphens in front, which is the key in the table."""

_in_effect: dict[str, list[str]] = {}


def arguments() -> list[str]:
    """What the command in progress took from elsewhere, as arguments that say the same."""
    return [argument for arguments in _in_effect.values() for argument in arguments]


def take_defaults(name: str, command: Any) -> None:
    """Let a command take the defaults that are for it.

    Args:
        name: of the command.
        command: of typer's.

    Raises:
        UsageError: a setting of the project cannot be used; with everything that is wrong.
    """
    _in_effect.clear()
    wanted = {key.replace("-", "_"): key for key, setting in SETTINGS.items() if name in setting.commands}
    if not wanted:
        return
    settings = project_settings(Path.cwd())
    command.context_settings = command.context_settings | {
        "default_map": {field: settings[key] for field, key in wanted.items() if key in settings}
    }
    for parameter in command.params:
        if parameter.name in wanted:
            parameter.envvar = variable_of(wanted[parameter.name])
            parameter.show_envvar = True
            parameter.consume_value = _remembering(parameter)


def variable_of(key: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{key.replace('-', '_').upper()}"


def _remembering(parameter: Any) -> Callable[..., Any]:
    consume: Callable[..., Any] = parameter.consume_value
    option = f"--{parameter.name.replace('_', '-')}" if parameter.param_type_name == "option" else ""

    def consumed(context: Any, given: Any) -> Any:
        value, source = consume(context, given)
        if source.name in ("ENVIRONMENT", "DEFAULT_MAP"):
            values = value if isinstance(value, list | tuple) else [value]
            _in_effect[parameter.name] = [text for v in values for text in (option, str(v)) if text]
        return value, source

    return consumed


# --- the project ------------------------------------------------------------------------------------------


def project_settings(folder: Path) -> dict[str, Any]:
    """The settings of the project that a folder is in, by key; files by their path.

    Raises:
        UsageError: the file is no TOML, or a key is unknown or has a value of the wrong kind; names file,
            line and key.
    """
    for above in (folder, *folder.parents):
        path = above / PROJECT
        if not path.is_file():
            continue
        text = _text_of(path)
        table = _table_of(path, text)
        if table is not None:
            return _checked(path, text, table)
    return {}


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
        if len(data) > _FILE_BYTES_MAX:
            raise UsageError(f"{path}: larger than {_FILE_BYTES_MAX} bytes")
        return data.decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text") from None


def _table_of(path: Path, text: str) -> object:
    """What stands under ``tool.concord``; None if nothing does."""
    # Here, because a command without a mistake in its project needs no reader of YAML.
    from model.settings.reader import Problem

    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.fullmatch(str(error))
        line, what = (int(found["line"]), found["what"]) if found else (None, str(error))
        raise UsageError(str(Problem(str(path), line, "", f"not TOML: {what}"))) from None
    except RecursionError:
        raise UsageError(f"{path}: not TOML: nested too deeply") from None
    return tool.get("concord") if isinstance(tool, dict) else None


def _checked(path: Path, text: str, table: object) -> dict[str, Any]:
    # Here, for the same reason.
    from model.settings.reader import Problem, nearest

    if not isinstance(table, dict):
        raise UsageError(str(Problem(str(path), _line_of(text, ()), TABLE, "must be a table")))
    problems: list[Problem] = []
    settings: dict[str, Any] = {}
    for key, value in table.items():
        setting = SETTINGS.get(key)
        message = f"unknown key; {nearest(key, SETTINGS)}"
        if setting is not None:
            try:
                settings[key] = _located(path.parent, setting, msgspec.convert(value, setting.kind))
                continue
            except msgspec.ValidationError:
                message = f"must be {setting.expected}, not {value!r}"
        problems.append(Problem(str(path), _line_of(text, (key,)), f"{TABLE}.{key}", message))
    if problems:
        raise UsageError(*(str(problem) for problem in sorted(problems, key=lambda found: found.line or 0)))
    return settings


def _located(folder: Path, setting: Setting, value: Any) -> Any:
    """A value whose files are found from the folder of the project; a shipped scenario is none."""
    if not setting.is_path:
        return value
    if isinstance(value, str):
        return str(folder / value) if (folder / value).is_file() else value
    return [str(folder / name) for name in value]


def _line_of(text: str, keys: tuple[str, ...]) -> int:
    """The line in which a key of our table begins.

    The standard library keeps no lines. But a key begins right after the longest beginning of the file that
    is TOML and does not have it yet: what ends within a value is no TOML.
    """
    lines = text.splitlines(keepends=True)
    last = 0
    for number in range(len(lines)):
        try:
            found = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue
        if _has(found, ("tool", "concord", *keys)):
            break
        last = number
    return last + 1


def _has(table: object, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True
