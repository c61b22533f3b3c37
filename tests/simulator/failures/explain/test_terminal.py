from __future__ import annotations

from model.verdict import CheckResult, Violation
from simulator.failures.explain import tell
from tests.simulator.failures.explain.cases import (
    DOCUMENT,
    case_of,
    diverging,
    told_plan,
    told_results,
    two_clients,
)

GOLDEN = """\
violated: convergence
c1 edited (c1#1); after revision 1 c2 shows 'abx' and the server 'axb': 'x' of c1#1 stands at 2 for c2 and at
1 for the server.
What has to hold: Whoever has the same edits, with none of their own on its way, shows the same text.

    ms  who     shows  what
 0.000  server  'ab'   the document starts as 'ab'
10.000  c1      'ab'   joins at revision 0
10.000  c2      'ab'   joins at revision 0
20.000  c1      'axb'  c1#1 inserts 'x' at 1; sends c1#1 on revision 0
32.000  server  'axb'  revision 1 = c1#1: inserts 'x' at 1
42.000  c1      =      c1#1 is durable as revision 1
43.000  c2      'abx'  receives revision 1 (c1#1)  << the server has 'axb'
90.000  c1      'axb'  ends at revision 1
90.000  c2      'abx'  ends at revision 1  << the server has 'axb'
90.000  server  'axb'  ends at revision 1

replay: concord replay case.json"""


def test_a_small_case_on_a_terminal() -> None:
    assert tell(case_of(told_plan()), two_clients(), told_results(), file="case.json") == GOLDEN.splitlines()


def test_what_else_was_seen_follows_the_sentence() -> None:
    explained = diverging()
    violation = Violation("weak_list", 400_000, DOCUMENT, "c1 shows 'd' of c1#2 too late", {})
    results = (CheckResult("weak_list", 1, 1, "pairs", True, (violation,)),)
    lines = tell(explained.case, explained.records, results)
    assert lines[:2] == ["violated: weak_list", "c1 shows 'd' of c1#2 too late."]
    assert lines.pop(2).startswith("What has to hold: The order of any two characters")
    assert lines[3].startswith("also: c2 and c1 both edited revision 0")
    titles = [n for n, line in enumerate(lines) if line.endswith("what")]
    assert lines[5:8] == ["", "the last 10 steps before it:", lines[titles[0]]]
    assert lines[titles[1] - 1] == "all steps:"
    last = lines[titles[0] + 1 : titles[1] - 2]
    assert len(last) == 10
    times_us = [float(line.split()[0].replace(",", "")) * 1_000 for line in last]
    assert times_us == sorted(times_us)
    assert times_us[-1] <= violation.time_us
    texts = [" ".join(line.split()) for line in lines]  # columns are as wide as their table needs
    begin = texts.index(texts[titles[0] + 1], titles[1])
    assert texts[begin : begin + 10] == texts[titles[0] + 1 : titles[0] + 11]
    assert float(lines[begin + 10].split()[0].replace(",", "")) * 1_000 > violation.time_us
    assert lines[-1] == "replay: concord replay FAILURE.json"
