"""Where everything of a space-time diagram is, in pixels.

The server is in the middle, half of the clients on either side; what a client shows stands on the far side of
its lane, so that no arrow of its own crosses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simulator.failures.explain.scene import LaneSpan, Scene
from simulator.failures.explain.steps import EVERYBODY, SERVER, StoryStep

GUTTER: Final = 96
LANE_WIDTH: Final = 262
LANE_MARGIN: Final = 14
ARROW_SPACE: Final = 110
BOX_WIDTH: Final = 236
BOX_HEIGHT: Final = 40
HEAD_HEIGHT: Final = 56
ROW_HEIGHT: Final = 60
THIN_ROW_HEIGHT: Final = 30


class Layout:
    """The places of lanes, rows and steps.

    Attributes:
        x: of each lane.
        row_y: of each row.
        y: of each step that is shown, by its number.
        width: of the whole picture, as ``height``.
    """

    def __init__(self, steps: Sequence[StoryStep], scene: Scene) -> None:
        self.steps = steps
        self.scene = scene
        left = (len(scene.clients) + 1) // 2
        box_width = BOX_WIDTH if scene.has_server else 0
        server = GUTTER + left * LANE_WIDTH + ARROW_SPACE + box_width // 2
        right = server + box_width // 2 + ARROW_SPACE
        self.x: dict[str, int] = {SERVER: server}
        for n, lane in enumerate(scene.clients):
            if n < left:
                self.x[lane] = GUTTER + (n + 1) * LANE_WIDTH - LANE_MARGIN
            else:
                self.x[lane] = right + (n - left) * LANE_WIDTH + LANE_MARGIN
        self.width = right + (len(scene.clients) - left) * LANE_WIDTH + 8
        self.row_y: list[int] = []
        y = HEAD_HEIGHT
        for row in scene.rows:
            height = THIN_ROW_HEIGHT if self.steps[row[0]].lane == EVERYBODY else ROW_HEIGHT
            self.row_y.append(y + height // 2)
            y += height
        self.height = y + 8
        self.y = {n: self.row_y[row] for row, numbers in enumerate(scene.rows) for n in numbers}

    def outward(self, lane: str) -> int:
        """1 if the far side of the lane is on the right, else -1."""
        return 1 if self.x[lane] > self.x[SERVER] else -1

    def edge(self, lane: str, towards: int) -> int:
        """Where arrows begin and end at a place, seen from the other end."""
        if lane != SERVER:
            return self.x[lane]
        return self.x[lane] + (BOX_WIDTH // 2 if towards > self.x[lane] else -BOX_WIDTH // 2)

    def band_box(self, stretch: LaneSpan) -> tuple[int, int, int, int]:
        """Left, top, width and height of the band of a fault."""
        half = BOX_WIDTH // 2 + 10 if stretch.lane == SERVER else 11
        begin = self.row_y[stretch.begin]
        end = self.height - 8 if stretch.end is None else self.row_y[stretch.end]
        return self.x[stretch.lane] - half, begin, 2 * half, max(end - begin, 8)
