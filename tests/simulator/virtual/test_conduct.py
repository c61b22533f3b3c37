"""Clients that come and go as they like, or tell of themselves what is not so: each is held against them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from model import history
from model.client.backoff import Backoff
from model.client.client import Client
from model.client.concord import Concord
from model.client.recorder import ClientRecorder
from model.jupiter import Replica
from model.undo import UndoStack
from simulator.failures.trial import Trial, attempt
from simulator.planning.plan import CellPlan
from tests.simulator.plans import SECOND, edit, fault, of, plan, problems, script, scripted, step

Wrong = Callable[..., Any]


def restless() -> CellPlan:
    """Everybody comes and goes; paths are blocked and connections cannot be opened, for a while."""
    crashes = fault("gateway_crash", 4, 7), fault("gateway_crash", 10, 12)
    base = plan(*crashes, clients=4, room=4, seconds=16.0)
    sessions = msgspec.structs.replace(base.sessions, offline_mean_count=2.0, offline_mean_us=SECOND)
    return msgspec.structs.replace(base, sessions=sessions)


def told() -> CellPlan:
    """One who types, moves and takes back, and goes for a while; another one types meanwhile."""
    first = (
        *(edit(1, 0, "x"), step(1.02, "undo"), edit(2, 1, "y"), step(2.2, "offline")),
        *(edit(2.3 + n / 20, 1, "z") for n in range(10)),
        *(step(3, "online"), msgspec.structs.replace(step(4, "select"), position=2)),
    )
    return scripted(script(*first), script(edit(1.2, 0, "b"), edit(3.7, 0, "c")), text="abc")


def expiring() -> CellPlan:
    """Tokens that are renewed within the run."""
    base = scripted(script(edit(1, 0, "x")), script(edit(1.2, 0, "b")), text="abc", seconds=12.0)
    server = msgspec.structs.replace(base.server, token_lifetime_us=4 * SECOND)
    return msgspec.structs.replace(base, server=server)


def accusations(trial: Trial) -> list[str]:
    return [r.problem for r in of(history.Accused, trial) if r.kind.startswith("client ")]


@pytest.mark.parametrize("what", [restless(), told(), expiring()])
def test_nothing_is_held_against_a_client_that_keeps_to_it(what: CellPlan) -> None:
    trial = attempt(what, keep=True)
    assert accusations(trial) == []
    assert problems(trial) == []


def never(*_: object, **__: object) -> None:
    """Nothing."""


def impatient(backoff: Any) -> int:
    return 1_000


def keeps_pausing(client: Any) -> None:
    """Does not begin anew when it was let in."""


def asks_always(client: Any) -> None:
    client._is_connecting = True
    client.dialect.open()
    client._host.connect()


def renews_late(dialect: Any) -> None:
    dialect._after(int((dialect._expires_us - dialect._controls.now) * 0.9), dialect._renew)


def renews_early(dialect: Any) -> None:
    dialect._after(int((dialect._expires_us - dialect._controls.now) * 0.1), dialect._renew)


def selects_all(dialect: Any, move: Any) -> Any:
    return dialect._frames(dialect.engine.select((0, len(dialect.engine.text)))) or None


def sent_as_submit(recorder: Any, base: Any, sent: Any) -> None:
    site = recorder.client.engine.site
    record = history.Sent(recorder._sink.now, site, recorder._document, base, sent.first, sent.last, "submit")
    recorder._sink.record(record)


def of_another(recorder: Any, *, moved: bool = False) -> None:
    site = recorder.client.engine.site
    recorder._sink.record(history.Caret(recorder._sink.now, recorder._document, site, 0, moved))


def at_the_begin(recorder: Any, *, moved: bool = False) -> None:
    site = recorder.client.engine.site
    recorder._sink.record(history.Caret(recorder._sink.now, site, recorder._document, 0, moved))


@pytest.mark.parametrize(
    ("owner", "name", "wrong", "what", "words"),
    [
        (Backoff, "pause_us", impatient, restless, "came back after 0.00 s, where the pause is"),
        (Backoff, "pause_us", lambda _: -5, restless, "wants to be woken 0.000 s ago"),
        (Client, "joined", keeps_pausing, restless, "where the pause is 0.10 to 0.30 s"),
        (Client, "_connect", asks_always, restless, "asked for a connection that its person does not want"),
        (Client, "may_type", property(lambda _: False), restless, "does not let its person type"),
        (Concord, "_renew_later", never, expiring, "had not looked for another token after"),
        (Concord, "_renew_later", renews_late, expiring, "had not looked for another token after"),
        (Concord, "_renew_later", renews_early, expiring, "looked for another token after 10% of its time"),
        (Concord, "is_settled", property(lambda _: False), told, "says that it is not at rest"),
        (Concord, "_select", selects_all, told, "where its person selected (2, 2)"),
        (Replica, "_send_presence", lambda _: (), told, None),
        (UndoStack, "edited", never, told, "could not undo what its person had done just before"),
        (ClientRecorder, "sent", sent_as_submit, told, "(branch), and recorded"),
        (ClientRecorder, "sent", never, told, "and recorded nothing"),
        (ClientRecorder, "pointed", never, told, "said that its cursor is at"),
        (ClientRecorder, "displayed", never, told, "shows another text than it has recorded"),
        (ClientRecorder, "connected", never, told, "joined without a connection"),
        (ClientRecorder, "disconnected", never, told, "did not record that its connection had ended"),
        (ClientRecorder, "online", never, told, "went offline twice"),
        (ClientRecorder, "caret", of_another, told, "recorded what is not its own"),
        (ClientRecorder, "caret", at_the_begin, told, "and recorded 0"),
        (ClientRecorder, "_look_around", never, told, "and did not record it"),
    ],
)
def test_what_a_client_does_wrong_is_held_against_it(
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    wrong: Any,
    what: Callable[[], CellPlan],
    words: str | None,
) -> None:
    monkeypatch.setattr(owner, name, wrong)
    trial = attempt(what(), keep=True)
    found = [problem for problem in accusations(trial) if words is not None and words in problem]
    assert bool(found) == (words is not None), (accusations(trial), problems(trial))
    assert trial.violated("protocol") == (words is not None)
