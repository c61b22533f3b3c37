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
    assert lines[:3] == ["violated: weak_list", "c1 shows 'd' of c1#2 too late.", ""]
    assert lines[3].startswith("also: c2 and c1 both edited revision 0")
    assert lines[5:7] == ["", next(line for line in lines if line.endswith("what"))]
    assert lines[-1] == "replay: concord replay FAILURE.json"
