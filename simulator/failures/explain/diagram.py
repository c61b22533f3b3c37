"""The space-time diagram (Lamport, CACM 21, 1978) as SVG: a lane for each place, arrows for the messages.

Time goes downwards. Colours come from the style sheet of the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from simulator.failures.explain.layout import BOX_HEIGHT, BOX_WIDTH, GUTTER, HEAD_HEIGHT, Layout
from simulator.failures.explain.scene import LaneSpan, Scene
from simulator.failures.explain.steps import EVERYBODY, SERVER, StoryStep
from simulator.failures.explain.wording import Excerpt, TextSpan, difference, excerpt, milliseconds, safe

STUB: Final = 54
TEXT_LENGTH_MAX: Final = 26
LABEL_LENGTH_MAX: Final = 42
BOX_LABEL_LENGTH_MAX: Final = 36
CROSSES: Final = frozenset({"crash", "raise"})


class Picture(NamedTuple):
    """The SVG element and how wide it is, in pixels."""

    svg: str
    width: int


def diagram(steps: Sequence[StoryStep], scene: Scene) -> Picture:
    """The picture of what ``scene`` shows of a story."""
    canvas = _Canvas(steps, scene)
    return Picture("\n".join(canvas.draw()), canvas.width)


class _Canvas(Layout):
    def __init__(self, steps: Sequence[StoryStep], scene: Scene) -> None:
        super().__init__(steps, scene)
        self.arrived = {s.origin for s in steps if s.kind == "store"}
        self.joined_y: dict[str, int] = {}
        self.wrong = {s.revision: s.text for s in (steps[n] for n in scene.numbers) if s.diverges}

    def draw(self) -> Iterator[str]:
        """Everything, what lies below first."""
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" width="{self.width}" '
            f'height="{self.height}" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="space-time diagram">'
        )
        yield (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path class="tip" d="M0 0.5 L8 4 L0 7.5 z"/></marker></defs>'
        )
        for stretch in self.scene.faults:
            yield from self.band(stretch)
        yield from self.times()
        for lane in ((SERVER,) if self.scene.has_server else ()) + self.scene.clients:
            yield from self.lane(lane)
        yield from self.notes()
        for number in self.scene.numbers:
            yield from self.arrow(number)
        for number in self.scene.numbers:
            if self.steps[number].lane == SERVER:
                yield from self.box(number)
            elif self.steps[number].lane != EVERYBODY:
                yield from self.event(number)
        for stretch in self.scene.faults:
            yield self.band_name(stretch)
        yield "</svg>"

    # --- places -------------------------------------------------------------------------------------------

    def times(self) -> Iterator[str]:
        """When every row happened, on the left."""
        yield f'<text class="quiet" x="{GUTTER - 24}" y="26" text-anchor="end">ms</text>'
        shown = -1
        for row, y in zip(self.scene.rows, self.row_y, strict=True):
            step = self.steps[row[0]]
            if step.time_us != shown:
                time = milliseconds(step.time_us)
                yield f'<text class="time" x="{GUTTER - 24}" y="{y + 4}" text-anchor="end">{time}</text>'
            shown = step.time_us

    def notes(self) -> Iterator[str]:
        """What concerns everybody, across all lanes."""
        x = self.x[SERVER]
        for row, y in zip(self.scene.rows, self.row_y, strict=True):
            step = self.steps[row[0]]
            if step.lane == EVERYBODY:
                yield f'<path class="rule" d="M{GUTTER - 16} {y} H{self.width - 8}"/>'
                yield f'<text class="note" x="{x}" y="{y + 4}" text-anchor="middle">{safe(step.what)}</text>'

    def lane(self, lane: str) -> Iterator[str]:
        """The life of one place, dashed where it has no connection."""
        x = self.x[lane]
        yield f'<text class="name" x="{x}" y="28" text-anchor="middle">{safe(lane)}</text>'
        top, bottom = HEAD_HEIGHT - 16, self.height - 8
        at = top
        for stretch in self.scene.absences:
            if stretch.lane != lane:
                continue
            begin = self.row_y[stretch.begin] if stretch.begin else top
            end = bottom if stretch.end is None else self.row_y[stretch.end]
            if begin > at:
                yield f'<path class="lane" d="M{x} {at} V{begin}"/>'
            yield f'<path class="lane away" d="M{x} {begin} V{end}"/>'
            at = end
        if bottom > at:
            yield f'<path class="lane" d="M{x} {at} V{bottom}"/>'

    def band(self, stretch: LaneSpan) -> Iterator[str]:
        """A fault that acts on this place."""
        x, y, width, height = self.band_box(stretch)
        title = f"<title>{safe(stretch.name)}</title>"
        yield f'<rect class="fault" x="{x}" y="{y}" width="{width}" height="{height}" rx="6">{title}</rect>'

    def band_name(self, stretch: LaneSpan) -> str:
        x, y, width, _ = self.band_box(stretch)
        if stretch.lane == SERVER:
            return f'<text class="fault-name" x="{x + 6}" y="{y + 14}">{safe(stretch.name)}</text>'
        outward = self.outward(stretch.lane)
        anchor = "start" if outward > 0 else "end"
        at = x + width + 4 if outward > 0 else x - 4
        name = safe(stretch.name)
        return f'<text class="fault-name" x="{at}" y="{y + 14}" text-anchor="{anchor}">{name}</text>'

    # --- messages -----------------------------------------------------------------------------------------

    def arrow(self, number: int) -> Iterator[str]:
        """The message that arrived with this step, and the one it sent if that arrived nowhere."""
        step = self.steps[number]
        if step.kind == "join":
            self.joined_y[step.lane] = self.y[number]
        if step.origin is not None and step.origin in self.y:
            source = self.steps[step.origin]
            x1, y1 = self.edge(source.lane, self.x[step.lane]), self.y[step.origin]
            x2 = self.edge(step.lane, self.x[source.lane])
            if step.late and step.lane in self.joined_y:
                # It was sent again when the client came back; nothing else tells where on its way it was.
                x1, y1 = self.x[SERVER], self.joined_y[step.lane]
            kind = " own" if step.kind in ("acknowledge", "merge") else " up" if step.kind == "store" else ""
            label = step.edits if step.kind == "store" or step.revision is None else f"r{step.revision}"
            yield (
                f'<path class="arrow{kind}{" late" * step.late}" d="M{x1} {y1} '
                f'L{x2} {self.y[number]}" marker-end="url(#tip)"><title>{safe(label)}</title></path>'
            )
        if step.sends and number not in self.arrived:
            x, y = self.x[step.lane], self.y[number]
            end = x - self.outward(step.lane) * STUB
            title = f"<title>{safe(step.sends)}: nothing was stored because of it</title>"
            yield f'<path class="stub" d="M{x} {y} L{end} {y + 14}">{title}</path>'
            yield f'<path class="stub-end" d="M{end - 4} {y + 10} l8 8 m0 -8 l-8 8"/>'

    # --- events -------------------------------------------------------------------------------------------

    def event(self, number: int) -> Iterator[str]:
        """What happened at a client and what it shows then."""
        step = self.steps[number]
        x, y = self.x[step.lane], self.y[number]
        if step.kind in CROSSES:
            yield f'<path class="cross" d="M{x - 6} {y - 6} l12 12 m0 -12 l-12 12"/>'
        else:
            kind = "wrong" if step.diverges else step.kind
            yield f'<circle class="dot {kind}" cx="{x}" cy="{y}" r="5"/>'
        outward = self.outward(step.lane)
        at = x + outward * 14
        anchor = "start" if outward > 0 else "end"
        lines = [safe(_cut(line)) for line in (step.what, step.sends) if line]
        if step.kind == "send":
            lines = lines[:1]
        top = y + 4
        if step.text is not None:
            yield self.shown(step, at, y + 1, anchor)
            top = y + 15
        for n, line in enumerate(lines):
            yield f'<text class="label" x="{at}" y="{top + 12 * n}" text-anchor="{anchor}">{line}</text>'

    def box(self, number: int) -> Iterator[str]:
        """What the server did and its text then."""
        step = self.steps[number]
        x, y = self.x[SERVER], self.y[number]
        other = self.wrong.get(step.revision) if step.kind in ("store", "final") else None
        wrong = "" if other is None or other == step.text else " wrong"
        yield (
            f'<rect class="box{wrong}" x="{x - BOX_WIDTH // 2}" y="{y - BOX_HEIGHT // 2}" '
            f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7"><title>{safe(step.what)}</title></rect>'
        )
        what = step.what.partition(" (")[0] if step.kind == "store" else step.what
        label = y + 4
        if step.text is not None:
            yield self.shown(step._replace(expected=other), x, y - 3, "middle", " in")
            label = y + 13
        what = safe(_cut(what, BOX_LABEL_LENGTH_MAX))
        yield f'<text class="label in" x="{x}" y="{label}" text-anchor="middle">{what}</text>'

    def shown(self, step: StoryStep, x: int, y: int, anchor: str, place: str = "") -> str:
        """A text, with what changed or what is wrong in it set off."""
        assert step.text is not None
        part, css = parts(step, TEXT_LENGTH_MAX)
        inner = "".join(
            f'<tspan class="{css}">{safe(piece)}</tspan>' if n == 1 and piece else safe(piece)
            for n, piece in enumerate(part)
        )
        same = "" if step.text != step.before or step.diverges else " same"
        full = f"<title>{safe(excerpt(step.text, TextSpan(0, 0), 2_000).whole)}</title>"
        return (
            f'<text class="text{same}{place}" x="{x}" y="{y}" text-anchor="{anchor}" xml:space="preserve">'
            f"{inner or '∅'}{full}</text>"
        )


def parts(step: StoryStep, length_max: int) -> tuple[Excerpt, str]:
    """What a step shows, around what is wrong in it or what it changed, and which of both it is."""
    assert step.text is not None
    if step.diverges:
        assert step.expected is not None
        return excerpt(step.text, difference(step.text, step.expected)[0], length_max), "bad"
    if step.before is not None and step.before != step.text:
        return excerpt(step.text, difference(step.before, step.text)[1], length_max), "new"
    return excerpt(step.text, TextSpan(0, 0), length_max), "new"


def _cut(line: str, length_max: int = LABEL_LENGTH_MAX) -> str:
    return line if len(line) <= length_max else line[: length_max - 1] + "…"
