"""The workloads there are: which authors a document gets, and the text it starts with."""

from __future__ import annotations

import random
from typing import TypeVar

from model.people.actions import Author
from model.people.characters import PLAIN_SHARE, Supply, opening
from model.people.human import HumanAuthor
from simulator.workload.contention import INITIAL_LENGTH_MAX, ContentionAuthor
from simulator.workload.recorded import RecordedAuthor, Recording
from simulator.workload.settings import Workload, WorkloadKind

_Required = TypeVar("_Required")


def initial_text(
    kind: WorkloadKind,
    length: int,
    rng: random.Random,
    supply: Supply | None = None,
    recording: Recording | None = None,
) -> str:
    """The text a document starts with.

    Args:
        kind: the workload of this document.
        length: code points; a contended document gets fewer, a recorded one those of its recording.
        rng: the document's stream.
        supply: the document's characters, needed for ``contention``.
        recording: needed for ``trace``.

    Raises:
        ValueError: what the workload needs is missing.
    """
    match kind:
        case "human":
            return opening(rng, length, plain=rng.random() < PLAIN_SHARE)
        case "contention":
            return _required(supply, kind).take(min(length, INITIAL_LENGTH_MAX))
        case "trace":
            return _required(recording, kind).start


def author(
    kind: WorkloadKind,
    workload: Workload,
    rng: random.Random,
    number: int = 0,
    supply: Supply | None = None,
    recording: Recording | None = None,
) -> Author:
    """The author at one client; ``number`` counts the clients of the document.

    Raises:
        ValueError: what the workload needs is missing.
    """
    match kind:
        case "human":
            return HumanAuthor(rng, workload.edits_per_second, workload.text_length, workload.weights)
        case "contention":
            return ContentionAuthor(rng, workload.edits_per_second, _required(supply, kind))
        case "trace":
            return RecordedAuthor(rng, workload.edits_per_second, _required(recording, kind).script(number))


def _required(value: _Required | None, kind: str) -> _Required:
    if value is None:
        raise ValueError(f"a document of the {kind} workload lacks its supply or recording")
    return value
