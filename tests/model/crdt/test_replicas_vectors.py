"""Random histories of three agents that others recorded, replayed by the plain Fugue replica."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from model.crdt.replicas import Event, Fugue, Replica
from model.identity import SiteId

CASES = 25
"""Enough to see a wrong rule; the walker's tests replay them all."""


def replayed(case: dict[str, Any], algorithm: type[Replica]) -> str:
    """The final text.

    An agent may type concurrently with itself there, so every transaction is a site of its own here, named so
    that sites compare as agents and sequence numbers do.
    """
    events: list[tuple[int, Event]] = []  # with the number of the transaction
    known: list[frozenset[int]] = []  # transactions in the past of each, itself included
    spans = [tuple(txn["span"]) for txn in case["txns"]]
    for number, txn in enumerate(case["txns"]):
        parents = [n for n, (start, end) in enumerate(spans) for p in txn["parents"] if start <= p < end]
        # A parent in the middle of a transaction would need part of it only.
        assert all(p + 1 in {end for _, end in spans} for p in txn["parents"])
        past = frozenset().union(*(known[n] for n in parents))
        replica = algorithm(SiteId(f"{txn['agent']}{txn['seqStart']:06}"))
        for owner, event in events:
            if owner in past:
                replica.apply(event)
        for position, deleted, inserted in txn["ops"]:
            made = replica.delete(position, deleted) + replica.insert(position, inserted)
            events += [(number, event) for event in made]
        known.append(past | {number})
    reader = algorithm(SiteId("reader"))
    for _, event in events:
        reader.apply(event)
    return reader.text


@pytest.mark.slow
def test_fugue_reaches_the_recorded_texts(data: Path) -> None:
    with gzip.open(data / "vectors" / "eg_walker.json.gz", "rt", encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases[:CASES]:
        assert replayed(case, Fugue) == case["endContent"]
