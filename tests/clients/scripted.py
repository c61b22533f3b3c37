"""A server that answers every edit with the same trouble, over the simulated network or over real sockets."""

from __future__ import annotations

from typing import NamedTuple

import trio
import trio_websocket

from model.identity import EMPTY_LOG, Revision, SequenceNumber
from model.protocol import (
    PROTOCOL_VERSION,
    Ack,
    Failure,
    Hello,
    Join,
    Joined,
    Renew,
    Renewed,
    Submit,
    Welcome,
    decode_client,
    encode,
)

TEXT = "abc"


class Trouble(NamedTuple):
    """What a client is told about an edit, and the code with which its connection ends (None: it goes on)."""

    failure: Failure | None
    close: int | None


class ScriptedServer:
    """One document whose first ``times`` edits are answered by trouble; sans-IO.

    Attributes:
        greetings: the site of every connection that said hello.
        submits: every edit as it arrived.
        tokens: every token that was shown.
    """

    def __init__(self, trouble: Trouble, times: int) -> None:
        self._trouble = trouble
        self._left = times
        self._revision = EMPTY_LOG
        self.greetings: list[str] = []
        self.submits: list[bytes] = []
        self.tokens: list[str] = []

    def received(self, data: bytes) -> list[bytes | int]:
        """What to send for a message; a number closes the connection with this code."""
        match decode_client(data):
            case Hello() as hello:
                self.greetings.append(hello.site)
                self.tokens.append(hello.token)
                return [encode(Welcome(PROTOCOL_VERSION, {}))]
            case Join() as join:
                snapshot = TEXT if join.revision is None else None
                return [encode(Joined(EMPTY_LOG if snapshot else self._revision, snapshot))]
            case Renew() as renew:
                self.tokens.append(renew.token)
                return [encode(Renewed()), *self._accepted(SequenceNumber(1), SequenceNumber(1))]
            case Submit() as submit:
                self.submits.append(data)
                return self._answered(submit)
            case _:
                return []

    def _answered(self, submit: Submit) -> list[bytes | int]:
        if not self._left:
            return self._accepted(submit.first, submit.last)
        self._left -= 1
        failure, close = self._trouble
        answers: list[bytes | int] = [] if failure is None else [encode(failure)]
        return answers if close is None else [*answers, close]

    def _accepted(self, first: SequenceNumber, last: SequenceNumber) -> list[bytes | int]:
        self._revision = Revision(self._revision + 1)
        return [encode(Ack(self._revision, first, last))]


async def serve(server: ScriptedServer, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
    """Listen on a port that is told when it is open."""

    async def talk(request: trio_websocket.WebSocketRequest) -> None:
        socket = await request.accept()
        try:
            while True:
                message = await socket.get_message()
                for answer in server.received(message if isinstance(message, bytes) else message.encode()):
                    if isinstance(answer, int):
                        await socket.aclose(answer)
                        return
                    await socket.send_message(answer.decode())
        except trio_websocket.ConnectionClosed:
            pass

    async with trio.open_nursery() as nursery:
        opened = await nursery.start(trio_websocket.serve_websocket, talk, "127.0.0.1", 0, None)
        task_status.started(opened.port)
