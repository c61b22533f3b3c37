"""Last writer wins, in the order of Lamport stamps (lamport, replica), never of wall clocks.

Source: Shapiro et al., "A comprehensive study of convergent and commutative replicated data types" (INRIA
RR-7506, 2011), §3.2.1 (register); a map is one register for each key.

Mutators return deltas: the state after an update is the state before, joined with the delta.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from model.identity import SiteId

Value: TypeAlias = str | int | float | bool | None
"""What a register can hold: the scalars of JSON."""


class LwwRegister(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value, that of the greatest stamp.

    Attributes:
        value: None before the first assignment.
        lamport: one more than the greatest stamp that was known to whoever assigned.
        replica: who assigned; compared as code points.
    """

    value: Value = None
    lamport: int = 0
    replica: SiteId = SiteId("")

    @property
    def stamp(self) -> tuple[int, SiteId]:
        """What assignments are ordered by; every assignment has another."""
        return self.lamport, self.replica

    def assign(self, replica: SiteId, value: Value) -> LwwRegister:
        """The delta of assigning ``value``."""
        return LwwRegister(value, self.lamport + 1, replica)

    def join(self, other: LwwRegister) -> LwwRegister:
        """The later one."""
        return self if other.stamp <= self.stamp else other

    def is_below(self, other: LwwRegister) -> bool:
        """Whether the other one knows this assignment or a later one."""
        return self.stamp <= other.stamp


class LwwMap(msgspec.Struct, frozen=True):
    """A register for each key; None means that there is no entry.

    Attributes:
        registers: also those of removed entries, since a removal must win over older assignments.
    """

    registers: dict[str, LwwRegister] = {}

    @property
    def entries(self) -> Mapping[str, Value]:
        """What is in the map, by key."""
        return {key: self.registers[key].value for key in sorted(self.registers) if key in self}

    def __contains__(self, key: str) -> bool:
        return key in self.registers and self.registers[key].value is not None

    def assign(self, replica: SiteId, key: str, value: Value) -> LwwMap:
        """The delta of giving ``key`` a value; its stamp is later than all that are known of any key."""
        lamport = max((register.lamport for register in self.registers.values()), default=0)
        return LwwMap({key: LwwRegister(value, lamport + 1, replica)})

    def remove(self, replica: SiteId, key: str) -> LwwMap:
        """The delta of removing ``key``."""
        return self.assign(replica, key, None)

    def join(self, other: LwwMap) -> LwwMap:
        """Register by register."""
        joined = dict(self.registers)
        for key, register in other.registers.items():
            joined[key] = register.join(joined.get(key, register))
        return LwwMap(joined)

    def is_below(self, other: LwwMap) -> bool:
        """Register by register."""
        return all(
            register.is_below(other.registers.get(key, LwwRegister()))
            for key, register in self.registers.items()
        )
