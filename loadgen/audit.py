"""Reading documents back when nobody edits any more, and what that says of everybody's acknowledged edits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import NamedTuple

from loadgen.connection import ConnectionEnded, Opener, WebSocket, handshake
from model.audit import Audited
from model.client.address import Address
from model.client.auditor import ANSWER_SECONDS_MAX, AuditError, Auditor
from model.client.tokens import TokenSource
from model.identity import NO_EDIT, DocumentId, SequenceNumber, SiteId
from model.machine import slowness
from model.protocol import Row


class Readers:
    """Reads documents over connections of their own, each under a site that begins with ``name``."""

    def __init__(self, opener: Opener, address: Address, tokens: TokenSource, name: str) -> None:
        """``name`` is also the user of the tokens; nobody else has it."""
        self._open = opener
        self._address = address
        self._tokens = tokens
        self._name = name
        self._documents = 0

    def read(self, document: DocumentId) -> Audited:
        """The text as a newcomer gets it, and the log from revision 1, or as far back as it is kept.

        Raises:
            AuditError: it could not be read; says why.
        """
        self._documents += 1
        auditor = Auditor(document, SiteId(f"{self._name}{self._documents}"))
        try:
            while auditor.result is None:
                link = handshake(self._open, self._address, ANSWER_SECONDS_MAX * slowness())
                with closing(link):
                    self._converse(auditor, link)
        except ConnectionEnded as error:
            raise AuditError(f"could not be read: {error}") from None
        except OSError as error:
            raise AuditError(f"could not be reached: {error}") from None
        return auditor.result

    def _converse(self, auditor: Auditor, link: WebSocket) -> None:
        link.send(auditor.opened(self._tokens.token(self._name)))
        for data in link.messages():
            for answer in auditor.received(data):
                link.send(answer)
            if auditor.is_through:
                return


class Promise(NamedTuple):
    """How far the edits of a site were acknowledged, and how far they were made."""

    site: SiteId
    acknowledged: SequenceNumber
    made: SequenceNumber


def broken_promises(
    rows: Iterable[Row], promises: Iterable[Promise], *, is_whole: bool
) -> Iterator[tuple[SiteId, str]]:
    """What a log says against what its sites were told, in sentences.

    Of every site each edit must be in the log once and in order; what was acknowledged must be there, and
    nothing that was never made. ``is_whole``: the log is known from revision 1 on; else what is missing at
    its begin is nobody's fault, and sites that are not in it at all are left out.
    """
    reached: dict[SiteId, SequenceNumber] = {}
    for row in rows:
        before = reached.get(row.site, NO_EDIT if is_whole else SequenceNumber(row.first - 1))
        if row.first <= before:
            yield row.site, f"{row.site}#{row.first} is in the log twice, again as revision {row.revision}"
        elif row.first > before + 1:
            yield (
                row.site,
                f"{row.site}#{before + 1}..{row.first - 1} is missing before revision {row.revision}",
            )
        reached[row.site] = max(before, row.last)
    for promise in promises:
        if not is_whole and promise.site not in reached:
            continue
        last = reached.get(promise.site, 0)
        if last < promise.acknowledged:
            lost = f"{promise.site}#{last + 1}..{promise.acknowledged}"
            yield promise.site, f"acknowledged {lost} is not in the durable log"
        elif last > promise.made:
            yield promise.site, f"{promise.site}#{promise.made + 1}..{last} is in the log but was never made"
