"""Sequence CRDTs: event graphs, list rules, the walker over a graph, the merge of two branches."""
