"""Metadata, permissions and reading, alike for all three."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from model.identity import DocumentId
from reference_server.core.effects import Role, Snapshot
from reference_server.store.port import (
    REVOCATION_KEPT_S,
    Catalogue,
    DocumentExists,
    DocumentInfo,
    DocumentMissing,
    Store,
)
from tests.numbers import rev
from tests.reference_server.store.conftest import Opener
from tests.reference_server.store.requests import OTHER, D, append, fence, load, outcomes, row


def names(found: list[DocumentInfo]) -> list[str]:
    return [info.id for info in found]


def is_recent(time: datetime) -> bool:
    """Whether a time is aware, in UTC and about now (the databases' clocks are this machine's)."""
    return time.utcoffset() == timedelta(0) and abs(datetime.now(UTC) - time) < timedelta(minutes=5)


def test_a_document_is_made_with_its_text_and_permissions(store: Store, catalogue: Catalogue) -> None:
    info = catalogue.create(D, "Plan", "ann", "text\x00", {"bob": Role.VIEWER})
    assert (info.id, info.title, info.owner, info.revision) == (D, "Plan", "ann", 0)
    assert is_recent(info.created_at)
    assert info.updated_at == info.created_at
    assert catalogue.get(D) == info
    assert catalogue.contents(D) == (0, "text\x00")
    assert catalogue.permissions(D) == {"ann": Role.OWNER, "bob": Role.VIEWER}
    assert load(store).text == "text\x00"


def test_a_document_is_made_once(store: Store, catalogue: Catalogue) -> None:
    info = catalogue.create(D, "", "ann", "", {})
    with pytest.raises(DocumentExists, match="d"):
        catalogue.create(D, "", "bob", "other", {"bob": Role.OWNER})
    assert catalogue.get(D) == info
    assert catalogue.permissions(D) == {"ann": Role.OWNER}
    outcomes(store, append(0, document=OTHER))
    with pytest.raises(DocumentExists):
        catalogue.create(OTHER, "", "bob", "", {})


def test_a_document_that_was_looked_at_can_still_be_made(store: Store, catalogue: Catalogue) -> None:
    load(store)
    catalogue.create(D, "", "ann", "text", {})
    assert load(store).text == "text"


def test_who_joins_first_owns_a_document_that_was_not_there(store: Store, catalogue: Catalogue) -> None:
    assert catalogue.ensure(D, "ann").owner == "ann"
    assert catalogue.ensure(D, "bob").owner == "ann"
    assert load(store).rows == ()
    outcomes(store, fence(0, 1, document=OTHER))  # made by an append, so nobody's
    assert catalogue.permissions(OTHER) == {}
    assert catalogue.ensure(OTHER, "bob").owner == "bob"
    assert catalogue.get(DocumentId("none")) is None


def test_the_roles_of_several_documents_are_read_at_once(store: Store, catalogue: Catalogue) -> None:
    catalogue.create(D, "", "ann", "", {"ed": Role.EDITOR, "ann": Role.VIEWER})
    outcomes(store, fence(0, 1, document=OTHER))  # nobody's
    none = DocumentId("none")
    assert catalogue.roles([D, OTHER, none]) == {D: {"ann": Role.OWNER, "ed": Role.EDITOR}, OTHER: {}}
    assert catalogue.roles([]) == {}


def test_an_append_updates_a_document_and_a_fence_does_not(store: Store, catalogue: Catalogue) -> None:
    made = catalogue.create(D, "", "ann", "", {})
    outcomes(store, fence(0, 1))
    assert catalogue.get(D) == made
    outcomes(store, append(0, 3, epoch=1))
    after = catalogue.get(D)
    assert after is not None
    assert after.revision == 3
    assert after.updated_at >= made.updated_at
    assert after.created_at == made.created_at
    assert catalogue.heads([D, OTHER]) == {D: 3}
    assert catalogue.heads([]) == {}


def test_documents_are_listed_by_name_and_by_page(catalogue: Catalogue) -> None:
    for name in ("b", "a", "B", "ä", "\U0001f600", "\uffff"):
        catalogue.create(DocumentId(name), "", "ann", "", {})
    everything = sorted(["b", "a", "B", "ä", "\U0001f600", "\uffff"])  # as code points
    assert names(catalogue.list(None, 100)) == everything
    first = names(catalogue.list(None, 2))
    assert first == everything[:2]
    assert names(catalogue.list(None, 3, first[-1])) == everything[2:5]
    assert names(catalogue.list(None, 3, everything[-1])) == []


def test_a_user_finds_what_is_owned_or_granted(catalogue: Catalogue) -> None:
    for name, owner in (("a", "ann"), ("b", "bob"), ("c", "ann"), ("d", "bob")):
        catalogue.create(DocumentId(name), "", owner, "", {})
    catalogue.grant(DocumentId("b"), "ann", Role.VIEWER)
    catalogue.grant(DocumentId("a"), "ann", Role.VIEWER)
    assert names(catalogue.list("ann", 10)) == ["a", "b", "c"]
    assert names(catalogue.list("ann", 1, "a")) == ["b"]
    assert names(catalogue.list("bob", 10)) == ["b", "d"]
    assert catalogue.list("eve", 10) == []


def test_of_titles_the_newest_stamp_wins(catalogue: Catalogue) -> None:
    catalogue.create(D, "first", "ann", "", {})
    assert catalogue.title_stamp(D) == (0, "")
    assert catalogue.retitle(D, "second", (2, "m")).title == "second"
    for stamp, title in (
        ((1, "z"), "second"),  # an older clock
        ((2, "a"), "second"),  # the same clock, a smaller name
        ((2, "m"), "second"),  # the same again
        ((2, "n"), "(2, 'n')"),
        ((3, "a"), "(3, 'a')"),
    ):
        assert catalogue.retitle(D, str(stamp), stamp).title == title
    assert catalogue.title_stamp(D) == (3, "a")
    with pytest.raises(DocumentMissing):
        catalogue.retitle(OTHER, "", (1, ""))
    with pytest.raises(DocumentMissing):
        catalogue.title_stamp(OTHER)


def test_a_deleted_document_leaves_nothing(store: Store, catalogue: Catalogue) -> None:
    catalogue.create(D, "", "ann", "text", {"bob": Role.EDITOR})
    outcomes(store, fence(0, 7), append(0, 2, epoch=7))
    assert catalogue.delete(D)
    assert not catalogue.delete(D)
    assert catalogue.get(D) is None
    assert catalogue.contents(D) is None
    assert catalogue.operations(D, rev(0), 10) == []
    assert catalogue.permissions(D) == {}
    assert outcomes(store, append(2, epoch=7)) != []  # whoever still holds it gets a conflict
    assert catalogue.get(D) is None
    catalogue.create(D, "", "eve", "", {})
    assert load(store).progress == {}
    assert load(store).rows == ()


def test_permissions_are_granted_replaced_and_withdrawn(catalogue: Catalogue) -> None:
    catalogue.create(D, "", "ann", "", {})
    catalogue.grant(D, "bob", Role.VIEWER)
    catalogue.grant(D, "bob", Role.EDITOR)
    assert catalogue.role_of(D, "bob") is Role.EDITOR
    assert catalogue.role_of(D, "ann") is Role.OWNER
    assert catalogue.role_of(D, "eve") is None
    assert catalogue.role_of(OTHER, "ann") is None
    assert catalogue.withdraw(D, "bob")
    assert not catalogue.withdraw(D, "bob")
    assert not catalogue.withdraw(OTHER, "bob")
    assert catalogue.permissions(D) == {"ann": Role.OWNER}
    with pytest.raises(DocumentMissing):
        catalogue.grant(OTHER, "bob", Role.VIEWER)


def test_the_owner_is_owner_whatever_was_granted(catalogue: Catalogue) -> None:
    catalogue.create(D, "", "ann", "", {})
    catalogue.grant(D, "ann", Role.VIEWER)
    assert catalogue.role_of(D, "ann") is Role.OWNER
    catalogue.set_owner(D, "bob")
    assert catalogue.permissions(D) == {"ann": Role.VIEWER, "bob": Role.OWNER}
    with pytest.raises(DocumentMissing):
        catalogue.set_owner(OTHER, "bob")


def test_a_document_without_owner_gives_nobody_a_right(store: Store, catalogue: Catalogue) -> None:
    outcomes(store, append(0))
    assert catalogue.role_of(D, "") is None
    assert catalogue.list("", 10) == []


def test_contents_are_the_snapshot_and_what_came_after(store: Store, catalogue: Catalogue) -> None:
    outcomes(store, append(0, 5), Snapshot(D, rev(3), "xxx", rev(2)))
    assert catalogue.contents(D) == (5, "xxxxx")
    outcomes(store, Snapshot(D, rev(5), "xxxxx", rev(5)))
    assert catalogue.contents(D) == (5, "xxxxx")
    assert catalogue.contents(OTHER) is None


def test_operations_are_read_by_page(store: Store, catalogue: Catalogue) -> None:
    outcomes(store, append(0, 6), Snapshot(D, rev(6), "x" * 6, rev(2)))
    got = catalogue.operations(D, rev(0), 3)
    assert [operation.row for operation in got] == [row(3), row(4), row(5)]
    assert all(is_recent(operation.created_at) for operation in got)
    assert [operation.row for operation in catalogue.operations(D, rev(5), 3)] == [row(6)]


def test_revoked_tokens_are_known_until_they_would_have_expired(opener: Opener) -> None:
    one, two = opener()[1], opener()[1]
    one.revoke_token("a", 1_000)
    one.revoke_token("b", 2_000)
    one.revoke_token("b", 3_000)
    assert two.revoked_tokens(999) == {"a", "b"}
    assert two.revoked_tokens(1_000) == {"b"}
    assert two.revoked_tokens(999) == {"a", "b"}  # for a clock that is behind
    assert two.revoked_tokens(3_001 + REVOCATION_KEPT_S) == set()


def test_a_ping_takes_time(catalogue: Catalogue) -> None:
    assert catalogue.ping() >= 0


def test_many_threads_may_use_a_catalogue(catalogue: Catalogue) -> None:
    def work(number: int) -> None:
        for n in range(10):
            catalogue.create(DocumentId(f"{number}-{n}"), "", "ann", "", {})
            catalogue.grant(DocumentId(f"{number}-{n}"), "bob", Role.VIEWER)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(catalogue.list("bob", 100)) == 60
