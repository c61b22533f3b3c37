"""What a result says of how to make the same run, and of the run made again."""

from __future__ import annotations

import hashlib

import msgspec


class Repetition(msgspec.Struct, frozen=True, kw_only=True):
    """The same run in another process.

    Attributes:
        digest: of its histories; empty if it came to no result.
        hash_seed: how Python ordered sets in it, which nothing may depend on.
        jobs: in how many processes.
        note: why there is no digest.
    """

    digest: str
    hash_seed: str
    jobs: int
    note: str = ""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody else needs to make the same run, and to know that it was the same.

    Attributes:
        scenario_digest: of everything that was to happen, as it was run: settings, sizes and all.
        digest: of the histories of all cells, in order.
        concord: the version.
        commit: of the sources; ``+changes`` behind it if they were changed, empty if it is not known.
        python: implementation and version.
        hash_seed: as the environment set it, or ``random``.
        repetition: the run made again, if that was asked for.
    """

    seed: int
    scenario: str
    scenario_digest: str
    digest: str
    concord: str
    commit: str
    python: str
    platform: str
    hash_seed: str
    repetition: Repetition | None = None

    @property
    def differs(self) -> bool:
        """Whether the run made again was another run."""
        return self.repetition is not None and self.repetition.digest != self.digest


def content_digest(content: object) -> str:
    """A digest of what JSON makes of something, equal for equal content."""
    encoded = msgspec.json.encode(content, order="deterministic")
    return hashlib.blake2b(encoded, digest_size=16).hexdigest()
