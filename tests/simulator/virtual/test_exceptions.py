"""What is under test raises: the run goes on, and says what happened; the harness raises: the run ends."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from model import history
from model.checkers import Judge
from model.checkers.check import Check
from model.checkers.exceptions import Exceptions
from model.checkers.protocol import Protocol
from model.client.client import Client
from model.identity import ConnectionId, DocumentId, Revision, SequenceNumber, SiteId
from model.jupiter import Replica
from model.measures import Measures
from model.protocol import ClientMessage, Committed, ErrorCode, LocalProtocolError, ServerMessage
from model.text import Operation, compose, insert
from model.verdict import Violation
from reference_server.core.document import Document
from reference_server.core.effects import Answer, Effect, Event, Opened, Received, SetTimer
from reference_server.core.gateway import Gateway
from reference_server.store.memory import MemoryStore, StoredDocument
from simulator.failures.case import Origin, confirm, extract
from simulator.failures.trial import Keeper, Trial, attempt
from simulator.planning.small import CROWD
from simulator.virtual.cell import Parts
from simulator.virtual.recorder import Recorder
from tests.simulator.plans import edit, of, script, scripted, step

TYPING = script(*(edit(1 + n, 0, "xyz"[n]) for n in range(3)))
WHAT = scripted(TYPING, script(edit(2.5, 0, "b")), text="abc")


class FailingGateway(Gateway):
    """Raises at the second submit that it ever takes, and only then."""

    taken = 0

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, Received) and b"submit" in event.data:
            FailingGateway.taken += 1
            if FailingGateway.taken == 2:
                raise KeyError("no such thing")
        return super().handle(event, now_us)


class DeafGateway(Gateway):
    """Raises at every connection."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        if isinstance(event, Opened):
            raise KeyError("no such thing")
        return super().handle(event, now_us)


class Picky(Replica):
    """Raises at the second revision, as its caller's mistake would."""

    def receive(self, message: ServerMessage) -> tuple[ClientMessage, ...]:
        if isinstance(message, Committed) and message.revision == 2 and self.epoch == 1:
            raise LocalProtocolError(ErrorCode.OUT_OF_ORDER, "called twice")
        return super().receive(message)


class FailingStore(MemoryStore):
    """Raises at its fifth commit."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.commits = 0

    def sync(self) -> list[Answer]:
        self.commits += 1
        if self.commits == 5:
            raise OSError("no space left")
        return super().sync()


class UnreadableStore(MemoryStore):
    """A log that cannot be read back."""

    def create(self, document: DocumentId, text: str) -> None:
        super().create(document, text)
        self._documents[document] = Unreadable(text)


class Unreadable(StoredDocument):
    def read_text(self) -> str:
        raise IndexError("nothing there")


def found(trial: Trial) -> list[Violation]:
    return [v for r in trial.results if r.name == "exceptions" for v in r.violations]


def others(trial: Trial) -> list[str]:
    return [r.name for r in trial.results if r.claimed and r.violated and r.name != "exceptions"]


def test_a_server_that_raises_is_started_again_and_everything_else_is_well() -> None:
    FailingGateway.taken = 0
    trial = attempt(WHAT, Parts(gateway=FailingGateway), keep=True)
    (violation,) = found(trial)
    assert "the server raised KeyError: 'no such thing', in " in violation.message
    assert violation.message.endswith("while it took edit a#2")
    assert (violation.document, others(trial)) == ("d0", [])
    assert len(of(history.Stored, trial)) == 4


def test_a_server_that_always_raises_does_not_end_the_run() -> None:
    trial = attempt(WHAT, Parts(gateway=DeafGateway), keep=True)
    assert found(trial)[0].message.endswith("while it accepted a connection of a")
    assert isinstance(trial.records[-1], history.Finished)


def test_a_client_that_raises_stays_down_until_the_heal() -> None:
    trial = attempt(WHAT, Parts(replica=Picky), keep=True)
    (violation,) = found(trial)
    assert violation.message.startswith("client b raised LocalProtocolError: out_of_order: called twice")
    assert violation.message.endswith("while it received revision 2")
    assert [r.cause for r in of(history.Offline, trial)] == ["raised"]
    (restarted,) = of(history.Restarted, trial)
    assert restarted.time_us == of(history.Healed, trial)[0].time_us
    assert others(trial) == []


@pytest.mark.parametrize(
    ("store", "words"),
    [
        (FailingStore, "the store raised OSError: no space left"),
        (UnreadableStore, "the store raised IndexError: nothing there"),
    ],
)
def test_a_store_that_raises(store: type[MemoryStore], words: str) -> None:
    trial = attempt(WHAT, Parts(store=store), keep=True)
    (violation,) = found(trial)
    assert violation.message.startswith(words)
    assert others(trial) == []
    assert isinstance(trial.records[-1], history.Finished)


def test_a_case_is_kept_that_raises_in_the_same_place() -> None:
    plan = CROWD(0)
    trial = attempt(plan, Parts(replica=Picky), keep=True)
    violation = found(trial)[0]
    alone = extract(plan, trial.realised, trial.records, violation)
    steps = [step.do for client in alone.documents[0].clients for step in client.script or ()]
    assert not {"offline", "crash", "restart"} & set(steps)
    origin = Origin("test", 0, 0, violation.document, violation.time_us, "")
    case = confirm(alone, Parts(replica=Picky), violation, "picky", origin)
    assert case is not None
    assert case.kind == violation.kind
    assert attempt(alone, Parts(gateway=DeafGateway)).shown("exceptions") is not None
    assert confirm(alone, Parts(gateway=DeafGateway), violation, "picky", origin) is None


def test_a_mistake_of_the_simulator_ends_the_run() -> None:
    server = msgspec.structs.replace(WHAT.server, service_us=None)
    with pytest.raises(TypeError, match="NoneType"):
        attempt(msgspec.structs.replace(WHAT, server=server))


# --- calls and answers that nobody can do anything with ----------------------------------------------------


class Mute(Gateway):
    """Answers with nothing where it owes a list."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        effects = super().handle(event, now_us)
        return None if isinstance(event, Received) and b"submit" in event.data else effects  # type: ignore[return-value]


class Muddled(Gateway):
    """Wants to be woken at a time that is none."""

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        effects = super().handle(event, now_us)
        if isinstance(event, Received):
            effects.append(SetTimer(event.connection, "soon"))  # type: ignore[arg-type]
        return effects


class Secretive(Gateway):
    """Does not say for whom it holds something."""

    @property
    def held_connections(self) -> dict[ConnectionId, Document | None]:
        return None  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("gateway", "words"),
    [
        (Mute, "UnfitError: the core answered with None"),
        (Muddled, "UnfitError: the core wants what cannot be done: SetTimer has str 'soon' as its at_us"),
        (Secretive, "UnfitError: NoneType None is not the connections that are held"),
    ],
)
def test_a_core_that_answers_with_what_cannot_be_done_has_raised(gateway: type[Gateway], words: str) -> None:
    trial = attempt(WHAT, Parts(gateway=gateway), keep=True)
    violation = found(trial)[0]
    assert f"the server raised {words}" in violation.message


def test_a_client_that_calls_its_host_with_what_it_does_not_take_has_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def close(client: Any, link: object, *, abrupt: bool = False) -> None:
        client._host.close(None, abrupt=abrupt)
        client.link = link

    monkeypatch.setattr(Client, "_drop", close)
    trial = attempt(scripted(script(step(2, "offline"), step(3, "online")), text="abc"), keep=True)
    assert found(trial)[0].message.startswith("client a raised AttributeError: 'NoneType' object has no")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (("a", 7, "d0", 0, "left"), "the client raised UnfitError: Disconnected has str 'a' as its time_us"),
        (
            (7, "d0", 1, "a", 1, 1, "x", 0, 5),
            "the server raised UnfitError: Broadcast has str 'x' as",
        ),
    ],
)
def test_a_record_of_what_no_record_is_made_of_is_told_as_a_failure_of_who_made_it(
    record: tuple[Any, ...], words: str
) -> None:
    kind = history.Broadcast if len(record) > 5 else history.Disconnected
    check, keeper, one = Exceptions(), Keeper(), SequenceNumber(1)
    recorder = Recorder(Judge([check, Protocol(), Measures(), keeper]), None)
    for number in range(3):
        recorder.record(history.Online(number, SiteId("a"), DocumentId("d0")))
    recorder.record(history.Sent(2, SiteId("a"), DocumentId("d0"), Revision(0), one, one, "submit"))
    recorder.record(kind(*record))
    recorder.record(history.Finished(8))
    recorder.close()
    (violation,) = check.result().violations
    assert violation.message.startswith(words)
    assert violation.time_us == 2


def test_an_exception_over_a_value_of_the_product_is_one_of_the_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Asking(Check):
        def handlers(self) -> dict[type, Any]:
            return {history.Edited: lambda record: record.operation.deleted}

    def deleted(operation: Operation) -> int:
        return compose(operation, Operation(99, [99])).deleted

    monkeypatch.setattr(Operation, "deleted", property(deleted))
    checks = [Exceptions(), Asking()]
    recorder = Recorder(Judge(checks), None)
    record = history.Edited(7, SiteId("a"), DocumentId("d0"), 1, "type", Revision(0), insert(0, 0, "x"), 7)  # type: ignore[arg-type]
    recorder.record(record)
    recorder.close()
    assert checks[0].violated == 1


def test_an_exception_of_a_judge_ends_the_run() -> None:
    class Failing(Check):
        def handlers(self) -> dict[type, Any]:
            return {history.Online: {}.__getitem__}

    recorder = Recorder(Judge([Failing()]), None)
    recorder.record(history.Online(7, SiteId("a"), DocumentId("d0")))
    with pytest.raises(KeyError):
        recorder.close()
