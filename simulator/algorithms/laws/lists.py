"""Jupiter against the list specifications, by its puzzle and by contended runs of client and server."""

from __future__ import annotations

from typing import Final

from model.identity import SiteId
from model.verdict import CheckResult
from simulator.algorithms.laws.tables import LawRow, Table, row, rule_of_three
from simulator.algorithms.published.jupiter import Contribution, composed_against_stepwise, judged, triangle
from simulator.failures.trial import attempt
from simulator.planning.seeds import Seeds
from simulator.planning.small import SmallCell

CONTENDED: Final = SmallCell(clients=3, edits_per_second=4.0, seconds=8.0, latency_us=200_000)
"""Three people at one spot, far away from the server."""

CONTENDED_RUNS: Final = 300


def lists_table(seeds: Seeds) -> Table:
    """What holds of Jupiter, and what does not by its nature."""
    rows = [
        *_triangle_rows("b first", *triangle(SiteId("c3"), SiteId("c2")), strong="fails"),
        *_triangle_rows("a first", *triangle(SiteId("c2"), SiteId("c3")), strong="holds"),
        *_contended_rows(seeds),
        *_composed_rows(),
    ]
    return Table("jupiter", "Jupiter", tuple(rows))


def _triangle_rows(which: str, text: str, log: tuple[Contribution, ...], *, strong: str) -> list[LawRow]:
    for_weak, for_strong = judged(text, log)
    return [
        row(f"{name} list specification, {which}", published, result.verdict.of_a_law, _evidence(result))
        for name, published, result in (("weak", "holds", for_weak), ("strong", strong, for_strong))
    ]


def _evidence(result: CheckResult) -> str:
    if result.violations:
        return result.violations[0].message
    return f"{result.checked} {result.detail}"


def _contended_rows(seeds: Seeds) -> list[LawRow]:
    """Both specifications over many runs; a run that displays nothing is no evidence."""
    rng = seeds.stream("laws", "contended")
    names = {"weak": ("weak_list", "holds"), "strong": ("strong_list", "fails")}
    violated: dict[str, list[str]] = {name: [] for name in names}
    checked = dict.fromkeys(names, 0)
    for _ in range(CONTENDED_RUNS):
        seed = rng.getrandbits(32)
        results = {result.name: result for result in attempt(CONTENDED(seed)).results}
        for name, (check, _) in names.items():
            checked[name] += results[check].checked
            violated[name] += [v.message for v in results[check].violations[:1]]
    rows = []
    for name, (_, published) in names.items():
        messages = violated[name]
        measured = "fails" if messages else "holds" if checked[name] else "unknown"
        evidence = f"{len(messages)} of {CONTENDED_RUNS} runs: " + (
            min(messages, key=len) if messages else rule_of_three(CONTENDED_RUNS)
        )
        rows.append(row(f"{name} list specification, contended runs", published, measured, evidence))
    return rows


def _composed_rows() -> list[LawRow]:
    texts = composed_against_stepwise()
    evidence = '"ab": a1 deletes both, a2 inserts x at 0; c inserts c at 1 and goes first'
    return [
        row("T(T(c, a1), a2)", "cx", texts.stepwise, evidence),
        row("T(c, a1·a2)", "xc", texts.composed, evidence),
    ]
