"""The part of a story that only replicas without a server have: events made, passed on and taken over."""

from __future__ import annotations

from model import history
from model.crdt.replicas.port import ElementId
from model.history import Record
from model.identity import SiteId
from model.wording import counted, listed
from simulator.failures.explain.steps import EVERYBODY, Steps, StoryStep
from simulator.failures.explain.wording import edits_text, quoted


class GossipSteps:
    """The steps of replicas without a server; knows which edit every event is part of.

    Attributes:
        are_wanted: whether the story has no server.
    """

    def __init__(self, steps: Steps) -> None:
        self.are_wanted = False
        self._steps = steps
        self._text = ""
        self._edits: dict[ElementId, tuple[int, int]] = {}  # event -> step of its edit, sequence

    def take(self, record: Record) -> bool:
        """One more record; whether that made all the steps there are of it."""
        match record:
            case history.Generated() if record.site == history.FIRST:
                pass  # the text to start with
            case history.Generated():
                self._made(record)
            case history.Integrated():
                self._taken_over(record)
            case history.FinalVersion():
                self._ended(record)
            case history.Online() if self.are_wanted and record.site not in self._steps.newest:
                step = StoryStep(record.time_us, record.site, "join", f"starts with {quoted(self._text)}")
                self._steps.show(record.site, self._steps.add(step), self._text)
            case history.Online() if self.are_wanted:
                self._steps.add(StoryStep(record.time_us, record.site, "join", "opens the laptop"))
            case history.Restarted() if self.are_wanted:
                what = f"restarts with {counted(record.revision, 'event')}"
                number = self._steps.add(StoryStep(record.time_us, record.site, "restart", what))
                self._steps.show(record.site, number, None)
            case _:
                return False
        return True

    def begin(self, record: history.DocumentCreated) -> None:
        """The document is there, on every replica."""
        self._text = record.text
        what = f"every replica starts with {quoted(record.text)}"
        self._steps.add(StoryStep(record.time_us, EVERYBODY, "create", what))

    def _made(self, record: history.Generated) -> None:
        number = self._steps.of_now(record.site, record.time_us, "edit")
        if number is not None:
            for event in record.events:
                self._edits[event.id] = number, record.sequence

    def _taken_over(self, record: history.Integrated) -> None:
        sequences: dict[SiteId, set[int]] = {}
        origin: int | None = None
        for site, first, last in record.spans:
            for counter in range(first, last + 1):
                origin, sequence = self._edits.get(ElementId(site, counter), (origin, 0))
                sequences.setdefault(site, set()).add(sequence)
        names = [edits_text(site, min(found), max(found)) for site, found in sequences.items()]
        step = StoryStep(record.time_us, record.site, "deliver", f"learns {listed(names)}", origin=origin)
        if len(sequences) == 1:
            ((author, numbers),) = sequences.items()
            step = step._replace(site=author, first=min(numbers), last=max(numbers))
        self._steps.add(step)

    def _ended(self, record: history.FinalVersion) -> None:
        what = f"ends with {counted(sum(record.version.values()), 'event')}"
        if record.waiting:
            what += f", {record.waiting} held back"
        number = self._steps.add(StoryStep(record.time_us, record.site, "final", what))
        text = self._steps.texts.get(record.site)
        if text is not None and history.fingerprint(text) != record.fingerprint:
            self._steps.show(record.site, number, None)
