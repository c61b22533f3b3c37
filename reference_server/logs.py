"""Structured logs: one JSON object per line, or a line for people on a terminal.

A record is an event, a few words that never change, and fields. What a person typed and what a token says
never get into a log: fields of such names are left out, and whatever looks like a token or like the password
of a URL is replaced, also in what libraries log.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO, TypeAlias

import msgspec

from model.wording import printable

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
NEVER_LOGGED: Final = frozenset(
    {
        "authorization",
        "content",
        "contents",
        "cookie",
        "edits",
        "jwt",
        "jwt_secret",
        "operation",
        "operations",
        "ops",
        "password",
        "payload",
        "private_key",
        "secret",
        "snapshot",
        "text",
        "title",
        "token",
    }
)
"""Fields whose value is left out whoever gives them, unless it is a number."""

VALUE_LENGTH_MAX: Final = 512
HIDDEN: Final = "***"

_ROOT: Final = "concord"
_FIELDS: Final = "concord_fields"
_TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_.=-]{8,}")
_PASSWORD: Final = re.compile(r"(://[^/\s:@]{0,128}:)\S{0,256}(@)|(password=)[^&\s]*()", re.IGNORECASE)
_BREAKS: Final = re.compile("[\x7f-\x9f\u2028\u2029]")  # some readers end a line at these
_ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None
)

logging.getLogger(_ROOT).addHandler(
    logging.NullHandler()
)  # silent where nobody sets logs up, as in a simulation


class Logger:
    """Where one part of the server tells what happened.

    ``log.info("joined", document=document, site=site)``: the event first, then fields, such as ``document``,
    ``site``, ``first``, ``last``, ``revision``, ``connection``, ``user``, ``duration_us``. Nothing is built
    while the level is off; where even the arguments would cost, ask ``log.is_debug`` first.
    """

    __slots__ = ("_logger",)

    def __init__(self, part: str) -> None:
        """``part`` names the part of the server, such as ``gateway``."""
        self._logger = logging.getLogger(f"{_ROOT}.{part}")

    @property
    def is_debug(self) -> bool:
        """Whether debug records are written at the moment."""
        return self._logger.isEnabledFor(logging.DEBUG)

    def debug(self, event: str, /, **fields: object) -> None:
        """Something for whoever looks for a mistake; it may come once per message."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Something an operator may want to know; not once per message."""
        if self._logger.isEnabledFor(logging.INFO):
            self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Something that should not happen often."""
        if self._logger.isEnabledFor(logging.WARNING):
            self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, error: BaseException | None = None, **fields: object) -> None:
        """Something that should not happen; with ``error``, where it came from."""
        if self._logger.isEnabledFor(logging.ERROR):
            info = (type(error), error, error.__traceback__) if error is not None else None
            self._write(logging.ERROR, event, fields, info)

    def _write(self, level: int, event: str, fields: dict[str, object], info: _ExcInfo = None) -> None:
        self._logger.log(level, event, exc_info=info, extra={_FIELDS: fields})


def configure(level: str = "info", *, stream: TextIO | None = None, human: bool = False) -> None:
    """Begin to write, to ``stream`` (standard error if left out); a second call replaces the first.

    Args:
        level: debug, info, warning or error. Libraries are heard from warning on.
        stream: text stream; every record is one line of it.
        human: a line for people instead of JSON.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    handler = _Handler(stream if stream is not None else sys.stderr)
    handler.setFormatter(_HumanFormatter() if human else _JsonFormatter())
    root.addHandler(handler)
    set_level(level)


def set_level(level: str) -> None:
    """Write records from this level on; takes effect at once, wherever a log is held."""
    logging.getLogger(_ROOT).setLevel(LEVELS[level])


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, as opposed to one that a test or a library put there."""


class _LineFormatter(logging.Formatter):
    """A record as one line; a field that cannot be written costs the fields, never the record."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            return self.line(_plain(record))
        except Exception as error:
            bare = logging.LogRecord(record.name, record.levelno, "", 0, record.msg, None, None)
            bare.created = record.created
            return self.line({**_plain(bare), "fields_not_written": type(error).__name__})

    def line(self, plain: dict[str, Any]) -> str:
        raise NotImplementedError


class _JsonFormatter(_LineFormatter):
    def line(self, plain: dict[str, Any]) -> str:
        text = msgspec.json.encode(plain).decode()
        return _BREAKS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class _HumanFormatter(_LineFormatter):
    def line(self, plain: dict[str, Any]) -> str:
        time, level, event = plain.pop("time")[11:23], plain.pop("level"), plain.pop("event")
        part = plain.pop("logger").removeprefix(f"{_ROOT}.")
        fields = " ".join(f"{name}={_word(value)}" for name, value in plain.items())
        return f"{time} {level:7} {part}: {printable(event)} {fields}".rstrip()


def _plain(record: logging.LogRecord) -> dict[str, Any]:
    """The record as what JSON knows."""
    plain: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
        "level": record.levelname.lower(),
        "event": _value(_message_of(record)),
        "logger": record.name,
    }
    for name, value in getattr(record, _FIELDS, {}).items():
        plain[f"field_{name}" if name in plain else name] = _field(name, value)
    if record.exc_info and record.exc_info[1] is not None:
        plain |= _error(record.exc_info[1])
    return plain


def _message_of(record: logging.LogRecord) -> str:
    """What is logged; of a library that gives the wrong arguments, what it wanted to log."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _field(name: str, value: object) -> object:
    if name.lower() in NEVER_LOGGED and not isinstance(value, int | float | None):
        return HIDDEN
    return _value(value)


def _value(value: object) -> object:
    """A field as it may be written: short, of plain types, without secrets."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(_value(str(name))): _field(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(inner) for inner in value]
    text = str(value)
    # Hidden before it is shortened: a token cut in the middle would not be recognised.
    text = _PASSWORD.sub(rf"\1\3{HIDDEN}\2", _TOKEN.sub(HIDDEN, text[: VALUE_LENGTH_MAX * 32]))
    text = text if len(text) <= VALUE_LENGTH_MAX else f"{text[:VALUE_LENGTH_MAX]}…"
    return text.encode("utf-8", "backslashreplace").decode()


def _error(error: BaseException) -> dict[str, Any]:
    """The type of an error and where it was raised.

    Its message only where the operating system wrote it, or while debugging: those of other errors may quote
    what somebody typed.
    """
    frames = traceback.extract_tb(error.__traceback__)
    shown: dict[str, Any] = {
        "error": type(error).__name__,
        "traceback": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-32:]],
    }
    if isinstance(error, OSError) or logging.getLogger(_ROOT).isEnabledFor(logging.DEBUG):
        shown["error_message"] = _value(str(error))
    if error.__cause__ is not None:
        shown["cause"] = type(error.__cause__).__name__
    if isinstance(error, BaseExceptionGroup):
        shown["errors"] = [_error(inner) for inner in error.exceptions[:8]]
    return shown


def _word(value: object) -> str:
    if isinstance(value, str) and value and value.isprintable() and not re.search(r'[\s="]', value):
        return value
    text = msgspec.json.encode(value).decode()
    return printable(text)
