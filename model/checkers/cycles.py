"""Cycles in small directed graphs, given as bit masks."""

from __future__ import annotations


def find_cycle(following: list[int]) -> list[int]:
    """A shortest cycle, each node once; empty if the graph has none.

    Bit y of ``following[x]`` is the edge from x to y. Nodes without a predecessor or without a successor are
    taken away until none is left or all the rest lie on or between cycles (Kahn, "Topological sorting of
    large networks", 1962).
    """
    left = (1 << len(following)) - 1
    while True:
        entered = 0
        for node in _bits(left):
            entered |= following[node] & left
        leaving = sum(1 << node for node in _bits(left) if following[node] & left)
        core = left & entered & leaving
        if core == left:
            break
        left = core
    best: list[int] = []
    for node in _bits(left):
        cycle = _shortest_return(following, node, left)
        if cycle and (not best or len(cycle) < len(best)):
            best = cycle
    return best


def _shortest_return(following: list[int], start: int, within: int) -> list[int]:
    """The nodes of a shortest way from ``start`` back to it, breadth first; empty if there is none."""
    came_from: dict[int, int] = {}
    frontier = [start]
    while frontier:
        reached: list[int] = []
        for node in frontier:
            for other in _bits(following[node] & within):
                if other == start:
                    path = [node]
                    while path[-1] != start:
                        path.append(came_from[path[-1]])
                    return path[::-1]
                if other not in came_from:
                    came_from[other] = node
                    reached.append(other)
        frontier = reached
    return []


def _bits(mask: int) -> list[int]:
    """The numbers of the bits that are set, ascending."""
    found: list[int] = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found
