from __future__ import annotations

import msgspec
import pytest

from model.result import CheckRow, SloRow, exit_code, missed
from model.verdict import CheckResult, ExitCode, Verdict


def slo(met: bool | None) -> SloRow:
    return SloRow(
        name="n",
        title="t",
        objective=1,
        comparison="<",
        measured=None,
        unit="ms",
        met=met,
        phase="steady",
        clock="virtual",
        samples=0,
    )


@pytest.mark.parametrize(
    ("checked", "violated", "verdict"), [(5, 0, "valid"), (5, 1, "violated"), (0, 0, "unknown")]
)
def test_a_row_spells_out_the_verdict(checked: int, violated: int, verdict: str) -> None:
    row = CheckRow.of(CheckResult("c", checked, violated, "d", claimed=False))
    plain = msgspec.json.decode(msgspec.json.encode(row))
    assert (plain["verdict"], plain["checked"], plain["claimed"]) == (verdict, checked, False)


def test_a_row_whose_verdict_contradicts_its_counts_is_refused() -> None:
    row = CheckRow.of(CheckResult("ledger", 5, 1, "d"))
    forged = msgspec.json.encode(row).replace(b'"violated",', b'"valid",', 1)
    with pytest.raises(ValueError, match="ledger: valid contradicts"):
        msgspec.json.decode(forged, type=CheckRow)


@pytest.mark.parametrize(
    ("verdict", "met", "code"),
    [
        (Verdict.VALID, [True, None], ExitCode.GOOD),
        (Verdict.VALID, [], ExitCode.GOOD),
        (Verdict.VALID, [True, False], ExitCode.SLO_MISSED),
        (Verdict.UNKNOWN, [False], ExitCode.UNKNOWN),
        (Verdict.VIOLATED, [False], ExitCode.VIOLATED),
    ],
)
def test_correctness_comes_before_objectives(
    verdict: Verdict, met: list[bool | None], code: ExitCode
) -> None:
    rows = [slo(m) for m in met]
    assert exit_code(verdict, rows) is code
    assert [row.met for row in missed(rows)] == [m for m in met if m is False]
