"""``${NAME}`` and ``${NAME:-default}`` in a text, replaced from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_VARIABLE: Final = re.compile(r"\$(\$(?=\{)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\})")
_BROKEN: Final = re.compile(r"(?<!\$)\$\{")


class Expanded(NamedTuple):
    """A text with its variables replaced, and whose they were."""

    text: str
    names: tuple[str, ...]


class VariableError(ValueError):
    """A variable is not set, or what should name one does not."""


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """Replace the variables of ``text``; ``$${`` stands for ``${``.

    As in a shell, the default also stands in for a variable that is set but empty. What comes from the
    environment is taken as it is: variables in it are not replaced.

    Raises:
        VariableError: a variable without default is not set.
    """
    rest = _VARIABLE.sub(" ", text)
    if _BROKEN.search(rest):
        raise VariableError("has a '${' that begins no ${NAME} or ${NAME:-default}; '$${' stands for '${'")
    names: list[str] = []
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"  # "$$" before a brace
        names.append(name)
        given, default = environ.get(name), match["default"]
        if default is not None:
            return given or default
        if given is None:
            missing.append(name)
        return given or ""

    expanded = _VARIABLE.sub(value, text)
    if missing:
        what = ", ".join(dict.fromkeys(missing))
        raise VariableError(f"the environment variable {what} is not set")
    return Expanded(expanded, tuple(names))
