"""What goes into the history about one client: the records of everything it does and sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from model import history
from model.history import Record
from model.identity import DocumentId, Revision, SequenceNumber, SiteId
from model.jupiter import Replica
from model.outgoing import Sent
from model.phases import Phase
from model.protocol import Presence, Submit
from model.text import Operation


class Chronicle(Protocol):
    """Where records go, and which time it is: a simulated cell, or a run over real sockets."""

    record: Callable[[Record], None]

    @property
    def now(self) -> int:
        """Microseconds of the clock that the history's header names."""
        ...

    def fingerprint(self, text: str) -> int:
        """:func:`model.history.fingerprint`, perhaps remembered."""
        ...


class Watched(Protocol):
    """The client whose doings are recorded; ``skew_us`` is how far its own clock is off."""

    replica: Replica
    skew_us: int


class Witness:
    """Writes records about a client at the present time, under the identity it has at present."""

    __slots__ = ("_chronicle", "_client", "_document", "_is_sampled", "_last_sent")

    def __init__(
        self, chronicle: Chronicle, client: Watched, document: DocumentId, *, displayed: bool
    ) -> None:
        """A witness of ``client``; ``displayed`` says that every text it shows is recorded too."""
        self._chronicle = chronicle
        self._client = client
        self._document = document
        self._is_sampled = displayed
        self._last_sent: dict[SiteId, SequenceNumber] = {}

    @property
    def _fingerprint(self) -> int:
        """Of the displayed text if nothing is pending, else 0."""
        replica = self._client.replica
        if replica.in_flight is not None or replica.pending:
            return 0
        return self._chronicle.fingerprint(replica.text)

    # --- connections --------------------------------------------------------------------------------------

    def online(self) -> None:
        """The client wants to be connected."""
        self._chronicle.record(history.Online(self._chronicle.now, self._client.replica.site, self._document))

    def offline(self, cause: str) -> None:
        """The client does not want to be connected any more."""
        self._chronicle.record(
            history.Offline(self._chronicle.now, self._client.replica.site, self._document, cause)
        )

    def connected(self, requested_us: int, authenticate_us: int) -> None:
        """The client was authenticated, which took ``authenticate_us``."""
        chronicle, site = self._chronicle, self._client.replica.site
        chronicle.record(
            history.Connected(chronicle.now, site, self._document, requested_us, authenticate_us)
        )

    def joined(self, how: str) -> None:
        """The client was let into the document."""
        replica = self._client.replica
        self._chronicle.record(
            history.Joined(
                self._chronicle.now,
                replica.site,
                self._document,
                replica.revision or 0,
                how,
                self._fingerprint,
            )
        )
        if how == "fresh":
            self.displayed()
        if self._is_sampled:
            for peer in replica.peers:
                self.seen(peer, fresh=False)

    def disconnected(self, cause: str) -> None:
        """The connection is gone; one that was never authenticated does not count."""
        replica = self._client.replica
        if replica.phase is not Phase.GREETING:
            self._chronicle.record(
                history.Disconnected(
                    self._chronicle.now, replica.site, self._document, replica.revision or 0, cause
                )
            )

    def restarted(self) -> None:
        """The client came back with what it had saved."""
        replica = self._client.replica
        self._chronicle.record(
            history.Restarted(
                self._chronicle.now, replica.site, self._document, replica.revision or 0, replica.sequence
            )
        )

    def stranded(self) -> None:
        """The client's base was too old."""
        replica = self._client.replica
        self._chronicle.record(
            history.Stranded(
                self._chronicle.now, replica.site, self._document, replica.acknowledged, replica.sequence
            )
        )

    # --- edits --------------------------------------------------------------------------------------------

    def edited(self, kind: str, op: Operation, revision: Revision) -> None:
        """The person changed the text."""
        chronicle, client = self._chronicle, self._client
        sequence = client.replica.sequence
        now = chronicle.now
        chronicle.record(
            history.Edited(
                now, client.replica.site, self._document, sequence, kind, revision, op, now + client.skew_us
            )
        )
        self.displayed(sequence)

    def sent(self, base: Revision, sent: Sent) -> None:
        """What is in flight was handed to the connection."""
        site = self._client.replica.site
        last = self._last_sent.get(site, 0)
        how = "branch" if sent.is_branch else "resend" if sent.last <= last else "submit"
        self._last_sent[site] = max(sent.last, last)
        self._chronicle.record(
            history.Sent(self._chronicle.now, site, self._document, base, sent.first, sent.last, how)
        )

    def delivered(self, revision: Revision) -> None:
        """A revision of another site was applied."""
        chronicle = self._chronicle
        site = self._client.replica.site
        chronicle.record(history.Delivered(chronicle.now, site, self._document, revision, self._fingerprint))
        if self._is_sampled:
            self.displayed()

    def acknowledged(self, revision: Revision, first: SequenceNumber, last: SequenceNumber) -> None:
        """Own edits are durable."""
        self._chronicle.record(
            history.Acknowledged(
                self._chronicle.now,
                self._client.replica.site,
                self._document,
                revision,
                first,
                last,
                self._fingerprint,
            )
        )

    def merged(self, base: Revision, revision: Revision, first: SequenceNumber, last: SequenceNumber) -> None:
        """The own branch is durable, and everything since its base was applied."""
        self._chronicle.record(
            history.Merged(
                self._chronicle.now,
                self._client.replica.site,
                self._document,
                base,
                revision,
                first,
                last,
                self._fingerprint,
            )
        )
        self.displayed()

    # --- sampled documents --------------------------------------------------------------------------------

    def displayed(self, sequence: SequenceNumber = 0) -> None:
        """The displayed text, in a sampled document."""
        if self._is_sampled:
            replica = self._client.replica
            self._chronicle.record(
                history.Displayed(self._chronicle.now, replica.site, self._document, replica.text, sequence)
            )

    def pointed(self, message: Submit | Presence) -> None:
        """The server is told where the own cursor is, in a sampled document."""
        if not self._is_sampled or message.selection is None:
            return
        base, sequence = (
            (message.revision, 0) if isinstance(message, Presence) else (message.base, message.last)
        )
        site, position = self._client.replica.site, message.selection[1]
        self._chronicle.record(
            history.Pointed(self._chronicle.now, site, self._document, base, position, sequence)
        )

    def seen(self, peer: SiteId, *, fresh: bool) -> None:
        """Where a peer's cursor stands, in a sampled document, if nothing is pending."""
        replica = self._client.replica
        if not self._is_sampled or replica.revision is None or not replica.is_settled:
            return
        cursor = replica.cursor_of(peer)
        if cursor is None:
            return
        selection, placed = cursor
        self._chronicle.record(
            history.Seen(
                self._chronicle.now,
                replica.site,
                self._document,
                peer,
                replica.revision,
                selection[1],
                len(replica.text),
                placed,
                fresh,
            )
        )
