"""Sequence CRDTs (event graphs, list rules, the walker, plain replicas), state-based types, and their laws."""
