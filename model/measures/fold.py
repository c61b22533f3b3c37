"""The consumer that folds the history of one cell into numbers while it is being written.

Every latency belongs to the phase in which it *ended*. Edits keep their identity ``site#sequence`` from the
keystroke to the table of the slowest. What each measure means, and what it leaves out, is said in
``docs/results.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from model import history
from model.checkers import Handler
from model.claims import has_server
from model.histogram import Histogram
from model.identity import NO_EDIT, SiteId
from model.measures.divergence import Divergence
from model.measures.edits import Edit
from model.measures.latencies import Latencies
from model.measures.measure_set import CUT_OFF, OFFLINE, ONLINE, MeasureSet, Reconciliations, Totals
from model.measures.presence import CursorsSeen
from model.measures.propagation import Propagation
from model.measures.rooms import Rooms
from model.measures.site import Site
from model.measures.timeline import Timeline

_OfOwnEdits: TypeAlias = (
    history.Edited | history.Acknowledged | history.Merged | history.Restarted | history.Stranded
)


class Measures:
    """The numbers of one cell.

    Attributes:
        transform: CPU time of the core's transformations in microseconds; no part of the history, so
            whoever can measure it fills it.
    """

    def __init__(self) -> None:
        self.transform = Histogram()
        self._clock = "virtual"
        self._has_server = True
        self._timeline = Timeline()
        self._latencies = Latencies(self._timeline)
        self._rooms = Rooms(self._latencies)
        self._propagation = Propagation(self._latencies)
        self._divergence = Divergence(self._timeline)
        self._totals = Totals()
        self._presence = CursorsSeen(self._latencies, self._totals)
        self._reconciliations = Reconciliations()
        self._sites: dict[SiteId, Site] = {}
        self._healed_us = -1
        self._now_us = 0

    def handlers(self) -> Mapping[type, Handler]:
        """Every record type that is measured, with its method."""
        return {
            history.Header: self._header,
            history.DocumentCreated: self._document_created,
            history.Online: self._online,
            history.Offline: self._offline,
            history.Connected: self._connected,
            history.Joined: self._joined,
            history.Disconnected: self._disconnected,
            history.Restarted: self._restarted,
            history.Stranded: self._stranded,
            history.Edited: self._edited,
            history.Sent: self._sent,
            history.Arrived: self._arrived,
            history.Stored: self._stored,
            history.Broadcast: self._broadcast,
            history.Delivered: self._delivered,
            history.Acknowledged: self._durable,
            history.Merged: self._merged,
            history.Caret: self._on_time(self._presence.caret),
            history.Pointed: self._on_time(self._presence.pointed),
            history.Seen: self._on_time(self._presence.seen),
            history.FaultBegan: self._fault_began,
            history.FaultEnded: self._fault_ended,
            history.Healed: self._healed,
            history.Finished: self._finished,
            history.Generated: self._generated,
            history.Integrated: self._integrated,
            history.Reloaded: self._reloaded,
            history.Traffic: self._traffic,
        }

    def report(self, report: Callable[[str, int], None]) -> None:
        """Have every duration of an edit told, too, with the name of its measure."""
        self._latencies.report = report

    def result(self) -> MeasureSet:
        """Everything measured; callable once, at the end, even if the history has no last record."""
        faults = self._timeline.finish(self._now_us)
        series, totals = self._timeline.series, self._totals
        totals.documents, totals.sites = self._rooms.documents, len(self._sites)
        self._count_unfinished()
        totals.edits, totals.broadcasts = sum(series.edits), sum(series.broadcasts)
        totals.deliveries = sum(series.deliveries)
        return MeasureSet(
            clock=self._clock,
            phases_us=self._timeline.phases_us,
            latencies=self._latencies.histograms,
            worst=self._latencies.slowest(),
            examples=self._latencies.examples(),
            uptime=self._timeline.uptime,
            agreement=self._timeline.agreement,
            reconciliations=self._reconciliations,
            convergence=self._rooms.convergence(self._healed_us),
            series=series,
            totals=totals,
            faults=faults,
            transform=self.transform,
        )

    def _count_unfinished(self) -> None:
        """What has not come to its end took at least until now: leaving it out would hide the slowest."""
        now_us, totals = self._now_us, self._totals
        undurable = [edit for site in self._sites.values() for edit in site.edits.never_durable()]
        for edit in undurable:
            self._latencies.record_edit(f"durable_{edit.knew}", now_us - edit.planned_us, edit, now_us)
        totals.undurable = len(undurable)
        never_stored = [edit for edit in undurable if not edit.revision]
        totals.unseen = self._rooms.end(never_stored, now_us) + self._propagation.end(now_us)

    # --- shared steps -------------------------------------------------------------------------------------

    def _at(self, time_us: int) -> None:
        if time_us >= self._timeline.next_us:
            self._timeline.advance(time_us)
        self._now_us = time_us

    def _site(self, site: SiteId) -> Site:
        found = self._sites.get(site)
        if found is None:
            found = self._sites[site] = Site()
        return found

    # --- clients ------------------------------------------------------------------------------------------

    def _header(self, record: history.Header) -> None:
        self._clock = record.clock
        self._has_server = has_server(record.run)

    def _document_created(self, record: history.DocumentCreated) -> None:
        self._at(record.time_us)
        self._rooms.room(record.document)

    def _online(self, record: history.Online) -> None:
        self._at(record.time_us)
        site = self._site(record.site)
        site.knows = CUT_OFF
        self._timeline.online(site, record.time_us)
        if not self._has_server:
            self._timeline.connected(site, record.time_us)
            self._propagation.enter(record.document, record.site)
            self._divergence.enter(record.document, record.site, record.time_us)

    def _offline(self, record: history.Offline) -> None:
        self._at(record.time_us)
        site = self._site(record.site)
        site.knows = OFFLINE
        self._timeline.offline(site, record.time_us)
        if not self._has_server:
            self._timeline.disconnected(site, record.time_us)
            self._propagation.leave(record.document, record.site)
        self._rooms.leave(record.document, record.site)
        self._divergence.leave(record.document, record.site, record.time_us)
        self._presence.left(record.site)
        _count(self._totals.offline, record.cause)

    def _connected(self, record: history.Connected) -> None:
        self._at(record.time_us)
        site = self._site(record.site)
        self._timeline.connected(site, record.time_us)
        self._timeline.offline_edits(site, False)
        site.offline_last = site.sequence
        site.edits.came_back(record.network_us)
        self._rooms.come_back(record)
        self._totals.connections += 1
        self._latencies.record("connect", record.time_us - record.requested_us)
        self._latencies.record("authenticate", record.authenticate_us)

    def _joined(self, record: history.Joined) -> None:
        self._at(record.time_us)
        site = self._site(record.site)
        site.knows = ONLINE
        site.edits.came_back(record.network_us)
        self._rooms.come_back(record)
        if record.how == "fresh":
            self._totals.joins += 1
        else:
            self._totals.resumes += 1
            if site.acknowledged < site.offline_last:
                site.reconcile_us = record.time_us
        self._divergence.stands(record.document, record.site, record.revision, record.time_us)
        self._presence.joined(record.site, record.document, record.time_us)
        if record.how != "branch":
            self._rooms.enter(record.document, record.site)
            self._divergence.enter(record.document, record.site, record.time_us)

    def _disconnected(self, record: history.Disconnected) -> None:
        self._at(record.time_us)
        site = self._site(record.site)
        self._timeline.disconnected(site, record.time_us)
        self._timeline.offline_edits(site, site.has_pending)
        if site.knows == ONLINE:
            site.knows = CUT_OFF
        site.edits.carried(record.time_us, record.network_us)
        site.reconcile_us = 0
        self._rooms.lose(record)
        self._presence.lost(record.site, record.time_us)
        _count(self._totals.disconnects, record.cause)

    def _restarted(self, record: history.Restarted) -> None:
        self._at(record.time_us)
        site = self._site(record.site)
        site.sequence = record.last
        site.edits.forgotten(record.last)
        self._timeline.offline_edits(site, site.has_pending)
        self._pends(site, record)
        self._totals.restarts += 1

    def _stranded(self, record: history.Stranded) -> None:
        self._at(record.time_us)
        site = self._site(record.site)
        if record.last > site.acknowledged and record.acknowledged + 1 not in site.branches:
            _count(self._reconciliations.attempts, self._timeline.phase)
        site.branches.clear()
        self._presence.left(record.site)
        self._land(site)
        site.acknowledged = max(site.acknowledged, record.last)  # nobody waits for these any more
        site.reconcile_us = 0
        self._timeline.offline_edits(site, False)
        self._pends(site, record)
        self._totals.stranded += 1

    # --- edits --------------------------------------------------------------------------------------------

    def _edited(self, record: history.Edited) -> None:
        self._at(record.time_us)
        site = self._site(record.site)
        site.sequence = record.sequence
        if self._has_server:
            edit = Edit(record.site, record.sequence, record.document, record.keystroke_us, site.knows)
            site.edits.made(edit)
            if not site.connected:
                self._timeline.offline_edits(site, True)
            self._pends(site, record)
        self._timeline.edits += 1
        _count(self._totals.edits_by_kind, record.kind)

    def _sent(self, record: history.Sent) -> None:
        self._at(record.time_us)
        site = self._site(record.site)
        self._timeline.in_flight += not site.in_flight
        self._timeline.asked(site, record.time_us)
        site.in_flight = record.last
        if record.how == "branch" and record.first not in site.branches:
            site.branches[record.first] = (record.last, self._timeline.phase)
            _count(self._reconciliations.attempts, self._timeline.phase)
        _count(self._totals.sent, record.how)

    def _land(self, site: Site) -> None:
        """What was in flight is answered."""
        self._timeline.answered(site, self._now_us)
        if site.in_flight:
            site.in_flight = NO_EDIT
            self._timeline.in_flight -= 1

    def _pends(self, site: Site, record: _OfOwnEdits) -> None:
        if self._has_server:
            self._divergence.pends(record.document, record.site, site.has_pending, record.time_us)

    def _arrived(self, record: history.Arrived) -> None:
        self._at(record.time_us)
        self._site(record.site).edits.carried(record.time_us, record.network_us)

    def _stored(self, record: history.Stored) -> None:
        self._at(record.time_us)
        self._totals.operations += 1
        self._spread(record)

    def _broadcast(self, record: history.Broadcast) -> None:
        self._at(record.time_us)
        self._timeline.broadcasts += 1
        self._spread(record)
        if record.received_us:
            for edit in self._site(record.site).edits.stored(record.first, record.last, record.revision):
                edit.received_us, edit.broadcast_us = record.received_us, record.time_us

    def _spread(self, record: history.Stored | history.Broadcast) -> None:
        """A revision is heard of; the first time it sets out to everybody who is there."""
        if self._rooms.is_new(record):
            edits = self._site(record.site).edits.stored(record.first, record.last, record.revision)
            self._rooms.spread(record, edits)

    def _delivered(self, record: history.Delivered) -> None:
        # By far the most frequent record: no more than this may happen here.
        time_us = record.time_us
        timeline = self._timeline
        if time_us >= timeline.next_us:
            timeline.advance(time_us)
        self._now_us = time_us
        timeline.deliveries += 1
        self._presence.delivered = record
        self._rooms.delivered(record)
        self._divergence.stands(record.document, record.site, record.revision, time_us)

    def _merged(self, record: history.Merged) -> None:
        self._durable(record)
        self._rooms.merged(record)
        self._rooms.enter(record.document, record.site)
        self._divergence.enter(record.document, record.site, record.time_us)
        self._totals.merges += 1

    def _durable(self, record: history.Acknowledged | history.Merged) -> None:
        """A replica learnt that its edits up to ``record.last`` are durable."""
        site, last, time_us = self._site(record.site), record.last, record.time_us
        self._at(time_us)
        self._timeline.deliveries += 1
        self._rooms.learnt(record.document, time_us)
        for edit in site.edits.durable(last):
            edit.revision = edit.revision or record.revision
            self._latencies.record_edit(f"durable_{edit.knew}", time_us - edit.planned_us, edit, time_us)
        site.edits.carried(time_us, record.network_us)
        if last > site.acknowledged:
            self._totals.edits_acknowledged += last - site.acknowledged
            site.acknowledged = last
        self._divergence.learnt(record.document, record.site, record.revision, time_us)
        self._pends(site, record)
        if site.in_flight and site.in_flight <= last:
            self._land(site)
        if site.reconcile_us and site.offline_last <= last:
            self._latencies.record("reconcile", time_us - site.reconcile_us)
            site.reconcile_us = 0
        for first in [f for f, (until, _) in site.branches.items() if until <= last]:
            _count(self._reconciliations.successes, site.branches.pop(first)[1])

    # --- replicas without a server ------------------------------------------------------------------------

    def _generated(self, record: history.Generated) -> None:
        self._at(record.time_us)
        if record.site == history.FIRST:
            return
        self._totals.operations += len(record.events)
        self._timeline.broadcasts += len(record.events)
        self._propagation.generated(record, self._sites[record.site].connected)
        self._divergence.took_in(record, history.spans_of(record.events))

    def _integrated(self, record: history.Integrated) -> None:
        self._at(record.time_us)
        self._timeline.deliveries += sum(last - first + 1 for _, first, last in record.spans)
        self._rooms.learnt(record.document, record.time_us)
        self._propagation.integrated(record)
        self._divergence.took_in(record, record.spans)

    def _reloaded(self, record: history.Reloaded) -> None:
        self._at(record.time_us)
        self._divergence.reloaded(record)

    def _traffic(self, record: history.Traffic) -> None:
        for fate, count in record.counts.items():
            self._totals.sent[f"datagrams {fate}"] = self._totals.sent.get(f"datagrams {fate}", 0) + count

    # --- presence, faults and the end ---------------------------------------------------------------------

    def _on_time(self, handler: Callable[[Any], None]) -> Handler:
        """Whoever takes a record has it counted in its phase."""

        def handle(record: Any) -> None:
            self._at(record.time_us)
            handler(record)

        return handle

    def _fault_began(self, record: history.FaultBegan) -> None:
        self._at(record.time_us)
        self._timeline.fault_began(record.time_us, record.lane, record.name)

    def _fault_ended(self, record: history.FaultEnded) -> None:
        self._at(record.time_us)
        self._timeline.fault_ended(record.time_us, record.lane, record.name, record.affected)

    def _healed(self, record: history.Healed) -> None:
        self._at(record.time_us)
        self._timeline.healed(record.time_us)
        self._healed_us = record.time_us

    def _finished(self, record: history.Finished) -> None:
        self._at(record.time_us)


def _count(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1
