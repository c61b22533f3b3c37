"""Which files are broken, and which of their mutations are tried: a sample, stratified by file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.mutation.kinds import own_mutations
from tests.mutation.operators import Mutation, is_program, mutations

ROOT: Final = Path(__file__).parents[2]

AREAS: Final[Mapping[str, tuple[str, ...]]] = {
    "core": ("reference_server/core/*.py",),
    "jupiter": ("model/jupiter.py", "model/outgoing.py", "model/phases.py", "model/displayed.py"),
    "text": ("model/text.py",),
    "undo": ("model/undo.py",),
    "cursors": ("model/cursors.py",),
    "client": tuple(
        f"model/client/{name}.py"
        for name in ("answers", "backoff", "client", "concord", "dialect", "engine", "notices", "recorder")
    ),
}
"""What a simulated run is made of, by area. The rest of ``model/client`` is sockets, tokens and HTTP."""


def files_of(area: str) -> list[str]:
    """The files of an area, relative to the root."""
    found = [path for pattern in AREAS[area] for path in sorted(ROOT.glob(pattern))]
    return [path.relative_to(ROOT).as_posix() for path in found]


def area_of(file: str) -> str:
    """The area that a file is in."""
    return next(area for area in AREAS if file in files_of(area))


def source_of(file: str) -> str:
    """The text of a file as it is."""
    return (ROOT / file).read_text(encoding="utf-8")


def key_of(mutation: Mutation) -> str:
    """The short name of a mutation of the product."""
    return mutation.key_in(source_of(mutation.file))


def sample(areas: Sequence[str], size: int, seed: int, kinds: Sequence[str] = ()) -> list[Mutation]:
    """So many mutations of the files of these areas, each file's share as large as its share of all.

    They are of the usual kinds, or of those ``kinds`` that are not.

    Each mutation has a place in a row that depends on the seed and on its look alone, and the first of a
    file are drawn: a change of other lines changes nothing but who is among the last.
    """
    files = [file for area in areas for file in files_of(area)]
    pools = {
        file: own_mutations(file, source_of(file), kinds) if kinds else mutations(file, source_of(file))
        for file in files
    }
    shares = _shares({file: len(pool) for file, pool in pools.items()}, size)
    return [m for file, pool in pools.items() for m in _drawn(file, pool, shares[file], seed)]


def _drawn(file: str, pool: list[Mutation], size: int, seed: int) -> list[Mutation]:
    source = source_of(file)
    drawn: list[Mutation] = []
    for mutation in sorted(pool, key=lambda m: _place(seed, m.key_in(source))):
        if len(drawn) == size:
            break
        if is_program(mutation.applied(source)):
            drawn.append(mutation)
    return drawn


def _place(seed: int, key: str) -> bytes:
    return hashlib.blake2b(f"{seed} {key}".encode(), digest_size=8).digest()


def _shares(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """Whole numbers in proportion to the counts, with that sum; the largest remainders are rounded up."""
    whole = sum(counts.values())
    size = min(size, whole)
    exact = {file: count * size / whole for file, count in counts.items()}
    shares = {file: int(share) for file, share in exact.items()}
    rest = sorted(exact, key=lambda file: (shares[file] - exact[file], file))
    for file in rest[: size - sum(shares.values())]:
        shares[file] += 1
    return shares
