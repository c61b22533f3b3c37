from simulator.zoo.catalogue import ZOO, bug_of
from typing import Any
Row=Any
run_zoo=None
