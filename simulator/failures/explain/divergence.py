"""Where a client first shows another text than the stored revisions give, and which edit is to blame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from model.identity import EMPTY_LOG, Revision, revisions_between
from model.wording import listed
from simulator.failures.explain.authorship import Marks, marks_of, revisions_of
from simulator.failures.explain.steps import SERVER, StoryStep
from simulator.failures.explain.wording import TextSpan, difference, operation_text, quoted, quoted_around

EDITS_NAMED_MAX: Final = 4


class Divergence(NamedTuple):
    """A step of a client that shows another text than the server has at the same revision.

    Attributes:
        number: of the step.
        agreed: the last revision at which this client still showed the right text.
        shown: the part of the client's text that is different.
        expected: the part of the server's text that is different.
    """

    number: int
    lane: str
    revision: Revision
    agreed: Revision
    shown: TextSpan
    expected: TextSpan


def first_divergence(steps: Sequence[StoryStep]) -> Divergence | None:
    """The first step that shows what it must not show; None if there is none."""
    agreed: dict[str, Revision] = {}
    for number, step in enumerate(steps):
        if step.expected is None or step.text is None or step.revision is None:
            continue
        if step.text == step.expected:
            agreed[step.lane] = step.revision
            continue
        shown, expected = difference(step.text, step.expected)
        return Divergence(number, step.lane, step.revision, agreed.get(step.lane, EMPTY_LOG), shown, expected)
    return None


def divergence_text(steps: Sequence[StoryStep], found: Divergence) -> str:
    """The sentence on a divergence: who edited at the same time, what is shown, which edit stands where."""
    step = steps[found.number]
    assert step.text is not None
    assert step.expected is not None
    revisions = revisions_of(steps)
    server = max(
        (
            n
            for n, s in enumerate(steps)
            if s.kind == "store" and s.revision == found.revision and s.text == step.expected
        ),
        default=None,
    )
    where = _done_differently(steps, found) or _where(step, found)
    since = found.agreed
    if server is not None:
        shown_marks = marks_of(steps, found.lane, found.number, revisions)
        server_marks = marks_of(steps, SERVER, server, revisions)
        blamed = _blamed(step.text, shown_marks, step.expected, server_marks, found)
        if blamed:
            where = _displaced(steps, blamed, step, shown_marks, server_marks)
            since = min([found.agreed, *_known_when_made(steps, blamed, revisions)])
    return (
        f"{edited(steps, since, found.revision)}; after revision {found.revision} {found.lane} shows"
        f" {quoted_around(step.text, found.shown)} and the server"
        f" {quoted_around(step.expected, found.expected)}: {where}{_rule(steps, since, found.revision)}"
    )


def _rule(steps: Sequence[StoryStep], since: Revision, last: Revision) -> str:
    """Which of two inserts comes first, and why, if two clients inserted at one position of one text (D4)."""
    stored = {
        (s.site, s.first) for s in steps if s.kind == "store" and s.revision and since < s.revision <= last
    }
    edits = [s for s in steps if s.kind == "edit" and (s.site, s.first) in stored]
    for number, one in enumerate(edits):
        for other in edits[:number]:
            same_text = (one.revision, one.before) == (other.revision, other.before)
            at = _inserts_at(one)
            if one.site != other.site and same_text and at is not None and at == _inserts_at(other):
                first, second = sorted((one, other), key=lambda s: s.site)
                return (
                    f"; {first.edits} and {second.edits} both insert at {at}: what {first.site} inserts"
                    f" comes first, since its id is smaller than {second.site}"
                )
    return ""


def _inserts_at(step: StoryStep) -> int | None:
    """Where an edit inserts, if that is all it does."""
    match step.operation.components if step.operation is not None else ():
        case (str(), *rest) if all(isinstance(c, int) and c > 0 for c in rest):
            return 0
        case (int(at), str(), *rest) if at > 0 and all(isinstance(c, int) and c > 0 for c in rest):
            return at
    return None


def edited(steps: Sequence[StoryStep], since: Revision, last: Revision) -> str:
    """Who made the edits stored as the revisions after ``since`` up to ``last``, and on which revision."""
    rows = [s for s in steps if s.kind == "store" and s.revision and since < s.revision <= last]
    lanes = listed(list(dict.fromkeys(row.site for row in rows)))
    names = [row.edits for row in rows]
    if len(names) > EDITS_NAMED_MAX:
        left_out = len(names) - EDITS_NAMED_MAX
        names[EDITS_NAMED_MAX:] = [f"{left_out} more"]
    if not rows:
        return "nobody edited"
    named = {(row.site, sequence) for row in rows for sequence in range(row.first, row.last + 1)}
    bases = {s.revision for s in steps if s.kind == "edit" and (s.site, s.first) in named}
    both = {1: "", 2: "both "}.get(len({row.site for row in rows}), "all ")
    if len(bases) == 1 and both:
        return f"{lanes} {both}edited revision {bases.pop()} ({listed(names)})"
    return f"{lanes} edited ({listed(names)})"


def _known_when_made(
    steps: Sequence[StoryStep], revision: Revision, revisions: dict[tuple[str, int], Revision]
) -> list[Revision]:
    """The revisions that the authors of the edits in ``revision`` knew when they made them."""
    return [
        s.revision
        for s in steps
        if s.kind == "edit" and s.revision is not None and revisions.get((s.site, s.first)) == revision
    ]


def _blamed(
    shown: str, shown_marks: Marks, expected: str, expected_marks: Marks, found: Divergence
) -> Revision | None:
    """The newest revision without whose characters both texts are equal."""
    for revision in reversed(revisions_between(found.agreed, Revision(found.revision + 1))):
        if _without(shown, shown_marks, revision) == _without(expected, expected_marks, revision):
            return revision
    return None


def _without(text: str, marks: Marks, revision: Revision) -> str:
    return "".join(c for c, mark in zip(text, marks, strict=True) if mark != revision)


def _displaced(
    steps: Sequence[StoryStep],
    revision: Revision,
    step: StoryStep,
    shown_marks: Marks,
    expected_marks: Marks,
) -> str:
    """Where the characters of one revision stand, at the client and at the server."""
    name = next(s.edits for s in steps if s.kind == "store" and s.revision == revision)
    lane = step.lane
    here = [n for n, mark in enumerate(shown_marks) if mark == revision]
    there = [n for n, mark in enumerate(expected_marks) if mark == revision]
    text_here = "".join((step.text or "")[n] for n in here)
    text_there = "".join((step.expected or "")[n] for n in there)
    if not here:
        return f"{quoted(text_there)} of {name} is missing at {lane}"
    if not there:
        return f"{quoted(text_here)} of {name} is missing at the server"
    if text_here == text_there * 2:
        return f"{quoted(text_there)} of {name} is there twice at {lane}"
    if text_there == text_here * 2:
        return f"{quoted(text_here)} of {name} is there twice at the server"
    if text_here == text_there:
        return (
            f"{quoted(text_here)} of {name} stands at {here[0]} for {lane} and at {there[0]} for the server"
        )
    return f"{name} reads {quoted(text_here)} at {lane} and {quoted(text_there)} at the server"


def _done_differently(steps: Sequence[StoryStep], found: Divergence) -> str:
    """What this client's own edit did here and as stored; empty if the same, or if the revision is none."""
    row = next((s for s in steps if s.kind == "store" and s.revision == found.revision), None)
    if row is None or row.operation is None or row.first != row.last:
        return ""
    mine = next((s for s in steps if s.kind == "edit" and (s.site, s.first) == (row.site, row.first)), None)
    if mine is None or mine.operation is None or mine.lane != found.lane:
        return ""
    here, there = (operation_text(op, s.before) for s in (mine, row) if (op := s.operation) is not None)
    return "" if here == there else f"{row.edits} {here} for {found.lane}, and {there} for the server"


def _where(step: StoryStep, found: Divergence) -> str:
    """The different parts, where no single edit explains them."""
    here = (step.text or "")[found.shown.begin : found.shown.end]
    there = (step.expected or "")[found.expected.begin : found.expected.end]
    at = found.shown.begin
    if not there:
        return f"{found.lane} has {quoted(here)} at {at}, which the server has not"
    if not here:
        return f"the server has {quoted(there)} at {at}, which {found.lane} has not"
    return f"from {at} on {found.lane} has {quoted(here)} where the server has {quoted(there)}"
