"""Edits followed as spans of OpenTelemetry, in the JSON form of OTLP (``ExportTraceServiceRequest``).

Each edit is a trace: one span from the key to the end, and one below it for each step. Histories know no
date: the time of a span is that since the run began, as if it had begun in 1970.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from reports.following import GENERATOR, Waterfall

INTERNAL: Final = 1
"""``SPAN_KIND_INTERNAL``."""


def spans_of(falls: Sequence[Waterfall]) -> bytes:
    """The edits as one request; equal edits give equal bytes."""
    spans = [span for fall in falls for span in _trace(fall)]
    request = {
        "resourceSpans": [
            {
                "resource": {"attributes": [_attribute("service.name", "concord")]},
                "scopeSpans": [{"scope": {"name": GENERATOR}, "spans": spans}],
            }
        ]
    }
    return msgspec.json.format(msgspec.json.encode(request), indent=1)


def _trace(fall: Waterfall) -> list[dict[str, Any]]:
    edit = fall.edit
    trace = hashlib.blake2b(
        "\0".join((edit.name.document, str(edit.name))).encode(), digest_size=16
    ).hexdigest()
    root = _id(trace, 0)
    about: dict[str, str | int] = {
        "concord.edit": str(edit.name),
        "concord.document": edit.name.document,
        "concord.revision": edit.revision,
        "concord.kind": edit.kind,
    }
    whole = _span(trace, root, "", str(edit.name), edit.planned_us, edit.done_us, about)
    steps = [
        _span(
            trace, _id(trace, n), root, step.label, step.begin_us, step.end_us, {"concord.where": step.where}
        )
        for n, step in enumerate(fall.steps, start=1)
    ]
    return [whole, *steps]


def _span(
    trace: str, own: str, parent: str, name: str, begin_us: int, end_us: int, about: dict[str, str | int]
) -> dict[str, Any]:
    span: dict[str, Any] = {
        "traceId": trace,
        "spanId": own,
        "name": name,
        "kind": INTERNAL,
        "startTimeUnixNano": str(1_000 * begin_us),
        "endTimeUnixNano": str(1_000 * end_us),
        "attributes": [_attribute(key, value) for key, value in about.items()],
    }
    return span | ({"parentSpanId": parent} if parent else {})


def _attribute(key: str, value: str | int) -> dict[str, Any]:
    # Integers of 64 bits are texts in the JSON form of protocol buffers.
    return {
        "key": key,
        "value": {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)},
    }


def _id(trace: str, number: int) -> str:
    return hashlib.blake2b(f"{trace} {number}".encode(), digest_size=8).hexdigest()
