"""Speed of the event graph: recorded sessions replayed and merged, beside a plain replica and two libraries.

Run with ``uv run python -m bench.crdt``, or with the names of some sessions. The others get a session as the
updates that its authors' clients would have sent, one for each transaction; making those takes a minute for
node_nodecc and is not measured, nor is reading the file. Every variant ends with the recorded text in hand.
Memory is what a process of its own needs more at its peak.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import multiprocessing
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.libraries import LIBRARIES, LORO, PLAIN, recorded_updates
from bench.measure import alternate, machine, table
from model.crdt.rope import Rope
from model.crdt.walker import replay
from simulator.algorithms.recordings.graph import event_graph
from simulator.children import end_with_parent
from simulator.workload.traces import Trace, read_trace

SESSIONS = ["automerge-paper", "friendsforever", "node_nodecc"]
DATA = Path(os.environ.get("CONCORD_DATA", "../shared"))
ROUNDS = 5

PLAIN_EVENTS_MAX = 30_000
"""A plain replica looks at every element for every event; beyond this many it takes minutes."""


class Session(NamedTuple):
    """A recorded session, also as the updates of each library."""

    trace: Trace
    updates: dict[str, list[bytes]]


def variants(session: Session) -> dict[str, Callable[[], str]]:
    """The ways to get the text of a session; the first is the yardstick."""
    trace = session.trace
    graph = event_graph(trace)
    found = {
        "walker": lambda: replay(graph, start=trace.start),
        "walker, with building the graph": lambda: replay(event_graph(trace), start=trace.start),
    }
    if trace.kind == "sequential":
        found["patches on a rope"] = lambda: on_a_rope(trace)
    for name, updates in session.updates.items():
        found[f"{name}, update by update"] = partial(one_by_one, name, updates)
        if name == LORO:  # the plain replica has no such way, and pycrdt is thirty times slower that way
            found[f"{name}, all at once"] = partial(at_once, name, updates)
    return found


def on_a_rope(trace: Trace) -> str:
    """Nothing but the text: the least that a sequential session costs here."""
    rope = Rope(trace.start)
    for transaction in trace.transactions:
        for position, deleted, inserted in transaction.patches:
            rope.splice(position, deleted, inserted)
    return str(rope)


def one_by_one(name: str, updates: list[bytes]) -> str:
    """The text of a client that gets one update after another."""
    client = LIBRARIES[name](1 << 31)
    for update in updates:
        client.apply(update)
    return client.text


def at_once(name: str, updates: list[bytes]) -> str:
    """The text of a client that gets all updates together."""
    client = LIBRARIES[name](1 << 31)
    client.apply_all(updates)
    return client.text


def work(session: Session, variant: Callable[[], str]) -> float:
    """Run a variant and check its text; the work is the number of transactions."""
    if variant() != session.trace.end:
        raise SystemExit(f"{session.trace.name}: not the recorded text")
    return len(session.trace.transactions)


def peak_bytes(session: Session, name: str) -> int:
    """What a variant needs at its peak beyond its input; to be called in a process of its own."""
    variant = variants(session)[name]
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the input left behind would hide what is needed
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status_bytes("VmRSS")
    text = variant()
    assert text
    return _status_bytes("VmHWM") - before


def _status_bytes(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def memory_table(session: Session, names: Iterable[str]) -> str:
    """A Markdown table of peaks."""
    lines = ["| variant | peak memory (MB) |", "|---|--:|"]
    with multiprocessing.get_context("spawn").Pool(1, end_with_parent, maxtasksperchild=1) as pool:
        peaks = {name: pool.apply(peak_bytes, (session, name)) for name in names}
    lines += [f"| {name} | {peak / 1e6:.1f} |" for name, peak in peaks.items()]
    return "\n".join([*lines, ""])


def measure(name: str) -> None:
    """Print the tables of one session."""
    trace = read_trace(DATA / "traces" / f"{name}.json.gz")
    session = Session(trace, {})
    for library, kind in LIBRARIES.items():
        if library != PLAIN or len(event_graph(trace)) <= PLAIN_EVENTS_MAX:
            session.updates[library] = recorded_updates(trace, kind)
    ways = variants(session)
    timings = alternate({way: partial(work, session, variant) for way, variant in ways.items()}, ROUNDS)
    print(table(f"{name} ({len(trace.transactions):,} transactions)", "transactions", timings))
    print(memory_table(session, ways))


def main() -> None:
    """Print all tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sessions", nargs="*", help=f"some of {', '.join(SESSIONS)}", default=SESSIONS)
    print(f"Machine: {machine()}\n")
    for name in parser.parse_args().sessions:
        measure(name)


if __name__ == "__main__":
    main()
