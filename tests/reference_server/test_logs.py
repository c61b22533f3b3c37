"""Logs: one object a line, cheap when off, and never a token or a text."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server import logs
from reference_server.logs import Logger
from simulator.children import group

TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), logging.getLogger("concord").level
    yield
    root.handlers[:] = handlers
    logging.getLogger("concord").setLevel(level)


class Written:
    """What was written, as text and as objects."""

    def __init__(self, level: str = "info", *, human: bool = False) -> None:
        self._stream = io.StringIO()
        logs.configure(level, stream=self._stream, human=human)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def test_a_record_is_one_object_with_its_fields() -> None:
    written = Written()
    Logger("gateway").info("committed", document="d 1", site="a", first=1, last=3, revision=7, user=None)
    (record,) = written.lines
    assert datetime.fromisoformat(record.pop("time")).tzinfo is not None
    assert record == {
        "level": "info",
        "event": "committed",
        "logger": "concord.gateway",
        "document": "d 1",
        "site": "a",
        "first": 1,
        "last": 3,
        "revision": 7,
        "user": None,
    }


def test_the_level_changes_while_it_runs() -> None:
    written = Written("warning")
    log = Logger("x")
    log.info("one")
    assert not log.is_debug
    logs.set_level("debug")
    assert log.is_debug
    log.debug("two")
    log.warning("three")
    logs.set_level("error")
    log.warning("four")
    log.error("five")
    assert [(record["level"], record["event"]) for record in written.lines] == [
        ("debug", "two"),
        ("warning", "three"),
        ("error", "five"),
    ]


def test_nothing_is_built_while_it_is_off() -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError("built")

    written = Written("error")
    Logger("x").info("event", site=Costly())
    assert written.text == ""


def test_configuring_again_replaces_the_first() -> None:
    first, second = Written(), Written()
    Logger("x").info("event")
    assert (first.text, len(second.lines)) == ("", 1)


@pytest.mark.parametrize("human", [False, True])
def test_tokens_and_texts_are_never_written(human: bool) -> None:
    written = Written("debug", human=human)
    log = Logger("x")
    log.info("a", token=TOKEN, text="typed", ops=["typed"], Operation={"insert": "typed"}, password="typed")
    log.info(f"event {TOKEN}", detail=f"Bearer {TOKEN}!", list=[TOKEN, {"text": "typed", "x": TOKEN}])
    log.info("b", path=f"/ws?token={TOKEN}", half=TOKEN.rpartition(".")[0], long="x" * 500 + TOKEN)
    log.info("c", url="postgresql://u:typed@h/d", other="redis://:typ/ed@h", more="x?password=typed&y")
    logging.getLogger("anycorn.error").warning("GET %s", f"/?token={TOKEN}")
    assert "typed" not in written.text
    assert "ed@h" not in written.text
    assert all(part not in written.text for part in TOKEN.split("."))
    assert "postgresql://u:***@h/d" in written.text
    assert len(written.text.splitlines()) == 5


def test_numbers_of_such_names_are_no_texts() -> None:
    written = Written()
    Logger("x").info("batch", operations=5, snapshot=None)
    assert (written.lines[0]["operations"], written.lines[0]["snapshot"]) == (5, None)


def fail(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_an_error_says_where_and_quotes_only_the_system() -> None:
    written = Written()
    log = Logger("x")
    log.error("lost", error=fail(ValueError("typed")), document="d")
    log.error("lost", error=fail(OSError(98, "Address already in use")))
    log.error("lost", error=fail(ExceptionGroup("typed", [fail(KeyError("typed"))])))
    first, second, third = written.lines
    assert (first["error"], first["document"], first["level"]) == ("ValueError", "d", "error")
    assert first["traceback"][-1].endswith(" fail")
    assert "Address already in use" in second["error_message"]
    assert third["errors"][0]["error"] == "KeyError"
    assert "typed" not in written.text
    logs.set_level("debug")
    log.error("lost", error=fail(ValueError("while debugging")))
    assert written.lines[-1]["error_message"] == "while debugging"


def test_libraries_are_heard_in_the_same_form() -> None:
    written = Written("debug")
    library = logging.getLogger("some.library")
    library.info("not heard")
    library.warning("heard %d", 5)
    wrong = logging.LogRecord("some.library", logging.WARNING, "x.py", 1, "wrong %d %d", (5,), None)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logs._Handler):  # that of pytest would raise
            handler.handle(wrong)
    assert [(record["event"], record["logger"]) for record in written.lines] == [
        ("heard 5", "some.library"),
        ("wrong %d %d", "some.library"),
    ]


def test_for_people() -> None:
    written = Written(human=True)
    Logger("gateway").info("joined", document="d 1", site="a", epoch=2, evil="x\n\x1b[31m\u2028y", empty="")
    line = written.text
    assert line.count("\n") == 1
    assert line.isascii()
    assert line.rstrip().endswith(
        r'info    gateway: joined document="d 1" site=a epoch=2 evil="x\n\u001b[31m\u2028y" empty=""'
    )


def test_a_field_cannot_take_the_place_of_another() -> None:
    written = Written()
    Logger("x").info("event", time=1, level="debug", logger="y")
    (record,) = written.lines
    assert (record["level"], record["logger"], record["field_time"]) == ("info", "concord.x", 1)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=5,
)


@pytest.mark.slow
@given(st.text(), st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), ANYTHING), st.booleans())
def test_anything_is_one_line(event: str, fields: dict[str, Any], human: bool) -> None:
    for reserved in ("self", "event", "error"):
        fields.pop(reserved, None)
    written = Written(human=human)
    Logger("x").info(event, **fields)
    assert len(written.text.splitlines()) == 1
    assert written.text.endswith("\n")
    if not human:
        assert written.lines[0]["level"] == "info"


def test_what_cannot_be_written_costs_the_fields_and_not_the_record() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    for human in (False, True):
        written = Written(human=human)
        Logger("x").info("event", field=Broken())
        assert "event" in written.text
        assert "RuntimeError" in written.text


@pytest.mark.slow
def test_a_process_that_sets_up_no_logs_is_silent() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "from reference_server.logs import Logger; Logger('peers').warning('bus lost')",
        ],
        capture_output=True,
        check=True,
        process_group=group(),
    )
    assert (said.stdout, said.stderr) == (b"", b"")
