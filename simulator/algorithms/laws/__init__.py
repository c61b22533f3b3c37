"""The laws of the field, published against measured: ``concord laws``."""

from simulator.algorithms.laws.measure import Laws, measure
from simulator.algorithms.laws.tables import LawRow, Table

__all__ = ["LawRow", "Laws", "Table", "measure"]
