from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from model import history
from model.identity import SiteId
from model.jupiter import Replica
from model.verdict import Violation
from simulator.failures.case import Case, CaseError, Origin, confirm, extract, load_case, save_case
from simulator.failures.trial import Trial, attempt
from simulator.planning.plan import CellPlan
from simulator.virtual.cell import HEALTHY, Parts
from tests.simulator.plans import STAYING, fault, of, plan

pytestmark = pytest.mark.slow


class NoTie(Replica):
    """Inserts at one position go in the order of arrival, whoever they are from."""

    def _goes_first(self, other: str) -> bool:
        return True


NO_TIE = Parts(replica=NoTie)
ORIGIN = Origin("test", 1, 0, "d0", 0, "concord simulate test")


class Failure(NamedTuple):
    plan: CellPlan
    trial: Trial
    violation: Violation


def violation_of(trial: Trial, check: str) -> Violation:
    return next(r.violations[0] for r in trial.results if r.name == check and r.violations)


def failure_of(what: CellPlan, parts: Parts = NO_TIE, check: str = "convergence") -> Failure:
    trial = attempt(what, parts, keep=True)
    return Failure(what, trial, violation_of(trial, check))


@pytest.fixture(scope="module")
def failure() -> Failure:
    return failure_of(plan(edits_per_second=2.0))


def extracted(failure: Failure) -> CellPlan:
    return extract(failure.plan, failure.trial.realised, failure.trial.records, failure.violation)


@pytest.fixture(scope="module")
def case(failure: Failure) -> Case:
    found = confirm(extracted(failure), NO_TIE, failure.violation, "no-tie", ORIGIN)
    assert found is not None
    return found


# --- finding one ------------------------------------------------------------------------------------------


def test_the_document_of_a_violation_alone_shows_it_again(failure: Failure, case: Case) -> None:
    (document,) = case.plan.documents
    assert document.document == failure.violation.document
    assert all(client.script is not None for client in document.clients)
    assert (case.check, case.message) == ("convergence", failure.violation.message)
    assert case.clients == 6
    edits = [e for e in of(history.Edited, failure.trial) if e.document == document.document]
    assert case.operations >= len(edits)


def test_a_case_is_replayed_without_the_generator_to_the_same_digest(case: Case) -> None:
    trial = attempt(case.plan, NO_TIE)
    assert trial.digest == case.digest
    assert trial.violated("convergence")


def test_a_plan_that_does_not_fail_is_no_case(failure: Failure) -> None:
    assert confirm(extracted(failure), HEALTHY, failure.violation, "", ORIGIN) is None


def edits_of(trial: Trial, document: str) -> list[tuple[int, str, str]]:
    """What was done to a document: when, by whom, what."""
    return [(e.time_us, e.site, e.kind) for e in of(history.Edited, trial) if e.document == document]


def test_scripts_repeat_every_edit_at_its_time(failure: Failure) -> None:
    again = attempt(extracted(failure), NO_TIE, keep=True)
    assert edits_of(again, "d0") == edits_of(failure.trial, "d0")


def test_people_who_undo_and_replace_are_repeated_too() -> None:
    failure = failure_of(plan(clients=12, edits_per_second=3.0, seconds=20, seed=2))
    violation = msgspec.structs.replace(failure.violation, document="d1")
    kinds = {e.kind for e in of(history.Edited, failure.trial) if e.document == "d1"}
    assert {"undo", "replace"} <= kinds
    repeated = extract(failure.plan, (), failure.trial.records, violation)
    trial = attempt(repeated, keep=True)
    assert len(of(history.Edited, trial)) >= len(edits_of(failure.trial, "d1"))
    assert {e.kind for e in of(history.Edited, trial)} == kinds


def test_absences_and_crashes_are_in_the_scripts_and_their_faults_are_not() -> None:
    sessions = msgspec.structs.replace(
        STAYING, offline_mean_count=2.0, offline_mean_us=1_000_000, crash_share=0.4, leave_share=0.2
    )
    windows = (
        fault("herd", 3, 4),
        fault("client_crash", 5, 6, share=0.5),
        fault("partition_clients", 7, 9, share=0.5),
        fault("gateway_crash", 4, 5),
    )
    failure = failure_of(plan(*windows, sessions=sessions, edits_per_second=2.0))
    repeated = extracted(failure)
    assert [w.kind for w in repeated.faults] == ["gateway_crash", "partition_clients"]
    names = {c.site for c in repeated.documents[0].clients}
    assert set(repeated.faults[1].sites or ()) < names
    trial = attempt(repeated, NO_TIE, keep=True)
    for kind in (history.Online, history.Offline, history.Restarted):
        assert times_of(kind, trial, names) == times_of(kind, failure.trial, names)


def times_of(
    kind: type[history.Online | history.Offline | history.Restarted], trial: Trial, sites: set[SiteId]
) -> list[tuple[int, str]]:
    """When this happened to these clients before the heal."""
    (healed,) = of(history.Healed, trial)
    before = [r for r in of(kind, trial) if r.site in sites and r.time_us < healed.time_us]
    return sorted((r.time_us, r.site) for r in before)


def test_a_crash_of_somebody_offline_is_repeated() -> None:
    windows = (fault("herd", 3, 8), fault("client_crash", 4, 5, share=1.0))
    failure = failure_of(plan(*windows, edits_per_second=2.0))
    repeated = extracted(failure)
    names = {c.site for c in repeated.documents[0].clients}
    restarts = times_of(history.Restarted, failure.trial, names)
    assert len(restarts) == 6
    assert times_of(history.Restarted, attempt(repeated, NO_TIE, keep=True), names) == restarts


# --- files ------------------------------------------------------------------------------------------------


def test_a_case_comes_back_from_its_file_as_it_was(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    save_case(case, path)
    assert load_case(path) == case
    assert path.read_text().count("\n") > 20  # for people as well


def test_a_bad_file_is_named_in_one_line(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    save_case(case, path)
    whole = path.read_bytes()
    later = msgspec.json.encode(msgspec.structs.replace(case, version=99))
    bad = {
        whole[: len(whole) // 2]: "not a failure file: ",
        b"": "not a failure file: ",
        b"\xff\xfe": "not a failure file: ",
        b"[" * 100_000: "not a failure file: ",
        b"[]": "not a failure file: ",
        b'{"verdict": "valid"}': "not a failure file: ",
        whole.replace(b'"version"', b'"surprise"'): "not a failure file: ",
        whole.replace(b'"edit"', b'"sing"'): "not a failure file: ",
        later: "version 99, this is 1",
    }
    for data, message in bad.items():
        path.write_bytes(data)
        with pytest.raises(CaseError) as caught:
            load_case(path)
        assert str(caught.value).startswith(f"{path}: {message}")
        assert "\n" not in str(caught.value)
    with pytest.raises(CaseError, match=r"absent\.json: No such file"):
        load_case(tmp_path / "absent.json")
