"""What goes into the history about one client: the records of everything it does and sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from model import history
from model.client.engine import Engine
from model.history import Record
from model.identity import EMPTY_LOG, NO_EDIT, DocumentId, Revision, SequenceNumber, SiteId
from model.outgoing import Sent
from model.phases import Phase
from model.protocol import Failure, Presence, Submit
from model.text import Operation


class RecordSink(Protocol):
    """Where records go, and which time it is: a simulated cell, or a run over real sockets."""

    record: Callable[[Record], None]

    @property
    def now(self) -> int:
        """Microseconds of the clock that the history's header names."""
        ...

    def fingerprint(self, text: str) -> int:
        """:func:`model.history.fingerprint`, perhaps remembered."""
        ...


class Recorded(Protocol):
    """The client whose doings are recorded."""

    @property
    def engine(self) -> Engine:
        """The replica that it has at present."""
        ...


class ClientRecorder:
    """Writes records about a client at the present time, under the identity it has at present.

    It listens to a :class:`~model.client.client.Client` and to its :class:`~model.client.concord.Concord`.

    Attributes:
        client: whom it is about; set once that exists.
        skew_us: how far the client's own clock is off.
        planned_us: when the person wanted to do what it does now; 0 for now.
        network_us: how long the modelled network took for what the client hears now.
    """

    __slots__ = (
        "_document",
        "_is_sampled",
        "_last_sent",
        "_sink",
        "client",
        "network_us",
        "planned_us",
        "skew_us",
    )

    client: Recorded

    def __init__(self, sink: RecordSink, document: DocumentId, *, displayed: bool) -> None:
        """A recorder of one client; ``displayed`` says that every text it shows is recorded too."""
        self._sink = sink
        self._document = document
        self._is_sampled = displayed
        self._last_sent: dict[SiteId, SequenceNumber] = {}
        self.skew_us = self.planned_us = self.network_us = 0

    @property
    def _fingerprint(self) -> int:
        """Of the displayed text if nothing is pending, else 0."""
        engine = self.client.engine
        return self._sink.fingerprint(engine.text) if engine.is_settled else 0

    # --- connections --------------------------------------------------------------------------------------

    def online(self) -> None:
        """The client wants to be connected."""
        self._sink.record(history.Online(self._sink.now, self.client.engine.site, self._document))

    def offline(self, cause: str) -> None:
        """The client does not want to be connected any more."""
        self._sink.record(history.Offline(self._sink.now, self.client.engine.site, self._document, cause))

    def connected(self, requested_us: int, authenticate_us: int) -> None:
        """The client was authenticated, which took ``authenticate_us``."""
        sink, site = self._sink, self.client.engine.site
        sink.record(
            history.Connected(sink.now, site, self._document, requested_us, authenticate_us, self.network_us)
        )

    def joined(self, how: str) -> None:
        """The client was let into the document."""
        engine = self.client.engine
        self._sink.record(
            history.Joined(
                self._sink.now,
                engine.site,
                self._document,
                engine.revision or EMPTY_LOG,
                how,
                self._fingerprint,
                self.network_us,
            )
        )
        if how == "fresh":
            self.displayed()
        self.caret()
        self._look_around()

    def disconnected(self, cause: str) -> None:
        """The connection is gone; one that was never authenticated does not count."""
        engine = self.client.engine
        if engine.phase is not Phase.GREETING:
            self._sink.record(
                history.Disconnected(
                    self._sink.now,
                    engine.site,
                    self._document,
                    engine.revision or EMPTY_LOG,
                    cause,
                    self.network_us,
                )
            )

    def restarted(self) -> None:
        """The client came back with what it had saved."""
        engine = self.client.engine
        self._sink.record(
            history.Restarted(
                self._sink.now, engine.site, self._document, engine.revision or EMPTY_LOG, engine.sequence
            )
        )

    def stranded(self) -> None:
        """The client's base was too old."""
        engine = self.client.engine
        self._sink.record(
            history.Stranded(
                self._sink.now, engine.site, self._document, engine.acknowledged, engine.sequence
            )
        )

    # --- edits --------------------------------------------------------------------------------------------

    def edited(self, kind: str, op: Operation, revision: Revision) -> None:
        """The person changed the text."""
        sink, client = self._sink, self.client
        sequence = client.engine.sequence
        now = sink.now
        sink.record(
            history.Edited(
                now,
                client.engine.site,
                self._document,
                sequence,
                kind,
                revision,
                op,
                now + self.skew_us,
                self.planned_us,
            )
        )
        self.displayed(sequence)
        self.caret()

    def sent(self, base: Revision, sent: Sent) -> None:
        """What is in flight was handed to the connection."""
        site = self.client.engine.site
        last = self._last_sent.get(site, NO_EDIT)
        how = "branch" if sent.is_branch else "resend" if sent.last <= last else "submit"
        self._last_sent[site] = max(sent.last, last)
        self._sink.record(
            history.Sent(self._sink.now, site, self._document, base, sent.first, sent.last, how)
        )

    def delivered(self, revision: Revision, moved: SiteId | None = None) -> None:
        """A revision of another site was applied; ``moved`` is that site, if its cursor came with it."""
        sink, engine = self._sink, self.client.engine
        is_pending = engine.in_flight is not None or engine.pending  # asked for every message
        fingerprint = 0 if is_pending else sink.fingerprint(engine.text)
        sink.record(
            history.Delivered(sink.now, engine.site, self._document, revision, fingerprint, self.network_us)
        )
        if self._is_sampled:
            self.displayed()
            self.caret()
            if moved is not None:
                self.seen(moved, fresh=True)

    def acknowledged(self, revision: Revision, first: SequenceNumber, last: SequenceNumber) -> None:
        """Own edits are durable."""
        self._sink.record(
            history.Acknowledged(
                self._sink.now,
                self.client.engine.site,
                self._document,
                revision,
                first,
                last,
                self._fingerprint,
                self.network_us,
            )
        )

    def merged(self, base: Revision, revision: Revision, first: SequenceNumber, last: SequenceNumber) -> None:
        """The own branch is durable, and everything since its base was applied."""
        self._sink.record(
            history.Merged(
                self._sink.now,
                self.client.engine.site,
                self._document,
                base,
                revision,
                first,
                last,
                self._fingerprint,
                self.network_us,
            )
        )
        self.displayed()
        self.caret()

    def final(self, *, online: bool) -> None:
        """What the client shows at the end of the history."""
        engine = self.client.engine
        self.caret()
        self._look_around()
        self._sink.record(
            history.FinalReplica(
                self._sink.now,
                engine.site,
                self._document,
                engine.revision or EMPTY_LOG,
                self._sink.fingerprint(engine.text),
                engine.unacknowledged,
                online,
            )
        )

    def raised(self, what: str, error: Exception) -> None:
        """The client's engine raised an exception; one of the harness goes on to whoever runs it."""
        sink = self._sink
        sink.record(history.raised(sink.now, "client", self.client.engine.site, self._document, what, error))

    def broke_protocol(self, kind: str, problem: str) -> None:
        """The client holds something against the server."""
        sink, engine = self._sink, self.client.engine
        revision = engine.revision or EMPTY_LOG
        sink.record(history.Accused(sink.now, engine.site, self._document, revision, kind, problem))

    # --- what leaves no record ----------------------------------------------------------------------------

    def failed(self, failure: Failure) -> None:
        """Nothing: an error is recorded by what it changes, or as :meth:`broke_protocol`."""

    def gave_up(self, cause: str) -> None:
        """Nothing: the client still wants to be connected, and the history shows that it is not."""

    def not_renewed(self) -> None:
        """Nothing: if the token expires, the connection ends with that as its cause."""

    # --- sampled documents --------------------------------------------------------------------------------

    def displayed(self, sequence: SequenceNumber = NO_EDIT) -> None:
        """The displayed text, in a sampled document."""
        if self._is_sampled:
            engine = self.client.engine
            self._sink.record(
                history.Displayed(self._sink.now, engine.site, self._document, engine.text, sequence)
            )

    def pointed(self, message: Submit | Presence) -> None:
        """The server is told where the own cursor is, in a sampled document."""
        if not self._is_sampled or message.selection is None:
            return
        base, sequence = (
            (message.revision, NO_EDIT) if isinstance(message, Presence) else (message.base, message.last)
        )
        site, position = self.client.engine.site, message.selection[1]
        self._sink.record(history.Pointed(self._sink.now, site, self._document, base, position, sequence))

    def caret(self, *, moved: bool = False) -> None:
        """Where the own caret is, in a sampled document; ``moved`` if the person put it there."""
        engine = self.client.engine
        if self._is_sampled and engine.revision is not None:
            sink, position = self._sink, engine.selection[1]
            sink.record(history.Caret(sink.now, engine.site, self._document, position, moved))

    def looked(self) -> None:
        """The person moved the caret, and looks where everybody is, in a sampled document."""
        self.caret(moved=True)
        self._look_around()

    def _look_around(self) -> None:
        if self._is_sampled:
            for peer in self.client.engine.peers:
                self.seen(peer, fresh=False)

    def seen(self, peer: SiteId, *, fresh: bool) -> None:
        """Where a peer's cursor stands, in a sampled document."""
        engine = self.client.engine
        if not self._is_sampled or engine.revision is None:
            return
        cursor = engine.cursor_of(peer)
        if cursor is None:
            return
        selection, placed = cursor
        self._sink.record(
            history.Seen(
                self._sink.now,
                engine.site,
                self._document,
                peer,
                engine.revision,
                selection[1],
                len(engine.text),
                placed,
                fresh,
                not engine.is_settled,
            )
        )
