"""The verdict algebra: what counts as checked, how parts merge, who votes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.verdict import (
    VIOLATIONS_KEPT_MAX,
    CheckResult,
    ExitCode,
    Verdict,
    Violation,
    merge_results,
    overall,
)


def violation(time_us: int, document: str = "d") -> Violation:
    return Violation("check", time_us, document, "a#1 is missing", {"site": "a"})


@st.composite
def results(draw: st.DrawFn, name: str = "check", claimed: bool | None = True) -> CheckResult:
    times = draw(st.lists(st.integers(0, 1_000), max_size=VIOLATIONS_KEPT_MAX))
    return CheckResult(
        name=name,
        checked=draw(st.integers(0, 100)),
        violated=draw(st.integers(0, 3)) + len(times),
        detail="facts compared",
        claimed=draw(st.booleans()) if claimed is None else claimed,
        violations=tuple(violation(t) for t in sorted(times)),
    )


def result(checked: int, violated: int = 0, *, claimed: bool = True) -> CheckResult:
    return CheckResult("check", checked, violated, "facts compared", claimed)


class TestOneResult:
    def test_nothing_checked_is_unknown(self) -> None:
        assert result(0).verdict is Verdict.UNKNOWN

    def test_something_checked_and_nothing_wrong_is_valid(self) -> None:
        assert result(1).verdict is Verdict.VALID

    @pytest.mark.parametrize("checked", [0, 1, 100])
    def test_one_contradiction_is_a_violation(self, checked: int) -> None:
        assert result(checked, 1).verdict is Verdict.VIOLATED


class TestMerge:
    @given(st.lists(results(), min_size=1, max_size=6))
    def test_counts_add_up_and_the_first_violations_are_kept(self, parts: list[CheckResult]) -> None:
        merged = merge_results(parts)
        assert merged.checked == sum(part.checked for part in parts)
        assert merged.violated == sum(part.violated for part in parts)
        every = sorted(v.time_us for part in parts for v in part.violations)
        assert [v.time_us for v in merged.violations] == every[:VIOLATIONS_KEPT_MAX]

    @given(results(), results(), results())
    def test_is_associative(self, a: CheckResult, b: CheckResult, c: CheckResult) -> None:
        assert merge_results([merge_results([a, b]), c]) == merge_results([a, merge_results([b, c])])

    @given(st.lists(results(), min_size=1, max_size=6))
    def test_order_does_not_change_the_counts(self, parts: list[CheckResult]) -> None:
        merged, backwards = merge_results(parts), merge_results(parts[::-1])
        assert (merged.checked, merged.violated) == (backwards.checked, backwards.violated)
        assert merged.verdict is backwards.verdict

    @given(results())
    def test_one_part_stays_itself(self, part: CheckResult) -> None:
        assert merge_results([part]) == part

    def test_a_part_that_checked_nothing_hides_no_violation(self) -> None:
        assert merge_results([result(0), result(0, 1), result(5)]).verdict is Verdict.VIOLATED
        assert merge_results([result(0), result(0)]).verdict is Verdict.UNKNOWN

    def test_needs_results_of_one_check(self) -> None:
        other = CheckResult("other", 1, 0, "facts compared")
        for parts in ([], [result(1), other], [result(1), result(1, claimed=False)]):
            with pytest.raises(ValueError, match="one check"):
                merge_results(parts)


class TestOverall:
    def test_no_check_is_unknown(self) -> None:
        assert overall([]) is Verdict.UNKNOWN
        assert overall([result(5, claimed=False)]) is Verdict.UNKNOWN

    def test_violated_beats_unknown_beats_valid(self) -> None:
        assert overall([result(1), result(0), result(1, 1)]) is Verdict.VIOLATED
        assert overall([result(1), result(0)]) is Verdict.UNKNOWN
        assert overall([result(1), result(1)]) is Verdict.VALID

    def test_what_is_not_claimed_does_not_vote(self) -> None:
        assert overall([result(1), result(9, 9, claimed=False)]) is Verdict.VALID

    @given(st.lists(results(claimed=None), max_size=6))
    def test_valid_means_every_claimed_check_is_valid(self, parts: list[CheckResult]) -> None:
        claimed = [part for part in parts if part.claimed]
        valid = bool(claimed) and all(part.verdict is Verdict.VALID for part in claimed)
        assert (overall(parts) is Verdict.VALID) == valid
        assert overall(parts) is overall(parts[::-1])


def test_exit_codes_are_the_published_table() -> None:
    table = {code.name: code.value for code in ExitCode}
    assert table == {
        "GOOD": 0,
        "VIOLATED": 1,
        "UNKNOWN": 2,
        "SLO_MISSED": 3,
        "HARNESS_LIMIT": 4,
        "USAGE": 64,
        "BUG": 70,
        "IO_ERROR": 74,
        "INTERRUPTED": 130,
        "CLOSED_PIPE": 141,
        "TERMINATED": 143,
    }
