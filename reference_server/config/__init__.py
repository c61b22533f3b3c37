"""What the server can be told, from a YAML file and the environment."""

from model.settings.reader import Problem
from reference_server.config.loading import (
    ConfigError,
    has_keys,
    keys_of,
    load_config,
    overridden,
    shown_url,
)
from reference_server.config.reload import Reload, reloadable_changes
from reference_server.config.sections import Config, core_limits

__all__ = [
    "Config",
    "ConfigError",
    "Problem",
    "Reload",
    "core_limits",
    "has_keys",
    "keys_of",
    "load_config",
    "overridden",
    "reloadable_changes",
    "shown_url",
]
