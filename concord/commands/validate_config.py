"""The command ``validate-config``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from concord.configuration import configuration
from concord.options import Json
from concord.terminal import say, say_json, say_table
from model.verdict import Verdict
from reference_server.config import Config, has_keys, keys_of, shown_url

EXAMPLES = ("concord validate-config server.yaml",)


def validate_config(
    file: Annotated[Path, typer.Argument(help="A configuration of the server (YAML).")],
    json: Json = False,
) -> None:
    """Check a configuration, with the variables of this environment, and say what it comes to.

    Everything that is wrong is listed with its line, exit code 64.
    """
    settings = configuration(file)
    say(("valid", "green"))
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in summary(settings):
        table.add_row(name, value)
    say_table(table)
    if json:
        say_json(
            {"verdict": Verdict.VALID, "settings": {name: str(value) for name, value in summary(settings)}}
        )


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
