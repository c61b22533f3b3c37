"""Starting and ending a worker process: opens what it stands on, says where it listens, minds the signals."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import Final, NamedTuple

import trio

from model.machine import allow_open_files
from reference_server import logs
from reference_server.auth.keys import SigningKeyError
from reference_server.bus.open import open_bus
from reference_server.config import Config, ConfigError, reloadable_changes
from reference_server.config.sections import DEFAULT_BUS
from reference_server.control import Control
from reference_server.gateway.listener import open_listener
from reference_server.logs import Logger
from reference_server.metrics.monitoring import Health, Monitoring
from reference_server.server import Server
from reference_server.store.open import open_store
from reference_server.store.port import Catalogue, Store
from reference_server.store.slow import SlowStore

_LOG: Final = Logger("server")
FILES_BESIDE: Final = 64
"""Open files that are no connections: database, pipes, listeners."""

SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the others from running: the store's thread must not wait for 5 ms."""


class Launch(NamedTuple):
    """What a worker process is started with.

    Attributes:
        config: checked.
        secret: signs tokens if the configuration has no key.
        load: reads the configuration again, for a reload.
        control: the channel to the supervisor that started this worker, which listens on a port it shares.
        number: of this worker.
        started: is told the server and its port once it listens.
    """

    config: Config
    secret: str
    load: Callable[[], Config]
    control: Control | None = None
    number: int = 0
    started: Callable[[Server, int], None] = lambda _server, _port: None


async def serve(launch: Launch) -> None:
    """Serve until SIGTERM or SIGINT, then drain; SIGHUP reloads the configuration.

    Raises:
        OSError: the address cannot be listened on.
        StoreError: the store cannot be opened.
        ValueError: the URL of the store or the bus cannot be used.
    """
    config = launch.config
    raise_file_limit(config.server.max_connections)
    _tune()
    listeners = await open_listener(config.server.host, config.server.port, shared=launch.control is not None)
    store, catalogue = await trio.to_thread.run_sync(opened_store, config)
    try:
        bus = open_bus(config.bus_url, f"{os.getpid()}-{launch.number}")
        server = Server(
            config,
            store,
            catalogue,
            bus,
            launch.secret,
            shared=config.bus_url != DEFAULT_BUS,
            number=launch.number,
            fleet=launch.control,
        )
        ended = trio.Event()
        async with trio.open_nursery() as nursery:
            await nursery.start(_mind_signals, launch, server, ended)
            if launch.control is not None:
                nursery.start_soon(launch.control.run, server.own_metrics, ended.set)
            elif config.monitoring.metrics_enabled and config.monitoring.metrics_port:
                nursery.start_soon(_monitor, config, server)
            launch.started(server, listeners[0].socket.getsockname()[1])
            await server.run(listeners, ended)
            nursery.cancel_scope.cancel()
    finally:
        catalogue.close()
        store.close()


def raise_file_limit(connections: int) -> None:
    """Let this process have as many open files as it may, and say so if that is too few."""
    files = allow_open_files()
    if files is not None and files < connections + FILES_BESIDE:
        _LOG.warning("fewer open files are allowed than connections", files=files, connections=connections)


def _tune() -> None:
    """Settings of the interpreter for a process that does nothing but serve."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def opened_store(config: Config) -> tuple[Store, Catalogue]:
    """The store that a configuration names, slow if it says so.

    Raises:
        StoreError: it cannot be opened.
        ValueError: its URL cannot be used.
    """
    pool = {} if config.database is None else {"pool_size": config.database.pool_size}
    store, catalogue = open_store(config.store_url, **pool)
    delay_ms = config.server.commit_delay_ms
    if delay_ms:
        _LOG.warning("every commit is delayed", delay_ms=delay_ms)
        store = SlowStore(store, delay_ms / 1_000)
    return store, catalogue


async def _monitor(config: Config, server: Server) -> None:
    """The monitoring port; without it the server still serves."""
    port = config.monitoring.metrics_port
    try:
        listeners = await trio.open_tcp_listeners(port, host=config.server.host)
    except OSError as error:
        _LOG.warning("no monitoring port", port=port, reason=error.strerror)
        return
    await Monitoring(server.metrics, lambda: _health(server)).serve(listeners)


def _health(server: Server) -> Health:
    return Health("draining" if server.worker.is_draining else "ready")


async def _mind_signals(
    launch: Launch,
    server: Server,
    ended: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            if number != signal.SIGHUP:
                if ended.is_set():  # asked a second time: at once
                    os._exit(130)
                ended.set()
            else:
                reload(launch, server)


def reload(launch: Launch, server: Server) -> None:
    """Take over what has changed in the configuration and can change; whatever is wrong with it is logged."""
    try:
        new = launch.load()
        outcome = reloadable_changes(server.config, new)
        server.reload(outcome.applied)
    except (ConfigError, SigningKeyError) as error:
        _LOG.warning("the configuration was not reloaded", reason=str(error))
        return
    logs.set_level(outcome.applied.monitoring.log_level)
    _LOG.info("reloaded", changed=outcome.changed, needs_restart=outcome.refused)
