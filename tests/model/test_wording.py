from __future__ import annotations

from model.wording import counted, listed


def test_a_list_in_a_sentence() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_a_number_with_its_noun() -> None:
    assert [counted(count, "edit") for count in (0, 1, 1_024)] == ["0 edits", "1 edit", "1,024 edits"]
