"""The commands of the server, as the command line calls them: what they print, and how they refuse."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from model.verdict import ExitCode
from reference_server.auth.claims import Claims
from reference_server.auth.tokens import Tokens
from reference_server.config import keys_of, load_config
from reference_server.core.effects import Role
from tests.terminal import Outcome, Terminal, terminal

__all__ = ["terminal"]  # a fixture

SECRET = "a secret of the length that is needed"


@pytest.fixture(autouse=True)
def no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)


@pytest.fixture
def secret(no_secret: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del no_secret
    monkeypatch.setenv("JWT_SECRET", SECRET)


def claims(outcome: Outcome, file: Path | None = None) -> Claims:
    """What the token on standard output says to a server of the same configuration."""
    assert (outcome.code, outcome.err) == (0, "")
    token = outcome.out.removesuffix("\n")
    authentication = load_config(file, os.environ).authentication
    tokens = Tokens(keys_of(authentication), audience=authentication.audience)
    return tokens.verify(token, time.time())


# --- token ------------------------------------------------------------------------------------------------


def test_a_token_as_in_the_runbook(terminal: Terminal, secret: None) -> None:
    said = claims(
        terminal("token", "--user-id", "user-123", "--username", "j@example.com", "--expiry", "600")
    )
    assert (said.user, said.name, said.role, said.documents) == ("user-123", "j@example.com", "user", {})
    assert said.iat is not None
    assert said.exp - said.iat == 600


def test_a_token_with_grants(terminal: Terminal, secret: None) -> None:
    outcome = terminal(
        *("token", "--user-id", "u", "--role", "admin", "--grant", "load-*=editor", "--grant", "a=b=viewer")
    )
    said = claims(outcome)
    assert said.is_admin
    assert said.documents == {"load-*": Role.EDITOR, "a=b": Role.VIEWER}


def test_a_token_of_a_configuration(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        f"authentication: {{keys: [{{kid: k, secret: {SECRET}}}], audience: us, token_expiry_seconds: 77}}"
    )
    said = claims(terminal("token", "--user-id", "u", "--config", str(file)), file)
    assert said.iat is not None
    assert said.exp - said.iat == 77


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--role", "root"),
            "Invalid value for '--role': Value error, 'root' is not one of 'user', 'admin'.",
        ),
        (("--grant", "a"), "--grant a: expected PATTERN=ROLE with owner, editor or viewer"),
        (("--grant", "=editor"), "--grant =editor: expected PATTERN=ROLE with owner, editor or viewer"),
        (("--grant", "a=admin"), "--grant a=admin: expected PATTERN=ROLE with owner, editor or viewer"),
        (("--grant", "a*b=editor"), "'a*b' is neither a document nor a prefix that ends in *"),
        (("--user-id", ""), "a user id has 1 to 128 signs"),
        (("--config", "missing.yaml"), "missing.yaml: cannot be read: No such file or directory"),
    ],
)
def test_a_token_that_cannot_be(
    terminal: Terminal, secret: None, arguments: tuple[str, ...], message: str
) -> None:
    outcome = terminal("token", "--user-id", "u", *arguments)
    assert outcome == (ExitCode.USAGE, "", f"concord: {message}\n")


def test_an_expiry_that_cannot_be(terminal: Terminal, secret: None) -> None:
    assert terminal("token", "--user-id", "u", "--expiry", "0").code == ExitCode.USAGE


def test_no_secret(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = terminal("token", "--user-id", "u")
    assert (outcome.code, outcome.out) == (ExitCode.USAGE, "")
    assert "no --config is given, and JWT_SECRET is not set" in outcome.err
    (tmp_path / "c.yaml").write_text("server: {port: 1}")
    assert (
        "c.yaml has no authentication.jwt_secret"
        in terminal("token", "--user-id", "u", "--config", str(tmp_path / "c.yaml")).err
    )
    monkeypatch.setenv("JWT_SECRET", "short")
    outcome = terminal("token", "--user-id", "u")
    assert outcome.code == ExitCode.USAGE
    assert "environment: JWT_SECRET: must have at least 32 bytes, not 5" in outcome.err


# --- validate-config --------------------------------------------------------------------------------------


def test_a_valid_configuration(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        f"server: {{host: h, port: 81, workers: 3}}\nauthentication: {{jwt_secret: {SECRET}}}\n"
        "database: {password: hidden-1}\nredis: {password: hidden-2}\n"
    )
    outcome = terminal("validate-config", str(file))
    assert (outcome.code, outcome.err) == (0, "")
    first, *rest = outcome.out.splitlines()
    assert first == "valid"
    shown = "\n".join(rest)
    for part in (
        "h:81",
        "3, each with",
        "postgresql://collaboration:***@localhost",
        "redis://:***@",
        "HS256",
    ):
        assert part in shown
    assert "hidden" not in shown
    assert SECRET not in shown


def test_a_configuration_without_a_secret_says_so(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("")
    outcome = terminal("validate-config", str(tmp_path / "c.yaml"))
    assert outcome.code == 0
    assert "a random secret with each start" in outcome.out


def test_everything_that_is_wrong_with_its_line(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("server:\n  port: x\nauthentication:\n  jwt_secret: ${NO_SUCH_VARIABLE}\n  nothing: 1\n")
    outcome = terminal("validate-config", str(file))
    assert (outcome.code, outcome.out) == (ExitCode.USAGE, "")
    starts = [line.split(": ")[:3] for line in outcome.err.splitlines()]
    assert starts == [
        ["concord", f"{file}:2", "server.port"],
        ["concord", f"{file}:4", "authentication.jwt_secret"],
        ["concord", f"{file}:5", "authentication.nothing"],
    ]
    assert "NO_SUCH_VARIABLE is not set" in outcome.err
