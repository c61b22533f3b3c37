"""How numbers and truth values are written so that nobody reads them otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

WRITTEN: Final[Mapping[type, re.Pattern[str]]] = {
    int: re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    float: re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?"),
    bool: re.compile(r"true|True|TRUE|false|False|FALSE"),
}
"""How values are written that every reader of YAML, of a command line and of this file takes for the same."""
