"""Nothing that a server owes its clients is missing unnoticed, and the time of a fault counts."""

from __future__ import annotations

import pytest

from model.checkers import Judge
from model.measures import Measures
from model.measures.measure_set import FAULT
from reference_server.core.document import Document
from reference_server.core.effects import LogRow
from reference_server.core.member import Member
from reference_server.core.room import Room
from simulator.failures.trial import attempt
from simulator.virtual.cell import Parts
from tests.simulator.plans import SECOND, edit, fault, script, scripted

ACKNOWLEDGEMENTS = 6


def withholding(number: int) -> Parts:
    """A server that sends all acknowledgements but the one of this number."""
    sent = [0]

    class Withholding(Room):
        def _acknowledge(self, member: Member, row: LogRow) -> None:
            sent[0] += 1
            if sent[0] != number:
                super()._acknowledge(member, row)

    class Withheld(Document):
        room_type = Withholding

    return Parts(document=Withheld)


TWO = scripted(
    script(*(edit(1.0 + n, 0, "abc"[n]) for n in range(3))),
    script(*(edit(1.5 + n, 0, "xyz"[n]) for n in range(3))),
)


@pytest.mark.parametrize("number", range(1, ACKNOWLEDGEMENTS + 1))
def test_every_missing_acknowledgement_is_noticed(number: int) -> None:
    trial = attempt(TWO, withholding(number))
    site = "ab"[(number - 1) % 2]
    noticed = [v for r in trial.results if r.claimed for v in r.violations]
    assert any(v.evidence.get("site") == site for v in noticed), noticed


def test_nothing_is_noticed_where_none_is_missing() -> None:
    trial = attempt(TWO, withholding(ACKNOWLEDGEMENTS + 1))
    assert [r.name for r in trial.results if r.claimed and r.violated] == []


def test_the_time_of_a_fault_counts_as_time_without_a_connection() -> None:
    away = fault("gateway_crash", 2.0, 3.0, restart_us=2 * SECOND)
    plan = scripted(*(script(edit(1.0, 0, "abc"[n])) for n in range(3)), seconds=8.0, faults=(away,))
    measures = Measures()
    Judge([measures]).feed(attempt(plan, keep=True).records)
    found = measures.result()
    uptime, phase_us = found.uptime[FAULT], found.phases_us[FAULT]
    assert phase_us >= SECOND
    assert uptime.wanted_us == 3 * phase_us
    assert uptime.connected_us < uptime.wanted_us // 10  # until they notice that nobody is there any more
