"""What every client does, whatever protocol it speaks: shown with a dialect that is not Concord's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from model.client.answers import Answer
from model.client.client import Client
from model.client.dialect import Frames
from model.people.actions import Action, Edit, Move, Undo
from tests.model.client.host import FIRST_US, MAX_US, Host, Link, client_of
from tests.model.client.lines import GONE, PING_US, Lines, Saved

FAR_US = 3_600_000_000


def lines() -> tuple[Host, Client[Link, Lines]]:
    host = Host()
    return host, client_of(host, lambda controls: Lines(controls, "ann"))


def online(text: str = "abc") -> tuple[Host, Client[Link, Lines], Link]:
    host, client = lines()
    client.go_online()
    link = host.open()
    client.received(link, f"text {text}".encode())
    return host, client, link


def typed(text: str, at: int = 99) -> Edit:
    return Edit("type", at, 0, text)


def test_a_client_connects_greets_follows_and_edits() -> None:
    host, client, link = online()
    assert (host.attempts, client.text, client.dialect.opens) == ([0], "abc", 1)
    assert client.perform(typed("!"))
    assert link.sent == [b"iam ann", b"text 1 abc!"]
    assert not client.is_settled
    client.received(link, b"ok 1")
    assert client.is_settled


def test_state_is_saved_before_it_is_sent() -> None:
    host, client, _ = online()
    client.perform(typed("!"))
    assert host.log[-1] == f"saved {Saved('abc!', 1, 0)}"


def test_what_changes_nothing_is_not_saved_and_not_sent() -> None:
    _, client, link = online()
    before = client.saved
    assert not client.perform(Undo())
    assert not client.perform(Move(0, 0))
    assert client.saved is before
    assert link.sent == [b"iam ann"]


def test_edits_go_on_without_a_connection_and_are_sent_when_there_is_one_again() -> None:
    host, client, link = online()
    client.broken(link, 1006)
    client.perform(typed("!"))
    assert client.saved == Saved("abc!", 1, 0)
    host.run(2 * FIRST_US)
    assert host.open().sent == [b"iam ann", b"text 1 abc!"]


def test_pauses_between_attempts_grow_up_to_a_bound_with_some_chance_in_them() -> None:
    host, client = lines()
    client.go_online()
    for _ in range(12):
        client.broken(None, 1006)
        host.run(host.now + 2 * MAX_US)
    assert len(host.attempts) == 13
    starts = [2 * MAX_US * n for n in range(12)]
    pauses = [at - start for at, start in zip(host.attempts[1:], starts, strict=True)]
    for number, pause in enumerate(pauses):
        middle = min(FIRST_US << number, MAX_US)
        assert middle / 2 <= pause <= middle * 1.5
    assert len(set(pauses[4:])) == len(pauses[4:])


def test_pauses_begin_short_again_once_a_connection_was_good_for_something() -> None:
    host, client = lines()
    client.go_online()
    for _ in range(8):
        client.broken(None, 1006)
        host.run(host.now + 2 * MAX_US)
    link = host.open()
    client.received(link, b"text x")
    client.broken(link, 1006)
    broken_us = host.now
    host.run(FAR_US)
    assert host.attempts[-1] - broken_us <= 1.5 * FIRST_US


def test_who_is_told_to_come_back_at_once_does_so_once() -> None:
    host, client, link = online()
    client.broken(link, 1001)
    host.run(0)
    assert host.attempts == [0, 0]
    client.broken(host.open(), 1001)
    host.run(0)
    assert host.attempts == [0, 0]
    host.run(FAR_US)
    assert len(host.attempts) == 3


def test_who_comes_back_once_gives_up_the_second_time_and_keeps_the_text() -> None:
    host, client, link = online()
    client.broken(link, 4400)
    host.run(FAR_US)
    assert len(host.attempts) == 2
    client.broken(host.open(), 4400)
    host.run(2 * FAR_US)
    assert len(host.attempts) == 2
    assert host.log[-1] == "gave up 4400"
    assert (client.gave_up, client.text, client.wants_connection) == ("4400", "abc", True)


def test_who_came_back_once_may_do_so_again_after_the_person_opened_the_document_again() -> None:
    host, client, link = online()
    client.broken(link, 4400)
    host.run(FAR_US)
    host.open()
    client.go_offline("closed")
    client.go_online()
    client.broken(host.open(), 4400)
    host.run(2 * FAR_US)
    assert not client.gave_up
    assert len(host.attempts) == 4


def test_who_gave_up_is_not_brought_back_by_a_pause_that_began_before() -> None:
    host, client = lines()
    client.go_online()
    client.broken(None, 1006)
    client.go_offline("closed")
    client.go_online()
    client.broken(host.open(), GONE)
    host.run(FAR_US)
    assert client.gave_up
    assert len(host.attempts) == 2


def test_who_gave_up_tries_again_when_the_person_opens_the_document_again() -> None:
    host, client, link = online()
    client.broken(link, GONE)
    host.run(FAR_US)
    assert len(host.attempts) == 1
    client.go_offline("closed")
    client.go_online()
    assert len(host.attempts) == 2
    assert not client.gave_up


def test_a_new_identity_knows_nothing_and_is_saved() -> None:
    host, client, link = online()
    client.received(link, b"new")
    assert link.closed
    assert host.log[-2:] == ["offline new", "online"]
    assert client.saved == Saved(None, 0, 0)
    host.run(FAR_US)
    assert host.open().sent == [b"iam ann'"]


def test_nonsense_is_left_and_the_client_comes_back() -> None:
    host, client, link = online()
    client.received(link, b"?")
    assert link.closed
    client.received(link, b"text late")
    assert client.text == "abc"
    host.run(FAR_US)
    assert len(host.attempts) == 2


def test_the_dialect_is_woken_on_the_connection_it_asked_on_and_on_no_other() -> None:
    host, client, link = online()
    host.run(PING_US)
    assert link.sent == [b"iam ann", b"ping"]
    client.broken(link, 1006)
    host.run(PING_US + 2 * FIRST_US)
    other = host.open()
    host.run(2 * PING_US)
    assert other.sent == [b"iam ann"]
    assert link.sent == [b"iam ann", b"ping"]


def test_one_attempt_goes_on_at_a_time() -> None:
    host, client = lines()
    client.go_online()
    client.broken(None, 1006)
    client.go_offline("closed")
    client.go_online()  # at once, and again when the pause is over
    host.run(FAR_US)
    assert len(host.attempts) == 2
    client.go_offline("closed")
    client.go_online()  # the attempt is still under way
    assert len(host.attempts) == 2
    assert not host.open().closed


def test_the_late_end_of_a_connection_that_was_left_starts_no_second_attempt() -> None:
    host, client = lines()
    client.go_online()
    left = host.open()
    client.reconnect("impatient")
    attempts = len(host.attempts)
    client.broken(left, 1006)
    host.run(FAR_US)
    assert len(host.attempts) == attempts
    assert not host.open().closed


def test_a_connection_that_opens_too_late_is_closed() -> None:
    host, client = lines()
    client.go_online()
    client.go_offline("closed")
    assert host.open().closed == "closed"
    assert client.link is None


def test_a_second_connection_is_closed_and_the_first_one_goes_on() -> None:
    host, client, link = online()
    assert host.open().closed == "closed"
    assert client.link is link
    assert not link.closed


def test_who_goes_offline_during_a_pause_does_not_come_back_when_it_is_over() -> None:
    host, client, link = online()
    client.broken(link, 1006)
    client.go_offline("closed")
    host.run(FAR_US)
    assert len(host.attempts) == 1


@pytest.mark.parametrize("abrupt", [False, True])
def test_who_goes_offline_closes_the_connection_and_does_not_come_back_by_itself(abrupt: bool) -> None:
    host, client, link = online()
    client.go_offline("closed", abrupt=abrupt)
    assert link.closed == ("abrupt" if abrupt else "closed")
    assert not client.may_type
    host.run(FAR_US)
    assert len(host.attempts) == 1
    client.go_online()
    assert len(host.attempts) == 2
    assert client.may_type


def test_nobody_leaves_with_edits_on_their_way() -> None:
    _, client, link = online()
    client.perform(typed("!"))
    assert not client.leave()
    client.received(link, b"ok 1")
    assert client.leave()
    client.go_online()
    assert not client.wants_connection


def test_a_crash_forgets_what_was_not_saved() -> None:
    host, client, link = online()
    client.perform(typed("!"))
    client.received(link, b"ok 1")
    client.crash()
    client.go_online()
    assert not client.wants_connection
    assert not client.is_editable
    client.restart()
    assert client.dialect.save() == Saved("abc!", 1, 0)
    assert host.log[-3:] == ["offline crashed", "restarted", "online"]
    assert host.open().sent == [b"iam ann", b"text 1 abc!"]


def test_an_impatient_client_leaves_the_old_connection_as_it_is() -> None:
    host, client, link = online()
    client.reconnect("impatient")
    assert not link.closed
    assert len(host.attempts) == 2
    client.received(link, b"text late")
    assert client.text == "abc"


# --- exceptions -------------------------------------------------------------------------------------------


class Broken(Lines):
    """Raises wherever a test says so."""

    at = ""

    def _raise(self, where: str) -> None:
        if where == self.at:
            raise KeyError(where)

    def opened(self) -> Frames:
        self._raise("opened")
        return super().opened()

    def received(self, frame: bytes) -> Frames:
        self._raise("received")
        return super().received(frame)

    def edit(self, action: Action) -> Frames | None:
        self._raise("edit")
        return super().edit(action)

    def resend(self) -> Frames:
        self._raise("resend")
        return super().resend()

    def tick(self) -> Frames:
        self._raise("tick")
        return super().tick()

    def broken(self, code: int) -> tuple[Answer, str]:
        self._raise("broken")
        return super().broken(code)

    def close(self, cause: str) -> None:
        self._raise("close")
        super().close(cause)

    def save(self) -> Saved:
        self._raise("save")
        return super().save()

    def restore(self, saved: Saved) -> None:
        self._raise("restore")
        super().restore(saved)


def crash(client: Client[Link, Broken]) -> None:
    client.crash()
    client.restart()


@pytest.mark.parametrize(
    ("at", "happen", "what"),
    [
        ("received", lambda c, link: c.received(link, b"text x"), "received text x"),
        ("edit", lambda c, link: c.perform(typed("!")), "made an edit"),
        ("resend", lambda c, link: c.resend(), "sent again what was in flight"),
        ("save", lambda c, link: c.perform(typed("!")), "made an edit"),
        ("broken", lambda c, link: c.broken(link, 1006), "lost its connection"),
        ("close", lambda c, link: c.go_offline("closed"), "left its connection"),
        ("restore", lambda c, link: crash(c), "loaded what it had saved"),
        ("close", lambda c, link: c.reconnect("impatient"), "left its connection"),
    ],
)
def test_a_dialect_that_raises_takes_its_client_down_and_a_new_process_goes_on(
    at: str, happen: Callable[[Client[Link, Broken], Link], object], what: str
) -> None:
    host = Host()
    client: Client[Link, Broken] = client_of(host, lambda controls: Broken(controls, "ann"))
    client.go_online()
    link = host.open()
    client.received(link, b"text abc")
    client.dialect.at = at
    happen(client, link)
    assert f"raised '{at}' while it {what}" in host.log
    assert client.is_down
    assert client.link is None
    assert not client.wants_connection
    assert not client.is_editable

    client.dialect.at = ""
    client.restart()
    client.received(host.open(), b"text abc")
    assert client.perform(typed("?"))
    assert client.text == "abc?"


@pytest.mark.parametrize(("at", "what"), [("opened", "greeted the server"), ("tick", "did what was due")])
def test_a_dialect_that_raises_by_itself_leaves_the_server_without_a_word(at: str, what: str) -> None:
    host = Host()
    client: Client[Link, Broken] = client_of(host, lambda controls: Broken(controls, "ann"))
    client.go_online()
    client.dialect.at = at
    link = host.open()
    host.run(PING_US)
    assert f"raised '{at}' while it {what}" in host.log
    assert (link.closed, client.is_down) == ("abrupt", True)
