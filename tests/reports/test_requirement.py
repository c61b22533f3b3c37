"""Objectives of one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.objectives import ObjectiveError, requirement
from reports.objectives.objective import MEASURABLE, PHASE_NAMES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("operation.p95<30ms", ("operation", 95, "<", 30, "ms", "run")),
        (" operation . p99.9 @ steady <= 0.2 s ", ("operation", 99.9, "<=", 0.2, "s", "steady")),
        ("convergence.every<10s", ("convergence", 100, "<", 10, "s", "run")),
        ("uptime@fault>=99.9%", ("uptime", None, ">=", 99.9, "%", "fault")),
        ("connections>500", ("connections", None, ">", 500, "connections", "run")),
    ],
)
def test_a_requirement_is_an_objective(text: str, expected: tuple[object, ...]) -> None:
    found = requirement(text)
    assert (
        found.measure, found.percentile, found.comparison, found.objective, found.unit, found.phase
    ) == expected  # fmt: skip
    assert found.name == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no <, <=, > or >="),
        ("operation.p95=30ms", "has no <, <=, > or >="),
        ("operation<30ms", "operation needs a percentile, such as operation.p95"),
        ("operatoin.p95<30ms", "did you mean operation?"),
        ("operation.p95<30", "measured in ms or s, so the number needs that unit"),
        ("operation.p95<30h", "measured in ms or s, not in 'h'"),
        ("operation.p95<30ms<40ms", "not in 'ms<40ms'"),
        ("operation.p95<fastms", "is no number with a unit"),
        ("operation.p95<1_0ms", "is no number with a unit"),
        ("operation.p95<-3ms", "cannot be reached or missed"),
        ("operation.95<30ms", ".95 is no percentile"),
        ("operation.p0<30ms", "0 is not above 0 and at most 100"),
        ("operation.p101<30ms", "101 is not above 0 and at most 100"),
        ("operation.p95@stedy<30ms", "did you mean steady?"),
        ("operation.p95>30ms", "can be kept < or <= a number"),
        ("uptime<99%", "can be kept > or >= a number"),
        ("uptime.p95>=99%", "uptime is one number"),
        ("uptime>100%", "cannot be reached or missed"),
        ("transform.p99@steady<10ms", "known for the whole run only"),
        ("connections>=5%", "connections is a count, without '%'"),
    ],
)
def test_what_is_none_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(ObjectiveError) as caught:
        requirement(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(repr(text))


PARTS = st.sampled_from(
    [
        *MEASURABLE,
        *PHASE_NAMES,
        ".",
        "p",
        "95",
        "every",
        "@",
        "<",
        "<=",
        ">",
        ">=",
        "1",
        "ms",
        "s",
        "%",
        " ",
        "é",
    ]
)


@given(st.lists(PARTS, max_size=9).map("".join) | st.text(max_size=20))
def test_the_grammar_is_total(text: str) -> None:
    try:
        found = requirement(text)
    except ObjectiveError:
        return
    assert requirement(found.name) == found
