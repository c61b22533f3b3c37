"""Faults, each one package: what it does, how it heals, what it is called and coloured in a report.

The schedule comes from the plan; a fault draws whom it hits from a stream of its own and tells in
``realised`` whom it was, so that a saved failure repeats it without drawing.
"""

from __future__ import annotations

from simulator.faults.bus import BusDeath
from simulator.faults.clients import (
    ClientCrash,
    ClientPause,
    ClockSkew,
    DuplicateResend,
    Herd,
    LongOffline,
    SlowReader,
)
from simulator.faults.fault import Fault
from simulator.faults.gateway import CrashBeforeAck, GatewayCrash, GatewayPause
from simulator.faults.intrusion import Intrusion
from simulator.faults.network import (
    Clog,
    Corruption,
    Flapping,
    PartitionClients,
    PartitionHalves,
    PartitionOneWay,
    PartitionRegion,
)
from simulator.faults.rights import RightLoss, SignOut, TokenOutage
from simulator.faults.store import RivalWriter, StoreFailure, StoreStall

FAULTS: dict[str, type[Fault]] = {
    fault.kind: fault
    for fault in (
        PartitionRegion,
        PartitionHalves,
        PartitionClients,
        PartitionOneWay,
        Flapping,
        Clog,
        Corruption,
        GatewayCrash,
        CrashBeforeAck,
        GatewayPause,
        StoreStall,
        StoreFailure,
        RivalWriter,
        BusDeath,
        LongOffline,
        Herd,
        SlowReader,
        DuplicateResend,
        ClockSkew,
        ClientCrash,
        ClientPause,
        RightLoss,
        SignOut,
        TokenOutage,
        Intrusion,
    )
}
"""All faults by the name scenarios use."""


def fault_of(kind: str) -> type[Fault]:
    """The fault of this name.

    Raises:
        ValueError: there is none.
    """
    try:
        return FAULTS[kind]
    except KeyError:
        raise ValueError(f"unknown fault {kind!r}; known are {', '.join(sorted(FAULTS))}") from None
