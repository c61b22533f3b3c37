"""Where the time of operations went that a server's own clock knows nothing of."""

from __future__ import annotations

from typing import Final

from model.histogram import Histogram
from model.result import ServerSeries

FACTOR: Final = 3.0
"""So many times as long as by the server's own clock, and people wait for something that is not in that."""

DIFFERENCE_MS_MIN: Final = 5.0
"""Less than that is nobody's trouble, and within what sockets take."""


def where_it_went(waited_ms: float, percentile: float, server: ServerSeries) -> str:
    """What is in front of the core, in it, in the store and on the way out; empty if that is no question.

    Args:
        waited_ms: what people waited, at ``percentile``.
        percentile: of the figure.
        server: what the server measured itself.
    """
    own_ms = _ms(server.latencies.get("operation"), percentile)
    if own_ms is None or waited_ms < FACTOR * own_ms or waited_ms - own_ms < DIFFERENCE_MS_MIN:
        return ""
    outside_ms = waited_ms - own_ms
    inside = [
        f"{ms:.3g} ms {where}"
        for where, name in (("in the store", "store_commit"), ("in the core", "transform"))
        if (ms := _ms(server.latencies.get(name), percentile)) is not None
    ]
    late_ms = _ms(server.latencies.get("loop_lag"), 100)
    if late_ms is None:
        outside = "in front of the core, or on the way in or out"
    elif late_ms >= outside_ms / 2:
        outside = f"in front of the core, whose process came to its turn up to {late_ms:,.0f} ms late"
    else:
        outside = f"on the way in or out, since its process was never more than {late_ms:,.0f} ms late"
    own = f"{own_ms:.3g} ms by the server's own clock{' (' + ', '.join(inside) + ')' if inside else ''}"
    return f"{own}, {outside_ms:,.0f} ms {outside}"


def _ms(histogram: Histogram | None, percentile: float) -> float | None:
    return histogram.percentile(percentile) / 1000 if histogram is not None and histogram.count else None
