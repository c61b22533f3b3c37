"""The configuration: the platform's example, variables, mistakes and their lines, reloads, the document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from model.settings.reader import SettingError, fields_of, parse
from reference_server.config import (
    Config,
    ConfigError,
    core_limits,
    has_keys,
    keys_of,
    load_config,
    overridden,
    reloadable_changes,
    shown_url,
)
from reference_server.config.reading import ConfigReader
from reference_server.config.reload import RESTART, WITHOUT_EFFECT
from reference_server.config.sections import Authentication, Secret, SigningKey
from reference_server.config.variables import VariableError, expand
from reference_server.core.limits import Limits
from tests.conftest import ROOT

SECRET = "a secret of the length that is needed"
ENVIRON = {
    "JWT_SECRET": SECRET,
    "REDIS_PASSWORD": "re/d@is",
    "DB_USER": "collab",
    "DB_PASSWORD": "pa:ss w0rd",
}

# The example of the platform's runbook, "Configure Gateway", as it stands there.
EXAMPLE = """\
server:
  host: "0.0.0.0"
  port: 8080
  workers: 4
  max_connections: 10000

websocket:
  ping_interval: 30
  ping_timeout: 10
  max_message_size: 1048576  # 1MB
  compression: true

authentication:
  jwt_secret: ${JWT_SECRET}
  jwt_algorithm: HS256
  token_expiry_seconds: 3600

operational_transform:
  enabled: true
  max_queue_size: 1000
  batch_size: 10
  batch_timeout_ms: 50

crdt:
  enabled: true
  sync_interval_seconds: 60
  conflict_resolution: last_write_wins

redis:
  host: localhost
  port: 6379
  db: 0
  password: ${REDIS_PASSWORD}
  max_connections: 100

database:
  host: localhost
  port: 5432
  name: collaboration
  user: ${DB_USER}
  password: ${DB_PASSWORD}
  pool_size: 20

presence:
  enabled: true
  update_interval_ms: 200
  idle_timeout_seconds: 300
  cleanup_interval_seconds: 60

monitoring:
  metrics_enabled: true
  metrics_port: 9090
  log_level: info
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "collaboration_config.yaml"


def load(file: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    file.write_text(text, encoding="utf-8")
    return load_config(file, ENVIRON if environ is None else environ)


def problems(file: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """What is wrong, without the name of the file, which every line begins with."""
    with pytest.raises(ConfigError) as caught:
        load(file, text, environ)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    assert all(line.startswith(str(file)) for line in lines)
    return [line.removeprefix(str(file)) for line in lines]


# --- what loads -------------------------------------------------------------------------------------------


def test_the_example_of_the_runbook(file: Path) -> None:
    config = load(file, EXAMPLE)
    assert (config.server.host, config.server.port, config.server.workers) == ("0.0.0.0", 8080, 4)
    assert config.authentication.jwt_secret == SECRET
    assert config.store_url == "postgresql://collab:pa%3Ass%20w0rd@localhost:5432/collaboration"
    assert config.bus_url == "redis://:re%2Fd%40is@localhost:6379/0"
    assert config.compression_enabled
    assert core_limits(config).batch_items_max == 10
    assert keys_of(config.authentication).ids == (None,)


def test_the_settings_of_the_runbooks_tuning(file: Path) -> None:
    text = EXAMPLE.replace("  db: 0\n", "  db: 0\n  min_idle_connections: 50\n").replace(
        "  batch_size: 10\n",
        "  batch_size: 10\n  compression_enabled: false\n  compression_threshold_bytes: 77\n",
    )
    config = load(file, text)
    assert (config.compression_enabled, config.compression_threshold_bytes) == (False, 77)
    assert config.redis is not None
    assert config.redis.min_idle_connections == 50


@pytest.mark.parametrize("text", ["", "# nothing\n", "server:\nredis:\n", "{}"])
def test_defaults_are_no_file_at_all(file: Path, text: str) -> None:
    assert load(file, text, {}) == load_config(None, {}) == Config()
    assert (Config().store_url, Config().bus_url) == ("sqlite:///concord.db", "memory:")


def test_the_limits_of_the_core_are_those_of_the_configuration(file: Path) -> None:
    assert core_limits(Config()) == Limits()
    text = (
        "server: {handshake_timeout_seconds: 2.5}\nwebsocket: {outbox_bytes: 5000}\noperational_transform:\n"
        "  {max_queue_size: 7, batch_size: 8, snapshot_every_revisions: 9, offline_horizon_revisions: 11}\n"
    )
    assert core_limits(load(file, text)) == Limits(
        hello_timeout_us=2_500_000,
        outbox_bytes_max=5_000,
        queue_items_max=7,
        batch_items_max=8,
        snapshot_every_revisions=9,
        offline_horizon_revisions=11,
    )


def test_urls_given_win_over_sections(file: Path) -> None:
    config = load(file, EXAMPLE.replace("workers: 4", "workers: 1\n  store: 'memory:'\n  bus: 'memory:'"))
    assert (config.store_url, config.bus_url) == ("memory:", "memory:")


@pytest.mark.parametrize(
    ("host", "part"), [("::1", "[::1]"), ("/run/postgresql", "%2Frun%2Fpostgresql"), ("db.local", "db.local")]
)
def test_hosts_in_urls(file: Path, host: str, part: str) -> None:
    config = load(file, f"database: {{host: '{host}', name: 'a b', user: u}}")
    assert config.store_url == f"postgresql://u@{part}:5432/a%20b"


# --- variables --------------------------------------------------------------------------------------------


def test_a_variable_is_read_as_if_it_stood_there(file: Path) -> None:
    text = 'server: {port: "${PORT}", host: "${A}.${B:-b}"}\nmonitoring: {metrics_enabled: "${M:-false}"}\n'
    config = load(file, text, {"PORT": "81", "A": "a", "B": ""})
    assert (config.server.port, config.server.host) == (81, "a.b")
    assert config.monitoring.metrics_enabled is False


def test_a_variable_for_a_text_stays_a_text(file: Path) -> None:
    secret = "12345678901234567890123456789012"
    assert load(file, EXAMPLE, {**ENVIRON, "JWT_SECRET": secret}).authentication.jwt_secret == secret


def test_the_environment_gives_the_secret_where_the_file_does_not(file: Path) -> None:
    assert load_config(None, ENVIRON).authentication.jwt_secret == SECRET
    assert load(file, "server: {port: 1}").authentication.jwt_secret == SECRET
    own = "another secret of the length that is needed"
    assert load(file, f"authentication: {{jwt_secret: {own}}}").authentication.jwt_secret == own
    keys = load(file, f"authentication: {{keys: [{{kid: a, secret: {own}}}]}}").authentication
    assert keys.jwt_secret == ""
    assert keys_of(keys).ids == ("a",)
    with pytest.raises(ConfigError, match="environment: JWT_SECRET: must have at least 32 bytes"):
        load_config(None, {"JWT_SECRET": "short"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("$", "$"),
        ("$A", "$A"),
        ("${A}", "1"),
        ("x${A}${A}y", "x11y"),
        ("$${A}", "${A}"),
        ("${NO:-}", ""),
        ("${NO:-a:-b}", "a:-b"),
        ("${E:-d}", "d"),
        ("${E}", ""),
        ("${V}", "${A}"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "E": "", "V": "${A}"}).text == expected


@pytest.mark.parametrize("text", ["${NO}", "${", "${1}", "${A", "${A-b}", "${}"])
def test_what_does_not_expand(text: str) -> None:
    with pytest.raises(VariableError):
        expand(text, {"A": "1"})


@given(st.text(), st.dictionaries(st.text(max_size=3), st.text(max_size=3)))
def test_expansion_of_anything(text: str, environ: dict[str, str]) -> None:
    try:
        expanded = expand(text, environ)
    except VariableError:
        assert "${" in text
        return
    if "${" not in text:
        assert expanded == (text, ())


# --- mistakes ---------------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    text = EXAMPLE.replace("port: 8080", "port: eighty").replace("compression: true", "compresion: true")
    text = text.replace("HS256", "none").replace("log_level: info", "log_level: loud\nextra: 1")
    environ = {name: value for name, value in ENVIRON.items() if name != "DB_PASSWORD"}
    assert problems(file, text, environ) == [
        ":3: server.port: must be a whole number from 0 to 65535, not 'eighty'",
        ":11: websocket.compresion: unknown key; did you mean compression?",
        ":15: authentication.jwt_algorithm: must be one of HS256, RS256, ES256, not 'none'",
        ":41: database.password: the environment variable DB_PASSWORD is not set",
        ":53: monitoring.log_level: must be one of debug, info, warning, error, not 'loud'",
        f":54: extra: unknown key; known: {', '.join(fields_of(Config))}",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", ":1: must be a mapping of keys to values, not a list"),
        ("server: 5", ":1: server: must be a mapping of keys to values, not a single value"),
        ("server:\n  port:", ":2: server.port: must be a whole number from 0 to 65535, but has no value"),
        ("server: {port: 1.0}", ":1: server.port: must be a whole number from 0 to 65535, not 1.0"),
        ("server: {port: true}", ":1: server.port: must be a whole number from 0 to 65535, not true"),
        ("server: {port: '80'}", ":1: server.port: must be a whole number from 0 to 65535, not '80'"),
        ("server: {port: 65536}", ":1: server.port: must be a whole number from 0 to 65535, not 65536"),
        ("server: {host: []}", ":1: server.host: must be a text that is not empty, not a list"),
        ("server: {host: ''}", ":1: server.host: must be a text that is not empty, not ''"),
        (
            "server: {port: 22:22}",
            ":1: server.port: must be a whole number from 0 to 65535, not 22:22, which YAML 1.1 reads as",
        ),
        (
            "server: {port: 017}",
            ":1: server.port: must be a whole number from 0 to 65535, not 017, which YAML",
        ),
        ("websocket: {compression: on}", ":1: websocket.compression: must be true or false, not on, which"),
        (
            "server: {port: '${UNSET:-017}'}",
            ":1: server.port: must be a whole number from 0 to 65535, not the value of UNSET; write",
        ),
        ("server: {port: 1,\n port: 2}", ":2: server.port: is given twice, first in line 1"),
        ("server: {workers: 0}", ":1: server.workers: must be a whole number from 1 to 256, not 0"),
        ("server: {[a]: 0}", ":1: server.a list: unknown key; known: "),
        (
            "websocket: {ping_interval: .nan}",
            ":1: websocket.ping_interval: must be a number from 0.1 to 3600",
        ),
        ("websocket: {ping_interval: 30s}", ":1: websocket.ping_interval: must be a number from 0.1 to 3600"),
        ("websocket: {max_message_size: 2000000}", ":1: websocket.max_message_size: must be a whole number"),
        ("websocket: {compression: maybe}", ":1: websocket.compression: must be true or false, not 'maybe'"),
        ("authentication: {keys: 5}", ":1: authentication.keys: must be a list, not a single value"),
        ("authentication: {keys: [{secret: a}]}", ":1: authentication.keys.0.kid: is missing"),
        (
            "authentication: {keys: [{kid: a b}]}",
            ":1: authentication.keys.0.kid: must be 1 to 64 of the signs",
        ),
        (
            "authentication: {leeway_seconds: 301}",
            ":1: authentication.leeway_seconds: must be a whole number",
        ),
        (
            "crdt: {conflict_resolution: merge}",
            ":1: crdt.conflict_resolution: must be one of last_write_wins",
        ),
        ("redis: {port: ${P}}", ":1: not YAML: "),
        (
            "redis: {port: '${JWT_SECRET}'}",
            ":1: redis.port: must be a whole number from 1 to 65535, not the value",
        ),
        ("redis: {password: *hunter2}", ":1: not YAML: an alias"),
        ("a: &x [*x]", ":1: a: unknown key"),
        ("a: b: c", ":1: not YAML: mapping values are not allowed here"),
        ("--- a\n--- b\n", ":2: not YAML: "),
        ("\x00", ": not YAML: "),
        ("[" * 5000, ": not YAML: "),
        # More than one value.
        (
            "server: {store: 'mysql://x'}",
            ":1: server.store: must be sqlite:///FILE, postgresql://… or memory:",
        ),
        ("server: {store: 'sqlite://x'}", ":1: server.store: must be"),
        ("server: {bus: 'amqp://x'}", ":1: server.bus: must be redis://… or memory:"),
        ("server: {workers: 2}\nredis: {db: 1}", ":1: server.workers: several workers share PostgreSQL"),
        ("server: {workers: 2}\ndatabase: {port: 1}", ":1: server.workers: several workers meet in Redis"),
        (
            "monitoring: {metrics_port: 8080}",
            ":1: monitoring.metrics_port: is the port of the server already",
        ),
        ("operational_transform: {enabled: false}", ":1: operational_transform.enabled: cannot be false"),
        ("crdt: {enabled: false}", ":1: crdt.enabled: cannot be false"),
        ("authentication: {jwt_secret: short}", ":1: authentication.jwt_secret: must have at least 32 bytes"),
        ("authentication: {jwt_algorithm: ES256}", ":1: authentication.jwt_algorithm: ES256 needs authentic"),
        (
            f"authentication:\n  jwt_secret: {SECRET}\n  jwt_algorithm: RS256",
            ":2: authentication.jwt_secret: belongs to HS256; RS256 takes keys with key files",
        ),
        (
            f"authentication:\n  keys:\n  - {{kid: a, secret: {SECRET}}}\n  - {{kid: a, secret: {SECRET}}}",
            ":4: authentication.keys.1.kid: is the id of another key",
        ),
        (
            "authentication: {jwt_algorithm: RS256, keys: [{kid: a, public_key_file: no.pem}]}",
            ":1: authentication.keys.0: ",
        ),
    ],
)
def test_a_mistake_has_its_line_and_key(file: Path, text: str, message: str) -> None:
    first, *_ = problems(file, text, {"JWT_SECRET": SECRET, "P": "1"})
    assert first.startswith(message)


def test_a_secret_is_shown_nowhere(file: Path) -> None:
    hidden = "hunter2-" * 5
    told = problems(
        file,
        "authentication: {jwt_secret: [hunter2], keys: [{kid: '${S}', secret: hunter2}]}\n"
        "server: {port: '${S}', store: '${S}'}\nredis: {password: !x hunter2}\n",
        {"S": hidden},
    )
    assert len(told) == 5
    assert "hunter2" not in "".join(told)
    given = load(file, EXAMPLE, {**ENVIRON, "JWT_SECRET": hidden, "DB_PASSWORD": hidden})
    assert "hunter2" not in repr(given)
    assert "hunter2" not in shown_url(given.store_url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///a@b:c@d.db", "sqlite:///a@b:c@d.db"),
        ("memory:", "memory:"),
        ("redis://localhost:1/0", "redis://localhost:1/0"),
        ("redis://:p@localhost:1/0", "redis://:***@localhost:1/0"),
        ("postgresql://u:p/@?#s@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@h/d?password=x&a=b", "postgresql://u@h/d?password=***&a=b"),
    ],
)
def test_a_url_without_its_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_files_that_are_none(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "missing.yaml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path, {})
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(file, {})
    file.write_bytes(b"#" * 1_048_577)
    with pytest.raises(ConfigError, match="larger than"):
        load_config(file, {})


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    # The file system is left out of it: Hypothesis runs this hundreds of times.
    told = ""
    try:
        node = parse(text)
    except SettingError as error:
        told = error.message
    else:
        reader = ConfigReader("f", {})
        assert node is None or isinstance(reader.read(Config, node, ""), Config) or reader.problems
    assert "\n" not in told


# --- keys, options, reloads -------------------------------------------------------------------------------


def test_key_files_are_found_beside_the_file(file: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    (file.parent / "new.pem").write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (file.parent / "new.pub").write_bytes(public)
    text = (
        "authentication:\n  jwt_algorithm: ES256\n  keys:\n"
        "  - {kid: old, public_key_file: new.pub}\n"
        "  - {kid: new, public_key_file: new.pub, private_key_file: new.pem}\n"
    )
    keys = keys_of(load(file, text, {}).authentication)
    assert keys.ids == ("old", "new")
    assert keys.signer is not None
    assert keys.signer.kid == "new"
    (file.parent / "new.pub").write_bytes(b"nothing")
    told = problems(file, text, {})
    assert [line.split(": ")[1] for line in told] == ["authentication.keys.0", "authentication.keys.1"]


def test_a_secret_of_its_own_only_where_none_is_configured() -> None:
    assert not has_keys(Authentication())
    assert keys_of(Authentication(), SECRET).find(None) is not None
    own = keys_of(Authentication(jwt_secret=Secret("x" * 40)), SECRET).find(None)
    assert own is not None
    assert own.verifying == b"x" * 40


def test_options_of_a_command_line() -> None:
    config = overridden(Config(), host="::", port=0, store="memory:", log_level="debug")
    assert (config.server.host, config.server.port, config.store_url) == ("::", 0, "memory:")
    assert config.monitoring.log_level == "debug"
    assert overridden(config) == config
    with pytest.raises(ConfigError, match=r"options: server\.workers: several workers share PostgreSQL"):
        overridden(Config(), workers=2)
    with pytest.raises(ConfigError, match=r"options: server\.port: "):
        overridden(Config(), port=70_000)
    two = overridden(Config(), workers=2, store="postgresql://u@h/d", bus="redis://h")
    assert two.server.workers == 2


def altered(value: Any) -> Any:
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case tuple():
            return (SigningKey("a", Secret(SECRET)),)
        case Secret() | None:
            return Secret("memory:x")
        case _:
            return f"{value}x"


FULL = load_config(None, {})
FULL = msgspec.structs.replace(
    FULL,
    **{name: fields_of(Config)[name].__args__[0]() for name in ("redis", "database")},
)
KEYS = [
    (section, field.name)
    for section in fields_of(Config)
    for field in msgspec.structs.fields(getattr(FULL, section))
]


@pytest.mark.parametrize(("section", "name"), KEYS)
def test_what_a_reload_takes_over(section: str, name: str) -> None:
    part = getattr(FULL, section)
    new = msgspec.structs.replace(
        FULL, **{section: msgspec.structs.replace(part, **{name: altered(getattr(part, name))})}
    )
    key = f"{section}.{name}"
    result = reloadable_changes(FULL, new)
    assert result.refused == ([key] if key in RESTART else [])
    assert result.changed == ([] if key in RESTART | WITHOUT_EFFECT else [key])
    assert result.applied == (FULL if key in RESTART else new)


def test_a_reload_takes_over_what_it_can_and_names_the_rest(file: Path) -> None:
    old = load(file, EXAMPLE)
    text = EXAMPLE.replace("port: 8080", "port: 8081").replace("log_level: info", "log_level: debug")
    text = text.replace("max_connections: 10000", "max_connections: 5")
    new = load(file, text, {**ENVIRON, "JWT_SECRET": SECRET * 2})
    applied, refused, changed = reloadable_changes(old, new)
    assert refused == ["server.port"]
    assert changed == ["server.max_connections", "authentication.jwt_secret", "monitoring.log_level"]
    assert (applied.server.port, applied.server.max_connections) == (8080, 5)
    assert applied.authentication.jwt_secret == SECRET * 2


def test_a_section_that_goes_waits_for_a_restart() -> None:
    applied, refused, changed = reloadable_changes(FULL, Config())
    assert (applied, refused, changed) == (FULL, ["redis", "database"], [])
    applied, refused, _ = reloadable_changes(Config(), FULL)
    assert (applied, refused) == (Config(), ["redis", "database"])


# --- the document -----------------------------------------------------------------------------------------

DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def documented() -> dict[str, tuple[str, str]]:
    """Key to default and what a change does, from the tables."""
    found: dict[str, tuple[str, str]] = {}
    server, _, _ = DOCUMENT.partition("\n## Defaults of the command line")
    parts = re.split(r"^##+ `([a-z_.]+)`$", server, flags=re.MULTILINE)
    for section, body in zip(parts[1::2], parts[2::2], strict=True):
        for line in re.findall(r"^\| `.*$", body, re.MULTILINE):
            key, default, meaning, change = (cell.strip() for cell in line.strip("|").split("|"))
            path = f"{section}.{key.strip('`')}"
            assert path not in found
            assert meaning
            found[path] = (default.strip("`"), change)
    return found


def default_of(value: object) -> str:
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_document_names_every_key_with_its_default_and_what_a_change_does() -> None:
    expected: dict[str, tuple[str, str]] = {}
    for section, name in KEYS:
        key = f"{section}.{name}"
        change = "restart" if key in RESTART else "no effect" if key in WITHOUT_EFFECT else "reload"
        expected[key] = (default_of(getattr(getattr(FULL, section), name)), change)
    for field in msgspec.structs.fields(SigningKey):
        default = "required" if field.required else default_of(field.default)
        expected[f"authentication.keys.{field.name}"] = (default, "reload")
    assert documented() == expected
    assert set(expected) >= RESTART | WITHOUT_EFFECT


def test_the_example_of_the_document_loads(file: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    environ = {name: value for name, value in ENVIRON.items() if name != "REDIS_PASSWORD"}
    assert load(file, example, environ).server.workers == 4
