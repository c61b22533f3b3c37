from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.children import group
from simulator.planning.seeds import Seeds


def first_draws(seed: int, *name: str | int) -> list[float]:
    rng = Seeds(seed).stream(*name)
    return [rng.random() for _ in range(4)]


@given(st.integers(0, 2**64), st.text(max_size=8), st.integers(0, 100))
def test_equal_names_give_equal_streams(seed: int, name: str, number: int) -> None:
    assert first_draws(seed, name, number) == first_draws(seed, name, number)


def test_names_and_seeds_tell_streams_apart() -> None:
    names: list[tuple[str | int, ...]] = [
        ("client", 1, "typing"),
        ("client", 2, "typing"),
        ("client", 1),
        ("x",),
    ]
    streams = [tuple(first_draws(seed, *name)) for seed in (1, 2) for name in names]
    assert len(set(streams)) == len(streams)


def test_a_draw_from_one_stream_leaves_the_others_as_they_were() -> None:
    seeds = Seeds(7)
    seeds.stream("a").random()
    assert seeds.stream("b").random() == first_draws(7, "b")[0]
    assert seeds.stream("a").random() == first_draws(7, "a")[0]


@pytest.mark.slow
def test_streams_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "from simulator.planning.seeds import Seeds; print(Seeds(7).stream('client', 17, 'typing').random())"
    )
    shown = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            process_group=group(),
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert shown == {f"{first_draws(7, 'client', 17, 'typing')[0]}\n"}
