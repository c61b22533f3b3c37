"""What each check holds somebody to, in one sentence for a reader who sees it fail for the first time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_NEIGHBOURS: Final = "The order of any two characters is the same wherever both are shown"

PROMISES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "convergence": "Whoever has the same edits, with none of their own on its way, shows the same text.",
        "quiescence": "When everything has come to rest, everybody has every edit and shows the same text.",
        "total_order": "One log of revisions has neither gap nor repeat, and every client walks along it.",
        "ledger": "What was acknowledged is never lost, and no edit is applied twice.",
        "intention": "A revision does what its author did: it inserts that text between the same neighbours,"
        " and deletes those characters and no others. An undo takes back only what is its author's own.",
        "site_order": "What several people insert at one place at once stands in the order of their ids,"
        " the smaller one first.",
        "undo": "An undo removes what is left of the edit and puts back, in its place, what that deleted;"
        " a redo does the same to the undo. What others did stays.",
        "reconciliation": "A branch is merged as a FugueMax replica merges it: what two people insert at one"
        " place at once stays in one piece each, the smaller id's first.",
        "session_guarantees": "Nobody reads less than before, and everybody reads their own edits.",
        "weak_list": f"{_NEIGHBOURS}, at all times.",
        "strong_list": f"{_NEIGHBOURS}, deleted ones in between included; Jupiter does not promise it.",
        "liveness": "What is sent is answered, and everything comes to rest soon after every fault is over.",
        "presence": "A cursor stays beside the characters it was put next to, for its owner and for"
        " everybody else, and goes with its owner.",
        "resources": "What the server holds has a limit, and nothing is held for who is gone.",
        "protocol": "The server says nothing that the protocol does not allow it to say then, and a client"
        " comes, goes and tells of itself as it should.",
        "exceptions": "Nothing under test raises.",
        "non_triviality": "What the scenario is about has happened, often enough to be judged.",
        "element_ledger": "No element is lost, doubled, or comes back after it was deleted.",
        "causal_integration": "An event is taken over once, after everything that it needs.",
        "unique_ids": "No two elements have one id, whatever a replica forgot in a crash.",
        "persistence": "A replica that is saved and loaded is the same replica.",
        "crdt_laws": "Merging is commutative, associative and idempotent, and states only grow.",
        "rule_order": "Elements stand in the order of the list rule, as a second implementation finds it.",
        "non_interleaving": "What two people typed at one place at once is not mixed.",
        "forward_runs": "What was typed forwards in one piece stays in one piece.",
        "backward_runs": "What was typed backwards in one piece stays in one piece.",
    }
)
"""By the name of the check; none of Concord's own is without."""
