"""The settings of the server: one frozen struct per section of the file, with types, bounds and defaults.

A struct is the schema of its section. What each key means stands in ``docs/configuration.md``, which a test
holds to this module; here are the units and bounds.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import quote

import msgspec

from model.protocol import MESSAGE_BYTES_MAX
from reference_server.auth.revocations import LEEWAY_SECONDS_MAX
from reference_server.core.limits import Limits

_LIMITS: Final = Limits()

DEFAULT_STORE: Final = "sqlite:///concord.db"
DEFAULT_BUS: Final = "memory:"

Port: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
RemotePort: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Bytes: TypeAlias = Annotated[int, msgspec.Meta(ge=1_024, le=1_073_741_824)]
Pause: TypeAlias = Annotated[float, msgspec.Meta(ge=0.1, le=3_600.0)]
Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
Word: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
KeyId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class Secret(str):
    """A text that must not be shown: what prints a struct prints three stars for it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'" if self else "''"


class Server(msgspec.Struct, frozen=True):
    """Where it listens and what it stands on; port 0 takes a free one."""

    host: Word = "127.0.0.1"
    port: Port = 8080
    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    max_connections: Count = 15_000
    store: Secret | None = None
    bus: Secret | None = None
    handshake_timeout_seconds: Pause = _LIMITS.hello_timeout_us / 1_000_000
    max_header_bytes: Annotated[int, msgspec.Meta(ge=1_024, le=1_048_576)] = 16_384
    pid_file: Word | None = None
    commit_delay_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 0


class Websocket(msgspec.Struct, frozen=True):
    """Connections: keep-alive, sizes, compression. Times in seconds."""

    ping_interval: Pause = 30.0
    ping_timeout: Pause = 10.0
    max_message_size: Annotated[int, msgspec.Meta(ge=65_536, le=MESSAGE_BYTES_MAX)] = MESSAGE_BYTES_MAX
    compression: bool = True
    compression_threshold_bytes: Annotated[int, msgspec.Meta(ge=0, le=MESSAGE_BYTES_MAX)] = 1_024
    outbox_bytes: Bytes = _LIMITS.outbox_bytes_max


class SigningKey(msgspec.Struct, frozen=True):
    """One key: a secret (HS256), or PEM files (RS256, ES256), where one without private file verifies."""

    kid: KeyId
    secret: Secret = Secret()
    public_key_file: str = ""
    private_key_file: str = ""


class Authentication(msgspec.Struct, frozen=True):
    """Tokens: their keys and their times.

    The first of ``keys`` that can sign signs; ``jwt_secret`` is the key of tokens without ``kid``, and signs
    if there are no ``keys``.
    """

    jwt_secret: Secret = Secret()
    jwt_algorithm: Literal["HS256", "RS256", "ES256"] = "HS256"
    keys: tuple[SigningKey, ...] = ()
    audience: str = ""
    token_expiry_seconds: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] = 3_600
    leeway_seconds: Annotated[int, msgspec.Meta(ge=0, le=LEEWAY_SECONDS_MAX)] = 5
    renew_grace_seconds: Annotated[int, msgspec.Meta(ge=0, le=3_600)] = 30


class OperationalTransform(msgspec.Struct, frozen=True):
    """The log of a document. ``compression_*`` override those of ``websocket`` where they are given."""

    enabled: bool = True
    max_queue_size: Count = _LIMITS.queue_items_max
    batch_size: Count = _LIMITS.batch_items_max
    batch_timeout_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 50
    compression_enabled: bool | None = None
    compression_threshold_bytes: Annotated[int, msgspec.Meta(ge=0, le=MESSAGE_BYTES_MAX)] | None = None
    snapshot_every_revisions: Count = _LIMITS.snapshot_every_revisions
    offline_horizon_revisions: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] = (
        _LIMITS.offline_horizon_revisions
    )


class Crdt(msgspec.Struct, frozen=True):
    """Merging of what was typed offline."""

    enabled: bool = True
    sync_interval_seconds: Seconds = 60
    conflict_resolution: Literal["last_write_wins"] = "last_write_wins"


class Redis(msgspec.Struct, frozen=True):
    """The bus between workers; an empty password is none."""

    host: Word = "localhost"
    port: RemotePort = 6379
    db: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    password: Secret = Secret()
    max_connections: Count = 100
    min_idle_connections: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0

    @property
    def url(self) -> Secret:
        """``redis://:password@host:port/db``."""
        login = f":{quote(self.password, safe='')}@" if self.password else ""
        return Secret(f"redis://{login}{_host(self.host)}:{self.port}/{self.db}")


class Database(msgspec.Struct, frozen=True):
    """PostgreSQL; an empty password is none. A host that begins with ``/`` is the folder of a socket."""

    host: Word = "localhost"
    port: RemotePort = 5432
    name: Word = "collaboration"
    user: Word = "collaboration"
    password: Secret = Secret()
    pool_size: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 20

    @property
    def url(self) -> Secret:
        """``postgresql://user:password@host:port/name``."""
        login = quote(self.user, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        return Secret(f"postgresql://{login}@{_host(self.host)}:{self.port}/{quote(self.name, safe='')}")


class Presence(msgspec.Struct, frozen=True):
    """Selections of others."""

    enabled: bool = True
    update_interval_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 200
    idle_timeout_seconds: Seconds = 300
    cleanup_interval_seconds: Seconds = 60


class Monitoring(msgspec.Struct, frozen=True):
    """Metrics and logs; ``metrics_port`` 0 is none."""

    metrics_enabled: bool = True
    metrics_port: Port = 9090
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_edits: bool = False


class Config(msgspec.Struct, frozen=True):
    """Everything the server can be told; ``Config()`` is what no file at all means."""

    server: Server = Server()
    websocket: Websocket = Websocket()
    authentication: Authentication = Authentication()
    operational_transform: OperationalTransform = OperationalTransform()
    crdt: Crdt = Crdt()
    redis: Redis | None = None
    database: Database | None = None
    presence: Presence = Presence()
    monitoring: Monitoring = Monitoring()

    @property
    def store_url(self) -> Secret:
        """``server.store``, else PostgreSQL from ``database``, else SQLite in a file."""
        if self.server.store is not None:
            return self.server.store
        return self.database.url if self.database is not None else Secret(DEFAULT_STORE)

    @property
    def bus_url(self) -> Secret:
        """``server.bus``, else Redis from ``redis``, else in-process."""
        if self.server.bus is not None:
            return self.server.bus
        return self.redis.url if self.redis is not None else Secret(DEFAULT_BUS)

    @property
    def compression_enabled(self) -> bool:
        """Whether compression is offered to clients."""
        own = self.operational_transform.compression_enabled
        return self.websocket.compression if own is None else own

    @property
    def compression_threshold_bytes(self) -> int:
        """Messages of fewer bytes are sent as they are."""
        own = self.operational_transform.compression_threshold_bytes
        return self.websocket.compression_threshold_bytes if own is None else own


def core_limits(config: Config) -> Limits:
    """The limits of the core; ``batch_timeout_ms`` is none of them: a lone operation never waits (D8)."""
    return Limits(
        hello_timeout_us=round(config.server.handshake_timeout_seconds * 1_000_000),
        renew_grace_us=config.authentication.renew_grace_seconds * 1_000_000,
        queue_items_max=config.operational_transform.max_queue_size,
        batch_items_max=config.operational_transform.batch_size,
        outbox_bytes_max=config.websocket.outbox_bytes,
        snapshot_every_revisions=config.operational_transform.snapshot_every_revisions,
        offline_horizon_revisions=config.operational_transform.offline_horizon_revisions,
    )


def _host(host: str) -> str:
    """The host as a URL has it: IPv6 in brackets, the folder of a socket with its slashes quoted."""
    return f"[{host}]" if ":" in host else quote(host, safe="")
