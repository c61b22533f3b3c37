from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.mutation import child
from tests.mutation.child import HUNG_BUSY, HUNG_IDLE, Ended, Say, limit_cpu, told
from tests.mutation.overlay import Overlay, module_of

pytestmark = pytest.mark.slow


def words(say: Say) -> None:
    say("one")
    say(2)


def loop(say: Say) -> None:
    limit_cpu(0.1)
    say("begun")
    while True:
        pass


def wait(say: Say) -> None:
    say("begun")
    while True:
        time.sleep(1_000)


def fail(say: Say) -> None:
    raise RuntimeError("of itself")


def die(say: Say) -> None:
    os._exit(3)


def swell(say: Say) -> None:
    kept = bytearray(child.ADDRESS_BYTES_MAX)
    say(len(kept))


def with_another(say: Say, source: str) -> None:
    Overlay({"model/wording.py": source}).put_on()
    import model.wording

    say((model.wording.answer, model.wording.__file__))  # type: ignore[attr-defined]


def too_late(say: Say) -> None:
    import model.wording

    Overlay({"model/wording.py": "answer = 42"}).put_on()
    say(model.wording)


@pytest.fixture(autouse=True)
def _begin() -> None:
    child.begin()


def heard(*arguments: Any) -> list[Any]:
    return list(told(*arguments))


def test_all_that_a_child_says_is_heard() -> None:
    assert heard(words) == ["one", 2, Ended()]


def test_a_loop_is_ended_by_the_cpu_time_it_takes() -> None:
    assert heard(loop) == ["begun", Ended(HUNG_BUSY)]


def test_a_wait_is_ended_when_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "IDLE_SECONDS_MAX", 1)
    assert heard(wait) == ["begun", Ended(HUNG_IDLE)]


def test_how_a_child_fails_is_told() -> None:
    assert heard(fail) == [Ended("RuntimeError: of itself")]
    assert heard(die) == [Ended("ended with 3")]
    assert heard(swell) == [Ended("MemoryError: ")]


def test_a_child_nobody_listens_to_is_ended() -> None:
    heard = told(wait)
    assert next(heard) == "begun"
    heard.close()  # type: ignore[attr-defined]  # a generator; would wait for ever if the child did
    assert list(heard) == []


def test_another_source_is_imported_and_the_file_stays() -> None:
    (answer, file), _ = heard(with_another, "answer = 42")
    assert answer == 42
    assert file.endswith("model/wording.py")
    assert "answer = 42" not in Path(file).read_text(encoding="utf-8")


def test_what_is_imported_already_cannot_be_changed() -> None:
    (ended,) = heard(too_late)
    assert ended.why == "RuntimeError: imported before it was changed: model.wording"


def test_a_module_is_named_as_it_is_imported() -> None:
    assert module_of("model/text.py") == "model.text"
    assert module_of("model/client/__init__.py") == "model.client"
