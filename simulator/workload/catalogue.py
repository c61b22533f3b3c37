"""The workloads there are: which authors a document gets, and the text it starts with."""

from __future__ import annotations

import random
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from model.people.actions import Author
from model.people.characters import PLAIN_SHARE, Supply, prose
from model.people.human import HumanAuthor, Weights
from model.protocol import DOCUMENT_LENGTH_MAX
from simulator.workload.contention import INITIAL_LENGTH_MAX, ContentionAuthor
from simulator.workload.recorded import RecordedAuthor, Recording

WorkloadKind: TypeAlias = Literal["human", "contention", "trace"]
WORKLOADS: Final[tuple[WorkloadKind, ...]] = ("human", "contention", "trace")


_Required = TypeVar("_Required")


class Workload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the people of a scenario do.

    Attributes:
        kind: the authors of most documents.
        edits_per_second: long-run mean of one author.
        text_length: code points that people keep a document at.
        contention_share: share of the documents that get contention authors whatever ``kind`` is, so that
            every run checks the list specifications.
        trace_file: the recorded session, where ``kind`` is ``trace``.
        weights: the mixture of human episodes.
    """

    kind: WorkloadKind = "human"
    edits_per_second: Annotated[float, msgspec.Meta(ge=0.001, le=20.0)] = 0.2
    text_length: Annotated[int, msgspec.Meta(ge=0, le=DOCUMENT_LENGTH_MAX // 2)] = 2_000
    contention_share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.02
    trace_file: str = ""
    weights: Weights = Weights()


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
            return prose(rng, length, plain=rng.random() < PLAIN_SHARE)
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
