"""Everything that can happen to a few clients and a server, tried: each order, each fault at each moment.

A scope (:mod:`simulator.planning.scope`) says how far. ``client`` and ``server`` are the product's own,
hosted so that each of their steps is chosen; ``tables`` compute each step of a part once, ``values`` say
which of its states are equal. A ``system`` is the parts and the connections between them, its ``state`` a few
numbers. ``search`` goes everywhere and has every history judged, ``quick`` does so within some small scopes;
``playing`` goes one way, and ``telling`` has words for it; ``boundaries`` say where the edits were when
something went wrong.
"""
