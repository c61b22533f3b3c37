"""What simulated people do: authors propose one action at a time, each from a random stream of its own."""

from model.people.actions import Action, Author, Edit, EditKind, Move, Redo, Undo
from model.people.characters import Supply
from simulator.workload.catalogue import WORKLOADS, Workload, WorkloadKind, author, initial_text
from simulator.workload.recorded import Recording

__all__ = [
    "WORKLOADS",
    "Action",
    "Author",
    "Edit",
    "EditKind",
    "Move",
    "Recording",
    "Redo",
    "Supply",
    "Undo",
    "Workload",
    "WorkloadKind",
    "author",
    "initial_text",
]
