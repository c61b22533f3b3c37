"""What every space-time diagram (Lamport, CACM 21, 1978) is drawn with, as SVG: lanes, arrows, bands, dots.

Time goes downwards, a lane for each place, an arrow for each message. Where lanes and words stand is left to
a layout: :class:`~simulator.failures.explain.sides.Sides` or :class:`~simulator.failures.explain.rail.Rail`.
Colours come from the style sheet of the page.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from simulator.failures.explain.scene import LaneSpan, Scene
from simulator.failures.explain.steps import EVERYBODY, SERVER, StoryStep
from simulator.failures.explain.wording import EMPTY, Excerpt, TextSpan, difference, excerpt, safe

LINE_HEIGHT: Final = 13
LETTER_WIDTH: Final = 6.1
"""Pixels of a letter of a label, rather too many than too few."""

SIGN_WIDTH: Final = 8.5
"""Pixels of a sign of a document's text."""

TEXT_LENGTH_MAX: Final = 26
CROSSES: Final = frozenset({"crash", "raise"})


class Canvas:
    """A diagram without its words.

    A layout sets ``x``, ``row_y``, ``y``, ``width`` and ``height`` when it is made.

    Attributes:
        x: of each lane, in pixels like all that follows.
        row_y: of each row.
        y: of each step that is shown, by its number.
        top: where the lanes begin.
        box_half: half of the width of the server's boxes, as far as arrows stay away from its lane.
        box_radius: of their corners.
        band_half: half of the width of the band of a fault, ``server_band_half`` on the lane of the server.
        width: of the whole picture, as ``height``.
    """

    name: str
    x: dict[str, int]
    row_y: list[int]
    y: dict[int, int]
    top: int
    box_half = 0
    box_radius = 2
    band_half = 11
    server_band_half = 11
    width: int
    height: int

    def __init__(self, steps: Sequence[StoryStep], scene: Scene) -> None:
        self.steps = steps
        self.scene = scene
        self.arrived = {s.origin for s in steps if s.kind == "store"}
        self.joined_y: dict[str, int] = {}
        self.wrong = {s.revision: s.text for s in (steps[n] for n in scene.numbers) if s.diverges}

    @property
    def tip(self) -> str:
        """The id of the tips of arrows; no two pictures of a page may share it."""
        return f"tip{self.width}"

    def svg(self) -> str:
        """The whole picture as one element."""
        return "\n".join(self._draw())

    def _draw(self) -> Iterator[str]:
        """Everything, what lies below first."""
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram {self.name}" width="{self.width}" '
            f'height="{self.height}" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="space-time diagram">'
        )
        yield (
            f'<defs><marker id="{self.tip}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path class="tip" d="M0 0.5 L8 4 L0 7.5 z"/></marker></defs>'
        )
        for stretch in self.scene.faults:
            yield from self._band(stretch)
        for lane in self.x:
            yield from self._lane(lane)
        for number in self.scene.numbers:
            yield from self._arrow(number)
        for number in self.scene.numbers:
            if self.steps[number].lane == EVERYBODY:
                yield from self._note(number)
            else:
                yield self._mark(number)
                yield from self._words(number)
        yield from self._beside()
        yield "</svg>"

    # --- what a layout says ------------------------------------------------------------------------------

    def _lane_name(self, lane: str) -> str:
        """The name at the head of a lane."""
        raise NotImplementedError

    def _stub_end(self, lane: str) -> int:
        """Where a message that arrives nowhere ends."""
        raise NotImplementedError

    def _box_size(self, number: int) -> tuple[int, int]:
        """Width and height of the box of a step of the server."""
        raise NotImplementedError

    def _words(self, number: int) -> Iterable[str]:
        """What is said of a step, and what the place shows then."""
        raise NotImplementedError

    def _note(self, number: int) -> Iterable[str]:
        """What concerns everybody."""
        raise NotImplementedError

    def _beside(self) -> Iterable[str]:
        """What stands apart from lanes and words; nothing if the words say it all."""
        return ()

    # --- lanes and messages ------------------------------------------------------------------------------

    def _lane(self, lane: str) -> Iterator[str]:
        """The life of one place, dashed where it has no connection."""
        x = self.x[lane]
        yield self._lane_name(lane)
        bottom = self.height - 8
        at = self.top
        for stretch in self.scene.absences:
            if stretch.lane != lane:
                continue
            begin = self.row_y[stretch.begin] if stretch.begin else self.top
            end = bottom if stretch.end is None else self.row_y[stretch.end]
            if begin > at:
                yield f'<path class="lane" d="M{x} {at} V{begin}"/>'
            yield f'<path class="lane away" d="M{x} {begin} V{end}"/>'
            at = end
        if bottom > at:
            yield f'<path class="lane" d="M{x} {at} V{bottom}"/>'

    def _edge(self, lane: str, towards: int) -> int:
        """Where arrows begin and end at a place, seen from the other end."""
        half = self.box_half if lane == SERVER else 0
        return self.x[lane] + (half if towards > self.x[lane] else -half)

    def _band_box(self, stretch: LaneSpan) -> tuple[int, int, int, int]:
        """Left, top, width and height of the band of a fault."""
        half = self.server_band_half if stretch.lane == SERVER else self.band_half
        begin = self.row_y[stretch.begin]
        end = self.height - 8 if stretch.end is None else self.row_y[stretch.end]
        return self.x[stretch.lane] - half, begin, 2 * half, max(end - begin, 8)

    def _band(self, stretch: LaneSpan) -> Iterator[str]:
        """A fault that acts on this place."""
        x, y, width, height = self._band_box(stretch)
        title = f"<title>{safe(stretch.name)}</title>"
        yield f'<rect class="fault" x="{x}" y="{y}" width="{width}" height="{height}" rx="6">{title}</rect>'

    def _arrow(self, number: int) -> Iterator[str]:
        """The message that arrived with this step, and the one it sent if that arrived nowhere."""
        step = self.steps[number]
        if step.kind == "join":
            self.joined_y[step.lane] = self.y[number]
        if step.origin is not None and step.origin in self.y:
            source = self.steps[step.origin]
            x1, y1 = self._edge(source.lane, self.x[step.lane]), self.y[step.origin]
            x2 = self._edge(step.lane, self.x[source.lane])
            if step.late and step.lane in self.joined_y:
                # It was sent again when the client came back; nothing else tells where on its way it was.
                x1, y1 = self.x[SERVER], self.joined_y[step.lane]
            kind = " own" if step.kind in ("acknowledge", "merge") else " up" if step.kind == "store" else ""
            label = step.edits if step.kind == "store" or step.revision is None else f"r{step.revision}"
            yield (
                f'<path class="arrow{kind}{" late" * step.late}" d="M{x1} {y1} '
                f'L{x2} {self.y[number]}" marker-end="url(#{self.tip})">'
                f"<title>{safe(label)}</title></path>"
            )
        if step.sends and number not in self.arrived:
            x, y, end = self.x[step.lane], self.y[number], self._stub_end(step.lane)
            title = f"<title>{safe(step.sends)}: nothing was stored because of it</title>"
            yield f'<path class="stub" d="M{x} {y} L{end} {y + 14}">{title}</path>'
            yield f'<path class="stub-end" d="M{end - 4} {y + 10} l8 8 m0 -8 l-8 8"/>'

    # --- steps -------------------------------------------------------------------------------------------

    def _step(self, number: int) -> StoryStep:
        """A step; of the server's, what a client shows at its revision is expected if it is another text."""
        step = self.steps[number]
        if step.lane != SERVER:
            return step
        other = self.wrong.get(step.revision) if step.kind in ("store", "final") else None
        return step._replace(expected=None if other == step.text else other)

    def _mark(self, number: int) -> str:
        """The sign of a step on its lane."""
        step = self._step(number)
        x, y = self.x[step.lane], self.y[number]
        if step.lane == SERVER:
            width, height = self._box_size(number)
            wrong = "" if step.expected is None else " wrong"
            return (
                f'<rect class="box{wrong}" x="{x - width // 2}" y="{y - height // 2}" width="{width}" '
                f'height="{height}" rx="{self.box_radius}"><title>{safe(step.what)}</title></rect>'
            )
        if step.kind in CROSSES:
            return f'<path class="cross" d="M{x - 6} {y - 6} l12 12 m0 -12 l-12 12"/>'
        kind = "wrong" if step.diverges else step.kind
        return f'<circle class="dot {kind}" cx="{x}" cy="{y}" r="5"/>'

    def _shown(
        self, step: StoryStep, x: int, y: int, anchor: str, place: str = "", length_max: int = TEXT_LENGTH_MAX
    ) -> str:
        """A text, with what changed or what is wrong in it set off."""
        assert step.text is not None
        part, css = parts(step, length_max)
        inner = "".join(
            f'<tspan class="{css}">{safe(piece)}</tspan>' if n == 1 and piece else safe(piece)
            for n, piece in enumerate(part)
        )
        same = "" if step.text != step.before or step.diverges else " same"
        full = f"<title>{safe(excerpt(step.text, TextSpan(0, 0), 2_000).whole)}</title>"
        return (
            f'<text class="text{same}{place}" x="{x}" y="{y}" text-anchor="{anchor}" xml:space="preserve">'
            f"{inner or EMPTY}{full}</text>"
        )


def said(step: StoryStep) -> list[str]:
    """What is said of a step: what happened, and what was sent at once."""
    return [step.what] if step.kind == "send" or not step.sends else [step.what, step.sends]


def wrapped(texts: Iterable[str], width: float) -> list[str]:
    """Lines of labels, none of them cut; ``width`` is in pixels."""
    letters = max(int(width / LETTER_WIDTH), 8)
    return [line for text in texts for line in textwrap.wrap(text, letters) or [""]]


def parts(step: StoryStep, length_max: int) -> tuple[Excerpt, str]:
    """What a step shows, around what is wrong in it or what it changed, and which of both it is."""
    assert step.text is not None
    if step.diverges:
        assert step.expected is not None
        return excerpt(step.text, difference(step.text, step.expected)[0], length_max), "bad"
    if step.before is not None and step.before != step.text:
        return excerpt(step.text, difference(step.before, step.text)[1], length_max), "new"
    return excerpt(step.text, TextSpan(0, 0), length_max), "new"
