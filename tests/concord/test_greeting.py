"""Servers that cannot be judged: one clear line, exit code 2, and nothing is written."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from concord import greeting
from model.protocol import ErrorCode, Failure, Renewed, encode
from model.verdict import ExitCode
from tests.servers import free_port
from tests.terminal import Terminal, terminal

__all__ = ["terminal"]  # a fixture

HOSTILE = "no\nvalid: \x1b[2J[/b]"


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does this with every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def saying(data: bytes) -> Callable[[socket.socket], None]:
    """Reads a request, says this, and ends the connection."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(data)

    return answer


def speaking(*messages: TextMessage | CloseConnection) -> Callable[[socket.socket], None]:
    """A WebSocket that says this to whatever comes first."""

    def answer(connection: socket.socket) -> None:
        codec = WSConnection(ConnectionType.SERVER)
        while data := connection.recv(65_536):
            codec.receive_data(data)
            for event in codec.events():
                if isinstance(event, Request):
                    connection.sendall(codec.send(AcceptConnection()))
                elif isinstance(event, TextMessage):
                    for message in messages:
                        connection.sendall(codec.send(message))

    return answer


def failing(code: ErrorCode, detail: str) -> Callable[[socket.socket], None]:
    return speaking(TextMessage(encode(Failure(code, detail, True)).decode()))


def silent(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
STRANGERS: dict[str, tuple[Callable[[socket.socket], None], str]] = {
    "a web page": (saying(PAGE), "no WebSocket there: HTTP 200"),
    "not found": (saying(NOT_FOUND), "no WebSocket there: HTTP 404"),
    "no HTTP": (saying(b"SSH-2.0-OpenSSH_9.6\r\n"), "no WebSocket there: "),
    "nothing": (saying(b""), "no WebSocket there: "),
    "another protocol": (speaking(TextMessage('{"op": "sync"}')), "speaks another protocol: "),
    "an echo": (speaking(TextMessage("hello")), "speaks another protocol: "),
    "no welcome": (speaking(TextMessage(encode(Renewed(1)).decode())), "its first message is no welcome"),
    "a close": (speaking(CloseConnection(4400, "who?")), "ended the connection instead of a welcome: 4400"),
    "a wrong token": (failing(ErrorCode.UNAUTHENTICATED, "signature"), "says unauthenticated: signature"),
    "another version": (failing(ErrorCode.UNSUPPORTED_VERSION, "3 only"), "says unsupported_version: 3 only"),
    "a hostile answer": (failing(ErrorCode.UNAUTHENTICATED, HOSTILE), r"no\nvalid: \x1b[2J[/b]"),
    "silence": (silent, "no welcome within 0.5 s"),
}


def refused_by_both(terminal: Terminal, out: Path, port: int, said: str) -> None:
    url = f"ws://127.0.0.1:{port}"
    for command in (("simulate", "calm", "--live", url), ("load", "--host", url)):
        done = terminal(*command, "--token", "a.b.c", "--out", str(out))
        (line,) = done.err.splitlines()
        assert line.startswith(f"concord: {url}: ")
        assert said in line
        assert (done.code, done.out) == (ExitCode.UNKNOWN, "")
        assert not out.exists()


@pytest.mark.parametrize("kind", STRANGERS)
def test_a_stranger(terminal: Terminal, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "silence":
        monkeypatch.setattr(greeting, "PATIENCE_SECONDS", 0.5)
    answer, said = STRANGERS[kind]
    with listening(answer) as port:
        refused_by_both(terminal, tmp_path / "out", port, said)


def test_nobody(terminal: Terminal, tmp_path: Path) -> None:
    refused_by_both(terminal, tmp_path / "out", free_port(), "cannot be reached: Connection refused")


def test_it_takes_less_than_five_seconds() -> None:
    assert greeting.PATIENCE_SECONDS < 5
