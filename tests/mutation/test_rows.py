from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.mutation import areas, listed
from tests.mutation.areas import AREAS, area_of, files_of, key_of, sample, source_of
from tests.mutation.listed import Listed, equivalent, known, reason_of
from tests.mutation.operators import mutations
from tests.mutation.rows import Finding, Journal, Outcome, Row, change_of
from tests.mutation.table import table, wilson


def row(key: str, simulated: Outcome, tested: Outcome | None = None, file: str = "model/undo.py") -> Row:
    finding = Finding(tested) if tested is not None else None
    return Row(key, file, 1, "f", "constant", "a", key, Finding(simulated), finding)


# --- samples ----------------------------------------------------------------------------------------------


def test_a_sample_is_the_same_for_a_seed_and_each_file_has_its_share() -> None:
    drawn = sample(["undo", "cursors"], 20, 1)
    assert drawn == sample(["undo", "cursors"], 20, 1)
    assert drawn != sample(["undo", "cursors"], 20, 2)
    counts = {file: len(mutations(file, source_of(file))) for file in ("model/undo.py", "model/cursors.py")}
    for file, count in counts.items():
        here = sum(mutation.file == file for mutation in drawn)
        assert here == pytest.approx(20 * count / sum(counts.values()), abs=1)
    assert len({key_of(mutation) for mutation in drawn}) == 20


def test_a_larger_sample_has_the_smaller_one_in_it() -> None:
    small, large = sample(["cursors"], 5, 1), sample(["cursors"], 10, 1)
    assert large[:5] == small


def test_a_sample_stays_as_it_is_when_another_function_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {key_of(m) for m in sample(["cursors"], 20, 1)}
    source = source_of("model/cursors.py").replace(
        "def remove_all(self", "def more(self, a, b):\n        return a < b\n\n    def remove_all(self"
    )
    monkeypatch.setattr(areas, "source_of", lambda file: source)
    assert len(before & {m.key_in(source) for m in sample(["cursors"], 20, 1)}) >= 16


def test_more_than_there_are_is_all_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(areas, "is_program", lambda source: True)
    assert len(sample(["cursors"], 10**6, 1)) == len(
        mutations("model/cursors.py", source_of("model/cursors.py"))
    )


def test_a_change_that_is_no_program_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(areas, "is_program", lambda source: False)
    assert sample(["cursors"], 10, 1) == []


def test_every_area_has_files_and_a_file_one_area() -> None:
    files = [file for area in AREAS for file in files_of(area)]
    assert len(files) == len(set(files))
    assert all(area_of(file) in AREAS for file in files)
    assert {"model/text.py", "reference_server/core/room.py", "model/client/concord.py"} <= set(files)


# --- the journal ------------------------------------------------------------------------------------------


def test_a_journal_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    Journal(tmp_path).add(row("1", Outcome.FOUND))
    again = Journal(tmp_path)
    again.add(row("2", Outcome.SURVIVED))
    again.add(row("1", Outcome.HUNG))
    rows = Journal(tmp_path).rows
    assert {key: r.simulated.outcome for key, r in rows.items()} == {"1": Outcome.HUNG, "2": Outcome.SURVIVED}


def test_a_line_that_was_not_written_whole_is_left_out(tmp_path: Path) -> None:
    Journal(tmp_path).add(row("1", Outcome.FOUND))
    with (tmp_path / "rows.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(row("2", Outcome.FOUND))[:40])
    torn = Journal(tmp_path)
    assert list(torn.rows) == ["1"]
    torn.add(row("3", Outcome.FOUND))
    assert list(Journal(tmp_path).rows) == ["1", "3"]


def test_a_change_is_told_by_the_lines_that_differ() -> None:
    for mutation in mutations("model/cursors.py", source_of("model/cursors.py")):
        was, becomes = change_of(mutation)
        assert was != becomes
        assert was.startswith(source_of("model/cursors.py").splitlines()[mutation.line - 1].strip())


# --- the table --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_intervals_are_those_of_wilson(found: int, of: int, low: float, high: float) -> None:
    """The last is Newcombe's (1998) example, table I, method 3."""
    assert wilson(found, of) == pytest.approx((found / of, low, high), abs=5e-5)


def test_nothing_has_no_share() -> None:
    with pytest.raises(ValueError, match="nothing was tried"):
        wilson(0, 0)


def test_equivalent_ones_are_taken_out_if_nothing_found_them() -> None:
    rows = [
        row("1", Outcome.FOUND),
        row("2", Outcome.HUNG),
        row("3", Outcome.SURVIVED, Outcome.FOUND),
        row("4", Outcome.UNREACHED, Outcome.SURVIVED),
        row("5", Outcome.NO_EFFECT, Outcome.SURVIVED),
        row("6", Outcome.CRASHED, Outcome.UNREACHED),
    ]
    same = [Listed("model/undo.py", "f", "a", key, "why") for key in ("1", "5")]
    assert reason_of(rows[4], same) == "why"
    lines = table(rows, same)
    cells = [cell.strip().partition(" (")[0] for cell in lines[-1].split("|")[1:-1]]
    assert cells == ["**all**", "6", "1", "4 = 80%", "2 = 40%", "2 = 40%", "3 = 60%", "2"]
    assert lines[-2].startswith("| undo | 6 |")
    explored = [replace(rows[3], explored=Finding(Outcome.FOUND)), *rows[:3], *rows[4:]]
    cells = [cell.strip().partition(" (")[0] for cell in table(explored, same)[-1].split("|")[1:-1]]
    assert cells[4:] == ["2 = 40%", "3 = 60%", "4 = 80%", "1"]
    assert [line.split("|")[1:3] for line in table(rows, same, ("constant", "order"))[2:]] == [
        [" constant ", " 6 "],
        [" order ", " 0 "],
    ]


# --- what is listed ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_equivalent_one_is_of_a_line_that_exists_and_has_a_reason() -> None:
    assert [one for one in equivalent() if one.mutation() is None] == []
    assert all(one.why for one in equivalent())


def test_twenty_are_known() -> None:
    assert len(known()) == 20
    assert len({one.file for one in known()}) > 5


def test_a_listed_one_is_found_by_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = mutations("model/cursors.py", source_of("model/cursors.py"))[7]
    was, becomes = change_of(mutation)
    assert Listed(mutation.file, mutation.function, was, becomes).mutation() == mutation
    assert Listed(mutation.file, mutation.function, was, "else").mutation() is None
    monkeypatch.setattr(listed, "source_of", lambda file: "")
    assert Listed(mutation.file, mutation.function, was, becomes).mutation() is None
