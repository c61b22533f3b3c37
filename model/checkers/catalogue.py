"""All checkers of one history, with what the engine claims."""

from __future__ import annotations

from typing import Final

from model.checkers import Checker
from model.checkers.check import Check
from model.checkers.convergence import Convergence, Quiescence
from model.checkers.intention import Intention
from model.checkers.ledger import Ledger
from model.checkers.lists import StrongList, WeakList
from model.checkers.liveness import Liveness
from model.checkers.order import TotalOrder
from model.checkers.presence import Presence
from model.checkers.reconciliation import Reconciliation
from model.checkers.session import SessionGuarantees
from model.claims import Claims

CHECKERS: Final[tuple[type[Check], ...]] = (
    Convergence,
    Quiescence,
    TotalOrder,
    Ledger,
    Intention,
    Reconciliation,
    SessionGuarantees,
    WeakList,
    StrongList,
    Liveness,
    Presence,
)


def checkers_for(claims: Claims) -> list[Checker]:
    """A fresh checker of everything that can be said of one history, in the order of the reports.

    Non-triviality is not among them: it is judged on the merged counts of all histories of a run, see
    :func:`model.checkers.triviality.judge_triviality`.
    """
    return [checker(claimed=claims.claims(checker.name)) for checker in CHECKERS]
