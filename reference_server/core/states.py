"""How far a connection has come, and what it may do there.

:data:`RULES` is the whole state machine: for each state, what may happen in it and the states that may come
of it. The gateway reads it for every message and answers what is not in it with ``out_of_order``;
``docs/protocol.md``, §7, is the same table for people.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, TypeAlias

from model.protocol import Branch, ClientMessage, Hello, Join, Presence, Renew, Submit
from reference_server.core.effects import Appended, Authenticated, Authorized


class State(enum.Enum):
    """How far a connection has come."""

    GREETING = "greeting"
    AUTHENTICATING = "authenticating"
    READY = "ready"
    AUTHORIZING = "authorizing"
    JOINING = "joining"
    HANDING_IN = "handing in"
    LIVE = "live"


Trigger: TypeAlias = type[ClientMessage] | type[Authenticated] | type[Authorized] | type[Appended]
Transitions: TypeAlias = Mapping[Trigger, frozenset[State]]
"""What may happen in one state, and the states that may come of it."""


def _row(state: State, others: Mapping[Trigger, set[State]], *, renews: bool = True) -> Transitions:
    here: dict[Trigger, set[State]] = {Renew: {state}, Authenticated: {state}} if renews else {}
    return {trigger: frozenset(states) for trigger, states in {**here, **others}.items()}


RULES: Final[Mapping[State, Transitions]] = {
    State.GREETING: _row(State.GREETING, {Hello: {State.AUTHENTICATING}}, renews=False),
    State.AUTHENTICATING: _row(State.AUTHENTICATING, {Authenticated: {State.READY}}, renews=False),
    State.READY: _row(State.READY, {Join: {State.AUTHORIZING}}),
    State.AUTHORIZING: _row(State.AUTHORIZING, {Authorized: {State.JOINING}}),
    # From here on the rights may be asked for again, and what is appended is the fence, or the branch.
    State.JOINING: _row(
        State.JOINING, {Authorized: {State.JOINING}, Appended: {State.HANDING_IN, State.LIVE}}
    ),
    State.HANDING_IN: _row(
        State.HANDING_IN,
        {Authorized: {State.HANDING_IN}, Branch: {State.HANDING_IN}, Appended: {State.LIVE}},
    ),
    # A branch that was merged on this connection may arrive once more; the member knows which one.
    State.LIVE: _row(
        State.LIVE,
        {
            Authorized: {State.LIVE},
            Submit: {State.LIVE},
            Presence: {State.LIVE},
            Branch: {State.LIVE},
            Appended: {State.LIVE},
        },
    ),
}
