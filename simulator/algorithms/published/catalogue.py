"""The published functions and what is known of each, to be measured."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from simulator.algorithms.published.ellis import Ellis
from simulator.algorithms.published.function import Function
from simulator.algorithms.published.imine import Imine
from simulator.algorithms.published.laws import Check, tp2_by_operations, tp2_by_states
from simulator.algorithms.published.ressel import Ressel
from simulator.algorithms.published.suleiman import Suleiman
from simulator.algorithms.published.sun import Sun
from simulator.algorithms.published.ttf import Ttf


class PublishedFunction(NamedTuple):
    """A function and whether it satisfies each law.

    Sources of the verdicts: Ressel et al. 1996, Imine et al. 2003, Oster et al. 2006. That an operation
    leaves the text is known of the first function only.

    Attributes:
        function: the function.
        bounds: every position is within the text after every transformation.
        tp1: two concurrent operations.
        fresh: TP2 of three operations made on one state.
        causal: TP2 on causal histories, where some operations were made after others.
        judged: how TP2 of three operations made on one state is judged.
    """

    function: Function[Any]
    bounds: bool
    tp1: bool
    fresh: bool
    causal: bool
    judged: Check = tp2_by_operations


PUBLISHED: Final = (
    PublishedFunction(Ellis(), bounds=False, tp1=False, fresh=False, causal=False),
    PublishedFunction(Ressel(), bounds=True, tp1=True, fresh=False, causal=False),
    PublishedFunction(Sun(), bounds=True, tp1=False, fresh=False, causal=False),
    PublishedFunction(Suleiman(), bounds=True, tp1=True, fresh=True, causal=False, judged=tp2_by_states),
    PublishedFunction(Imine(), bounds=True, tp1=True, fresh=True, causal=False),
    PublishedFunction(Ttf(), bounds=True, tp1=True, fresh=True, causal=True),
)
