"""The diagram of one or two clients: the server in the middle, a client on either side.

What a client shows stands on the far side of its lane, so that no arrow crosses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from simulator.failures.explain.canvas import LINE_HEIGHT, Canvas, said, wrapped
from simulator.failures.explain.scene import LaneSpan, Scene
from simulator.failures.explain.steps import EVERYBODY, SERVER, StoryStep
from simulator.failures.explain.wording import milliseconds, safe

CLIENTS_MAX: Final = 2
GUTTER: Final = 96
LANE_WIDTH: Final = 270
LANE_MARGIN: Final = 14
ARROW_SPACE: Final = 110
BOX_WIDTH: Final = 236
HEAD_HEIGHT: Final = 56
THIN_ROW_HEIGHT: Final = 30
ROW_GAP: Final = 20
STUB: Final = 54


class Sides(Canvas):
    """Lanes far apart, words beside them."""

    name = "sides"
    box_half = BOX_WIDTH // 2
    box_radius = 7
    server_band_half = BOX_WIDTH // 2 + 10

    def __init__(self, steps: Sequence[StoryStep], scene: Scene) -> None:
        super().__init__(steps, scene)
        box_width = BOX_WIDTH if scene.has_server else 0
        server = GUTTER + LANE_WIDTH + ARROW_SPACE + box_width // 2
        places = (server - box_width // 2 - ARROW_SPACE, server + box_width // 2 + ARROW_SPACE)
        self.x = {SERVER: server} if scene.has_server else {}
        for lane, place, margin in zip(scene.clients, places, (-LANE_MARGIN, LANE_MARGIN), strict=False):
            self.x[lane] = place + margin
        self.middle = server
        self.width = (
            places[len(scene.clients) - 1] if len(scene.clients) > 1 else server + box_width // 2
        ) + 8
        self.width += LANE_WIDTH if len(scene.clients) > 1 else 0
        self.lines = {n: self._lines(steps[n]) for n in scene.numbers}
        self.top = HEAD_HEIGHT - 16
        self.row_y = []
        y = HEAD_HEIGHT
        for row in scene.rows:
            height = max(self._height(n) for n in row)
            self.row_y.append(y + height // 2)
            y += height
        self.height = y + 8
        self.y = {n: self.row_y[row] for row, numbers in enumerate(scene.rows) for n in numbers}

    def _lines(self, step: StoryStep) -> list[str]:
        if step.lane == EVERYBODY:
            return [step.what]
        if step.lane == SERVER:
            what = step.what.partition(" (")[0] if step.kind == "store" else step.what
            return wrapped([what], BOX_WIDTH - 12)
        return wrapped(said(step), LANE_WIDTH - 28)

    def _height(self, number: int) -> int:
        lane = self.steps[number].lane
        if lane == EVERYBODY:
            return THIN_ROW_HEIGHT
        if lane == SERVER:
            return self._box_height(number) + ROW_GAP
        return (
            2 * (LINE_HEIGHT * len(self.lines[number]) + 6) + 8
        )  # its text and its words hang below the middle

    def _box_height(self, number: int) -> int:
        shows = self.steps[number].text is not None
        return 14 + LINE_HEIGHT * len(self.lines[number]) + 13 * shows

    def _lane_name(self, lane: str) -> str:
        return f'<text class="name" x="{self.x[lane]}" y="28" text-anchor="middle">{safe(lane)}</text>'

    def _stub_end(self, lane: str) -> int:
        return self.x[lane] - self._outward(lane) * STUB

    def _outward(self, lane: str) -> int:
        """1 if the far side of the lane is on the right, else -1."""
        return 1 if self.x[lane] > self.middle else -1

    def _box_size(self, number: int) -> tuple[int, int]:
        return BOX_WIDTH, self._box_height(number)

    def _words(self, number: int) -> Iterator[str]:
        step = self._step(number)
        y = self.y[number]
        if step.lane == SERVER:
            at, anchor, place = self.x[SERVER], "middle", " in"
            y += 18 - self._box_height(number) // 2
        else:
            outward = self._outward(step.lane)
            at, anchor, place = self.x[step.lane] + outward * 14, "start" if outward > 0 else "end", ""
        if step.text is not None:
            yield self._shown(step, at, y + 1, anchor, place)
            y += LINE_HEIGHT + 1
        for n, line in enumerate(self.lines[number]):
            top = y + LINE_HEIGHT * n
            yield f'<text class="label{place}" x="{at}" y="{top}" text-anchor="{anchor}">{safe(line)}</text>'

    def _note(self, number: int) -> Iterator[str]:
        y = self.y[number]
        yield f'<path class="rule" d="M{GUTTER - 16} {y} H{self.width - 8}"/>'
        what = safe(self.steps[number].what)
        yield f'<text class="note" x="{self.middle}" y="{y + 4}" text-anchor="middle">{what}</text>'

    def _beside(self) -> Iterator[str]:
        yield f'<text class="quiet" x="{GUTTER - 24}" y="26" text-anchor="end">ms</text>'
        shown = -1
        for row, y in zip(self.scene.rows, self.row_y, strict=True):
            time_us = self.steps[row[0]].time_us
            if time_us != shown:
                time = milliseconds(time_us)
                yield f'<text class="time" x="{GUTTER - 24}" y="{y + 4}" text-anchor="end">{time}</text>'
            shown = time_us
        for stretch in self.scene.faults:
            yield self._band_name(stretch)

    def _band_name(self, stretch: LaneSpan) -> str:
        x, y, width, _ = self._band_box(stretch)
        name = safe(stretch.name)
        if stretch.lane == SERVER:
            return f'<text class="fault-name" x="{x + 6}" y="{y + 14}">{name}</text>'
        outward = self._outward(stretch.lane)
        anchor = "start" if outward > 0 else "end"
        at = x + width + 4 if outward > 0 else x - 4
        return f'<text class="fault-name" x="{at}" y="{y + 14}" text-anchor="{anchor}">{name}</text>'
