"""The conformance vectors of the text type that others wrote; units are code points throughout."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from model import text as module
from model.text import Component, JsonComponent, Operation, apply, compose, transform

JsonOperation = list[JsonComponent]


def vectors(data: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(data / "vectors" / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        loaded: list[dict[str, Any]] = json.load(file)
    return loaded


def span(operation: JsonOperation) -> int:
    """The code points of its base text that an operation reaches; the vectors do not give the length."""
    return sum(c if isinstance(c, int) else c["d"] for c in operation if not isinstance(c, str))


def growth(operation: JsonOperation) -> int:
    """By how many code points an operation makes its text longer."""
    return sum(len(c) if isinstance(c, str) else -c["d"] for c in operation if not isinstance(c, int))


def apply_in_steps(text: str, op: Operation) -> str:
    """The same as `apply`, without its short path."""
    out, at = "", 0
    for c in op.components:
        if isinstance(c, str):
            out += c
        elif c > 0:
            out += text[at : at + c]
            at += c
        else:
            at -= c
    return out + text[at:]


def test_apply(data: Path) -> None:
    cases = vectors(data, "ot_apply")
    assert len(cases) == 2158
    for case in cases:
        op = Operation.from_json(len(case["str"]), case["op"])
        assert apply(case["str"], op) == case["result"]
        assert apply_in_steps(case["str"], op) == case["result"]


def test_compose(data: Path) -> None:
    cases = vectors(data, "ot_compose")
    assert len(cases) == 707
    for case in cases:
        base = max(span(case["op1"]), span(case["op2"]) - growth(case["op1"]))
        first = Operation.from_json(base, case["op1"])
        second = Operation.from_json(first.target_length, case["op2"])
        assert compose(first, second).to_json() == case["result"]


def transform_cases(data: Path) -> list[tuple[Operation, Operation, bool, Operation]]:
    cases = vectors(data, "ot_transform")
    assert len(cases) == 2254
    read = []
    for case in cases:
        base = max(span(case["op"]), span(case["otherOp"]))
        op, other = (Operation.from_json(base, case[key]) for key in ("op", "otherOp"))
        expected = Operation.from_json(other.target_length, case["result"])
        assert expected.to_json() == case["result"]
        read.append((op, other, case["side"] == "left", expected))
    return read


def test_transform(data: Path) -> None:
    short = 0
    for op, other, first, expected in transform_cases(data):
        assert transform(op, other, first=first) == expected
        assert module._transform_walk(op, other, first) == expected
        short += op.splice is not None and other.splice is not None
    assert short == 78, "some vectors exercise the short path, most of them do not"


def inserts_first(op: Operation) -> Operation:
    """The normal form that this project does not use: an insert moved before the delete that it follows."""
    out: list[Component] = []
    for c in op.components:
        if isinstance(c, str) and out and isinstance(out[-1], int) and out[-1] < 0:
            deleted = out.pop()
            if out and isinstance(out[-1], str):
                c = out.pop() + c
            out += [c, deleted]
        elif out and isinstance(c, int) and c < 0 and isinstance(out[-1], int) and out[-1] < 0:
            out[-1] += c
        else:
            out.append(c)
    return Operation(op.base_length, out)


def test_inserts_before_deletes_would_break_236_vectors(data: Path) -> None:
    """The order of an insert and a delete that meet carries meaning, so the normal form keeps it (D2)."""
    broken = 0
    for op, other, first, expected in transform_cases(data):
        result = transform(inserts_first(op), inserts_first(other), first=first)
        broken += inserts_first(result) != inserts_first(expected)
    assert broken == 236
