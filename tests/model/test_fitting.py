from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from model import history
from model.fitting import UnfitError, fits, owed, unfit, unfit_among, unfit_arguments
from model.identity import DocumentId, Revision, SiteId
from model.raised import is_of_harness


class Pair(NamedTuple):
    left: int
    right: str | None
    more: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, int),
        (1, Revision),
        ("a", SiteId),
        (None, int | None),
        (1, int | None),
        (True, bool),
        ((1, 2), tuple[int, ...]),
        ((1, "a"), tuple[int, str]),
        ([Pair(1, None)], list[Pair]),
        ({1: "a"}, dict[int, str]),
        (len, Callable[..., int]),
        (object(), Any),
    ],
)
def test_what_fits(value: object, kind: Any) -> None:
    assert fits(value, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1", int),
        (True, int),
        (1, SiteId),
        (None, int),
        ("a", int | None),
        ((1, "a"), tuple[int, ...]),
        ((1,), tuple[int, str]),
        ([1], list[Pair]),
        (None, dict[int, str]),
        (3, Callable[..., int]),
    ],
)
def test_what_does_not_fit(value: object, kind: Any) -> None:
    assert not fits(value, kind)


def test_fields_that_changed_places_are_named() -> None:
    well, ill = Pair(1, "a"), Pair("a", 1)  # type: ignore[arg-type]
    assert unfit(well) == ""
    assert unfit(ill) == "Pair has str 'a' as its left"
    assert unfit_among([well, ill, ill]) == (1, "Pair has str 'a' as its left")
    assert unfit_among([well]) is None
    record = history.Online(SiteId("a"), 7, DocumentId("d"))  # type: ignore[arg-type]
    assert unfit(record) == "Online has str 'a' as its time_us"


def test_arguments_that_changed_places_are_named() -> None:
    def called(delay_us: int, what: Callable[[], None]) -> None: ...

    assert unfit_arguments(called, {"delay_us": 1, "what": print, "other": None}) == ""
    assert unfit_arguments(called, {"delay_us": print, "what": 1}).startswith("called() has builtin")


def test_nothing_is_taken_where_something_is_owed() -> None:
    assert owed({}, dict, "a table") == {}
    with pytest.raises(UnfitError, match="NoneType None is not a table") as caught:
        owed(None, dict, "a table")
    assert not is_of_harness(caught.value)
