"""What the benchmarks share: CPU time of a call, alternated with its rivals, and a table of ratios."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from model.machine import this_machine


class Timing(NamedTuple):
    """One variant: median CPU seconds, and the work it did in them."""

    name: str
    seconds: float
    work: float


def alternate(variants: Mapping[str, Callable[[], float]], rounds: int) -> list[Timing]:
    """Run the variants in turn, ``rounds`` times; each returns the amount of work it did."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    work: dict[str, float] = {}
    for _ in range(rounds):
        for name, variant in variants.items():
            begin = time.process_time()
            work[name] = variant()
            seconds[name].append(time.process_time() - begin)
    return [Timing(name, statistics.median(seconds[name]), work[name]) for name in variants]


def table(title: str, unit: str, timings: list[Timing]) -> str:
    """A Markdown table; ratios are against the first row."""
    first = timings[0].work / timings[0].seconds
    lines = [f"### {title}", "", f"| variant | {unit} per CPU second | ratio |", "|---|--:|--:|"]
    for timing in timings:
        rate = timing.work / timing.seconds
        lines.append(f"| {timing.name} | {rate:,.0f} | {rate / first:.2f} |")
    return "\n".join([*lines, ""])


def machine() -> str:
    """The machine in one line."""
    this = this_machine()
    return f"{this.cores} cores, {this.cpu}, Python {platform.python_version()}"
