from __future__ import annotations

from typing import ClassVar

import pytest

from model import history, protocol, text
from model import memo as module
from model.identity import SiteId
from model.jupiter import Replica
from model.memo import Memo
from model.protocol import ClientMessage, Committed, ServerMessage, encode
from model.text import Operation, insert
from simulator.failures.trial import attempt
from simulator.virtual.cell import Parts
from tests.numbers import rev, seq
from tests.simulator.plans import edit, plan, problems, script, scripted


class Counted:
    """A function that counts how often it is called."""

    def __init__(self, function: object) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *arguments: object) -> object:
        self.calls += 1
        assert callable(self.function)
        return self.function(*arguments)


def test_equal_input_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    apply, decode, fingerprint = (
        Counted(text.apply),
        Counted(protocol.decode_server),
        Counted(history.fingerprint),
    )
    monkeypatch.setattr(text, "apply", apply)
    monkeypatch.setattr(protocol, "decode_server", decode)
    monkeypatch.setattr(history, "fingerprint", fingerprint)
    memo = Memo()
    message = Committed(rev(1), SiteId("a"), seq(1), seq(1), insert(3, 1, "x"))
    for _ in range(3):
        # Equal by value: neither text nor operation nor bytes are the same object twice.
        assert memo.apply("".join(["a", "bc"]), insert(3, 1, "x")) == "axbc"
        assert memo.decode(bytes(bytearray(encode(message)))) == message
        assert memo.fingerprint("".join(["ab", "c"])) == history.fingerprint("abc")
    assert (apply.calls, decode.calls, fingerprint.calls) == (1, 1, 1 + 3)


def test_every_part_of_the_input_is_in_the_key() -> None:
    memo = Memo()
    assert memo.apply("abc", insert(3, 1, "x")) == "axbc"
    assert memo.apply("abd", insert(3, 1, "x")) == "axbd"
    assert memo.apply("abc", insert(3, 2, "x")) == "abxc"
    assert memo.fingerprint("abc") != memo.fingerprint("abd")


def test_an_operation_that_does_not_fit_is_an_error_each_time() -> None:
    memo = Memo()
    for _ in range(2):
        with pytest.raises(text.OperationError):
            memo.apply("ab", insert(3, 1, "x"))


def test_a_full_memo_starts_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES_MAX", 2)
    memo = Memo()
    for n in range(7):
        assert memo.apply("ab", insert(2, 0, str(n))) == f"{n}ab"
        assert memo.fingerprint(str(n)) == history.fingerprint(str(n))
    assert len(memo._texts) <= 2
    assert len(memo._fingerprints) <= 2


# --- a corruption in one replica --------------------------------------------------------------------------


class Damaged(Replica):
    """The replica of site ``c`` loses a character, or mistakes one, before its third revision."""

    damaged_site: ClassVar[str] = "c"
    replacement: ClassVar[str] = ""

    def receive(self, message: ServerMessage) -> tuple[ClientMessage, ...]:
        if isinstance(message, Committed) and self.site == self.damaged_site and message.revision == 3:
            self.text = self.replacement + self.text[1:]
        return super().receive(message)


class Mistaken(Damaged):
    replacement = "?"


class Substitute(Memo):
    """A memo with too small a key: what was applied, and not to what."""

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[Operation, str] = {}

    def apply(self, before: str, op: Operation) -> str:
        if op not in self.results:
            self.results[op] = super().apply(before, op)
        return self.results[op]


TYPING = scripted(
    script(*(edit(1 + n / 2, n, "uvwxyz"[n]) for n in range(6))),
    script(),
    script(),
    text="hello",
)


@pytest.mark.parametrize("damaged", [Damaged, Mistaken])
def test_a_corruption_of_one_replica_is_found_with_the_memo_on(damaged: type[Replica]) -> None:
    assert not problems(attempt(TYPING))
    trial = attempt(TYPING, Parts(replica=damaged))
    assert trial.violated("quiescence") or trial.violated("convergence")
    if damaged is Mistaken:  # a wrong length is found by the protocol before the next text is shown
        (found,) = (r for r in trial.results if r.name == "convergence")
        assert found.violations[0].evidence["site"] == "c"
        assert found.violations[0].evidence["revision"] == 3


def test_a_memo_that_goes_by_names_would_hide_it() -> None:
    trial = attempt(TYPING, Parts(replica=Mistaken, memo=Substitute))
    assert not trial.violated("convergence")


class DamagedInACrowd(Mistaken):
    damaged_site = "c004"


def test_a_corruption_in_a_crowd_is_found_with_the_memo_on() -> None:
    trial = attempt(plan(clients=24, room=12, seconds=6), Parts(replica=DamagedInACrowd))
    assert trial.violated("convergence")


class Dropping(Replica):
    """The replica of site ``c`` drops the last character it shows, once, right after a revision."""

    def receive(self, message: ServerMessage) -> tuple[ClientMessage, ...]:
        answers = super().receive(message)
        if isinstance(message, Committed) and self.site == "c" and message.revision == 3:
            self.text = self.text[:-1]
        return answers


def test_a_dropped_character_is_found_with_the_memo_on() -> None:
    trial = attempt(TYPING, Parts(replica=Dropping))
    (found,) = (r for r in trial.results if r.name == "convergence")
    assert found.violations
    assert found.violations[0].evidence["site"] == "c"
