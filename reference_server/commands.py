"""The server's own commands: serve, token, validate-config."""

from __future__ import annotations

import functools
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from model.verdict import ExitCode
from reference_server import logs
from reference_server.auth.keys import SigningKeyError, random_secret
from reference_server.auth.tokens import Tokens
from reference_server.config import (
    Config,
    ConfigError,
    has_keys,
    keys_of,
    load_config,
    overridden,
    shown_url,
)
from reference_server.config.loading import SECRET_VARIABLE
from reference_server.core.effects import Role
from reference_server.pidfile import PidFileHeldError, pid_file
from reference_server.store.port import StoreError

console = Console(highlight=False)


def refuse(*lines: str) -> typer.Exit:
    """Say on standard error what cannot be used; the exit to raise."""
    for line in lines:
        typer.echo(f"concord: {line}", err=True)
    return typer.Exit(ExitCode.USAGE)


def configuration(file: Path | None) -> Config:
    """The configuration in a file and the environment; what is wrong with it ends the command.

    Raises:
        typer.Exit: it cannot be used; everything that is wrong was said.
    """
    try:
        return load_config(file, os.environ)
    except ConfigError as error:
        raise refuse(*(str(problem) for problem in error.problems)) from None


def token(
    user_id: Annotated[str, typer.Option("--user-id", help="Id of the user.")],
    username: Annotated[str, typer.Option("--username", help="Name that others see.")] = "",
    expiry: Annotated[
        int | None, typer.Option(min=1, help="Seconds until it expires; as configured if left out.")
    ] = None,
    role: Annotated[str, typer.Option(help="user, or admin for the administration.")] = "user",
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
        raise refuse(f"there is no secret to sign with: {where}, and JWT_SECRET is not set")
    if role not in ("user", "admin"):
        raise refuse(f"--role {role}: user or admin")
    documents = dict(_grant(text) for text in grant or [])
    try:
        tokens = Tokens(keys_of(authentication), audience=authentication.audience)
        issued = tokens.issue(
            user_id,
            name=username,
            role="admin" if role == "admin" else "user",
            documents=documents,
            lifetime_seconds=expiry if expiry is not None else authentication.token_expiry_seconds,
            now=time.time(),
        )
    except (SigningKeyError, ValueError) as error:
        raise refuse(str(error)) from None
    typer.echo(issued)


def _grant(text: str) -> tuple[str, Role]:
    pattern, equals, role = text.rpartition("=")
    if not (equals and pattern and role in [known.value for known in Role]):
        raise refuse(f"--grant {text}: expected PATTERN=ROLE with owner, editor or viewer")
    return pattern, Role(role)


def validate_config(
    file: Annotated[Path, typer.Argument(help="A configuration of the server (YAML).")],
) -> None:
    """Check a configuration, with the variables of this environment, and say what it comes to.

    Everything that is wrong is listed with its line, exit code 64.
    """
    settings = configuration(file)
    console.print("[green]valid[/]")
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in summary(settings):
        table.add_row(name, value)
    console.print(table)


def summary(config: Config) -> list[tuple[str, str]]:
    """What a configuration comes to, in names and texts without secrets."""
    server, websocket, authentication = config.server, config.websocket, config.authentication
    keys = keys_of(authentication) if has_keys(authentication) else None
    if keys is None:
        signed = f"{authentication.jwt_algorithm}, a random secret with each start (none is configured)"
    else:
        ids = ", ".join(kid if kid is not None else "without id" for kid in keys.ids)
        signer = keys.signer
        signs = "none signs" if signer is None else f"{signer.kid or 'without id'} signs"
        signed = f"{keys.algorithm}, keys: {ids}; {signs}"
    compression = (
        f"from {config.compression_threshold_bytes} bytes on" if config.compression_enabled else "off"
    )
    monitoring = config.monitoring
    has_metrics = monitoring.metrics_enabled and monitoring.metrics_port
    return [
        ("listens on", f"{server.host}:{server.port}"),
        ("workers", f"{server.workers}, each with up to {server.max_connections} connections"),
        ("store", shown_url(config.store_url)),
        ("bus", shown_url(config.bus_url)),
        ("tokens", f"{signed}; valid for {authentication.token_expiry_seconds} s"),
        ("keep-alive", f"every {websocket.ping_interval:g} s, given up after {websocket.ping_timeout:g} s"),
        ("compression", compression),
        ("metrics", f"port {monitoring.metrics_port}" if has_metrics else "none"),
        ("log level", monitoring.log_level),
    ]


def serve(
    config: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Configuration (YAML).")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port for HTTP and WebSocket.  [default: 8080]")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; more than one need PostgreSQL and Redis.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="sqlite:///FILE, postgresql://… or memory:")
    ] = None,
    bus: Annotated[str | None, typer.Option(metavar="URL", help="memory: or redis://…")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log everything, for people.")] = False,
    worker: Annotated[int | None, typer.Option(hidden=True)] = None,
    control: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the reference server until SIGTERM or Ctrl-C; SIGHUP reloads the configuration.

    Without a configuration it keeps documents in concord.db and listens on 127.0.0.1:8080.
    """

    def load() -> Config:
        return overridden(
            load_config(config, os.environ),
            host=host,
            port=port,
            workers=workers,
            store=store,
            bus=bus,
            log_level="debug" if debug else None,
        )

    try:
        settings = load()
    except ConfigError as error:
        raise refuse(*(str(problem) for problem in error.problems)) from None
    logs.configure(settings.monitoring.log_level, human=debug)
    try:
        if settings.server.workers > 1 and control is None:
            code = _supervise(settings)
            if code:
                raise typer.Exit(code)
        else:
            _work(settings, load, worker, control)
    except (StoreError, PidFileHeldError, ValueError) as error:
        raise refuse(str(error)) from None


def _work(settings: Config, load: Callable[[], Config], worker: int | None, control: int | None) -> None:
    """Be the only worker, or one of several."""
    # Here, because every process of a simulation imports this module, and none of them serves.
    import trio

    from reference_server.control import Control
    from reference_server.serve import Launch
    from reference_server.serve import serve as run_server
    from reference_server.server import Server

    secret = "" if has_keys(settings.authentication) else random_secret()

    def started(server: Server, bound: int) -> None:
        if control is None:
            _say(settings, bound, server.issue if secret else None)

    line = None if control is None else Control(control)
    path = settings.server.pid_file if control is None else None
    with pid_file(Path(path) if path else None):
        trio.run(run_server, Launch(settings, secret, load, line, worker or 0, started))


def _supervise(settings: Config) -> int:
    """Start the workers with this very command, and watch over them."""
    import trio

    from reference_server.supervisor import supervise

    environment = dict(os.environ)
    issue: Callable[..., str] | None = None
    if not has_keys(settings.authentication):  # one secret for all of them
        secret = environment[SECRET_VARIABLE] = random_secret()
        issue = functools.partial(Tokens(keys_of(settings.authentication, secret)).issue, now=time.time())
    server, monitoring = settings.server, settings.monitoring
    with socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET) as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(
            (server.host, server.port)
        )  # bound and not listening: it keeps the port for the workers
        port: int = reserved.getsockname()[1]
        _say(settings, port, issue)
        command = [sys.executable, "-m", "concord", *sys.argv[1:], "--port", str(port)]
        return trio.run(
            functools.partial(
                supervise,
                command,
                server.workers,
                pid_file=Path(server.pid_file) if server.pid_file else None,
                metrics_port=monitoring.metrics_port if monitoring.metrics_enabled else 0,
                metrics_host=server.host,
                environment=environment,
            )
        )


def _say(settings: Config, port: int, issue: Callable[..., str] | None) -> None:
    """Say where the server listens, how to get a token, and how to stop it.

    ``issue`` makes a token where nobody else can, because the secret is a random one.
    """
    host, lifetime = settings.server.host, settings.authentication.token_expiry_seconds
    typer.echo(f"listening on http://{host}:{port} (WebSocket: ws://{host}:{port}/ws), pid {os.getpid()}")
    typer.echo(f"documents in {shown_url(settings.store_url)}")
    if issue is None:
        typer.echo("a token: concord token --user-id YOU --grant '*=editor', with the same secret")
    else:
        everything = {"*": Role.OWNER}
        token = issue("developer", role="admin", documents=everything, lifetime_seconds=lifetime)
        typer.echo("no secret is configured (JWT_SECRET): tokens end with this process")
        typer.echo(f"a token for {lifetime} s: {token}")
    typer.echo(f"stop it with Ctrl-C or kill {os.getpid()}")
    sys.stdout.flush()
