"""The pictures of a story: one for the window of a desk, one for the screen of a phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simulator.failures.explain.rail import NARROW, WIDE, Rail
from simulator.failures.explain.scene import Scene
from simulator.failures.explain.sides import CLIENTS_MAX, Sides
from simulator.failures.explain.steps import StoryStep


class Pictures(NamedTuple):
    """The same story twice, each an SVG element that fits its window.

    Attributes:
        wide: at most 1,100 pixels.
        narrow: at most 344 pixels.
    """

    wide: str
    narrow: str


def diagram(steps: Sequence[StoryStep], scene: Scene) -> Pictures:
    """The pictures of what ``scene`` shows of a story."""
    wide = Sides(steps, scene) if len(scene.clients) <= CLIENTS_MAX else Rail(steps, scene, WIDE)
    return Pictures(wide.svg(), Rail(steps, scene, NARROW).svg())
