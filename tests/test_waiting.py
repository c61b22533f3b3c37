"""Waiting ends when it happens, and when it does not happen."""

from __future__ import annotations

import itertools

import pytest
import trio

from tests import waiting
from tests.waiting import happens, patient, until


def test_what_happens_later_is_waited_for() -> None:
    looks = itertools.count()
    until(lambda: next(looks) == 3)

    async def scenario() -> None:
        with patient():
            await happens(lambda: next(looks) == 6)

    trio.run(scenario)
    assert next(looks) == 7


def test_what_never_happens_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.02)
    with pytest.raises(AssertionError, match="did not happen"):
        until(lambda: False, 0.02)

    async def looks() -> None:
        await happens(lambda: False)

    async def hangs() -> None:
        with patient(0.02):
            await trio.sleep_forever()

    with pytest.raises(AssertionError, match="did not happen"):
        trio.run(looks)
    with pytest.raises(trio.TooSlowError):
        trio.run(hangs)


def test_a_block_that_fails_says_so_itself() -> None:
    async def fails() -> None:
        with patient():
            raise LookupError

    with pytest.raises(LookupError):
        trio.run(fails)
