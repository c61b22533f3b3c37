from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from model.history import (
    Acknowledged,
    Disconnected,
    Displayed,
    DocumentCreated,
    Edited,
    FinalReplica,
    Healed,
    Record,
    Stored,
    fingerprint,
)
from model.text import delete, insert
from model.verdict import CheckResult, Violation
from simulator.failures.case import Finding
from simulator.failures.explain.sentence import headline
from simulator.failures.explain.story import story
from simulator.planning.plan import ScriptStep
from simulator.virtual.cell import Parts
from simulator.zoo.catalogue import bug_of
from tests.numbers import rev, seq
from tests.simulator.failures.explain.cases import (
    C1,
    C2,
    DOCUMENT,
    case_of,
    cell_plan,
    diverging,
    explained,
    told_plan,
    told_results,
    two_clients,
)


def failed(check: str, message: str, time_us: int = 90_000) -> tuple[CheckResult, ...]:
    violation = Violation(check, time_us, DOCUMENT, message, {})
    return (CheckResult(check, 1, 1, "compared", True, (violation,)),)


def sentence(records: Sequence[Record], check: str, message: str = "something is wrong") -> str:
    return headline(case_of(told_plan(), check), story(records), failed(check, message)).sentence


def test_a_divergence_names_clients_edits_texts_and_the_edit_to_blame() -> None:
    explained = diverging()
    head = headline(explained.case, story(explained.records), explained.results)
    assert (head.check, head.verdict, head.claimed) == ("convergence", "violated", True)
    assert head.sentence == (
        "c2 and c1 both edited revision 0 (c2#1, c1#1 and c1#2); after revision 3 c1 shows 'Qaxdb' and the"
        " server 'Qadxb': 'd' of c1#2 stands at 3 for c1 and at 2 for the server."
    )


def test_long_texts_are_abbreviated_around_the_difference() -> None:
    explained = diverging("ab" + "-" * 500)
    head = headline(explained.case, story(explained.records), explained.results)
    assert "c1 shows 'Qaxdb-----------------…' and the server 'Qadxb-----------------…'" in head.sentence


def test_a_divergence_of_the_only_editor() -> None:
    assert sentence(two_clients(), "convergence") == (
        "c1 edited (c1#1); after revision 1 c2 shows 'abx' and the server 'axb':"
        " 'x' of c1#1 stands at 2 for c2 and at 1 for the server."
    )


def shown_by_c2(text: str) -> list[Record]:
    records: list[Record] = []
    for record in two_clients():
        match record:
            case FinalReplica(site="c2"):
                continue
            case _ if getattr(record, "text", "") == "abx":
                record = type(record)(record.time_us, C2, DOCUMENT, text)  # type: ignore[call-arg,arg-type,union-attr]
        records.append(record)
    return records


def test_what_is_missing_or_there_twice_is_said() -> None:
    assert sentence(shown_by_c2("ab"), "convergence").endswith(": 'x' of c1#1 is missing at c2.")
    assert sentence(shown_by_c2("axxb"), "convergence").endswith(": 'x' of c1#1 is there twice at c2.")
    assert sentence(shown_by_c2("ayb"), "convergence").endswith(
        ": c1#1 reads 'y' at c2 and 'x' at the server."
    )
    assert sentence(shown_by_c2("ax"), "convergence").endswith(": the server has 'b' at 2, which c2 has not.")
    assert sentence(shown_by_c2("axbc"), "convergence").endswith(
        ": c2 has 'c' at 3, which the server has not."
    )


def test_an_edit_that_did_something_else_is_said() -> None:
    records: list[Record] = [
        DocumentCreated(0, DOCUMENT, "be", False, True),
        Displayed(5_000, C1, DOCUMENT, "be"),
        Edited(10_000, C1, DOCUMENT, seq(1), "undo", rev(0), delete(2, 1, 1), 10_000),
        Displayed(10_000, C1, DOCUMENT, "b", seq(1)),
        Stored(20_000, DOCUMENT, rev(1), C1, seq(1), seq(1), rev(0), False, delete(2, 0, 1), delete(2, 0, 1)),
        Acknowledged(30_000, C1, DOCUMENT, rev(1), seq(1), seq(1), fingerprint("b")),
    ]
    assert sentence(records, "convergence") == (
        "c1 edited (c1#1); after revision 1 c1 shows 'b' and the server 'e':"
        " c1#1 deletes 'e' at 1 for c1, and deletes 'b' at 0 for the server."
    )


def stored(revision: int, site: str, first: int, last: int) -> Stored:
    op = insert(1 + revision, 0, "x")
    return Stored(
        20_000 + revision,
        DOCUMENT,
        rev(revision),
        C1 if site == "c1" else C2,
        seq(first),
        seq(last),
        rev(0),
        False,
        op,
        op,
    )


START = (DocumentCreated(0, DOCUMENT, "ab", False, True),)


def test_an_edit_stored_twice() -> None:
    records: list[Record] = [*START, stored(1, "c1", 1, 2), stored(2, "c2", 1, 1), stored(3, "c1", 2, 2)]
    assert sentence(records, "ledger") == "c1#2 was stored twice, as revision 1 and again as revision 3."


def test_an_edit_acknowledged_and_not_stored() -> None:
    records: list[Record] = [
        *START,
        stored(1, "c2", 1, 1),
        Acknowledged(40_000, C1, DOCUMENT, rev(1), seq(1), seq(2), 0),
    ]
    assert sentence(records, "ledger") == (
        "c1 was told that c1#1..2 is durable as revision 1, but no stored revision contains it."
    )


def test_a_client_that_never_gets_rid_of_its_edit() -> None:
    records: list[Record] = [
        *START,
        Edited(30_000, C1, DOCUMENT, seq(1), "cut", rev(0), delete(2, 0, 1), 30_000),
        stored(1, "c2", 1, 1),
        Healed(1_000_000, 8_000_000),
        Disconnected(2_000_000, C1, DOCUMENT, rev(0), "4400"),
        FinalReplica(9_000_000, C1, DOCUMENT, rev(0), fingerprint("b"), 1, True),
    ]
    assert sentence(records, "liveness") == (
        "8 s after every fault was over c1 is at revision 0, the server at revision 1, has 1 edit (c1#1) that"
        " the server did not acknowledge and lost its connection 1 time meanwhile, last with 4400."
    )


def test_what_another_check_says_is_kept_and_what_else_is_seen_comes_after_it() -> None:
    head = headline(
        case_of(told_plan(), "weak_list"),
        story(two_clients()),
        failed("weak_list", "c1#1 is before and after c2#1"),
    )
    assert head.sentence == "c1#1 is before and after c2#1."
    assert len(head.also) == 1
    assert head.also[0].startswith("c1 edited (c1#1); after revision 1 c2 shows 'abx'")


def test_edits_are_put_before_a_message_that_names_none() -> None:
    assert sentence(two_clients(), "presence", "the cursor of c1 is lost") == (
        "c1 edited (c1#1); the cursor of c1 is lost."
    )


def test_many_edits_are_not_all_named() -> None:
    records: list[Record] = [*START, *(stored(n, "c1" if n % 2 else "c2", n, n) for n in range(1, 8))]
    assert sentence(records, "presence", "wrong") == (
        "c1 and c2 edited (c1#1, c2#2, c1#3, c2#4 and 3 more); wrong."
    )


def test_the_check_of_the_case_comes_before_others() -> None:
    results = (*failed("ledger", "c9#9 is lost"), *told_results())
    head = headline(case_of(told_plan()), story(two_clients()), results)
    assert head.check == "convergence"


def test_an_unclaimed_check_is_told_as_such() -> None:
    (result,) = failed("strong_list", "c1#1 and c2#1 are in a cycle")
    unclaimed = CheckResult(result.name, 1, 1, "", False, result.violations)
    assert not headline(case_of(told_plan(), "strong_list"), story(two_clients()), (unclaimed,)).claimed


def test_a_repaired_failure_is_valid() -> None:
    results = (CheckResult("convergence", 3, 0, "texts compared"),)
    head = headline(case_of(told_plan(), message="c1 was wrong"), story(two_clients()), results)
    assert (head.verdict, head.sentence) == (
        "valid",
        "convergence holds now; when the case was found it said: c1 was wrong.",
    )


def test_other_checks_that_fail_are_told_and_those_that_did_when_it_was_found() -> None:
    also = (Finding("ledger", "c1#1 is lost"), Finding("presence", "the cursor of c2 is gone"))
    case = msgspec.structs.replace(case_of(told_plan()), also=also)
    head = headline(case, story(two_clients()), (*told_results(), *failed("ledger", "c1#1 is lost now")))
    assert head.check == "convergence"
    assert head.also == (
        "ledger: c1#1 is lost now.",
        "presence, when it was found: the cursor of c2 is gone.",
    )


@pytest.mark.parametrize(("first", "second"), [("c1", "c2"), ("c10", "c2")])
def test_of_two_inserts_at_one_position_the_rule_is_told(first: str, second: str) -> None:
    scripts: dict[str, tuple[ScriptStep, ...]] = {
        second: (ScriptStep(280_000, "edit", 1, 0, "Q"),),
        first: (ScriptStep(285_000, "edit", 1, 0, "x"),),
    }
    parts = bug_of("tie-by-arrival").parts()
    assert isinstance(parts, Parts)
    found = explained(cell_plan(scripts), parts)
    told = sentence(found.records, "convergence")
    assert told.endswith(
        f"; {first}#1 and {second}#1 both insert at 1: what {first} inserts comes first,"
        f" since its id is smaller than {second}."
    )


def test_no_rule_is_told_of_inserts_at_different_positions() -> None:
    assert "comes first" not in sentence(diverging().records, "convergence")


def test_what_a_client_held_against_the_server_is_told() -> None:
    accused = failed("protocol", "c2 got revision 12 after 14")
    head = headline(case_of(told_plan()), story(two_clients()), (*told_results(), *accused))
    assert head.also == ("protocol: c2 got revision 12 after 14.",)
    head = headline(case_of(told_plan(), "protocol"), story(two_clients()), accused)
    assert "c2 got revision 12 after 14" in head.sentence
