"""Sequence CRDTs (event graphs, list rules, walker, plain replicas), state-based types, and their laws."""
