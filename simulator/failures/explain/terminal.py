"""A failure explained on a terminal: the sentence, the steps in aligned columns, how to run it again."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from model.checkers.promises import PROMISES
from model.history import Record
from model.verdict import CheckResult
from simulator.failures.case import Case
from simulator.failures.explain.canvas import parts
from simulator.failures.explain.scene import arrange, last_before
from simulator.failures.explain.sentence import headline
from simulator.failures.explain.steps import EVERYBODY, StoryStep
from simulator.failures.explain.story import story
from simulator.failures.explain.wording import EMPTY, difference, milliseconds, quoted_around

WIDTH: Final = 110
TEXT_LENGTH_MAX: Final = 32


def tell(
    case: Case, records: Sequence[Record], results: Sequence[CheckResult], *, file: str = "FAILURE.json"
) -> list[str]:
    """The lines of the explanation.

    Args:
        case: the failure.
        records: of a run of its plan.
        results: of the same run.
        file: the name of the failure file, for the command that replays it.
    """
    steps = story(records, cursors=case.check == "presence")
    head = headline(case, steps, results)
    scene = arrange(case, steps, head.sentence, head.time_us)
    claimed = "" if head.claimed else " (not claimed)"
    lines = [f"{head.verdict}: {head.check}{claimed}", *textwrap.wrap(head.sentence, WIDTH)]
    if head.check in PROMISES:
        lines += textwrap.wrap(f"What has to hold: {PROMISES[head.check]}", WIDTH)
    lines += [""]
    for also in head.also:
        lines += [*textwrap.wrap(f"also: {also}", WIDTH), ""]
    last = last_before(steps, scene.numbers, head.time_us)
    if last:
        lines += [f"the last {len(last)} steps before it:", *_table([steps[n] for n in last])]
        lines += ["", "all steps:"]
    lines += _table([steps[n] for n in scene.numbers])
    if scene.omitted:
        lines += ["", scene.omitted]
    lines += ["", f"replay: concord replay {file}"]
    return lines


def _table(steps: Sequence[StoryStep]) -> list[str]:
    rows = [("ms", "who", "shows", "what")]
    rows += [(milliseconds(s.time_us), s.lane or "·", _shown(s), _what(s)) for s in steps]
    widths = [max(len(row[n]) for row in rows) for n in range(3)]
    return [
        f"{time:>{widths[0]}}  {who:<{widths[1]}}  {shows:<{widths[2]}}  {what}".rstrip()
        for time, who, shows, what in rows
    ]


def _shown(step: StoryStep) -> str:
    if step.text is None or step.lane == EVERYBODY:
        return ""
    if step.text == step.before and not step.diverges and step.kind != "final":
        return "="
    return f"'{parts(step, TEXT_LENGTH_MAX)[0].whole}'" if step.text else EMPTY


def _what(step: StoryStep) -> str:
    what = step.what if not step.sends or step.kind == "send" else f"{step.what}; {step.sends}"
    if not step.diverges:
        return what
    assert step.text is not None
    assert step.expected is not None
    span = difference(step.text, step.expected)[1]
    return f"{what}  << the server has {quoted_around(step.expected, span, TEXT_LENGTH_MAX)}"
