"""The laws of the field, published against measured: ``concord laws``."""

from simulator.laws.measure import Laws, measure
from simulator.laws.tables import Row, Table

__all__ = ["Laws", "Row", "Table", "measure"]
