"""A failure explained: one sentence, the steps in order, and a space-time diagram of who knew what when.

``story`` turns records into plain data; the sentence, the page and the terminal text are made of it alone.
"""

from __future__ import annotations

from simulator.failures.explain.page import GENERATOR, explain
from simulator.failures.explain.steps import StoryStep
from simulator.failures.explain.story import story
from simulator.failures.explain.terminal import tell

__all__ = ["GENERATOR", "StoryStep", "explain", "story", "tell"]
