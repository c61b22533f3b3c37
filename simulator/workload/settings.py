"""What a scenario says of what its people do."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from model.people.episodes import Weights
from model.protocol import DOCUMENT_LENGTH_MAX

WorkloadKind: TypeAlias = Literal["human", "contention", "trace"]


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
