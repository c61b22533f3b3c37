"""A failure explained: one sentence, the steps in order, and a space-time diagram of who knew what when.

``story`` turns records into plain data; the sentence, the page and the terminal text are made of it alone.
"""

from __future__ import annotations

from simulator.explain.page import explain
from simulator.explain.steps import StoryStep
from simulator.explain.story import story
from simulator.explain.terminal import tell

__all__ = ["StoryStep", "explain", "story", "tell"]
