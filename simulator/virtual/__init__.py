"""The virtual world: server, store, network and clients, in time that only moves when it is told.

``clock`` is SimPy in integer microseconds. ``network`` carries messages between clients and the gateway, or
holds and loses them; ``storage`` is the store's process. ``cell`` runs the reference server's own core among
them; ``client`` is what a person sits in front of, and ``sessions`` are how people come, go and follow
scripts. ``simulation`` plays a plan in two phases, with whatever faults it is given (``occurrence``); every
step goes through a ``recorder`` to the checkers and into the history. ``model.memo`` computes once what
thousands compute.
"""
