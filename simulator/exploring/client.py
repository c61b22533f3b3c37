"""One client whose every step is chosen: the product's own, on a connection that is two lists of messages."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from model.client.backoff import Backoff
from model.client.client import Client
from model.client.concord import Concord
from model.client.recorder import ClientRecorder
from model.history import Record
from model.jupiter import Replica
from model.memo import Memo
from model.people.actions import Action, Edit, Move, Redo, Undo
from simulator.exploring.values import Snapshots
from simulator.planning.scope import DOCUMENT, SITES, TYPED_OFFLINE, ActionKind

_LETTERS: Final = tuple(ord(first) for first in "A\N{MATHEMATICAL BOLD SMALL A}\N{GREEK SMALL LETTER ALPHA}a")
"""The first letter of each client; the second one has some that are two units of UTF-16."""

IGNORED: Final = frozenset(
    {
        "_host",
        "_sink",
        "_listener",
        "_backoff",
        "_controls",
        "_token",
        "_decode",
        "_new_engine",
        "_connection",
        "_pauses",
    }
)
"""Attributes of a client that belong to whoever runs it, or count connections and pauses to compare them."""

Command: TypeAlias = tuple[str, Any]
"""What happens to a client: the name of a method of :class:`ChosenClient`, and its argument."""


class ClientFacts(NamedTuple):
    """What can happen to a client next, and where its edits are."""

    wants_connection: bool
    is_connected: bool
    is_down: bool
    is_away: bool
    may_act: bool
    is_waiting: bool  # for a time that it named
    has_unsent: bool
    has_sent: bool


class ChosenClient:
    """A client of the one document, and its host.

    Attributes:
        sent: messages of the last command, for the connection it has.
        left: whether the last command made it leave its connection.
        records: what the last command put into the history.
    """

    now: int = 0

    def __init__(self, number: int, replica: type[Replica], memo: Memo) -> None:
        self.number = number
        self.sent: list[bytes] = []
        self.left = False
        self.records: list[Record] = []
        self.record: Callable[[Record], None] = self._record
        self.fingerprint = memo.fingerprint
        self._wants_connection = False
        self._due: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._recorder = recorder = ClientRecorder(self, DOCUMENT, displayed=True)
        self.client: Client[object, Concord] = Client(
            self,
            recorder,
            Backoff(1, 1, Random(0)),
            lambda controls: Concord(
                controls,
                recorder,
                SITES[number],
                lambda site: replica(site, DOCUMENT, apply=memo.apply),
                lambda: "token",
                memo.decode,
            ),
        )
        recorder.client = self.client.dialect
        self.client.go_online()

    def _record(self, record: Record) -> None:
        self.records.append(record)

    def do(self, command: Command) -> None:
        """Let one thing happen to it."""
        self.sent, self.left, self.records = [], False, []
        name, argument = command
        getattr(self, name)(argument)
        due, self._due = self._due, []
        for function, arguments in due:
            if isinstance(arguments[0], int):  # a pause, which is over whenever the step to connect is taken
                function(*arguments)
            elif arguments[0] is self.client.link:
                self._due.append((function, arguments))

    def check_invariants(self) -> None:
        """Record it if what always holds of a replica does not hold."""
        if self.client.is_down:
            return
        replica = self.client.dialect.engine
        try:
            replica.check_invariants()  # type: ignore[attr-defined]  # it is a Replica
        except Exception as error:
            self._recorder.raised("checked its invariants", error)

    def value(self, snapshots: Snapshots) -> int:
        """The number of what it is now."""
        return snapshots.number((self.client, self._recorder, self._wants_connection, len(self._due)))

    @property
    def facts(self) -> ClientFacts:
        """What can happen to it next."""
        client = self.client
        engine = client.dialect.engine
        return ClientFacts(
            wants_connection=self._wants_connection,
            is_connected=client.link is not None,
            is_down=client.is_down,
            is_away=not (client.wants_connection or client.is_down),
            may_act=client.may_type,
            is_waiting=bool(self._due),
            has_unsent=bool(engine.pending),
            has_sent=engine.in_flight is not None,
        )

    # --- what may happen ----------------------------------------------------------------------------------

    def act(self, kind: ActionKind) -> None:
        """The person does something, in the middle of the text."""
        if kind == "absence":
            self.client.go_offline("closed", silent=False)
            for _ in range(TYPED_OFFLINE):
                self.client.perform(self._action("insert"))
        else:
            self.client.perform(self._action(kind))

    def _action(self, kind: ActionKind) -> Action:
        length = len(self.client.text)
        middle = length // 2
        match kind:
            case "insert":
                return Edit("type", middle, 0, self._letter())
            case "replace":
                return Edit("replace", max(0, middle - 1), 1, self._letter())
            case "delete":
                return Edit("cut", max(0, middle - 1), 2, "")
            case "undo":
                return Undo()
            case "redo":
                return Redo()
            case "move" | "absence":
                return Move(middle, middle)

    def _letter(self) -> str:
        return chr(_LETTERS[self.number] + self.client.dialect.engine.sequence)

    def opened(self, _: None) -> None:
        """The connection it asked for is open."""
        self._wants_connection = False
        self.client.opened(object())

    def receive(self, message: bytes) -> None:
        """The next message of the server arrives."""
        assert self.client.link is not None
        self.client.received(self.client.link, message)

    def broken(self, code: int) -> None:
        """The connection is gone, with this close code."""
        self.client.broken(self.client.link, code)

    def crash(self, _: None) -> None:
        """The process dies."""
        self.client.crash()

    def restart(self, _: None) -> None:
        """The process comes back."""
        self.client.restart()

    def come_back(self, _: None) -> None:
        """The laptop is opened."""
        self.client.go_online()

    def wait(self, _: None) -> None:
        """The time that it named has come."""
        due, self._due = self._due, []
        for function, arguments in due:
            function(*arguments)

    def final(self, _: None) -> None:
        """Nothing happens any more."""
        try:
            self._recorder.final(online=self.client.wants_connection)
        except Exception as error:
            self._recorder.raised("was read back", error)

    # --- the client's host --------------------------------------------------------------------------------

    def call_after(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> None:
        """Remember what is to be done later."""
        if not isinstance(arguments[0], int):  # something on this connection, when this time has come
            self.now += delay_us
        self._due.append((function, arguments))

    def connect(self) -> None:
        """It wants a connection."""
        self._wants_connection = True

    def send(self, link: object, frame: bytes) -> None:
        """It sends a message over its connection."""
        del link  # it has one at a time
        self.sent.append(frame)

    def close(self, link: object, *, abrupt: bool = False) -> None:
        """It leaves its connection."""
        del link, abrupt
        self.left = True
