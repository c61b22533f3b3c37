"""All documents of a live run: how they begin, and how they are read back in the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from model.assembly import Audited
from model.client.address import Address
from model.client.tokens import Tokens
from model.identity import DocumentId, SiteId
from model.witness import Chronicle
from simulator.live.conversation import Surroundings
from simulator.live.visitor import VisitError, audit, found
from simulator.planning.plan import DocumentPlan

VISITS_MAX: Final = 16
"""Documents that are visited at the same time."""


async def found_all(
    address: Address,
    tokens: Tokens,
    shared: Surroundings,
    chronicle: Chronicle,
    documents: Sequence[DocumentPlan],
) -> None:
    """Make all documents, each with its first text as revision 1.

    Raises:
        VisitError: the first one that did not work out; no more were begun after it.
    """
    failed: list[VisitError] = []

    async def begin(number: int) -> None:
        if failed:
            return
        try:
            site = SiteId(f"setup{number:04d}")
            await found(address, tokens, shared, chronicle, documents[number], site)
        except VisitError as error:
            failed.append(error)

    await _each(len(documents), begin)
    if failed:
        raise failed[0]


async def audit_all(
    address: Address, tokens: Tokens, documents: Sequence[DocumentPlan], prefix: str
) -> tuple[list[Audited], list[VisitError]]:
    """Read all documents back; what could be read, in the order of the plan, and what went wrong.

    The sites of the auditors begin with ``prefix``, which has to be new to the run.
    """
    finals: dict[DocumentId, Audited] = {}
    failed: list[VisitError] = []

    async def read(number: int) -> None:
        document = documents[number].document
        try:
            finals[document] = await audit(address, tokens, document, SiteId(f"{prefix}-{number:04d}"))
        except VisitError as error:
            failed.append(error)

    await _each(len(documents), read)
    return [finals[d.document] for d in documents if d.document in finals], failed


async def _each(count: int, visit: Callable[[int], Awaitable[None]]) -> None:
    limit = trio.CapacityLimiter(VISITS_MAX)

    async def one(number: int) -> None:
        async with limit:
            await visit(number)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)
