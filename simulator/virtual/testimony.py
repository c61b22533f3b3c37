"""Whether what a client has recorded of itself is so: held against what it shows, and what it sends.

What a client leaves out of the history, or tells wrongly, takes work away from the checks instead of
contradicting them. So the history of a sampled document passes through here, on its way to the judges.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from model import history
from model.checkers.check import edit_name
from model.client.concord import Concord
from model.client.recorder import RecordSink
from model.history import Record
from model.identity import NO_EDIT, SequenceNumber, SiteId
from model.people.actions import Action, Move, Redo, Undo
from model.protocol import Branch, ClientMessage, Presence, Submit
from simulator.virtual.conduct import Conduct, Watched

_TEXT_CHANGES: Final = (history.Delivered, history.Merged, history.Restarted, history.Joined)
"""Records of what may change the text under an edit that was just made, or undone."""


class Telling(Watched, Protocol):
    """The client that tells of itself."""

    dialect: Concord
    is_down: bool

    @property
    def text(self) -> str:
        """What its person sees."""
        ...


class Testimony:
    """Where one client of a sampled document sends its records."""

    def __init__(self, sink: RecordSink, client: Telling, conduct: Conduct) -> None:
        """What holds is handed on to ``sink``; what does not, ``conduct`` is told of."""
        self._sink = sink
        self._client = client
        self._accuse = conduct.accuse
        self._conduct = conduct
        self.record: Callable[[Record], None] = self._take
        self._is_online = self._is_connected = False
        self._is_fresh = False  # joined, and has not shown its text yet
        self._shown: str | None = None  # the text that was recorded last
        self._caret: int | None = None
        self._takes_back = ""  # what can be undone or redone, for nothing has happened since
        self._told: history.Sent | None = None  # and not sent yet
        self._goes_on = False  # with parts of a branch
        self._sent_last: dict[SiteId, SequenceNumber] = {}
        self._pointed: deque[history.Pointed] = deque()  # and not sent yet
        self._seen_us: dict[SiteId, int] = {}

    @property
    def now(self) -> int:
        """Microseconds, as the history has them."""
        return self._sink.now

    def fingerprint(self, text: str) -> int:
        """As the history has it."""
        return self._sink.fingerprint(text)

    # --- records ------------------------------------------------------------------------------------------

    def _take(self, record: Record) -> None:
        """A record of the client."""
        client = self._client
        told = getattr(record, "time_us", 0), getattr(record, "site", ""), getattr(record, "document", "")
        if told != (self.now, client.site, client.document.document):
            self._accuse("record", f"recorded what is not its own: {told[1]} at {told[0]} in {told[2]}")
            return
        self._note(record)
        self._sink.record(record)

    def _note(self, record: Record) -> None:
        if isinstance(record, _TEXT_CHANGES):
            self._takes_back = ""
        match record:
            case history.Displayed():
                self._shown, self._is_fresh = record.text, False
            case history.Caret():
                self._caret = record.position
            case history.Seen():
                self._seen_us[record.peer] = record.time_us
            case history.Edited():
                kinds = {"undo": "redo", "redo": "undo"}
                self._takes_back = kinds.get(record.kind, "undo")
            case history.Sent():
                self._told = record
            case history.Pointed():
                self._pointed.append(record)
            case history.Raised():
                self._conduct.is_broken = True
            case _:
                self._note_coming(record)

    def _note_coming(self, record: Record) -> None:
        match record:
            case history.Online() | history.Offline():
                if self._is_online == isinstance(record, history.Online):
                    self._accuse("record", f"went {type(record).__name__.lower()} twice, as it says")
                self._is_online = not self._is_online
            case history.Connected() | history.Disconnected():
                if self._is_connected == isinstance(record, history.Connected):
                    self._accuse("record", f"was {type(record).__name__.lower()} twice, as it says")
                self._is_connected = not self._is_connected
                self._pointed.clear()
                self._told = None
            case history.Joined():
                if not self._is_connected:
                    self._accuse("record", "joined without a connection, as it says")
                if record.how == "fresh":
                    self._shown, self._is_fresh = None, True
            case history.Restarted():
                self._shown = self._caret = None
            case _:
                pass  # what does not say how it comes and goes

    # --- the wire -----------------------------------------------------------------------------------------

    def sends(self, message: ClientMessage | None) -> None:
        """The client sends a message."""
        match message:
            case Submit():
                how = "resend" if message.last <= self._sent_so_far() else "submit"
                self._compare_with_told(message.base, message.first, message.last, how)
                if message.selection is not None:
                    self._compare_with_pointed(message.base, message.selection[1], message.last)
            case Branch(edits=[first, *_]):
                if not self._goes_on and self._told is not None:
                    self._compare_with_told(message.base, first.first, self._told.last, "branch")
                elif not self._goes_on:
                    self._compare_with_told(message.base, first.first, first.last, "branch")
                self._goes_on = message.more
            case Presence() if message.selection is not None:
                self._compare_with_pointed(message.revision, message.selection[1], NO_EDIT)

    def _sent_so_far(self) -> SequenceNumber:
        return self._sent_last.get(self._client.site, NO_EDIT)

    def _compare_with_told(self, base: int, first: int, last: int, how: str) -> None:
        told, self._told = self._told, None
        site = self._client.site
        self._sent_last[site] = SequenceNumber(max(last, self._sent_so_far()))
        said = None if told is None else (told.base, told.first, told.last, told.how)
        if said != (base, first, last, how):
            name = edit_name(site, SequenceNumber(first), SequenceNumber(last))
            self._accuse("record", f"sent {name} on {base} ({how}), and recorded {said or 'nothing'}")

    def _compare_with_pointed(self, revision: int, position: int, sequence: int) -> None:
        told = self._pointed.popleft() if self._pointed else None
        said = None if told is None else (told.revision, told.position, told.sequence)
        if said != (revision, position, sequence):
            problem = f"said that its cursor is at {position} of {revision}, and recorded {said or 'nothing'}"
            self._accuse("record", problem)

    def is_left(self) -> None:
        """The client asks for a connection, or is asked for its end: it has none now."""
        if self._is_connected and self._conduct.link is None:
            self._is_connected = False
            self._accuse("record", "did not record that its connection had ended")

    # --- the person ---------------------------------------------------------------------------------------

    def agrees(self) -> None:
        """Compare what it shows with what it has recorded of that."""
        client = self._client
        if client.is_down or not client.is_editable:
            return
        if self._is_fresh or (self._shown is not None and client.text != self._shown):
            self._shown, self._is_fresh = client.text, False
            self._accuse("record", "shows another text than it has recorded")
        elif self._caret is not None and client.dialect.caret != self._caret:
            problem = f"has its caret at {client.dialect.caret}, and recorded {self._caret}"
            self._caret = client.dialect.caret
            self._accuse("record", problem)

    def performs(self, action: Action, perform: Callable[[], bool]) -> bool:
        """The person does something, by ``perform``; whether that changed the text."""
        self.agrees()
        length = len(self._client.text)
        takes_back = self._takes_back
        done = perform()
        match action:
            case Move():
                wanted = min(action.anchor, length), min(action.head, length)
                selection = self._client.dialect.engine.selection
                if selection != wanted:
                    self._accuse("person", f"selected {selection} where its person selected {wanted}")
                self._looks_around()
            case Undo() | Redo() if not done and takes_back == type(action).__name__.lower():
                self._accuse("person", f"could not {takes_back} what its person had done just before")
        self.agrees()
        return done

    def _looks_around(self) -> None:
        engine = self._client.dialect.engine
        for peer in engine.peers:
            if engine.cursor_of(peer) is not None and self._seen_us.get(peer) != self.now:
                self._accuse("record", f"shows the cursor of {peer} and did not record it")

    def ends(self) -> None:
        """All is over, and it has recorded what it shows."""
        self.agrees()
        self.is_left()
        client = self._client
        if not client.is_down and client.is_editable:
            self._looks_around()
