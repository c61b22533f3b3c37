"""Rights: the greatest of what is stored and what the token grants, and nobody else gets in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.identity import DocumentId
from reference_server.auth.claims import Claims
from reference_server.auth.rights import is_pattern, may_create, role_for
from reference_server.core.effects import Role

VIEWER, EDITOR, OWNER = Role.VIEWER, Role.EDITOR, Role.OWNER
ORDER = [None, VIEWER, EDITOR, OWNER]


def claims(documents: dict[str, Role], *, admin: bool = False) -> Claims:
    return Claims("u", "j", 1, role="admin" if admin else "user", documents=documents)


@pytest.mark.parametrize(
    ("documents", "document", "stored", "expected"),
    [
        ({}, "a", None, None),
        ({}, "a", VIEWER, VIEWER),
        ({"a": EDITOR}, "a", None, EDITOR),
        ({"a": EDITOR}, "a", VIEWER, EDITOR),
        ({"a": VIEWER}, "a", OWNER, OWNER),
        ({"a": EDITOR}, "ab", None, None),
        ({"a": EDITOR}, "A", None, None),
        ({"a*": EDITOR}, "ab", None, EDITOR),
        ({"a*": EDITOR}, "a", None, EDITOR),
        ({"a*": EDITOR}, "ba", None, None),
        ({"*": EDITOR}, "anything", None, EDITOR),
        ({"a*": OWNER, "ab": VIEWER}, "ab", None, OWNER),
        ({"a*": VIEWER, "ab": OWNER}, "ab", None, OWNER),
        ({"a.c": EDITOR}, "abc", None, None),
    ],
)
def test_the_right_on_a_document(
    documents: dict[str, Role], document: str, stored: Role | None, expected: Role | None
) -> None:
    assert role_for(claims(documents), DocumentId(document), stored) is expected
    # The administration is another matter than documents.
    assert role_for(claims(documents, admin=True), DocumentId(document), stored) is expected


@given(
    st.dictionaries(st.text("ab*", min_size=1, max_size=3).filter(is_pattern), st.sampled_from(Role)),
    st.text("ab", min_size=1, max_size=3),
    st.sampled_from(ORDER),
)
def test_more_never_means_less(documents: dict[str, Role], document: str, stored: Role | None) -> None:
    full = ORDER.index(role_for(claims(documents), DocumentId(document), stored))
    assert full >= ORDER.index(stored)
    for pattern in documents:
        fewer = {key: role for key, role in documents.items() if key != pattern}
        assert full >= ORDER.index(role_for(claims(fewer), DocumentId(document), stored))


@pytest.mark.parametrize(("role", "allowed"), [(VIEWER, False), (EDITOR, True), (OWNER, True)])
def test_who_may_begin_a_document(role: Role, allowed: bool) -> None:
    assert may_create(claims({"a*": role}), DocumentId("ab")) is allowed
    assert not may_create(claims({"a*": role}), DocumentId("b"))


@pytest.mark.parametrize(
    ("pattern", "good"),
    [("a", True), ("a*", True), ("*", True), ("", False), ("*a", False), ("a*b", False), ("**", False)],
)
def test_patterns(pattern: str, good: bool) -> None:
    assert is_pattern(pattern) is good
    assert is_pattern("x" * 128 + "*")
    assert not is_pattern("x" * 130)
