"""What a server holds against its limits, and servers that hold more."""

from __future__ import annotations

from unittest.mock import patch

import msgspec
import pytest

from model import history
from model.checkers.convergence import Convergence
from model.checkers.resources import Resources
from model.identity import ConnectionId, DocumentId, Revision
from model.text import insert
from reference_server.core.document import Document
from reference_server.core.effects import (
    Announced,
    Appended,
    Conflict,
    Event,
    Loaded,
    Read,
    Snapshot,
    Unknown,
)
from reference_server.core.gateway import Gateway
from reference_server.core.items import JoinItem
from reference_server.core.limits import Limits
from reference_server.core.log import Log
from reference_server.core.member import Member
from reference_server.core.room import Room
from reference_server.store.memory import MemoryStore
from simulator.failures.trial import Trial, attempt
from simulator.planning.small import BLIPS, BUSY, COMERS_AND_GOERS, CROWD, SmallCell, repeated
from simulator.virtual.cell import Parts
from simulator.virtual.holdings import Holdings
from simulator.zoo.catalogue import bug_of
from tests.model.checkers.histories import (
    DOCUMENT,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    judged,
    story,
)
from tests.numbers import rev


def held(amount: int, amount_max: int) -> history.Held:
    return history.Held(1, DocumentId("d"), "revisions in memory", amount, amount_max)


def test_as_much_as_is_allowed() -> None:
    assert assert_valid(Resources(), [held(0, 0), held(3, 3)]).checked == 2


def test_more_than_is_allowed() -> None:
    spoiled = [held(4_001, 4_000)]
    result = assert_violated(
        Resources(), spoiled, "the server held 4,001 revisions in memory, the most allowed is 4,000"
    )
    assert result.violations[0].kind == "revisions in memory"


def found(trial: Trial) -> set[str]:
    return {v.kind for r in trial.results if r.name == "resources" for v in r.violations}


@pytest.mark.slow
@pytest.mark.parametrize("cell", [BUSY, BLIPS, COMERS_AND_GOERS], ids=["busy", "blips", "absences"])
def test_the_product_keeps_its_limits(cell: SmallCell) -> None:
    trial = attempt(cell._replace(snapshot_every=4, horizon=8)(1))
    resources = next(r for r in trial.results if r.name == "resources")
    assert (resources.checked, resources.violated) == (10, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["members-stay", "sessions-stay"])
def test_servers_that_keep_who_is_gone(name: str) -> None:
    trial = attempt(BLIPS(1), bug_of(name).parts())
    assert {r.name for r in trial.results if r.claimed and r.violated} == {"resources"}


class EndlessLog(Log):
    """Nothing is ever behind the horizon."""

    def trim_point(self) -> Revision:
        """Where the log begins now."""
        return self.start


class NeverTrimmed(Document):
    log_type = EndlessLog


@pytest.mark.slow
def test_a_log_that_is_never_trimmed() -> None:
    trial = attempt(BUSY._replace(snapshot_every=8, horizon=16)(1), Parts(document=NeverTrimmed))
    assert {r.name for r in trial.results if r.claimed and r.violated} == {"resources"}


class Unlimited(Document):
    """Never says that it is busy."""

    def _admit(self, member: Member) -> bool:
        return True


class SlowToForget(Gateway):
    """Documents stay in memory."""

    def _forget_if_idle(self, document: Document) -> None:
        pass


class PatientRoom(Room):
    """Joins of connections that are gone stay."""

    def leave(self, connection: ConnectionId) -> None:
        """Leave, but for the join."""
        waiting = dict(self.waiting)
        super().leave(connection)
        self.waiting.update({n: item for n, item in waiting.items() if isinstance(item, JoinItem)})


class Patient(Document):
    room_type = PatientRoom

    @property
    def is_idle(self) -> bool:
        """Whether nobody is there."""
        return self.is_quiet and not self.members


class KeptBarred(Document):
    """A connection stays barred although nothing of it waits."""

    def _pump(self) -> None:
        super()._pump()
        self._barred.add(ConnectionId(1))


@pytest.mark.slow
def test_a_queue_without_an_end() -> None:
    cell = BUSY._replace(clients=8, seconds=6.0, faults=repeated("store_stall", 1, 3.0, 2.0))
    with patch("simulator.virtual.cell.limits_of", lambda _: Limits(queue_items_max=2, batch_items_max=2)):
        assert not found(attempt(cell(1)))
        assert "waiting operations" in found(attempt(cell(1), Parts(document=Unlimited)))


@pytest.mark.slow
def test_documents_that_nobody_needs() -> None:
    plan = CROWD(1)
    plan = msgspec.structs.replace(plan, sessions=msgspec.structs.replace(plan.sessions, leave_share=1.0))
    assert not found(attempt(plan))
    assert found(attempt(plan, Parts(gateway=SlowToForget))) == {"documents in memory that nobody needs"}


@pytest.mark.slow
def test_joins_of_who_is_gone() -> None:
    cell = BLIPS._replace(absences=30.0, absence_us=100_000, commit_us=200_000)
    assert not found(attempt(cell(1)))
    assert "members without a connection" in found(attempt(cell(1), Parts(document=Patient)))


@pytest.mark.slow
def test_connections_that_stay_barred() -> None:
    assert "barred connections at rest" in found(attempt(BLIPS(1), Parts(document=KeptBarred)))


class LaggingLog(Log):
    """Snapshots have the text of an earlier revision."""

    def snapshot(self, document: DocumentId) -> Snapshot | None:
        """One code point too many."""
        taken = super().snapshot(document)
        return None if taken is None else taken._replace(text=taken.text + "?")


class Lagging(Document):
    log_type = LaggingLog


@pytest.mark.slow
def test_a_snapshot_is_the_text_of_its_revision() -> None:
    trial = attempt(CROWD._replace(snapshot_every=8)(1), Parts(document=Lagging))
    violation = trial.shown("convergence")
    assert violation is not None
    assert "the server and the stored log show different texts" in violation.message


def test_a_snapshot_in_a_history() -> None:
    records = story()
    at = index_of(records, history.Stored, 1)
    text = "house!"
    right = history.Snapshotted(0, DocumentId("d"), rev(1), history.fingerprint(text))
    assert insert(5, 5, "!") == records[index_of(records, history.Stored)].operation  # type: ignore[union-attr]
    assert judged(Convergence(), [*records[: at + 1], right]).violated == 0
    spoiled = [*records, changed([right], 0, fingerprint=1)[0]]
    assert_violated(Convergence(), spoiled, "the server and the stored log", "revision 1")


class AlwaysKeeping(Log):
    """Keeps a snapshot after every append."""

    def snapshot(self, document: DocumentId) -> Snapshot | None:
        self._snapshot_revision = Revision(-(1 << 20))
        return super().snapshot(document)


class AlwaysSaving(Document):
    """Its log is :class:`AlwaysKeeping`."""

    log_type = AlwaysKeeping


class AlwaysReading(Document):
    """Reads the store after every append."""

    def _keep_snapshot(self) -> None:
        super()._keep_snapshot()
        self._read()


@pytest.mark.slow
def test_what_is_asked_of_the_store_without_need() -> None:
    assert found(attempt(CROWD(1), Parts(document=AlwaysSaving))) == {"snapshots"}
    assert found(attempt(CROWD(1), Parts(document=AlwaysReading))) == {"reads of the store"}
    assert found(attempt(CROWD(1))) == set()


@pytest.mark.parametrize(
    "reason",
    [
        Announced(DOCUMENT),
        Announced(DOCUMENT, rev(7)),
        Appended(1, DOCUMENT, Unknown()),
        Appended(1, DOCUMENT, Conflict(rev(3))),
        Loaded(1, DOCUMENT, None),
    ],
    ids=["rival", "hint", "unknown", "conflict", "unanswered"],
)
def test_a_read_needs_a_reason(reason: Event) -> None:
    """What another writer says is one, as is an append that came to nothing."""
    store = MemoryStore()
    store.create(DOCUMENT, "")
    holdings = Holdings(Limits())
    for _ in range(2):
        holdings.told(reason)
        holdings.asked(Read(1, DOCUMENT, rev(0)))
    holdings.look(None, store, ())
    assert [h for h in holdings.found(1, ()) if h.what == "reads of the store"] == []
    holdings.asked(Read(1, DOCUMENT, rev(0)))
    (extra,) = [h for h in holdings.found(1, ()) if h.what == "reads of the store"]
    assert (extra.amount, extra.amount_max) == (3, 2)
