"""What a command cannot use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import ClassVar

from model.verdict import ExitCode


class UsageError(ValueError):
    """The command was called with something it cannot use: one line for each problem, and the exit code."""

    code: ClassVar = ExitCode.USAGE

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SubjectError(UsageError):
    """What was to be judged is not there, speaks another protocol, or lets nobody in: nothing is known."""

    code: ClassVar = ExitCode.UNKNOWN


@contextlib.contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Turn errors that mean bad input into refusals; a decorator too.

    Raises:
        UsageError: one of these was raised.
    """
    try:
        yield
    except UsageError:
        raise
    except kinds as error:
        raise UsageError(str(error)) from None
