"""The diagram of many clients, or on a narrow screen: all lanes on the left, all words on the right.

So no arrow crosses a word, however many lanes there are and however narrow the window is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from simulator.failures.explain.canvas import (
    LINE_HEIGHT,
    SIGN_WIDTH,
    Canvas,
    said,
    wrapped,
)
from simulator.failures.explain.scene import Scene
from simulator.failures.explain.steps import EVERYBODY, SERVER, StoryStep
from simulator.failures.explain.wording import milliseconds, safe

NARROW: Final = 344
"""Width of the picture on the screen of a phone, in pixels."""

WIDE: Final = 1_064
WORDS_SHARE: Final = 0.55
"""Of the width, at least so much is for words."""

LANE_DISTANCE_MAX: Final = 34
LANE_DISTANCE_WIDE_MAX: Final = 90
STEP_GAP: Final = 12
NAME_SLOPE: Final = -55
SQUARE: Final = 12


class Rail(Canvas):
    """Lanes close together, words in a column of their own."""

    name = "rail"

    def __init__(self, steps: Sequence[StoryStep], scene: Scene, width: int) -> None:
        super().__init__(steps, scene)
        self.width = width
        lanes = (((SERVER,) if scene.has_server else ()) + scene.clients) or (SERVER,)
        limit = LANE_DISTANCE_MAX if width == NARROW else LANE_DISTANCE_WIDE_MAX
        self.distance = min(limit, int(width * (1 - WORDS_SHARE)) // len(lanes))
        self.x = {lane: self.distance // 2 + n * self.distance for n, lane in enumerate(lanes)}
        self.at = self.distance * len(lanes) + 8
        self.band_half = self.server_band_half = min(self.band_half, self.distance // 2)
        longest = max(len(lane) for lane in lanes)
        sloped = self.distance < LANE_DISTANCE_WIDE_MAX // 2
        self.top = 26 + (longest * 7 if sloped else 10)
        self.sloped = sloped
        self.lines = {n: self._lines(steps[n]) for n in scene.numbers}
        self.y = {}
        y = self.top + 18
        for number in scene.numbers:
            self.y[number] = y
            y += self._height(number)
        self.row_y = [self.y[row[0]] for row in scene.rows]
        self.height = y + 8

    def _lines(self, step: StoryStep) -> list[str]:
        return wrapped(said(step), self.width - self.at)

    def _is_worth_a_line(self, step: StoryStep) -> bool:
        """Whether the text of a step is worth a line: it is new, wrong, or the last one."""
        return step.text is not None and (step.text != step.before or step.diverges or step.kind == "final")

    def _height(self, number: int) -> int:
        step = self.steps[number]
        lines = len(self.lines[number]) + (step.lane != EVERYBODY)
        return LINE_HEIGHT * lines + 17 * self._is_worth_a_line(step) + STEP_GAP

    def _lane_name(self, lane: str) -> str:
        x, y = self.x[lane], self.top - 8
        if not self.sloped:
            return f'<text class="name" x="{x}" y="{y}" text-anchor="middle">{safe(lane)}</text>'
        turn = f'transform="rotate({NAME_SLOPE} {x} {y})"'
        return f'<text class="name small" x="{x}" y="{y}" {turn}>{safe(lane)}</text>'

    def _stub_end(self, lane: str) -> int:
        return self.x[lane] - self.distance // 2

    def _box_size(self, number: int) -> tuple[int, int]:
        del number  # all are the same
        return SQUARE, SQUARE

    def _words(self, number: int) -> Iterator[str]:
        step = self.steps[number]
        y = self.y[number] + 4
        time = milliseconds(step.time_us)
        yield (
            f'<text class="label" x="{self.at}" y="{y}"><tspan class="who">{safe(step.lane)}</tspan>'
            f" at {time} ms</text>"
        )
        y += LINE_HEIGHT
        if self._is_worth_a_line(step):
            room = int((self.width - self.at) / SIGN_WIDTH)
            yield self._shown(self._step(number), self.at, y + 3, "start", length_max=room)
            y += 17
        yield from self._labels(number, y, "label")

    def _note(self, number: int) -> Iterator[str]:
        y = self.y[number]
        yield f'<path class="rule" d="M0 {y} H{self.at - 6}"/>'
        yield from self._labels(number, y + 4, "note")

    def _labels(self, number: int, y: int, css: str) -> Iterator[str]:
        for n, line in enumerate(self.lines[number]):
            yield f'<text class="{css}" x="{self.at}" y="{y + LINE_HEIGHT * n}">{safe(line)}</text>'
