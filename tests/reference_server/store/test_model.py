"""Random commits against the store in memory, whose semantics are the contract."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.identity import DocumentId, SiteId
from model.protocol import Edits
from model.text import Operation
from reference_server.core.effects import (
    Answer,
    Append,
    Appended,
    Load,
    LogRow,
    Progress,
    Read,
    Request,
    Snapshot,
)
from reference_server.store.open import open_store
from reference_server.store.port import Store
from reference_server.store.transient import TransientDatabase, TransientStore
from tests.numbers import rev, seq

# Few names and small numbers, so that requests meet; the texts are those that are hard to store.
documents = st.sampled_from("ab").map(DocumentId)
sites = st.sampled_from(["s", "t\x00"]).map(SiteId)
small = st.integers(0, 4)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
operations = st.builds(
    lambda skip, text, gone: Operation(skip + gone + 3, [skip, text, -gone]), small, texts, st.integers(1, 3)
)


@st.composite
def appends(draw: st.DrawFn) -> Append:
    """An append that often, but not always, fits what was there before."""
    expected = draw(small)
    rows = []
    for n in range(draw(st.integers(0, 2))):
        edits = tuple(
            Edits(seq(n + 1), seq(n + 1), op) for op in draw(st.lists(operations, min_size=1, max_size=2))
        )
        rows.append(
            LogRow(
                *(rev(expected + n + 1), draw(sites), seq(draw(small)), seq(draw(small)), rev(draw(small))),
                *(draw(st.booleans()), edits, draw(operations), draw(texts)),
            )
        )
    progress = draw(st.dictionaries(sites, st.builds(Progress, small, small, small), max_size=2))
    fences = draw(st.dictionaries(sites, small, max_size=2))
    return Append(
        draw(small),
        draw(documents),
        rev(expected),
        tuple(rows),
        tuple(progress.items()),
        tuple(fences.items()),
    )


requests = st.one_of(
    appends(),
    appends(),
    st.builds(Load, small, documents),
    st.builds(Read, small, documents, small),
)
commits = st.lists(st.lists(requests, max_size=5), max_size=8)


def fits(store: TransientStore, request: Snapshot) -> bool:
    """Whether a snapshot is of a revision that exists, as all real ones are."""
    kept = store._database.log
    return request.document in kept.documents and request.revision <= kept.durable(request.document).head


def outcomes(store: Store, requests: Sequence[Request]) -> list[tuple[Answer, str]]:
    """The answers, and their outcomes by name, because as tuples some of these are equal."""
    answers = store.perform(requests)
    return [
        (answer, type(answer.outcome).__name__ if isinstance(answer, Appended) else "") for answer in answers
    ]


def compare(store: Store, plan: list[list[Request]], snapshots: list[Snapshot]) -> None:
    model = TransientStore(TransientDatabase())
    waiting = iter(snapshots)
    for commit in plan:
        extra = [s for s in (next(waiting, None),) if s is not None and fits(model, s)]
        assert outcomes(store, [*extra, *commit]) == outcomes(model, [*extra, *commit])
    everything = [Load(0, DocumentId("a")), Load(0, DocumentId("b"))]
    assert outcomes(store, everything) == outcomes(model, everything)


kept = st.lists(st.builds(Snapshot, documents, small, texts, small), max_size=8)


def check(url: str, examples: int) -> None:
    """The store at ``url`` does what the one in memory does, again and again from nothing."""
    store, catalogue = open_store(url)

    @settings(max_examples=examples)
    @given(plan=commits, snapshots=kept)
    def does_the_same(plan: list[list[Request]], snapshots: list[Snapshot]) -> None:
        for name in "ab":
            catalogue.delete(DocumentId(name))
        compare(store, plan, snapshots)

    try:
        does_the_same()
    finally:
        store.close()
        catalogue.close()


@pytest.mark.slow
def test_sqlite_does_what_the_store_in_memory_does(tmp_path: Path) -> None:
    check(f"sqlite:///{tmp_path}/documents.db", settings().max_examples * 3)


@pytest.mark.slow
def test_postgres_does_what_the_store_in_memory_does(database_url: str) -> None:
    check(database_url, settings().max_examples)
