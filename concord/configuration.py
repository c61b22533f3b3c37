"""The server's configuration, as the commands read it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from concord.refusals import UsageError
from reference_server.config import Config, ConfigError, load_config


@contextmanager
def configured() -> Iterator[None]:
    """Refuse a configuration that cannot be used; everything that is wrong with it is said."""
    try:
        yield
    except ConfigError as error:
        raise UsageError(*(str(problem) for problem in error.problems)) from None


@configured()
def configuration(file: Path | None) -> Config:
    """The configuration in a file and the environment.

    Raises:
        UsageError: it cannot be used.
    """
    return load_config(file, os.environ)
