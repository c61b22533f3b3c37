"""A strict reader of Prometheus' text format 0.0.4, for tests; anything unusual is an error."""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
_NUMBER = r"(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)"
_HELP = re.compile(rf"# HELP ({_NAME}) ((?:[^\\\n]|\\\\|\\n)*)")
_TYPE = re.compile(rf"# TYPE ({_NAME}) (counter|gauge|histogram|summary|untyped)")
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? ({_NUMBER})")
_ESCAPES = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}

Labels = tuple[tuple[str, str], ...]


class Family(NamedTuple):
    """One metric: its kind, its help, and name with labels to value."""

    kind: str
    help: str
    samples: dict[tuple[str, Labels], float]


def parse(text: str) -> dict[str, Family]:
    """All metrics by name.

    Raises:
        AssertionError: the text breaks the grammar, a sample is not below its head, or comes twice.
    """
    assert text == "" or text.endswith("\n"), "the last line must end"
    families: dict[str, Family] = {}
    lines = text.split("\n")[:-1]
    at = 0
    while at < len(lines):
        assert at + 1 < len(lines), lines[at]
        head, kind = _HELP.fullmatch(lines[at]), _TYPE.fullmatch(lines[at + 1])
        assert head, lines[at]
        assert kind, lines[at + 1]
        name = head[1]
        assert kind[1] == name
        assert name not in families, f"{name} twice"
        family = families[name] = Family(kind[2], _unescaped(head[2]), {})
        at += 2
        while at < len(lines) and not lines[at].startswith("#"):
            sample = _SAMPLE.fullmatch(lines[at])
            assert sample, lines[at]
            endings = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
            assert sample[1] in [name + ending for ending in endings], lines[at]
            labels = tuple((label, _unescaped(value)) for label, value in re.findall(_LABEL, sample[2] or ""))
            assert len({label for label, _ in labels}) == len(labels)
            assert (sample[1], labels) not in family.samples, lines[at]
            family.samples[sample[1], labels] = float(sample[sample.re.groups])
            at += 1
        if family.kind == "histogram":
            _check_histogram(name, family)
        if family.kind == "counter":
            assert name.endswith("_total")
            assert all(value >= 0 for value in family.samples.values())
    return families


def _unescaped(text: str) -> str:
    return re.sub(r'\\[\\n"]', lambda found: _ESCAPES[found[0]], text)


def _check_histogram(name: str, family: Family) -> None:
    buckets = [
        (float(dict(labels)["le"]), value)
        for (sample, labels), value in family.samples.items()
        if sample == f"{name}_bucket"
    ]
    bounds, counts = [bound for bound, _ in buckets], [count for _, count in buckets]
    assert bounds == sorted(set(bounds)), "bounds must grow"
    assert bounds[-1] == float("inf")
    assert counts == sorted(counts), "buckets are cumulative"
    assert counts[-1] == family.samples[f"{name}_count", ()]
    assert (f"{name}_sum", ()) in family.samples
