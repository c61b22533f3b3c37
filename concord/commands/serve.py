"""The command ``serve``."""

from __future__ import annotations

import functools
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import trio
import typer

from concord.configuration import configured
from concord.machines import needs_linux
from concord.refusals import refusing
from concord.terminal import say
from reference_server import logs
from reference_server.auth.keys import random_secret
from reference_server.auth.tokens import Tokens
from reference_server.config import Config, has_keys, keys_of, load_config, overridden, shown_url
from reference_server.config.loading import SECRET_VARIABLE
from reference_server.core.effects import Role
from reference_server.pidfile import PidFileHeldError, pid_file
from reference_server.store.port import StoreError

EXAMPLES = (
    "concord serve",
    "concord serve --config server.yaml",
    "concord serve --workers 4 --store postgresql://concord@db/concord --bus redis://cache:6379/0",
)


def serve(
    config: Annotated[Path | None, typer.Option(help="Configuration (YAML).")] = None,
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
    needs_linux("serve")

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

    with configured():
        settings = load()
    logs.configure(settings.monitoring.log_level, human=debug)
    with refusing(StoreError, PidFileHeldError, ValueError):
        if settings.server.workers > 1 and control is None:
            code = _supervise(settings)
            if code:
                raise typer.Exit(code)
        else:
            _work(settings, load, worker, control)


def _work(settings: Config, load: Callable[[], Config], worker: int | None, control: int | None) -> None:
    """Be the only worker, or one of several."""
    # Here, because the supervisor of several workers needs none of the server.
    from reference_server.control import Control
    from reference_server.serve import Launch
    from reference_server.serve import serve as run_server
    from reference_server.server import Server

    secret = "" if has_keys(settings.authentication) else random_secret()

    def started(server: Server, bound: int) -> None:
        if control is None:
            _say(settings, bound, server.services.issue if secret else None)

    channel = None if control is None else Control(control)
    path = settings.server.pid_file if control is None else None
    with pid_file(Path(path) if path else None):
        trio.run(run_server, Launch(settings, secret, load, channel, worker or 0, started))


def _supervise(settings: Config) -> int:
    """Start the workers with this very command, and watch over them."""
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
        command = [sys.executable, "-P", "-m", "concord", *sys.argv[1:], "--port", str(port)]
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
    say(f"listening on http://{host}:{port} (WebSocket: ws://{host}:{port}/ws), pid {os.getpid()}")
    say(f"documents in {shown_url(settings.store_url)}")
    if issue is None:
        say("a token: concord token --user-id YOU --grant '*=editor', with the same secret")
    else:
        everything = {"*": Role.OWNER}
        token = issue("developer", role="admin", documents=everything, lifetime_seconds=lifetime)
        say("no secret is configured (JWT_SECRET): tokens end with this process")
        say(f"a token for {lifetime} s: {token}")
    say(f"stop it with Ctrl-C or kill {os.getpid()}")
    sys.stdout.flush()
