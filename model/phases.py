"""Where a replica is in its exchange with the server, and what it takes there.

:data:`RULES` is the whole state machine: for each phase, what may happen in it and the phases that may come
of it. ``model.jupiter`` reads it for every message and refuses what is not in it; ``docs/protocol.md``, §6,
is the same table for people.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, TypeAlias

from model.protocol import (
    Ack,
    CatchUp,
    Committed,
    Failure,
    Joined,
    Merged,
    PeerLeft,
    PeerPresence,
    Renewed,
    ServerMessage,
    Welcome,
)


class Phase(enum.Enum):
    """Where a replica is in its exchange with the server."""

    OFFLINE = "offline"
    GREETING = "greeting"
    JOINING = "joining"
    HANDING_IN = "handing in"
    LIVE = "live"


class ConnectionOpened:
    """What happens besides messages: a connection is open."""


class ConnectionLost:
    """What happens besides messages: the connection is gone."""


Trigger: TypeAlias = type[ServerMessage] | type[ConnectionOpened] | type[ConnectionLost]
Transitions: TypeAlias = Mapping[Trigger, frozenset[Phase]]
"""What may happen in one phase, and the phases that may come of it."""


def _row(phase: Phase, others: Mapping[Trigger, set[Phase]]) -> Transitions:
    always: dict[Trigger, set[Phase]] = {ConnectionLost: {Phase.OFFLINE}, Failure: {phase}, Renewed: {phase}}
    return {trigger: frozenset(phases) for trigger, phases in {**always, **others}.items()}


RULES: Final[Mapping[Phase, Transitions]] = {
    Phase.OFFLINE: _row(Phase.OFFLINE, {ConnectionOpened: {Phase.GREETING}}),
    Phase.GREETING: _row(Phase.GREETING, {Welcome: {Phase.JOINING}}),
    Phase.JOINING: _row(Phase.JOINING, {Joined: {Phase.LIVE, Phase.HANDING_IN}}),
    Phase.HANDING_IN: _row(Phase.HANDING_IN, {CatchUp: {Phase.HANDING_IN}, Merged: {Phase.LIVE}}),
    Phase.LIVE: _row(
        Phase.LIVE,
        {
            Committed: {Phase.LIVE},
            Ack: {Phase.LIVE},
            CatchUp: {Phase.LIVE},
            PeerPresence: {Phase.LIVE},
            PeerLeft: {Phase.LIVE},
        },
    ),
}
