from __future__ import annotations

from model import history as h
from model.checkers import Judge
from model.identity import DocumentId, SiteId
from model.impact import WHOLE_RUN, Impact, Impacts, merge_impacts
from model.text import Operation
from tests.numbers import rev, seq

S = 1_000_000
D, E = DocumentId("d"), DocumentId("e")
A, B = SiteId("a"), SiteId("b")
OP = Operation(0, ("x",))


def noticed(*records: h.Record, until: int = 60 * S) -> dict[str, Impact]:
    found = Impacts()
    Judge([found]).feed([*records, h.Finished(until)])
    return {impact.fault: impact for impact in found.result()}


def whole(*records: h.Record, until: int = 60 * S) -> Impact:
    return noticed(*records, until=until)[WHOLE_RUN]


def edited(at: int, site: SiteId, sequence: int, document: DocumentId = D) -> h.Edited:
    return h.Edited(at, site, document, seq(sequence), "type", rev(0), OP, at)


def acknowledged(
    at: int, site: SiteId, last: int, first: int = 1, document: DocumentId = D
) -> h.Acknowledged:
    return h.Acknowledged(at, site, document, rev(1), seq(first), seq(last), 0)


def merged(at: int, site: SiteId, last: int) -> h.Merged:
    return h.Merged(at, site, D, rev(0), rev(1), seq(1), seq(last), 0)


def began(at: int, name: str) -> h.FaultBegan:
    return h.FaultBegan(at, "store", name, 1)


def ended(at: int, name: str) -> h.FaultEnded:
    return h.FaultEnded(at, "store", name, 1)


def test_an_edit_that_is_durable_soon_waits_for_nothing() -> None:
    impact = whole(edited(S, A, 1), acknowledged(2 * S, A, 1))
    assert impact == Impact(WHOLE_RUN)


def test_an_edit_waits_until_its_author_knows_that_it_is_durable() -> None:
    impact = whole(edited(0, A, 1), edited(2 * S, A, 2), edited(3 * S, A, 3), acknowledged(3_500_000, A, 3))
    assert (impact.delayed.count, impact.delayed.minimum, impact.delayed.maximum) == (2, 1_500_000, 3_500_000)
    assert (impact.unanswered, impact.handed_back, impact.lost) == (0, 0, 0)


def test_an_edit_waits_from_when_its_person_wanted_to_make_it() -> None:
    late = h.Edited(5 * S, A, D, seq(1), "type", rev(0), OP, 0, planned_us=2 * S)
    assert whole(late, acknowledged(5_100_000, A, 1)).delayed.maximum == 3_100_000


def test_what_is_known_to_be_durable_once_waits_no_more() -> None:
    impact = whole(
        edited(0, A, 1), acknowledged(5 * S, A, 1), acknowledged(9 * S, A, 1), merged(20 * S, A, 1)
    )
    assert (impact.delayed.count, impact.delayed.maximum) == (1, 5 * S)


def test_who_is_offline_by_choice_does_not_wait() -> None:
    closed = h.Offline(S, A, D, "closed")
    assert whole(closed, edited(2 * S, A, 1), merged(50 * S, A, 1)) == Impact(WHOLE_RUN)
    assert whole(edited(S - 1, A, 1), closed, merged(50 * S, A, 1)) == Impact(WHOLE_RUN)
    back = h.Online(10 * S, A, D)
    impact = whole(closed, edited(2 * S, A, 1), back, edited(11 * S, A, 2), merged(20 * S, A, 2))
    assert (impact.delayed.count, impact.delayed.maximum) == (1, 9 * S)


def test_whose_client_crashed_waits_all_the_same() -> None:
    impact = whole(edited(0, A, 1), h.Offline(S, A, D, "crashed"), merged(9 * S, A, 1))
    assert impact.delayed.maximum == 9 * S


def test_an_edit_without_answer_in_the_end_is_counted_as_such() -> None:
    impact = whole(edited(0, A, 1), edited(59_500_000, A, 2))
    assert (impact.delayed.count, impact.unanswered) == (0, 1)
    assert impact.read_only.maximum == 60 * S


def test_what_is_handed_back_waits_no_more() -> None:
    stranded = h.Stranded(9 * S, A, D, seq(1), seq(3))
    impact = whole(edited(0, A, 1), edited(0, A, 2), edited(0, A, 3), stranded)
    assert (impact.handed_back, impact.delayed.count, impact.unanswered) == (2, 0, 0)


def test_an_edit_that_goes_down_with_its_client_is_lost() -> None:
    restarted = h.Restarted(9 * S, A, D, rev(0), seq(1))
    impact = whole(edited(0, A, 1), edited(S, A, 2), restarted, acknowledged(9_500_000, A, 1))
    assert (impact.lost, impact.delayed.count, impact.unanswered) == (1, 1, 0)


# --- documents that take no edit --------------------------------------------------------------------------


def test_a_document_takes_no_edit_while_somebody_waits_and_nobody_gets_an_answer() -> None:
    impact = whole(
        edited(10 * S, A, 1),  # nobody waited before
        edited(12 * S, B, 1),
        acknowledged(14 * S, B, 1),
        acknowledged(20 * S, A, 1),
    )
    assert (impact.documents, impact.read_only.count) == (1, 2)
    assert (impact.read_only.minimum, impact.read_only.maximum) == (4 * S, 6 * S)


def test_a_document_with_one_writer_cut_off_goes_on_for_the_others() -> None:
    others: list[h.Record] = []
    for second in range(1, 20):
        others += [edited(second * S, B, second), acknowledged(second * S + 1_000, B, second, second)]
    impact = whole(edited(S, A, 1), *others, merged(20 * S, A, 1))
    assert (impact.delayed.count, impact.delayed.maximum) == (1, 19 * S)
    assert impact.read_only.count == 0


def test_documents_are_counted_once() -> None:
    records: list[h.Record] = []
    for document, site in ((D, A), (E, B)):
        for n in (1, 2, 3):
            at = n * 10 * S
            records += [
                edited(at, site, n, document),
                acknowledged(at + 2 * S, site, n, n, document),
            ]
    impact = whole(*records)
    assert (impact.documents, impact.read_only.count, impact.read_only.total) == (2, 6, 12 * S)


# --- faults -----------------------------------------------------------------------------------------------


def test_a_wait_counts_for_every_fault_meanwhile_and_shortly_before() -> None:
    found = noticed(
        began(0, "early"),
        ended(S, "early"),
        began(2 * S, "before"),
        ended(6 * S, "before"),
        began(9 * S, "stall"),
        edited(10 * S, A, 1),
        ended(11 * S, "stall"),
        began(12 * S, "other"),
        acknowledged(13 * S, A, 1),
        ended(14 * S, "other"),
        began(20 * S, "late"),
        ended(21 * S, "late"),
    )
    assert list(found) == [WHOLE_RUN, "before", "other", "stall"]
    for impact in found.values():
        assert (impact.delayed.count, impact.delayed.maximum) == (1, 3 * S)
        assert (impact.read_only.count, impact.documents) == (1, 1)


def test_replicas_without_a_server_are_told_nothing() -> None:
    header = h.Header(h.HISTORY_VERSION, "simulator", "virtual", {"engine": "fuguemax"})
    assert whole(header, edited(0, A, 1)) == Impact(WHOLE_RUN)


def test_cells_are_added_up() -> None:
    one = list(noticed(began(0, "stall"), edited(0, A, 1), acknowledged(3 * S, A, 1)).values())
    two = list(noticed(edited(0, A, 1)).values())
    whole_run, stall = merge_impacts([*one, *two, *one])
    assert (whole_run.fault, whole_run.delayed.count, whole_run.unanswered) == (WHOLE_RUN, 2, 1)
    assert (stall.fault, stall.delayed.count, stall.documents) == ("stall", 2, 2)
    assert one[0].delayed.count == 1
