"""The command ``token``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from concord.configuration import configuration
from concord.refusals import UsageError, refusing
from concord.terminal import say
from reference_server.auth.keys import SigningKeyError
from reference_server.auth.tokens import Tokens
from reference_server.config import has_keys, keys_of
from reference_server.core.effects import Role

EXAMPLES = (
    "concord token --user-id ann --grant 'load-*=editor'",
    "concord token --user-id root --role admin --expiry 600 --config server.yaml",
)


def token(
    user_id: Annotated[str, typer.Option("--user-id", help="Id of the user.")],
    username: Annotated[str, typer.Option("--username", help="Name that others see.")] = "",
    expiry: Annotated[
        int | None, typer.Option(min=1, help="Seconds until it expires; as configured if left out.")
    ] = None,
    role: Annotated[
        Literal["user", "admin"], typer.Option(help="user, or admin for the administration.")
    ] = "user",
    grant: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN=ROLE", help="Documents and role, such as 'load-*=editor'; repeatable."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The server's configuration; its key signs.")] = None,
) -> None:
    """Print a token for a user, signed with the configured key or with JWT_SECRET.

    A grant names a document or a prefix ending in *, and owner, editor or viewer. Without one the token
    opens what is permitted to the user in the documents themselves.
    """
    settings = configuration(config)
    authentication = settings.authentication
    if not has_keys(authentication):
        where = f"{config} has no authentication.jwt_secret or keys" if config else "no --config is given"
        raise UsageError(f"there is no secret to sign with: {where}, and JWT_SECRET is not set")
    documents = dict(_grant(text) for text in grant or [])
    with refusing(SigningKeyError, ValueError):
        tokens = Tokens(keys_of(authentication), audience=authentication.audience)
        issued = tokens.issue(
            user_id,
            name=username,
            role=role,
            documents=documents,
            lifetime_seconds=expiry if expiry is not None else authentication.token_expiry_seconds,
            now=time.time(),
        )
    say(issued)


def _grant(text: str) -> tuple[str, Role]:
    pattern, equals, role = text.rpartition("=")
    if not (equals and pattern and role in [known.value for known in Role]):
        raise UsageError(f"--grant {text}: expected PATTERN=ROLE with owner, editor or viewer")
    return pattern, Role(role)
