"""What a running server can take over from a changed configuration, and what waits for a restart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from reference_server.config.sections import Config

RESTART: Final = frozenset(
    {
        "server.host",
        "server.port",
        "server.workers",
        "server.store",
        "server.bus",
        "server.pid_file",
        "server.commit_delay_ms",
        "redis.host",
        "redis.port",
        "redis.db",
        "redis.password",
        "database.host",
        "database.port",
        "database.name",
        "database.user",
        "database.password",
        "database.pool_size",
        "monitoring.metrics_enabled",
        "monitoring.metrics_port",
    }
)
"""Keys that a running server keeps; the rest changes while it runs."""

WITHOUT_EFFECT: Final = frozenset(
    {
        "operational_transform.enabled",
        "operational_transform.batch_timeout_ms",
        "crdt.enabled",
        "crdt.sync_interval_seconds",
        "crdt.conflict_resolution",
        "redis.max_connections",
        "redis.min_idle_connections",
    }
)
"""Keys that are accepted and checked, and change nothing; ``docs/configuration.md`` says why."""


class Reload(NamedTuple):
    """What a reload comes to.

    Attributes:
        applied: what holds from now on.
        refused: keys that differ and wait for a restart.
        changed: keys that differ and hold now.
    """

    applied: Config
    refused: list[str]
    changed: list[str]


def reloadable_changes(old: Config, new: Config) -> Reload:
    """Take over from ``new`` what a running server can.

    Key files may have new contents under the same name: whoever reloads builds the keys again in any case.
    """
    refused: list[str] = []
    changed: list[str] = []
    sections: dict[str, Any] = {}
    for field in msgspec.structs.fields(Config):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before is None or after is None:  # redis or database came or went
            sections[field.name] = before
            if before is not after:
                refused.append(field.name)
            continue
        kept: dict[str, Any] = {}
        for name in _differing(before, after):
            key = f"{field.name}.{name}"
            if key in RESTART:
                refused.append(key)
                kept[name] = getattr(before, name)
            elif key not in WITHOUT_EFFECT:
                changed.append(key)
        sections[field.name] = msgspec.structs.replace(after, **kept)
    return Reload(Config(**sections), refused, changed)


def _differing(before: msgspec.Struct, after: msgspec.Struct) -> Iterator[str]:
    for field in msgspec.structs.fields(before):
        if getattr(before, field.name) != getattr(after, field.name):
            yield field.name
