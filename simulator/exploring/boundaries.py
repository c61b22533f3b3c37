"""Where the edits are when something goes wrong, so that one can say at which boundaries it did."""

from __future__ import annotations

from model.protocol import (
    Ack,
    Branch,
    CatchUp,
    Committed,
    Hello,
    Join,
    Joined,
    Merged,
    ProtocolError,
    Submit,
    Welcome,
    decode_client,
    decode_server,
)
from reference_server.core.effects import Append
from simulator.exploring.state import State
from simulator.exploring.system import System
from simulator.planning.scope import BOUNDARIES, Boundary, Step


class Boundaries:
    """The boundaries of one system's states."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._kinds: dict[int, Boundary | None] = {}

    def at(self, state: State, fault: Step) -> list[Boundary]:
        """Where the edits are that a fault at this moment can hit, those of its client if it is of one."""
        system = self._system
        found: set[Boundary] = set()
        everybody = range(system.scope.clients)
        for n in everybody if fault.fault in ("death", "unknown") else (fault.who,):
            seat, facts = system.seat(state, n)
            if facts.has_unsent:
                found.add("compose")
            if facts.wants_connection:
                found.add("join")
            strays = (message for _, up in seat.lost for message in up)
            for message in (*seat.up, *seat.down, *strays):
                if message >= 0 and (kind := self._kind(message)) is not None:
                    found.add(kind)
        for asked in system.asked(state):
            if isinstance(asked, Append):
                found.add("persist" if asked.rows else "join")
        return [boundary for boundary in BOUNDARIES if boundary in found] or ["apply"]

    def _kind(self, message: int) -> Boundary | None:
        if message not in self._kinds:
            self._kinds[message] = _boundary_of(self._system.messages.all[message])
        return self._kinds[message]


def _boundary_of(data: bytes) -> Boundary | None:
    """What a message on its way says of the edits in it."""
    try:
        match decode_client(data):
            case Submit() | Branch():
                return "send"
            case Hello() | Join():
                return "join"
            case _:
                return None
    except ProtocolError:  # it is one of the server
        match decode_server(data):
            case Ack() | Merged():
                return "acknowledge"
            case Committed() | CatchUp():
                return "broadcast"
            case Welcome() | Joined():
                return "join"
            case _:
                return None
