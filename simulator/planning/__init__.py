"""What is to happen, as data: from a scenario and a seed to the plan of every cell.

A scenario is a YAML file, read and checked before anything runs (``scenario``, ``faultspec``), with values
set from outside (``overrides``) or drawn (``swarm``). Everything that concerns more than one cell is drawn
here from named streams (``seeds``): how clients spread over documents and documents over cells
(``popularity``), when faults happen (``schedule``). What comes out is a ``plan`` for each cell (``cells``); a
saved failure is such a plan too. Nothing here knows the world that it will happen in.
"""
