"""The configuration from a file and the environment, checked as a whole before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from model.settings.reader import Problem, SettingError, fields_of, parse, text_of
from reference_server.auth.keys import Keys, KeySource, SigningKeyError, refuse_secret
from reference_server.config.reading import ConfigReader
from reference_server.config.sections import Authentication, Config, Secret, Server, SigningKey

CONFIG_BYTES_MAX: Final = 1_048_576
KEY_FILE_BYTES_MAX: Final = 65_536
SECRET_VARIABLE: Final = "JWT_SECRET"
ENVIRONMENT: Final = "environment"
OPTIONS: Final = "options"
NO_FILE: Final = "defaults"

_STORES: Final = re.compile(r"memory:|sqlite:///.+|postgres(ql)?://.+")
_BUSES: Final = re.compile(r"memory:|redis://.+")
_PASSWORD: Final = re.compile(r"(password=)[^&]*", re.IGNORECASE)


class ConfigError(ValueError):
    """A configuration cannot be used; one line for each of its ``problems``."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The configuration in a file, or the defaults without one.

    Variables are replaced from ``environ``. ``JWT_SECRET`` there is the secret if the file names neither a
    secret nor keys. Paths of key files are relative to the folder of the file.

    Raises:
        ConfigError: with everything that is wrong.
    """
    reader = ConfigReader(str(path) if path is not None else NO_FILE, environ)
    config = Config()
    if path is not None:
        config = _read(reader, _text_of(path), path)
    authentication = config.authentication
    if authentication.jwt_algorithm == "HS256" and not has_keys(authentication):
        given = environ.get(SECRET_VARIABLE, "")
        if given and not reader.has_failed("authentication"):
            authentication = msgspec.structs.replace(authentication, jwt_secret=Secret(given))
            config = msgspec.structs.replace(config, authentication=authentication)
            if reason := refuse_secret(given):
                reader.problem("authentication.jwt_secret", reason)
                reader.problems[-1] = Problem(ENVIRONMENT, None, SECRET_VARIABLE, reason)
    return _checked(config, reader)


def overridden(
    config: Config,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    store: str | None = None,
    bus: str | None = None,
    log_level: Literal["debug", "info", "warning", "error"] | None = None,
) -> Config:
    """The configuration with the settings of a command line put over it; None leaves one as it is.

    Raises:
        ConfigError: with everything that is wrong now.
    """
    reader = ConfigReader(OPTIONS, {})
    types_of = fields_of(Server)
    changes: dict[str, Any] = {}
    for name, value in {"host": host, "port": port, "workers": workers}.items():
        if value is not None:
            try:
                changes[name] = msgspec.convert(value, types_of[name])
            except msgspec.ValidationError as error:
                reader.problem(f"server.{name}", str(error))
    changes |= {name: Secret(url) for name, url in (("store", store), ("bus", bus)) if url is not None}
    config = msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, **changes))
    if log_level is not None:
        monitoring = msgspec.structs.replace(config.monitoring, log_level=log_level)
        config = msgspec.structs.replace(config, monitoring=monitoring)
    return _checked(config, reader)


def has_keys(authentication: Authentication) -> bool:
    """Whether a secret or a key is configured; if not, the server makes a secret for itself."""
    return bool(authentication.jwt_secret or authentication.keys)


def keys_of(authentication: Authentication, fallback_secret: str = "") -> Keys:
    """The keys of a configuration, key files read anew; ``fallback_secret`` if none is configured.

    A key of the list that can sign signs; ``jwt_secret`` beside a list verifies the tokens without ``kid``.

    Raises:
        SigningKeyError: a key cannot be used, or there is none.
    """
    sources = [_source(key) for key in authentication.keys]
    secret = authentication.jwt_secret
    if not has_keys(authentication) and authentication.jwt_algorithm == "HS256":
        secret = Secret(fallback_secret)
    if secret:
        sources.append(KeySource(None, secret))
    return Keys(authentication.jwt_algorithm, sources)


def shown_url(url: str) -> str:
    """A URL without its password, for logs and summaries."""
    scheme, separator, rest = url.partition("://")
    login, at, host = rest.rpartition("@")
    if scheme == "sqlite" or not separator:
        return url
    if ":" in login:  # a password may hold any sign, also those that a URL would have quoted
        rest = f"{login.partition(':')[0]}:***{at}{host}"
    return f"{scheme}://" + _PASSWORD.sub(r"\1***", rest)


def _read(reader: ConfigReader, text: str, path: Path) -> Config:
    try:
        node = parse(text)
    except SettingError as error:
        raise ConfigError([Problem(str(path), error.line, "", error.message)]) from None
    if node is None:
        return Config()
    config = reader.read(Config, node, "")
    if not isinstance(config, Config):
        raise ConfigError(reader.problems)
    keys = tuple(_with_paths(key, path.parent) for key in config.authentication.keys)
    authentication = msgspec.structs.replace(config.authentication, keys=keys)
    return msgspec.structs.replace(config, authentication=authentication)


def _with_paths(key: SigningKey, folder: Path) -> SigningKey:
    """The key with its files found from the folder of the configuration, wherever the server is started."""
    public, private = (
        str(folder / file) if file else "" for file in (key.public_key_file, key.private_key_file)
    )
    return msgspec.structs.replace(key, public_key_file=public, private_key_file=private)


def _text_of(path: Path) -> str:
    try:
        return text_of(path.read_bytes(), CONFIG_BYTES_MAX)
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
    except SettingError as error:
        message = error.message
    raise ConfigError([Problem(str(path), None, "", message)])


def _source(key: SigningKey) -> KeySource:
    public, private = (
        _bytes_of(key.kid, file) if file else b"" for file in (key.public_key_file, key.private_key_file)
    )
    return KeySource(key.kid, key.secret, public, private)


def _bytes_of(kid: str, file: str) -> bytes:
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(KEY_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SigningKeyError(kid, f"{file} cannot be read: {error.strerror or error}") from None
    if len(data) > KEY_FILE_BYTES_MAX:
        raise SigningKeyError(kid, f"{file} is larger than {KEY_FILE_BYTES_MAX} bytes")
    return data


# --- what concerns more than one value --------------------------------------------------------------------


def _checked(config: Config, reader: ConfigReader) -> Config:
    """The configuration, if nothing is wrong with it.

    What a mistake was found in already is left out: it has its default here, and to compare that would be
    misleading.
    """
    for keys, message in (*_contradictions(config), *_key_problems(config.authentication)):
        if not any(reader.has_failed(key) for key in keys):
            reader.problem(keys[0], message)
    if reader.problems:
        raise ConfigError(reader.sorted_problems)
    return config


def _contradictions(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Keys concerned, the one to blame first, and what is wrong."""
    server, monitoring = config.server, config.monitoring
    if server.store is not None and not _STORES.fullmatch(server.store):
        yield ("server.store",), "must be sqlite:///FILE, postgresql://… or memory:"
    elif server.workers > 1 and not config.store_url.startswith("postgres"):
        what = "several workers share PostgreSQL: give database, or a postgresql:// URL as server.store"
        yield ("server.workers", "server.store", "database"), what
    if server.bus is not None and not _BUSES.fullmatch(server.bus):
        yield ("server.bus",), "must be redis://… or memory:"
    elif server.workers > 1 and not config.bus_url.startswith("redis"):
        what = "several workers meet in Redis: give redis, or a redis:// URL as server.bus"
        yield ("server.workers", "server.bus", "redis"), what
    if server.port and monitoring.metrics_enabled and monitoring.metrics_port == server.port:
        yield ("monitoring.metrics_port", "server.port"), "is the port of the server already"
    if not config.operational_transform.enabled:
        yield ("operational_transform.enabled",), "cannot be false: there is no other way to edit"
    if not config.crdt.enabled:
        yield ("crdt.enabled",), "cannot be false: what was typed offline has to be merged"


def _key_problems(authentication: Authentication) -> Iterator[tuple[tuple[str, ...], str]]:
    algorithm, place = authentication.jwt_algorithm, "authentication"
    concerned = (f"{place}.jwt_algorithm",)
    if algorithm != "HS256" and authentication.jwt_secret:
        yield (f"{place}.jwt_secret", *concerned), f"belongs to HS256; {algorithm} takes keys with key files"
    elif authentication.jwt_secret and (reason := refuse_secret(authentication.jwt_secret)):
        yield (f"{place}.jwt_secret",), reason
    if algorithm != "HS256" and not authentication.keys:
        yield (f"{place}.jwt_algorithm", f"{place}.keys"), f"{algorithm} needs authentication.keys"
    kids: set[str] = set()
    for i, key in enumerate(authentication.keys):
        if key.kid in kids:
            yield (f"{place}.keys.{i}.kid",), "is the id of another key"
        kids.add(key.kid)
        try:
            Keys(algorithm, [_source(key)])
        except SigningKeyError as error:
            yield (f"{place}.keys.{i}", *concerned), error.message
