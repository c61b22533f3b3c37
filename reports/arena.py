"""The page of an arena: one schedule under every algorithm, and a picture of whose characters stand where."""

from __future__ import annotations

from itertools import groupby
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.arena import Arena, Difference, EngineRow
from model.verdict import Verdict
from model.wording import counted
from reports import canvas, views, wording

# fmt: off
_AGENTS: Final = (
    "#3d8bbf", "#f2a541", "#e4572e", "#4f9d69", "#8e6bbf", "#c0567f", "#9a8f5b", "#2a9d9d",
    "#b5651d", "#5f7f3f", "#7a7adb", "#d98b9b", "#556b8e", "#a0a04a", "#7f4f7f", "#4aa0c0",
)
# fmt: on
_NOBODY: Final = "#c3cad5"
_CHARACTERS_WRITTEN_MAX: Final = 100
_NAMES_MAX: Final = 3


class TableCell(NamedTuple):
    """A cell of the table: what it says, and its mood (``valid``, ``violated``, ``quiet`` or none)."""

    text: str
    mood: str = ""


def render_arena(arena: Arena) -> str:
    """The whole page; equal arenas give equal text."""
    return views.page(
        "arena.html",
        has_charts=False,
        arena=arena,
        mood="bad" if arena.problems else "good",
        headline=headline(arena),
        facts=_facts(arena),
        picture=picture(arena),
        orders=[(row, _orders(row)) for row in arena.engines],
        costs=[(row, _costs(row)) for row in arena.engines],
        groups=[(letter, rows, arena.readable(rows[0].text)) for letter, rows in arena.groups.items()],
        differences=[(d, _readable_pair(arena, d)) for d in arena.differences],
    )


def headline(arena: Arena) -> str:
    """The result in a few words."""
    if arena.problems:
        return f"violated: {counted(len(arena.problems), 'problem')}"
    return f"{len(arena.engines)} engines, {counted(len(arena.groups), 'text')}"


def _facts(arena: Arena) -> list[tuple[str, str]]:
    return [
        ("people", f"{len(arena.agents)}"),
        ("edits", f"{arena.edits:,}"),
        ("exchanges with the server", f"{arena.exchanges:,}"),
        ("times offline", f"{arena.absences:,}"),
        ("characters typed", f"{len(arena.characters):,}"),
        ("workload", arena.workload),
        ("seed", f"{arena.seed}"),
        ("exit code", wording.exit_text(arena.exit_code)),
    ]


def _orders(row: EngineRow) -> list[TableCell]:
    decides = row.strong_is_claimed or row.strong is Verdict.VALID
    strong = row.strong.of_a_law + ("" if decides else " (not claimed)")
    return [
        TableCell("yes", "valid") if row.converged else TableCell("no", "violated"),
        TableCell(row.weak.of_a_law, row.weak.value),
        TableCell(strong, row.strong.value if decides else "quiet"),
        TableCell(f"{row.forward_split} of {row.forward_runs}"),
        TableCell(f"{row.backward_split} of {row.backward_runs}"),
    ]


def _costs(row: EngineRow) -> list[str]:
    counts = (
        row.bytes_up,
        row.bytes_down,
        row.elements,
        row.tombstones,
        row.log,
        row.state_bytes,
        row.transformations,
        row.branches,
    )
    return [
        *(wording.NONE if count is None else f"{count:,}" for count in counts),
        wording.duration_text(round(row.machine.wall_seconds * 1e6)),
        f"{row.machine.memory_bytes_peak / 1e6:,.2f} MB",
    ]


def _readable_pair(arena: Arena, difference: Difference) -> tuple[str, str]:
    """The pair as people read it."""
    return arena.readable(difference.first), arena.readable(difference.second)


# --- the picture ------------------------------------------------------------------------------------------


def picture(arena: Arena) -> str:
    """A strip for each group of engines: its final text, coloured by who typed each character."""
    groups = arena.groups
    colors: dict[str, str] = {agent: _AGENTS[n % len(_AGENTS)] for n, agent in enumerate(arena.agents)}
    authors = {c.character: c.agent for c in arena.characters}
    with canvas.style("arena"):
        figure = Figure(figsize=(10.6, 0.7 + 0.62 * len(groups)), layout="constrained")
        axes = figure.subplots()
        for row, engines in enumerate(groups.values()):
            text = engines[0].text
            at = 0
            for author, run in groupby(text, key=lambda c: authors.get(c, "")):
                length = len(list(run))
                color = colors.get(author, _NOBODY)
                axes.broken_barh([(at, length)], (row - 0.36, 0.72), facecolors=color, linewidth=0)
                at += length
            if len(text) <= _CHARACTERS_WRITTEN_MAX:
                _write(axes, row, arena.readable(text))
        names = [f"{letter}  {_names(rows)}" for letter, rows in groups.items()]
        axes.set_yticks(range(len(groups)), names)
        axes.set_ylim(len(groups) - 0.4, -0.6)
        axes.set_xlim(0, max(1, *(len(rows[0].text) for rows in groups.values())))
        axes.set_xlabel("place in the final text")
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        for agent, color in (*colors.items(), ("the first text", _NOBODY)):
            axes.broken_barh([], (0, 0), facecolors=color, label=agent)
        canvas.legend(axes)
        return canvas.svg(figure, "arena")


def _names(rows: list[EngineRow]) -> str:
    names = [row.name for row in rows]
    if len(names) <= _NAMES_MAX:
        return "\n".join(names)
    return "\n".join([*names[: _NAMES_MAX - 1], f"and {len(names) - _NAMES_MAX + 1} more"])


def _write(axes: Axes, row: int, text: str) -> None:
    for at, character in enumerate(text):
        shown = character if character.isprintable() else "·"
        # A dollar sign would begin a formula.
        axes.text(
            at + 0.5, row, shown.replace("$", r"\$"), ha="center", va="center", fontsize=8.5, color="#101418"
        )
