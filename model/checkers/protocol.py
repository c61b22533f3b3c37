"""Whether both sides keep the protocol: what clients say against the server, and their hosts against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.identity import SiteId


class Protocol(Check):
    """No message, error or close code of the server is one that the protocol does not allow then.

    Nor does a client come, go or renew its token in another way, or record of itself what is not so.

    What comes of a message that the network garbled is held against nobody; but the connection must end.
    """

    name = "protocol"
    detail = "welcomes, joins, revisions and acknowledgements that clients took from the server"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._garbled: dict[SiteId, history.Garbled] = {}  # since the site was last let in
        self._due: dict[SiteId, history.Garbled] = {}  # the connection it came over has still to end
        self._sent: dict[SiteId, history.Sent] = {}  # the newest edits of each, when they were first sent
        self._has_one_clock = True

    def handlers(self) -> Mapping[type, Handler]:
        """What clients took, what they hold against the server, and what the network did to both."""
        taken = (history.Joined, history.Delivered, history.Acknowledged, history.Merged)
        return {
            **dict.fromkeys(taken, self._taken),
            history.Connected: self._connected,
            history.Accused: self._accused,
            history.Garbled: self._was_garbled,
            history.Disconnected: self._ended,
            history.Offline: self._ended,
            history.Header: self._begins,
            history.Sent: self._was_sent,
            history.Broadcast: self._was_received,
        }

    def _taken(self, record: Any) -> None:
        self.checked += 1
        garbled = self._due.get(record.site)
        if garbled is not None and garbled.direction == "down":
            del self._due[record.site]
            self.violate(
                record.time_us,
                record.document,
                f"{record.site} took revision {record.revision} after a message that the network had garbled",
                kind="garbled",
                site=record.site,
                revision=record.revision,
            )

    def _begins(self, record: history.Header) -> None:
        self._has_one_clock = record.clock == "virtual"  # others are read by several, one after another

    def _was_sent(self, record: history.Sent) -> None:
        known = self._sent.get(record.site)
        if known is None or record.last > known.last:
            self._sent[record.site] = record

    def _was_received(self, record: history.Broadcast) -> None:
        """Latencies count from when the server says that it received something; it cannot be before that."""
        sent = self._sent.get(record.site)
        if sent is None or sent.last != record.last or not (record.received_us and self._has_one_clock):
            return
        if not sent.time_us <= record.received_us <= record.time_us:
            self.violate(
                record.time_us,
                record.document,
                f"the server says that it received {edit_name(record.site, record.first, record.last)} at "
                f"{record.received_us / 1e6:.6f} s; it was sent at {sent.time_us / 1e6:.6f} s",
                kind="received",
                site=record.site,
                revision=record.revision,
            )

    def _connected(self, record: history.Connected) -> None:
        self.checked += 1
        self._garbled.pop(record.site, None)
        self._due.pop(record.site, None)

    def _was_garbled(self, record: history.Garbled) -> None:
        self._garbled[record.site] = record
        self._due[record.site] = record

    def _ended(self, record: history.Disconnected | history.Offline) -> None:
        self._due.pop(record.site, None)

    def _accused(self, record: history.Accused) -> None:
        self.checked += 1
        if record.site in self._garbled:
            return
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} {record.problem}",
            kind=record.kind,
            site=record.site,
            revision=record.revision,
        )

    def _finish(self) -> None:
        for record in self._due.values():
            sender, receiver = (record.site, "the server")[:: 1 if record.direction == "up" else -1]
            self.violate(
                record.time_us,
                record.document,
                f"{receiver} did not end the connection over which it had a garbled message of {sender}",
                kind="garbled",
                site=record.site,
            )
