"""The bus over Redis: one thread publishes in pipelines, one listens; both come back by themselves.

Rules:

* The trio thread never touches a socket; it only queues.
* Each thread owns one connection. On any error it is thrown away and made anew, after a pause that doubles
  and has chance in it. Every wait has a limit, so a Redis that hangs is noticed like one that died.
* A message carries its sender's id in front; a worker drops its own.
* A (re)connected listener subscribes to everything, then sends PING: Redis answers in order, so with that
  answer all subscriptions are in effect.
* The listener waits on its socket. To change a subscription, the worker sends itself an empty message, which
  wakes it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import redis
import redis.backoff
import redis.retry
import trio

from reference_server.bus.inbox import INBOX_MESSAGES_MAX, Inbox
from reference_server.bus.outgoing import PUBLISH, QUEUE_COMMANDS_MAX, Outgoing
from reference_server.bus.port import MESSAGE_BYTES_MAX, BusCounters, Command, Deliver
from reference_server.logs import Logger

TIMEOUT_SECONDS: Final = 2.0  # for connecting, sending and each answer
IDLE_SECONDS: Final = 3.0  # a silent connection is asked after this long whether it is still there
PAUSE_SECONDS_MIN: Final = 0.05
PAUSE_SECONDS_MAX: Final = 2.0
QUIET_SECONDS: Final = 10.0  # between two complaints about refused commands
CHUNK_TOPICS: Final = 500  # topics in one SUBSCRIBE

# A redis.connection.ConnectionInterface, whose methods have no types.
_Connection: TypeAlias = Any

_LOG: Final = Logger("bus")


class RedisBus:
    """One worker's end of the bus, see :class:`~reference_server.bus.port.Bus`.

    Args:
        url: as redis-py takes it: ``redis://[user:password@]host[:port][/db]``, ``rediss://``, ``unix://``.
        worker: name of this worker, no other's, at most 255 bytes.
        queue_commands_max: messages and commands that may wait for Redis.
        inbox_messages_max: messages that may wait for the trio thread.

    Raises:
        ValueError: the url or the name is not usable.
    """

    def __init__(
        self,
        url: str,
        worker: str,
        *,
        queue_commands_max: int = QUEUE_COMMANDS_MAX,
        inbox_messages_max: int = INBOX_MESSAGES_MAX,
    ) -> None:
        name = worker.encode()
        if not 0 < len(name) <= 255:
            raise ValueError(f"a worker's name has 1 to 255 bytes, not {len(name)}")
        self._pool = redis.ConnectionPool.from_url(
            url,
            protocol=2,  # messages and answers alike come as plain lists
            decode_responses=False,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            socket_keepalive=True,
            retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0),  # the threads here do that, and tell
        )
        # Messages are not bound to a database of Redis, but two installations may share one Redis.
        installation = f"concord:{self._pool.connection_kwargs.get('db', 0)}"
        self._prefix = f"{installation}:topic:"
        self._own_channel = f"{installation}:worker:{worker}".encode()
        self._frame = bytes([len(name)]) + name
        self._inbox_messages_max = inbox_messages_max
        self._counters = BusCounters()
        self._outgoing = Outgoing(self._counters, queue_commands_max)
        self._inbox: Inbox | None = None
        self._lock = threading.Lock()
        self._topics: dict[str, None] = {}
        self._changes: list[tuple[bytes, str]] = []
        self._up: set[str] = set()
        self._quiet_until = 0.0
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=(name, work), name=f"bus-{name}", daemon=True)
            for name, work in (("publisher", self._publish_all), ("listener", self._listen))
        ]

    @property
    def is_connected(self) -> bool:
        """Whether both connections are made."""
        return len(self._up) == len(self._threads)

    @property
    def counters(self) -> BusCounters:
        """See :class:`~reference_server.bus.port.Bus`."""
        return self._counters

    def start(
        self,
        deliver: Deliver,
        connected: Callable[[bool], None],
        missed: Callable[[str], None],
    ) -> None:
        """See :meth:`Bus.start <reference_server.bus.port.Bus.start>`."""
        assert self._inbox is None, "a bus is started once"
        self._inbox = Inbox(deliver, connected, missed, self._counters, self._inbox_messages_max)
        for thread in self._threads:
            thread.start()

    def publish(self, topic: str, data: bytes) -> None:
        """See :meth:`Bus.publish <reference_server.bus.port.Bus.publish>`."""
        if len(data) > MESSAGE_BYTES_MAX:
            raise ValueError(f"a message of {len(data)} bytes is too long for the bus")
        self._counters.published += 1
        self._outgoing.put((PUBLISH, self._channel(topic), self._frame + data))

    def write(self, commands: Sequence[Command]) -> None:
        """See :meth:`Bus.write <reference_server.bus.port.Bus.write>`."""
        self._counters.commands += len(commands)
        for command in commands:
            # Encoded here, so that what cannot be encoded is an error of the caller and not of a thread.
            self._outgoing.put(tuple(p.encode() if isinstance(p, str) else p for p in command))

    def subscribe(self, topic: str) -> None:
        """See :meth:`Bus.subscribe <reference_server.bus.port.Bus.subscribe>`."""
        with self._lock:
            if topic in self._topics:
                return
            self._topics[topic] = None
        self._change(b"SUBSCRIBE", topic)

    def unsubscribe(self, topic: str) -> None:
        """See :meth:`Bus.unsubscribe <reference_server.bus.port.Bus.unsubscribe>`."""
        with self._lock:
            if topic not in self._topics:
                return
            del self._topics[topic]
        self._change(b"UNSUBSCRIBE", topic)

    async def stop(self) -> None:
        """See :meth:`Bus.stop <reference_server.bus.port.Bus.stop>`."""
        if self._inbox is None:
            return
        self._inbox.close()
        self._stopping.set()
        self._wake_listener()
        self._outgoing.close()
        with trio.CancelScope(shield=True):  # short: every wait of the threads has a limit
            for thread in self._threads:
                await trio.to_thread.run_sync(thread.join)

    # --- both threads

    def _keep(self, name: str, work: Callable[[_Connection], None]) -> None:
        """Do the work on a connection, and again on another one, until the bus is stopped."""
        chance = random.Random()
        failures = 0
        while not self._stopping.is_set():
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            try:
                connection.connect()
                work(connection)
            except (redis.RedisError, OSError) as error:
                if self._set_up(name, False):
                    failures = 0
                    _LOG.warning("the bus lost a connection", connection=name, reason=str(error))
                elif not failures:
                    _LOG.warning("the bus cannot connect", connection=name, reason=str(error))
                pause = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN * 2 ** min(failures, 16))
                failures += 1
                self._stopping.wait(pause * chance.uniform(0.5, 1.0))
            finally:
                connection.disconnect()
        self._set_up(name, False)

    def _set_up(self, name: str, up: bool) -> bool:
        """Note whether a connection is made, tell the worker if that changes all, say if it was a change."""
        assert self._inbox is not None
        with self._lock:
            was, was_all = name in self._up, self.is_connected
            (self._up.add if up else self._up.discard)(name)
            if self.is_connected != was_all:
                if was_all and not self._stopping.is_set():
                    self._counters.losses += 1
                elif not was_all:
                    self._counters.connects += 1
                self._inbox.connected(not was_all)
        return was != up

    # --- the publisher's thread

    def _publish_all(self, connection: _Connection) -> None:
        # Redis answers PING only when it is ready; before, it may still refuse what it is sent.
        self._exchange(connection, [("PING",)])
        self._set_up("publisher", True)
        while not self._stopping.is_set() or len(self._outgoing):
            batch = self._outgoing.take(IDLE_SECONDS)
            try:
                self._exchange(connection, batch or [("PING",)])
            except BaseException:
                self._outgoing.put_back(batch)
                raise

    def _exchange(self, connection: _Connection, batch: list[Command]) -> None:
        connection.send_packed_command(connection.pack_commands(batch), check_health=False)
        for _ in batch:
            try:
                connection.read_response()
            except redis.ResponseError as error:
                self._counters.commands_failed += 1
                if time.monotonic() >= self._quiet_until:  # a full Redis refuses them all
                    self._quiet_until = time.monotonic() + QUIET_SECONDS
                    _LOG.warning("Redis refuses commands", reason=str(error))

    # --- the listener's thread

    def _change(self, command: bytes, topic: str) -> None:
        with self._lock:
            self._changes.append((command, topic))
            first = len(self._changes) == 1
        if first:
            self._wake_listener()

    def _wake_listener(self) -> None:
        self._outgoing.put((PUBLISH, self._own_channel, b""))

    def _listen(self, connection: _Connection) -> None:
        with self._lock:
            self._changes.clear()
            channels = [self._own_channel, *(self._channel(topic) for topic in self._topics)]
        self._send(connection, b"SUBSCRIBE", channels)
        connection.send_command("PING", check_health=False)
        heard = time.monotonic()
        while not self._stopping.is_set():
            if self._changes:
                self._send_changes(connection)
            if connection.can_read(IDLE_SECONDS / 3):
                self._take(connection.read_response())
                heard = time.monotonic()
                continue
            silence = time.monotonic() - heard
            if silence > IDLE_SECONDS + TIMEOUT_SECONDS:
                raise redis.ConnectionError("no answer to PING")
            if silence > IDLE_SECONDS:
                connection.send_command("PING", check_health=False)

    def _take(self, response: Any) -> None:
        assert self._inbox is not None
        match response:
            case [b"message", bytes(channel), bytes(frame)]:
                if channel != self._own_channel and frame and not frame.startswith(self._frame):
                    topic = channel.decode().removeprefix(self._prefix)
                    self._inbox.message(topic, frame[1 + frame[0] :])
            case [b"subscribe", bytes(channel), _]:
                topic = channel.decode().removeprefix(self._prefix)
                if topic in self._topics:
                    self._inbox.missed(topic)
            case [b"pong", _]:
                self._set_up("listener", True)
            case _:
                pass  # the answer to UNSUBSCRIBE

    def _send_changes(self, connection: _Connection) -> None:
        with self._lock:
            changes, self._changes = self._changes, []
        last = {topic: command for command, topic in changes}  # only the last wish for a topic counts
        for command in (b"UNSUBSCRIBE", b"SUBSCRIBE"):
            channels = [self._channel(topic) for topic, wish in last.items() if wish == command]
            self._send(connection, command, channels)

    @staticmethod
    def _send(connection: _Connection, command: bytes, channels: Sequence[bytes]) -> None:
        for start in range(0, len(channels), CHUNK_TOPICS):
            connection.send_command(command, *channels[start : start + CHUNK_TOPICS], check_health=False)

    def _channel(self, topic: str) -> bytes:
        return (self._prefix + topic).encode()
