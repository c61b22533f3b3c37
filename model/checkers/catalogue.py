"""All checkers of one history, with what the engine claims."""

from __future__ import annotations

from typing import Final

from model.checkers import Checker
from model.checkers.agreement import Agreement, Arrival
from model.checkers.check import Check
from model.checkers.convergence import Convergence, Quiescence
from model.checkers.element_ledger import ElementLedger
from model.checkers.exceptions import Exceptions
from model.checkers.integration import CausalIntegration, UniqueIds
from model.checkers.intention import Intention
from model.checkers.interleaving import BackwardRuns, ForwardRuns, NonInterleaving
from model.checkers.laws import CrdtLaws, Persistence
from model.checkers.ledger import Ledger
from model.checkers.lists import StrongList, WeakList
from model.checkers.liveness import Liveness
from model.checkers.order import TotalOrder
from model.checkers.presence import Presence
from model.checkers.protocol import Protocol
from model.checkers.reconciliation import Reconciliation
from model.checkers.resources import Resources
from model.checkers.rule_order import RuleOrder
from model.checkers.session import SessionGuarantees
from model.checkers.site_order import SiteOrder
from model.checkers.undo import Undo
from model.claims import Claims

CHECKERS: Final[tuple[type[Check], ...]] = (
    Convergence,
    Quiescence,
    TotalOrder,
    Ledger,
    Intention,
    SiteOrder,
    Undo,
    Reconciliation,
    SessionGuarantees,
    WeakList,
    StrongList,
    Liveness,
    Presence,
    Resources,
    Protocol,
    Exceptions,
)
"""The checkers of histories with a server."""

REPLICA_CHECKERS: Final[tuple[type[Check], ...]] = (
    Agreement,
    Arrival,
    ElementLedger,
    CausalIntegration,
    Exceptions,
    UniqueIds,
    Persistence,
    CrdtLaws,
    WeakList,
    StrongList,
    RuleOrder,
    NonInterleaving,
    ForwardRuns,
    BackwardRuns,
)
"""The checkers of histories of replicas without a server."""


def checkers_for(claims: Claims) -> list[Checker]:
    """A fresh checker of everything that can be said of one history, in the order of the reports.

    Non-triviality is not among them: it is judged on the merged counts of all histories of a run, see
    :func:`model.checkers.triviality.judge_triviality`.
    """
    chosen = CHECKERS if claims.has_server else REPLICA_CHECKERS
    return [checker(claimed=claims.claims(checker.name)) for checker in chosen]
