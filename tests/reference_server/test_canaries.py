"""Canaries: what the server uses of libraries that promise nothing of it. Each has an upper bound.

One fails when such a thing is not what it was when the code that uses it was written. Then read what has
changed, adapt that code, and raise the bound.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import anycorn.tcp_server
import psycopg
import psycopg.errors
import redis.connection
import trio_websocket
from anycorn.worker_context import AnyioSingleTask, WorkerContext
from fastapi import Depends, FastAPI, Query
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute


def takes(function: Callable[..., Any], *names: str) -> None:
    """A function takes these arguments, in this order."""
    found = tuple(inspect.signature(function).parameters)
    assert found == names, f"{function.__qualname__} takes {found}, and the code that uses it knows {names}"


def has(owner: object, *names: str) -> None:
    """There are these attributes."""
    missing = [name for name in names if not hasattr(owner, name)]
    assert not missing, f"{owner!r} has no {', '.join(missing)}, which the server uses"


def uses(function: Callable[..., Any], text: str) -> None:
    """The source of a function has this piece."""
    assert text in inspect.getsource(function), (
        f"{function.__qualname__} has no {text!r} any more, on which what the server does there relies"
    )


def test_anycorn_serves_a_stream_that_was_accepted_elsewhere() -> None:
    """``gateway.http`` makes a server for one connection, and ends its keep-alive when the client is gone."""
    server = anycorn.tcp_server.TCPServer
    takes(server.__init__, "self", "app", "config", "context", "state", "stream")
    takes(server._read_data, "self")
    takes(server._idle_timeout, "self")
    uses(server.run, "await self._read_data()")
    uses(server.run, "self.idle_task.restart(self._task_group, self._idle_timeout)")
    uses(server.run, "SocketAttribute.raw_socket")
    uses(server._read_data, "anyio.EndOfStream")
    uses(server.protocol_send, "anyio.BrokenResourceError")
    has(AnyioSingleTask, "stop")
    assert hasattr(WorkerContext(None), "terminated")
    uses(server._idle_timeout, "await self.context.terminated.wait()")


def test_psycopg_waits_through_one_method() -> None:
    """``store.postgres_connection`` overrides it to bound every wait, and knows its error."""
    takes(psycopg.Connection.wait, "self", "gen", "interval", "timeout")
    assert issubclass(psycopg.errors._WaitTimeout, Exception)
    for method in (psycopg.Connection.commit, psycopg.Cursor.execute, psycopg.Pipeline.sync):
        uses(method, ".wait(")


def test_redis_py_lets_one_connection_be_used_by_hand() -> None:
    """``bus.redis`` packs, sends and reads on connections of its own, without the client around them."""
    connection = redis.connection.Connection
    takes(connection.send_packed_command, "self", "command", "check_health")
    takes(connection.pack_commands, "self", "commands")
    takes(connection.can_read, "self", "timeout")
    assert "check_health" in inspect.getsource(connection.send_command)
    has(connection, "read_response", "disconnect", "connect")
    has(redis.connection.ConnectionPool, "make_connection", "from_url")
    pool = redis.connection.ConnectionPool.from_url("redis://localhost/3")
    assert pool.connection_kwargs["db"] == 3


def test_fastapi_keeps_what_a_route_depends_on() -> None:
    """``api.strict`` collects the names of the query parameters that a route and its dependencies declare."""

    def inner(limit: int = Query(1, alias="most")) -> int:
        return limit

    async def endpoint(after: int, limit: int = Depends(inner)) -> int:
        return after + limit

    app = FastAPI()
    app.get("/")(endpoint)
    (route,) = [route for route in app.routes if isinstance(route, APIRoute) and route.path == "/"]
    assert isinstance(route.dependant, Dependant)
    assert [field.alias for field in route.dependant.query_params] == ["after"]
    assert [f.alias for d in route.dependant.dependencies for f in d.query_params] == ["most"]
    assert route.body_field is None
    has(APIRoute, "get_route_handler")


def test_trio_websocket_works_over_a_stream_of_ours() -> None:
    """``gateway.outbox`` is its stream, hands it only what is unusual, and reads the messages itself."""
    takes(
        trio_websocket.wrap_server_stream,
        *("nursery", "stream", "message_queue_size", "max_message_size", "receive_buffer_size"),
    )
    connection = trio_websocket.WebSocketConnection
    has(connection, "get_message", "aclose", "closed")
    uses(connection._reader_task, "await self._stream.receive_some(self._receive_buffer_size)")
    uses(connection._reader_task, "except (trio.BrokenResourceError, trio.ClosedResourceError)")
    uses(connection._send, "await self._stream.send_all(data)")
    uses(connection._close_stream, "await self._stream.aclose()")
