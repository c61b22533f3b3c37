"""Reading documents back when nobody edits any more, and what that says of everybody's acknowledged edits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from loadgen.connection import ConnectionLost, Opener, WebSocket
from model.assembly import Audited
from model.client.address import Address
from model.identity import DocumentId, Revision, SequenceNumber, SiteId
from model.protocol import (
    PROTOCOL_VERSION,
    CatchUp,
    Committed,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Joined,
    ProtocolError,
    Row,
    Welcome,
    decode_server,
    encode,
)

ANSWER_SECONDS_MAX: Final = 20.0
"""An auditor waits for so long for the next message."""

STEPS_BACK: Final = (8_192, 1_024, 128)
"""Where the log is not kept from its begin on, so many revisions before the newest one are tried in turn."""


class AuditError(Exception):
    """A document could not be read back; one sentence."""


class RefusedError(AuditError):
    """The server answered with an error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"was refused with {failure.code.value}: {failure.detail}")
        self.code = failure.code


class Auditor:
    """Reads documents over connections of its own, under sites that begin with ``name``."""

    def __init__(self, opener: Opener, address: Address, name: str) -> None:
        """``name`` is also what its tokens are for; no user has it."""
        self._open = opener
        self._address = address
        self.name = name
        self._joins = 0

    def read(self, document: DocumentId, token: str) -> Audited:
        """The text as a newcomer gets it, and the log from revision 1, or as far back as it is kept.

        Raises:
            AuditError: it could not be read; says why.
        """
        try:
            joined, _ = self._join(document, token, None)
            if joined.snapshot is None:
                raise AuditError("gave a newcomer no text")
            return Audited(
                document, self._rows(document, token, joined.revision), joined.revision, joined.snapshot
            )
        except (ConnectionLost, ProtocolError) as error:
            raise AuditError(f"could not be read: {error}") from None
        except OSError as error:
            raise AuditError(f"could not be reached: {error}") from None

    def _rows(self, document: DocumentId, token: str, head: Revision) -> tuple[Row, ...]:
        if not head:
            return ()
        for revision in (0, *(head - back for back in STEPS_BACK if back < head)):
            try:
                return self._join(document, token, revision)[1]
            except RefusedError as refused:
                if refused.code is not ErrorCode.BASE_TOO_OLD:
                    raise
        raise AuditError("does not keep its log, not even the newest revisions")

    def _join(
        self, document: DocumentId, token: str, revision: Revision | None
    ) -> tuple[Joined, tuple[Row, ...]]:
        """Join once, as somebody who knows ``revision``, and take what was missed since."""
        self._joins += 1
        site = SiteId(f"{self.name}{self._joins}")
        plain = self._open()
        try:
            link = WebSocket(plain, self._address, ANSWER_SECONDS_MAX)
        except BaseException:
            plain.close()
            raise
        try:
            return _exchange(link, document, site, token, revision)
        finally:
            link.close()


def _exchange(
    link: WebSocket, document: DocumentId, site: SiteId, token: str, revision: Revision | None
) -> tuple[Joined, tuple[Row, ...]]:
    joined: Joined | None = None
    rows: list[Row] = []
    link.send(encode(Hello(PROTOCOL_VERSION, site, token)))
    for data in link.messages():
        message = decode_server(data)
        match message:
            case Welcome():
                link.send(encode(Join(document, 1, revision)))
            case Joined():
                joined = message
            case CatchUp():
                rows += message.rows
            case Committed():
                raise AuditError("was edited while it was read back")
            case Failure():
                raise RefusedError(message)
            case _:
                pass
        if joined is not None and (revision is None or revision + len(rows) >= joined.revision):
            return joined, tuple(rows)
    raise AssertionError("messages end with an exception only")


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
        before = reached.get(row.site, 0 if is_whole else row.first - 1)
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
