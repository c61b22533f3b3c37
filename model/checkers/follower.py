"""Replicas of sampled documents followed from record to record: what each ought to show, own edits included.

Where a replica comes back from its disk, or shows something else than it ought to, it is lost; it is found
again as soon as it shows a revision with nothing pending, which the convergence compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from model import history
from model.checkers.elements import followed
from model.checkers.shadow import Shadow
from model.identity import EMPTY_LOG, Revision, SequenceNumber, SiteId, revisions_between
from model.text import Component, Operation, OperationError, apply

LENGTH_MAX: Final = 20_000
"""Code points of a text whose replicas are followed."""

ROWS_KEPT_MAX: Final = 4_096
"""Revisions of one document remembered; a replica that is further behind is lost."""


class Follower:
    """One replica.

    Attributes:
        text: what it ought to show; None if it is lost.
        revision: the newest one it knows.
        is_free: whether what it shows depends on a tie that may go either way: its branch was merged while
            something was pending.
    """

    __slots__ = ("_is_settled", "_rows", "_shadow", "_shown", "_site", "is_free", "revision", "text")

    def __init__(self, site: SiteId, rows: Mapping[Revision, history.Stored]) -> None:
        """A replica that has not joined; ``rows`` are those of its document that are remembered."""
        self._site = site
        self._rows = rows
        self._shadow = Shadow(site)
        self._shown = ""
        self._is_settled = False
        self.revision: Revision = EMPTY_LOG
        self.text: str | None = None
        self.is_free = False

    @property
    def own(self) -> list[Operation]:
        """What it shows and is not part of the revision, in order."""
        return self._shadow.own

    @property
    def has_pending(self) -> bool:
        """Whether something it shows is not part of the revision."""
        return bool(self._shadow.pending) or self._shadow.flying is not None

    def lose(self) -> None:
        """Nothing is known of it until it is settled."""
        self.text = None
        self.is_free = False
        self._shadow = Shadow(self._site)

    def joined(self, record: history.Joined) -> None:
        """It is let in; a newcomer shows the text it was given."""
        self._settles(record)
        if record.how == "fresh":
            self.lose()

    def edited(self, record: history.Edited) -> Operation | None:
        """It edits what it shows; what that was, None if it is lost."""
        self._is_settled = False
        if self.text is None:
            return None
        try:
            self._shadow.edits(record.sequence, record.operation)
            return self._shows(record.operation)
        except OperationError:
            self.lose()
            return None

    def sent(self, record: history.Sent) -> None:
        """It sends what is pending."""
        self._sends(record.last)

    def _sends(self, last: SequenceNumber) -> None:
        try:
            self._shadow.sends(last)
        except OperationError:  # what it is said to have made does not fit together
            self.lose()

    def delivered(self, record: history.Delivered) -> Operation | None:
        """A revision arrives; how it changes what is shown, None if it is lost."""
        row = self._rows.get(record.revision)
        if row is None:
            self.lose()
        self._settles(record)
        if self.text is None or row is None:
            return None
        try:
            return self._shows(self._shadow.receives(record.revision, row.site, row.operation))
        except OperationError:
            self.lose()
            return None

    def acknowledged(self, record: history.Acknowledged) -> None:
        """What it sent is a revision; what waited is composed and sent."""
        self._shadow.answered()
        if self._shadow.pending:
            self._sends(self._shadow.pending[-1][0])
        self._settles(record)
        if self.text is None and self._is_settled:
            self.text = self._shown

    def merged(self, record: history.Merged) -> Operation | None:
        """Its branch is a revision, and everything since the base arrives at once; as :meth:`delivered`."""
        row = self._rows.get(record.revision)
        rows = [self._rows.get(r) for r in revisions_between(record.base, record.revision)]
        missed = [other.operation for other in rows if other is not None]
        self._settles(record)
        if self.text is None or row is None or len(missed) < len(rows):
            self.lose()
            return None
        self._shadow.answered()
        try:
            op = for_author(row.original, missed, row.operation)
            self.is_free = bool(self._shadow.pending)
            return self._shows(self._shadow.takes(op))
        except OperationError:
            self.lose()
            return None

    def displayed(self, record: history.Displayed) -> bool:
        """What it really shows; whether that is what it ought to, which it is said to be if it was lost.

        A text after a tie is not said to be wrong: the order of sites has a check of its own.
        """
        self._shown = record.text
        if self.text is None:
            if self._is_settled and len(record.text) <= LENGTH_MAX:
                self.text = record.text
            return True
        if record.text == self.text:
            return True
        is_wrong = not (self.is_free or self._shadow.rivals)
        self.lose()
        return not is_wrong

    def _settles(
        self, record: history.Joined | history.Delivered | history.Acknowledged | history.Merged
    ) -> None:
        self.revision = record.revision
        self._is_settled = bool(record.fingerprint)
        if self._is_settled:
            self.is_free = False
            self._shadow.rivals.clear()

    def _shows(self, op: Operation) -> Operation:
        assert self.text is not None
        self.text = apply(self.text, op)
        return op


class Followers:
    """All replicas of one sampled document.

    Attributes:
        rows: the revisions that are remembered.
    """

    __slots__ = ("_followers", "rows")

    def __init__(self) -> None:
        self.rows: dict[Revision, history.Stored] = {}
        self._followers: dict[SiteId, Follower] = {}

    def stored(self, record: history.Stored) -> None:
        """One more revision."""
        self.rows[record.revision] = record
        if len(self.rows) > ROWS_KEPT_MAX:
            del self.rows[next(iter(self.rows))]

    def of(self, site: SiteId) -> Follower:
        """The replica of a site."""
        follower = self._followers.get(site)
        if follower is None:
            follower = self._followers[site] = Follower(site, self.rows)
        return follower


def for_author(branch: Operation, missed: Sequence[Operation], merged: Operation) -> Operation:
    """What the author of a branch has to apply: from its text to that of the revision that the branch became.

    Told by the identity of code points alone, whatever the order is in which the branch was merged.

    Args:
        branch: as it was sent, on the text of its base.
        missed: the revisions since the base, each on the text before it.
        merged: the branch as it is stored, behind them.

    Raises:
        OperationError: the operations do not belong together.
    """
    numbers = iter(range(branch.base_length, 1 << 62))
    base: list[tuple[int, str]] = [(n, "") for n in range(branch.base_length)]
    own = [(next(numbers), c) for part in branch.components if isinstance(part, str) for c in part]
    before = _applied(base, branch, own)
    after = base
    for op in missed:
        new = [(next(numbers), c) for part in op.components if isinstance(part, str) for c in part]
        after = _applied(after, op, new)
    after = _applied(after, merged, own)
    kept = {number for number, _ in after}
    components: list[Component] = []
    old = iter(before)
    known = {number for number, _ in before}
    for number, character in after:
        if number not in known:
            components.append(character)
            continue
        for passed, _ in old:
            if passed == number:
                components.append(1)
                break
            if passed in kept:
                raise OperationError("the branch is stored in another order than it was sent")
            components.append(-1)
    components += [-1] * sum(1 for _ in old)
    return Operation(branch.target_length, components)


def _applied(
    elements: list[tuple[int, str]], op: Operation, inserted: list[tuple[int, str]]
) -> list[tuple[int, str]]:
    if op.base_length != len(elements) or op.inserted != len(inserted):
        raise OperationError(f"an operation on {op.base_length} code points met {len(elements)}")
    return followed(op, elements, inserted)
