"""The reader of the server's configuration: variables of the environment, and values that are not shown.

What comes from the environment is not shown in a message, and neither is the value of a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from model.settings.reader import TEXT, Reader, Scalar, SettingError, is_text
from reference_server.config.sections import Secret
from reference_server.config.variables import VariableError, expand


class ConfigReader(Reader):
    """A reader that replaces ``${NAME}``."""

    def __init__(self, place: str, environ: Mapping[str, str]) -> None:
        super().__init__(place)
        self._environ = environ

    def scalar(self, node: yaml.ScalarNode, base: Any) -> Scalar:
        """The value with its variables replaced; a text that came from one as if it were written there."""
        try:
            text, names = expand(node.value, self._environ)
        except VariableError as error:
            raise SettingError("", str(error)) from None
        written = super().scalar(node, base)
        if names:
            shown = f"the value of {' and '.join(dict.fromkeys(names))}"
            return Scalar(text, TEXT if is_text(base) else _tag_of(text), shown)
        return Scalar(text, written.tag, "what is there" if base is Secret else written.shown)

    def described(self, node: yaml.Node) -> str:
        """A single value may be a secret that stands at the wrong place."""
        return "a single value" if isinstance(node, yaml.ScalarNode) else super().described(node)


def _tag_of(text: str) -> str:
    return str(yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]
