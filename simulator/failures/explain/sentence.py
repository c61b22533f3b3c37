"""What went wrong, in one sentence that names clients and edits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from model.identity import EMPTY_LOG, Revision
from model.verdict import CheckResult, Violation
from model.wording import counted, listed
from simulator.failures.case import Case
from simulator.failures.explain.divergence import divergence_text, edited, first_divergence
from simulator.failures.explain.steps import StoryStep
from simulator.failures.explain.wording import edits_text, seconds

EDIT_NAME: Final = re.compile(r"[^\s#()]+#\d+")


class Explanation(NamedTuple):
    """Something that the steps show by themselves.

    Attributes:
        checks: names of the checks it explains.
        text: the sentence, without a full stop.
    """

    checks: frozenset[str]
    text: str


class Headline(NamedTuple):
    """The verdict and what to say of it.

    Attributes:
        check: the check that fails; that of the case, unless it holds now.
        verdict: ``violated``, or ``valid`` if nothing failed this time.
        claimed: whether the engine claims it.
        sentence: the one sentence.
        also: what else the steps show.
        time_us: when it was noticed first; None if nothing failed.
    """

    check: str
    verdict: str
    claimed: bool
    sentence: str
    also: tuple[str, ...]
    time_us: int | None


def headline(case: Case, steps: Sequence[StoryStep], results: Sequence[CheckResult]) -> Headline:
    """The verdict on a case that was tried again, in words."""
    failed = [r for r in results if r.violated]
    failed.sort(key=lambda r: (r.name != case.check, not r.claimed))
    if not failed:
        sentence = f"{case.check} holds now; when the case was found it said: {_sentence(case.message)}"
        return Headline(case.check, "valid", True, sentence, (), None)
    result = failed[0]
    found = findings(steps)
    fitting = next((f for f in found if result.name in f.checks), None)
    if fitting is not None:
        text = fitting.text
    else:
        text = _with_edits(steps, result.violations[0]) if result.violations else case.message
    also = (
        *(_sentence(f.text) for f in found if f is not fitting),
        *(_sentence(other) for other in _other_checks(case, failed, found)),
    )
    time_us = min((v.time_us for v in result.violations), default=None)
    return Headline(result.name, "violated", result.claimed, _sentence(text), also, time_us)


def _other_checks(case: Case, failed: Sequence[CheckResult], found: Sequence[Explanation]) -> list[str]:
    """What other checks say of it now, unless the steps tell it, and what they said when it was found."""
    told = {check for f in found for check in f.checks}
    now = {r.name: r.violations[0].message for r in failed[1:] if r.claimed and r.violations}
    return [
        *(f"{check}: {message}" for check, message in now.items() if check not in told),
        *(
            f"{finding.check}, when it was found: {finding.message}"
            for finding in case.also
            if finding.check not in {r.name for r in failed}
        ),
    ]


def _with_edits(steps: Sequence[StoryStep], violation: Violation) -> str:
    """The checker's own sentence; with the edits in question in front of it where it names none."""
    if EDIT_NAME.search(violation.message):
        return violation.message
    stored = [s for s in steps if s.kind == "store" and s.time_us <= violation.time_us and s.revision]
    if not stored:
        return violation.message
    last = stored[-1].revision or 0
    return f"{edited(steps, EMPTY_LOG, Revision(last))}; {violation.message}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def findings(steps: Sequence[StoryStep]) -> list[Explanation]:
    """What the steps show to be wrong, the most telling first."""
    found: list[Explanation] = []
    diverged = first_divergence(steps)
    if diverged is not None:
        checks = frozenset({"convergence", "quiescence"})
        found.append(Explanation(checks, divergence_text(steps, diverged)))
    found.extend(_stored_twice(steps))
    found.extend(_forgotten(steps))
    found.extend(_unfinished(steps))
    return found


def _stored_twice(steps: Sequence[StoryStep]) -> list[Explanation]:
    """Edits that are part of two revisions; the first of them."""
    seen: dict[tuple[str, int], int] = {}
    for step in steps:
        if step.kind != "store" or step.revision is None:
            continue
        for sequence in range(step.first, step.last + 1):
            known = seen.setdefault((step.site, sequence), step.revision)
            if known != step.revision:
                name = edits_text(step.site, sequence, sequence)
                text = f"{name} was stored twice, as revision {known} and again as revision {step.revision}"
                return [Explanation(frozenset({"ledger"}), text)]
    return []


def _forgotten(steps: Sequence[StoryStep]) -> list[Explanation]:
    """Edits that a client was told are durable and that no revision contains; the first of them."""
    stored = {
        (s.site, sequence) for s in steps if s.kind == "store" for sequence in range(s.first, s.last + 1)
    }
    for step in steps:
        if step.kind not in ("acknowledge", "merge"):
            continue
        lost = [n for n in range(step.first, step.last + 1) if (step.site, n) not in stored]
        if lost:
            name = edits_text(step.site, lost[0], lost[-1])
            text = (
                f"{step.lane} was told that {name} is durable as revision {step.revision},"
                f" but no stored revision contains it"
            )
            return [Explanation(frozenset({"ledger"}), text)]
    return []


def _unfinished(steps: Sequence[StoryStep]) -> list[Explanation]:
    """A client that has not caught up, or got rid of its edits, when the run ended; the first of them."""
    healed_us = next((s.time_us for s in steps if s.kind == "heal"), 0)
    head = max([s.revision or 0 for s in steps if s.kind == "store"], default=0)
    for step in steps:
        if step.kind != "final" or not step.site or step.revision is None:
            continue
        if not step.amount and step.revision == head:
            continue
        waiting = [s.edits for s in steps if s.kind == "edit" and s.lane == step.lane][-step.amount :]
        problems = []
        if step.revision != head:
            problems.append(f"is at revision {step.revision}, the server at revision {head}")
        if step.amount:
            which = f" ({waiting[0]})" if step.amount == 1 and waiting else ""
            problems.append(f"has {counted(step.amount, 'edit')}{which} that the server did not acknowledge")
        broken = [
            s for s in steps if s.kind == "disconnect" and s.lane == step.lane and s.time_us >= healed_us
        ]
        if broken:
            often = counted(len(broken), "time")
            problems.append(f"lost its connection {often} meanwhile, last with {broken[-1].name}")
        problem = f"{step.lane} {listed(problems)}"
        text = f"{seconds(step.time_us - healed_us)} after every fault was over {problem}"
        return [Explanation(frozenset({"liveness", "quiescence"}), text)]
    return []
