"""The records of one document as a story: what happened where, in order, and what was shown afterwards.

Records that belong to one moment of one place become one step: an edit, what it made visible and that it
was sent; a stored revision and its broadcast. The text of the server is rebuilt from the stored operations,
that of a client is what was recorded as displayed; nothing is guessed, a text that is not known is None.
"""

from __future__ import annotations

from collections.abc import Iterable

from model import history
from model.claims import has_server
from model.client.client import RAISED
from model.history import Record, fingerprint
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.text import OperationError, apply
from model.wording import counted
from simulator.failures.explain.gossip import GossipSteps
from simulator.failures.explain.steps import EVERYBODY, SERVER, Steps, StoryStep
from simulator.failures.explain.wording import edits_text, operation_text, quoted


def story(records: Iterable[Record], *, cursors: bool = False) -> list[StoryStep]:
    """The steps of the first document in the records whose displayed texts are recorded.

    Args:
        records: of one cell, in any order of equal times.
        cursors: whether to tell where clients show the cursors of others.
    """
    ordered = sorted(records, key=lambda r: getattr(r, "time_us", 0))
    created = [r for r in ordered if isinstance(r, history.DocumentCreated)]
    if not created:
        return []
    document = next((r for r in created if r.displayed), created[0]).document
    teller = _Teller(document, cursors)
    for record in ordered:
        if getattr(record, "document", document) == document:
            teller.take(record)
    return teller.finish()


def lane_of(site: SiteId) -> str:
    """The client behind a site id; one that lost its identity goes on as ``site.1``."""
    return site.partition(".")[0]


class _Teller(Steps):
    """What is known while the records go by."""

    def __init__(self, document: DocumentId, cursors: bool) -> None:
        super().__init__()
        self.document = document
        self.cursors = cursors
        self.gossip = GossipSteps(self)
        self.server: dict[Revision, str | None] = {}
        self.stored: dict[Revision, int] = {}
        self.broadcast: dict[Revision, int] = {}
        self.sent: dict[tuple[str, int, int], list[int]] = {}
        self.connected_us: dict[str, int] = {}
        self.received_us: dict[int, int] = {}

    def take(self, record: Record) -> None:
        """One more record."""
        if self.gossip.take(record):
            return
        match record:
            case history.Header():
                self.gossip.are_wanted = not has_server(record.run)
            case history.DocumentCreated() if self.gossip.are_wanted:
                self.gossip.begin(record)
            case history.DocumentCreated():
                self.server[EMPTY_LOG] = record.text
                what = f"the document starts as {quoted(record.text)}"
                number = self.add(StoryStep(record.time_us, SERVER, "create", what, revision=EMPTY_LOG))
                self.show(SERVER, number, record.text)
            case history.Edited() | history.Displayed() | history.Sent() | history.Seen():
                self.take_client(record)
            case history.Stored():
                self.take_stored(record)
            case history.Broadcast():
                self.take_broadcast(record)
            case history.Joined() | history.Delivered() | history.Acknowledged() | history.Merged():
                self.take_arrival(record)
            case history.FaultBegan():
                what = f"{record.name} begins"
                self.add(StoryStep(record.time_us, EVERYBODY, "fault", what, name=record.name))
            case history.FaultEnded() if self._has_just_begun(record):
                self.change(self.newest[EVERYBODY], what=record.name)
            case history.FaultEnded():
                what = f"{record.name} ends ({record.affected:,} hit)"
                step = StoryStep(record.time_us, EVERYBODY, "fault", what, name=record.name)
                self.add(step._replace(amount=record.affected))
            case history.Healed():
                what = "every fault is over, nobody edits any more"
                self.add(StoryStep(record.time_us, EVERYBODY, "heal", what))
            case history.FinalReplica() | history.FinalDocument():
                self.take_final(record)
            case history.Online() | history.Offline() | history.Disconnected():
                self.take_absence(record)
            case history.Connected():
                self.connected_us[lane_of(record.site)] = record.time_us
            case history.Restarted():
                last = f"{record.site}#{record.last}"
                what = f"restarts with revision {record.revision} and its edits up to {last}"
                lane = lane_of(record.site)
                number = self.add(StoryStep(record.time_us, lane, "restart", what, revision=record.revision))
                self.show(lane, number, None)  # what it had saved is not in the records
            case history.Stranded():
                first = record.acknowledged + 1
                name = edits_text(record.site, first, record.last)
                what = f"is refused, its base is too old; keeps {name} for its person"
                lane = lane_of(record.site)
                step = StoryStep(record.time_us, lane, "strand", what, site=record.site)
                number = self.add(step._replace(first=first, last=record.last))
                self.show(lane, number, None)
            case history.Raised() | history.Accused() | history.Garbled():
                self.take_problem(record)
            case _:
                pass  # cursors as the server knows them, and what is about the whole run

    def _has_just_begun(self, record: history.FaultEnded) -> bool:
        """Whether this fault is over in the moment in which it began."""
        number = self.of_now(EVERYBODY, record.time_us, "fault")
        return number is not None and self.steps[number].name == record.name

    def take_problem(self, record: history.Raised | history.Accused | history.Garbled) -> None:
        lane = lane_of(record.site)
        if isinstance(record, history.Raised):
            what = f"raises {record.problem}"
            step = StoryStep(record.time_us, lane or SERVER, "raise", what, site=record.site)
        elif isinstance(record, history.Accused):
            step = StoryStep(record.time_us, lane, "accuse", record.problem, site=record.site)
        else:
            whose = "of this client" if record.direction == "up" else "for this client"
            what = f"the network flips a bit of a message {whose}"
            step = StoryStep(record.time_us, lane, "garble", what, site=record.site)
        self.add(step)

    # --- clients ------------------------------------------------------------------------------------------

    def take_client(self, record: history.Edited | history.Displayed | history.Sent | history.Seen) -> None:
        lane = lane_of(record.site)
        match record:
            case history.Edited():
                change = operation_text(record.operation, self.texts.get(lane))
                how = {"undo": "undoes: ", "redo": "redoes: "}.get(record.kind, "")
                step = StoryStep(
                    record.time_us, lane, "edit", f"{record.site}#{record.sequence} {how}{change}"
                )
                self.add(
                    step._replace(
                        revision=record.revision,
                        site=record.site,
                        first=record.sequence,
                        last=record.sequence,
                        operation=record.operation,
                    )
                )
            case history.Displayed():
                number = self.of_now(lane, record.time_us, "edit", "join", "deliver", "merge")
                if number is None:
                    number = self.add(StoryStep(record.time_us, lane, "display", "shows"))
                self.show(lane, number, record.text)
            case history.Sent():
                self.take_sent(record, lane)
            case history.Seen():
                if not self.cursors:
                    return
                what = f"shows the cursor of {record.peer} at {record.position} of {record.length}"
                number = self.of_now(lane, record.time_us)
                if number is None:
                    self.add(StoryStep(record.time_us, lane, "see", what))
                else:
                    self.change(number, what=f"{self.steps[number].what}; {what}")

    def take_sent(self, record: history.Sent, lane: str) -> None:
        name = edits_text(record.site, record.first, record.last)
        verb = {"resend": "sends again", "branch": "hands in as a branch"}.get(record.how, "sends")
        sends = f"{verb} {name} on revision {record.base}"
        number = self.of_now(lane, record.time_us)
        if number is None or self.steps[number].sends:
            step = StoryStep(record.time_us, lane, "send", sends, sends, site=record.site, base=record.base)
            number = self.add(step._replace(first=record.first, last=record.last))
        else:
            self.change(number, sends=sends)
        self.sent.setdefault((record.site, record.first, record.last), []).append(number)

    def take_arrival(
        self, record: history.Joined | history.Delivered | history.Acknowledged | history.Merged
    ) -> None:
        lane = lane_of(record.site)
        revision = record.revision
        origin = self.broadcast.get(revision, self.stored.get(revision))
        step = StoryStep(record.time_us, lane, "deliver", "", revision=revision, origin=origin)
        match record:
            case history.Joined():
                how = {"fresh": "joins", "resume": "resumes", "branch": "comes back with a branch"}
                what = f"{how.get(record.how, record.how)} at revision {revision}"
                step = step._replace(kind="join", what=what, origin=None, name=record.how)
            case history.Delivered():
                source = None if origin is None else self.steps[origin]
                name = f" ({source.edits})" if source is not None else ""
                step = step._replace(what=f"receives revision {revision}{name}")
                if source is not None:
                    step = step._replace(site=source.site, first=source.first, last=source.last)
            case history.Acknowledged() | history.Merged():
                is_merge = isinstance(record, history.Merged)
                step = step._replace(site=record.site, first=record.first, last=record.last)
                durable = "is" if record.first == record.last else "are"
                what = f"{step.edits} {durable} durable as revision {revision}"
                step = step._replace(kind="merge" if is_merge else "acknowledge", what=what)
        if step.origin is not None and self.steps[step.origin].time_us < self.connected_us.get(lane, 0):
            step = step._replace(late=True)
        self.add(step, settled=record.fingerprint != 0)

    def take_absence(self, record: history.Online | history.Offline | history.Disconnected) -> None:
        lane = lane_of(record.site)
        step = StoryStep(record.time_us, lane, "offline", "closes the laptop")
        match record:
            case history.Online():
                if lane not in self.newest or self.of_now(lane, record.time_us, "restart") is not None:
                    return  # the first coming is told when it has joined
                step = step._replace(kind="online", what="opens the laptop")
            case history.Offline():
                if record.cause == RAISED:
                    return  # that it raised is told already
                if record.cause == "crashed":
                    step = step._replace(kind="crash", what="crashes")
                elif record.cause == "left":
                    step = step._replace(what="leaves")
                step = step._replace(name=record.cause)
            case history.Disconnected():
                if self.of_now(lane, record.time_us, "offline", "crash", "strand", "raise") is not None:
                    return
                what = f"loses its connection ({record.cause})"
                step = step._replace(kind="disconnect", what=what, name=record.cause)
        self.add(step)

    # --- the server ---------------------------------------------------------------------------------------

    def take_stored(self, record: history.Stored) -> None:
        before = self.server.get(Revision(record.revision - 1))
        try:
            text = None if before is None else apply(before, record.operation)
        except OperationError:
            text = None  # a log that does not fit its own text; the checks say so
        self.server[record.revision] = text
        name = edits_text(record.site, record.first, record.last)
        what = f"revision {record.revision} = {name}: {operation_text(record.operation, before)}"
        if record.original.components != record.operation.components:
            original = operation_text(record.original, self.server.get(record.base))
            what += f" (made on revision {record.base}: {original})"
        step = StoryStep(record.time_us, SERVER, "store", what, revision=record.revision, site=record.site)
        step = step._replace(first=record.first, last=record.last, operation=record.operation)
        number = self.add(step._replace(base=record.base, name="branch" if record.branch else ""))
        self.show(SERVER, number, text)
        self.stored[record.revision] = number

    def take_broadcast(self, record: history.Broadcast) -> None:
        number = self.stored.get(record.revision)
        if number is None or any(s.lane and s.kind != "store" for s in self.steps[number + 1 :]):
            name = edits_text(record.site, record.first, record.last)
            what = f"broadcasts revision {record.revision} ({name})"
            step = StoryStep(record.time_us, SERVER, "broadcast", what, revision=record.revision)
            source = self.add(step._replace(site=record.site, first=record.first, last=record.last))
        else:
            source = number
        self.broadcast[record.revision] = source
        if number is not None:
            self.received_us[number] = record.received_us

    def take_final(self, record: history.FinalReplica | history.FinalDocument) -> None:
        step = StoryStep(record.time_us, SERVER, "final", f"ends at revision {record.revision}")
        step = step._replace(revision=record.revision)
        settled = False
        if isinstance(record, history.FinalReplica):
            step = step._replace(lane=lane_of(record.site), amount=record.unacknowledged, site=record.site)
            settled = not record.unacknowledged
            if not settled:
                what = f"{step.what}, {counted(record.unacknowledged, 'edit')} unacknowledged"
                step = step._replace(what=what)
        text = self.texts.get(step.lane)
        number = self.add(step, settled=settled)
        if text is not None and fingerprint(text) != record.fingerprint:
            self.show(step.lane, number, None)

    # --- the end ------------------------------------------------------------------------------------------

    def finish(self) -> list[StoryStep]:
        """The steps, with what could only be known afterwards."""
        for number in sorted(self.settled):
            revision = self.steps[number].revision
            self.change(number, expected=None if revision is None else self.server.get(revision))
        for number in self.stored.values():
            self.change(number, origin=self._sender(number))
        return self.steps

    def _sender(self, number: int) -> int | None:
        """The step that sent what was stored: the last one before the server received it."""
        step = self.steps[number]
        received_us = self.received_us.get(number) or step.time_us
        senders = self.sent.get((step.site, step.first, step.last), ())
        return max((n for n in senders if self.steps[n].time_us <= received_us), default=None)
