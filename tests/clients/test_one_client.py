"""Every error and every close code, to the client of a simulation, of a live run and of a load run.

What each of them does is the same, and is what :mod:`model.client.answers` says.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from model.client.answers import CLOSES, ERRORS, Answer
from model.protocol import ErrorCode, Failure
from tests.clients.drivers import DRIVERS, AnyClient, Condition
from tests.clients.scripted import TEXT, ScriptedServer, Trouble
from tests.model.client.test_answers import DOCUMENTED_ERRORS

ROOT = Path(__file__).parents[2]
ALWAYS = 1_000


def close_of(code: ErrorCode) -> int:
    """The close code that the documentation gives to a fatal error."""
    return int(DOCUMENTED_ERRORS[code.value][2].split()[-1].strip("`"))


CASES = {
    **{
        code.value: (Trouble(Failure(code, "as the script says"), close_of(code)), ERRORS[code].fatal)
        for code in ErrorCode
    },
    **{
        f"{code.value} as a warning": (
            Trouble(Failure(code, "as the script says", fatal=False, retry_after_ms=20), None),
            rule.warning,
        )
        for code, rule in ERRORS.items()
        if rule.warning is not None
    },
    **{f"close {code}": (Trouble(None, code), answer) for code, answer in CLOSES.items()},
    "close 1011": (Trouble(None, 1011), Answer.LATER),
}


def is_durable(client: AnyClient) -> bool:
    return client.is_editable and client.dialect.engine.acknowledged == 1


def is_somebody_else(client: AnyClient) -> bool:
    return bool(client.dialect.retired) and client.is_settled


def gave_up(client: AnyClient) -> bool:
    return bool(client.gave_up)


UNTIL: dict[Answer, tuple[int, Condition]] = {
    Answer.SEND_AGAIN: (2, is_durable),
    Answer.RENEW: (1, is_durable),
    Answer.AT_ONCE: (2, is_durable),
    Answer.LATER: (2, is_durable),
    Answer.ONCE: (ALWAYS, gave_up),
    Answer.NEW_SITE: (ALWAYS, is_somebody_else),
    Answer.GIVE_UP: (ALWAYS, gave_up),
}
"""How often there is trouble, and when what the client does about it is over."""

GREETINGS = {
    Answer.SEND_AGAIN: ["a"],
    Answer.RENEW: ["a"],
    Answer.AT_ONCE: ["a", "a", "a"],
    Answer.LATER: ["a", "a", "a"],
    Answer.ONCE: ["a", "a"],
    Answer.NEW_SITE: ["a", "a.1"],
    Answer.GIVE_UP: ["a"],
}
"""Who connects in the course of it."""


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("driver", DRIVERS)
def test_an_error_is_answered_by_every_client_as_the_table_says(driver: str, case: str) -> None:
    trouble, answer = CASES[case]
    times, until = UNTIL[answer]
    server = ScriptedServer(trouble, times)
    client = DRIVERS[driver](server, until)
    assert server.greetings == GREETINGS[answer]
    assert len(set(server.submits)) == 1  # byte for byte
    assert len(set(server.tokens)) == len(server.tokens)  # a new one for each connection, and to renew
    if answer is Answer.NEW_SITE:
        assert (client.text, client.dialect.retired[0].text) == (TEXT, f"x{TEXT}")
    else:
        assert client.text == f"x{TEXT}"
    if answer in (Answer.ONCE, Answer.GIVE_UP):
        assert client.gave_up == case.removeprefix("close ")
        assert client.wants_connection


@pytest.mark.slow
def test_nothing_else_of_a_client_decides_by_the_code_of_an_error() -> None:
    """A second handler would drift from the first; an auditor, which is no client, steps back by itself.

    The referees of a simulation look at codes, and decide nothing for a client.
    """
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("model/client", "loadgen", "simulator/virtual", "simulator/live")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare | ast.MatchValue | ast.Dict | ast.Set)
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute)
        and isinstance(part.value, ast.Name)
        and part.value.id == "ErrorCode"
    }
    referees = {
        "simulator/virtual/grievances.py",
        "simulator/virtual/intruder.py",
        "simulator/virtual/notices.py",
    }
    assert found - referees == {"model/client/answers.py", "model/client/auditor.py"}
