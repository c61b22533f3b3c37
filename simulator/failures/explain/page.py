"""The page that explains a failure: one HTML file that needs nothing else, in light and in dark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from model.checkers.promises import PROMISES
from model.history import Record
from model.verdict import CheckResult, Violation
from model.wording import counted, listed
from simulator.failures.case import Case
from simulator.failures.explain.canvas import parts
from simulator.failures.explain.diagram import diagram
from simulator.failures.explain.replay import replay_test
from simulator.failures.explain.scene import arrange, last_before
from simulator.failures.explain.sentence import Headline, headline
from simulator.failures.explain.steps import EVERYBODY, StoryStep
from simulator.failures.explain.story import story
from simulator.failures.explain.wording import EMPTY, milliseconds, quoted, safe, seconds
from simulator.planning.plan import ClientPlan, ScriptStep
from simulator.planning.scope import words

CSS: Final = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
GENERATOR: Final = '<meta name="generator" content="Concord">'
"""What tells a page of ours from others."""

TEXT_LENGTH_MAX: Final = 80

LEGEND: Final = """<p class="legend">
<span><span class="dot" style="background:var(--new)"></span>an edit</span>
<span><i style="color:var(--up)"></i>edits on their way to the server</span>
<span><i style="color:var(--down)"></i>a revision on its way to the others</span>
<span><i style="color:var(--own)"></i>its acknowledgement</span>
<span><i style="color:var(--down);border-top-style:dashed"></i>caught up later</span>
<span><i style="color:var(--lane);border-top-style:dotted"></i>no connection</span>
<span><span class="new">blue</span> has changed</span>
<span><span class="bad">red</span> differs between client and server</span>
<span><span class="band"></span>a fault acts</span>
<span>time is not to scale</span>
</p>"""

LEGEND_OF_REPLICAS: Final = """<p class="legend">
<span><span class="dot" style="background:var(--new)"></span>an edit</span>
<span><i style="color:var(--down)"></i>its events, until a replica has taken them over, by whatever way</span>
<span><i style="color:var(--lane);border-top-style:dotted"></i>offline</span>
<span><span class="new">blue</span> has changed</span>
<span><span class="band"></span>a fault acts</span>
<span>time is not to scale</span>
</p>"""


def explain(
    case: Case, records: Sequence[Record], results: Sequence[CheckResult], *, file: str = "FAILURE.json"
) -> str:
    """The page.

    Args:
        case: the failure.
        records: of a run of its plan.
        results: of the same run.
        file: the name of the failure file, for what replays it.
    """
    steps = story(records, cursors=case.check == "presence")
    head = headline(case, steps, results)
    scene = arrange(case, steps, head.sentence, head.time_us)
    pictures = diagram(steps, scene)
    drawn = f'<div class="desk">{pictures.wide}</div>\n<div class="phone">{pictures.narrow}</div>'
    legend = LEGEND if scene.has_server else LEGEND_OF_REPLICAS
    last = last_before(steps, scene.numbers, head.time_us)
    body = [
        _header(case, head),
        _section(f"The last {len(last)} steps before it", _table(steps, last)) if last else "",
        _section("What happened", f"{legend}\n{drawn}", scene.omitted),
        _section("The steps", _table(steps, scene.numbers), scene.omitted),
        _section("What the checks say", _violations(results)),
        _told(case),
        _section("Run it again", _replay(case, file)),
    ]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{GENERATOR}
<title>Concord: {safe(head.check)} {safe(head.verdict)}</title>
<style>
{CSS}</style>
</head>
<body>
<main>
{"".join(body)}</main>
</body>
</html>
"""


def _header(case: Case, head: Headline) -> str:
    claimed = (
        "claimed by the engine" if head.claimed else "not claimed by the engine: informs, decides nothing"
    )
    promise = f"<p>What has to hold: {safe(PROMISES[head.check])}</p>\n" if head.check in PROMISES else ""
    also = "".join(f"<p>Also: {safe(text)}</p>\n" for text in head.also)
    return f"""<header class="{safe(head.verdict)}">
<h1>{safe(head.check)} <b class="verdict">{safe(head.verdict)}</b>
<span class="quiet">({claimed})</span></h1>
<p class="sentence">{safe(head.sentence)}</p>
{promise}{also}<p class="quiet">{safe(_circumstances(case))}</p>
</header>
"""


def _circumstances(case: Case) -> str:
    """How small the case is, which faults act in it, where it was found."""
    size = f"{counted(case.clients, 'client')}, {counted(case.operations, 'edit')}"
    faults = _faults(case)
    acting = f"faults: {listed(faults)}" if faults else "no faults"
    shrunk = "shrunk" if case.shrunk else "not shrunk"
    seeded = f"; with the seeded bug {case.bug}" if case.bug else ""
    return f"{size}; {acting}; {_found(case)}; {shrunk}{seeded}."


def _faults(case: Case) -> list[str]:
    """What goes wrong, in words."""
    if (way := case.plan.way) is not None:
        return [words(step, way.scope.workers) for step in way.faults]
    return [
        f"{w.kind} {_whom(w.sites)}from {seconds(w.begin_us)} to {seconds(w.end_us)}"
        for w in case.plan.faults
    ]


def _found(case: Case) -> str:
    """Where the case was found, in words."""
    if case.plan.way is not None:
        return "found by trying every order of what can happen"
    origin = case.origin
    return (
        f"found in {origin.scenario} with seed {origin.seed}, cell {origin.cell}, document {origin.document}"
    )


def _whom(sites: Sequence[str] | None) -> str:
    return "" if sites is None else f"on {listed(sites)} "


def _section(title: str, content: str, note: str = "") -> str:
    quiet = f'\n<p class="quiet">{safe(note)}</p>' if note else ""
    return f"<section>\n<h2>{title}</h2>\n{content}{quiet}\n</section>\n"


def _table(steps: Sequence[StoryStep], numbers: Sequence[int]) -> str:
    rows = "".join(_row(steps[n]) for n in numbers)
    return (
        '<div class="wide"><table>\n<thead><tr><th class="n">ms</th><th>who</th><th>what</th>'
        f"<th>shows then</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>"
    )


def _row(step: StoryStep) -> str:
    css = " class='wrong'" if step.diverges else " class='everybody'" if step.lane == EVERYBODY else ""
    what = step.what if not step.sends or step.kind == "send" else f"{step.what}; {step.sends}"
    if step.diverges:
        what += f"; the server has {quoted(step.expected or '', TEXT_LENGTH_MAX)}"
    return (
        f'<tr{css}><td class="n">{milliseconds(step.time_us)}</td><td class="who">{safe(step.lane)}</td>'
        f"<td>{safe(what)}</td>{_shown(step)}</tr>\n"
    )


def _shown(step: StoryStep) -> str:
    if step.text is None:
        return "<td></td>"
    part, css = parts(step, TEXT_LENGTH_MAX)
    tag = "mark" if css == "bad" else "ins"
    focus = f"<{tag}>{safe(part.focus)}</{tag}>" if part.focus else ""
    same = " same" if step.text == step.before and not step.diverges else ""
    shown = f"{safe(part.left)}{focus}{safe(part.right)}" or EMPTY
    return f'<td class="shown{same}">{shown}</td>'


def _violations(results: Sequence[CheckResult]) -> str:
    rows = "".join(
        f"<tr><td><b>{safe(r.name)}</b></td>"
        f"<td>{r.verdict.value}{'' if r.claimed else ' (not claimed)'}</td>"
        f'<td class="n">{r.checked:,}</td><td class="n">{r.violated:,}</td><td>{safe(r.detail)}</td></tr>\n'
        for r in results
    )
    evidence = "".join(_evidence(v) for r in results for v in r.violations)
    return (
        '<div class="wide"><table class="checks">\n<thead><tr><th>check</th><th>verdict</th>'
        f'<th class="n">compared</th><th class="n">violated</th><th>what was compared</th></tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table></div>\n{evidence}"
    )


def _evidence(violation: Violation) -> str:
    data = json.dumps(violation.evidence, indent=1, ensure_ascii=False, default=str)
    return (
        f"<details><summary>{milliseconds(violation.time_us)} ms, {safe(violation.check)}:"
        f" {safe(violation.message)}</summary>\n<pre>{safe(data, lines=True)}</pre></details>\n"
    )


def _told(case: Case) -> str:
    """What makes the failure: one way, or a script for each client."""
    if (way := case.plan.way) is not None:
        rows = "".join(f"<li>{safe(words(step, way.scope.workers))}</li>\n" for step in way.steps)
        end = "<p>Then nothing happens any more, and everything is read back.</p>" if way.is_end else ""
        note = "One step in a millisecond, from when everybody has joined."
        return _section("What happened, one step after another", f"<ol>\n{rows}</ol>\n{end}", note)
    clients = [c for d in case.plan.documents for c in d.clients]
    scripts = "".join(map(_script, clients))
    return _section("What everybody was told to do", f'<div class="columns">{scripts}</div>')


def _script(client: ClientPlan) -> str:
    if client.script is None:
        return f"<div><b>{safe(client.site)}</b><p>follows the workload</p></div>\n"
    rows = "".join(
        f'<tr><td class="n">{milliseconds(step.at_us)}</td><td>{safe(_command(step))}</td></tr>\n'
        for step in client.script
    )
    return (
        f"<div><b>{safe(client.site)}</b>\n<table><thead><tr><th class='n'>ms</th><th>does</th></tr></thead>"
        f"\n<tbody>\n{rows}</tbody></table></div>\n"
    )


def _command(step: ScriptStep) -> str:
    """A step of a script in words."""
    if step.do == "select":
        return f"puts the cursor at {step.position}"
    if step.do != "edit":
        return {
            "offline": "goes offline",
            "online": "goes online",
            "crash": "crashes",
            "restart": "restarts",
        }.get(step.do, step.do)
    gone = counted(step.deleted, "character")
    if not step.deleted:
        return f"inserts {quoted(step.inserted)} at {step.position}"
    if not step.inserted:
        return f"deletes {gone} at {step.position}"
    return f"replaces {gone} at {step.position} by {quoted(step.inserted)}"


def _replay(case: Case, file: str) -> str:
    origin = (
        f"<p>It was found by:</p>\n<pre>{safe(case.origin.command)}</pre>\n" if case.origin.command else ""
    )
    return (
        f"<pre>concord replay {safe(file)}</pre>\n{origin}<details><summary>As a test, with the failure file"
        f" beside it</summary>\n<pre>{safe(replay_test(case, file), lines=True)}</pre></details>"
    )
