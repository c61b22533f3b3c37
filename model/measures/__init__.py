"""Measures: the history of a run as numbers.

:class:`Measures` consumes the records of one cell like a checker (:mod:`model.checkers`) and gives a
:class:`MeasureSet`; :func:`merge_measures` makes one of several. Memory is bounded by clients, documents and
what is on its way, not by the length of the history.
"""

from model.measures.fold import Measures
from model.measures.measure_set import (
    FaultRow,
    MeasureSet,
    WorstEdit,
    encode_measures,
    load_measures,
    merge_measures,
)

__all__ = [
    "FaultRow",
    "MeasureSet",
    "Measures",
    "WorstEdit",
    "encode_measures",
    "load_measures",
    "merge_measures",
]
