"""Conflict-free replicated data types, and the laws they promise.

Sequences fast: event graphs, list rules, the walker over a graph, the merge of two branches. Sequences plain:
`replicas`, one file an algorithm. Registers, a map, a set and a counter: `types`.
"""
