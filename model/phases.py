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


class Connected:
    """What happens besides messages: a connection is open."""


class Disconnected:
    """What happens besides messages: the connection is gone."""


Happening: TypeAlias = type[ServerMessage] | type[Connected] | type[Disconnected]
Accepted: TypeAlias = Mapping[Happening, frozenset[Phase]]
"""What may happen in one phase, and the phases that may come of it."""


def _row(phase: Phase, others: Mapping[Happening, set[Phase]]) -> Accepted:
    always: dict[Happening, set[Phase]] = {Disconnected: {Phase.OFFLINE}, Failure: {phase}, Renewed: {phase}}
    return {happening: frozenset(phases) for happening, phases in {**always, **others}.items()}


RULES: Final[Mapping[Phase, Accepted]] = {
    Phase.OFFLINE: _row(Phase.OFFLINE, {Connected: {Phase.GREETING}}),
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
