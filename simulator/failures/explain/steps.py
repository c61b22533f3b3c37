"""A step of a story as plain data, and the list of steps that grows while records are read."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from model.identity import EMPTY_LOG, Revision
from model.text import Operation
from simulator.failures.explain.wording import edits_text

SERVER: Final = "server"
EVERYBODY: Final = ""

StoryStepKind: TypeAlias = Literal[
    "create", "join", "edit", "send", "store", "broadcast", "deliver", "acknowledge", "merge", "display",
    "online", "offline", "crash", "restart", "disconnect", "strand", "raise", "accuse", "garble",
    "see", "fault", "heal", "final",
]  # fmt: skip


class StoryStep(NamedTuple):
    """One thing that happened at one place.

    Attributes:
        lane: the client as the plan knows it, :data:`SERVER`, or :data:`EVERYBODY`.
        what: what happened, without saying where.
        sends: what was sent at once, in words; empty if nothing was.
        text: what is shown there afterwards; None if not known.
        before: what was shown there before.
        revision: the revision this step is about, the newest one known where an edit was made.
        site: with ``first`` and ``last`` the edits this step is about.
        operation: of an edit and of a stored revision.
        base: revision that stored edits were based on.
        expected: the server's text at ``revision``, if this step has to show exactly that.
        origin: the number of the step that sent what arrived here.
        late: whether it was sent before this client had its connection, so that it came by catching up.
        name: of a fault, or why something ended.
        amount: a number that goes with it: edits not acknowledged, what a fault hit.
    """

    time_us: int
    lane: str
    kind: StoryStepKind
    what: str
    sends: str = ""
    text: str | None = None
    before: str | None = None
    revision: Revision | None = None
    site: str = ""
    first: int = 0
    last: int = 0
    operation: Operation | None = None
    base: Revision = EMPTY_LOG
    expected: str | None = None
    origin: int | None = None
    late: bool = False
    name: str = ""
    amount: int = 0

    @property
    def edits(self) -> str:
        """The name of the edits this step is about."""
        return edits_text(self.site, self.first, self.last) if self.site else ""

    @property
    def diverges(self) -> bool:
        """Whether this step shows something else than it has to."""
        return self.expected is not None and self.text is not None and self.text != self.expected


class Steps:
    """The steps so far, and what each place shows at present."""

    def __init__(self) -> None:
        self.steps: list[StoryStep] = []
        self.settled: set[int] = set()  # steps that show exactly the text of their revision
        self.texts: dict[str, str | None] = {}
        self.newest: dict[str, int] = {}  # by lane, the number of its last step

    def add(self, step: StoryStep, *, settled: bool = False) -> int:
        """Append a step and return its number; what is shown stays as it was."""
        number = len(self.steps)
        before = self.texts.get(step.lane)
        self.steps.append(step._replace(before=before, text=step.text if step.text is not None else before))
        self.newest[step.lane] = number
        if settled:
            self.settled.add(number)
        return number

    def change(self, number: int, **fields: object) -> None:
        """Say more about a step."""
        self.steps[number] = self.steps[number]._replace(**fields)  # type: ignore[arg-type]  # fields of a step

    def of_now(self, lane: str, time_us: int, *kinds: StoryStepKind) -> int | None:
        """The lane's last step, if it is of this moment and one of these kinds."""
        number = self.newest.get(lane)
        if number is None or self.steps[number].time_us != time_us:
            return None
        return number if not kinds or self.steps[number].kind in kinds else None

    def show(self, lane: str, number: int, text: str | None) -> None:
        """From this step on the lane shows ``text``."""
        self.texts[lane] = text
        self.change(number, text=text)
