"""One trial: a server, a rate, and what the generator saw of it."""

from __future__ import annotations

import enum
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from bench.peers.subjects import FOLDER, HOST, BenchError, Server, core_busy_seconds, node, pinned
from simulator.children import group

# A generator beyond these is late or at its limit; what it sees then says nothing against the server. Nor
# does what is seen while other processes take more of a core than that.
GENERATOR_CPU_MAX = 0.9
GENERATOR_LAG_P95_MS_MAX = 10.0
FOREIGN_CPU_MAX = 0.15
EXTRA_SECONDS_MAX = 120.0


class Load(NamedTuple):
    """What all servers are given; the same seed draws the same schedule."""

    rooms: int = 100
    per_room: int = 10
    warmup_seconds: float = 2.0
    seconds: float = 10.0
    limit_ms: float = 50.0
    seed: int = 1
    server_core: int = 0
    generator_core: int = 1


class Outcome(enum.Enum):
    """What a trial says."""

    GOOD = "good"
    SLOW = "too slow"
    WRONG = "wrong"
    """Something was lost, doubled, in the wrong order, or the texts differ."""
    GENERATOR = "generator at its limit"
    """It was not good, but the generator may be the reason."""
    DISTURBED = "disturbed"
    """It was not good, but other processes may be the reason."""

    @property
    def is_conclusive(self) -> bool:
        """Whether it says something about the server."""
        return self not in (Outcome.GENERATOR, Outcome.DISTURBED)


class Sample(msgspec.Struct, frozen=True):
    """The texts of one room in the end, and of one client that came afterwards."""

    texts: int
    equal: bool
    whole: bool
    """Every operation is in the text exactly once, and nothing else."""


class Seen(msgspec.Struct, frozen=True):
    """The generator's account. Latencies run from the planned time to the last of the peers; None: never."""

    operations: int
    achieved_per_second: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    lag_p95_ms: float | None
    lag_p99_ms: float | None
    lag_max_ms: float | None
    deliveries: int
    missing: int
    duplicates: int
    strays: int
    generator_cpu: float
    errors: list[str]
    sample: Sample | None = None


class Use(msgspec.Struct, frozen=True):
    """Shares of a core in the measured seconds: by the server, and by anybody on either core."""

    server: float = 0.0
    server_core: float = 0.0
    generator_core: float = 0.0


class Trial(msgspec.Struct, frozen=True):
    """A rate that was tried."""

    subject: str
    rate: int
    outcome: Outcome
    reason: str
    seen: Seen | None = None
    use: Use = Use()


class _Line(msgspec.Struct):
    """A line of the generator, as far as its kind."""

    event: Literal["connected", "measuring", "measured", "failed", "result"]
    reason: str = ""


def judge(seen: Seen, use: Use, limit_ms: float) -> tuple[Outcome, str]:
    """What the figures of a trial say, and why it is not good."""
    wrong = [
        f"{count} {what}"
        for count, what in ((seen.duplicates, "delivered twice"), (seen.strays, "gone astray"))
        if count
    ]
    wrong += seen.errors[:1]
    if seen.sample is not None and not (seen.sample.equal and seen.sample.whole):
        wrong.append("the texts of the sampled room differ or lack operations")
    late = seen.p95_ms is None or seen.p95_ms > limit_ms
    if seen.missing and not late:
        wrong.append(f"{seen.missing} deliveries lost")
    if wrong:
        return Outcome.WRONG, "; ".join(wrong)
    if not late:
        return Outcome.GOOD, ""
    foreign = max(use.server_core - use.server, use.generator_core - seen.generator_cpu)
    if foreign > FOREIGN_CPU_MAX:
        return Outcome.DISTURBED, f"other processes took {foreign:.0%} of a core"
    lag = seen.lag_p95_ms or 0.0
    if seen.generator_cpu > GENERATOR_CPU_MAX or lag > GENERATOR_LAG_P95_MS_MAX:
        return Outcome.GENERATOR, f"generator CPU {seen.generator_cpu:.0%}, lag p95 {lag:.1f} ms"
    unseen = f", {seen.missing} deliveries not made in the end" if seen.missing else ""
    return Outcome.SLOW, f"p95 {'∞' if seen.p95_ms is None else f'{seen.p95_ms:.0f} ms'}{unseen}"


def run_trial(server: Server, rate: int, load: Load) -> Trial:
    """Drive ``server`` with ``rate`` operations a second.

    Raises:
        BenchError: The generator broke, other than by what the server did to it.
    """
    settings = {
        "subject": server.subject.name,
        "host": HOST,
        "port": server.port,
        "rooms": load.rooms,
        "per_room": load.per_room,
        "rate": rate,
        "warmup_ms": load.warmup_seconds * 1000,
        "measure_ms": load.seconds * 1000,
        "seed": load.seed,
        "name": f"{rate}-{time.monotonic_ns():x}",
    }
    command = [node(), str(FOLDER / "generator/main.mjs"), msgspec.json.encode(settings).decode()]
    with pinned(load.generator_core):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, **server.secrets}, process_group=group()
        )
    timer = threading.Timer(load.warmup_seconds + load.seconds + EXTRA_SECONDS_MAX, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        trial = _follow(process.stdout, server, rate, load)
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    return trial


def _follow(lines: Iterator[bytes], server: Server, rate: int, load: Load) -> Trial:
    """Read what the generator says, and take the server's CPU time when it says so."""
    cores = (load.server_core, load.generator_core)
    before: list[float] = []
    use = Use()

    def now() -> list[float]:
        return [time.monotonic(), server.cpu_seconds(), *map(core_busy_seconds, cores)]

    for text in lines:
        line = msgspec.json.decode(text, type=_Line)
        match line.event:
            case "connected":
                pass
            case "measuring":
                before = now()
            case "measured":
                elapsed, *used = (after - earlier for after, earlier in zip(now(), before, strict=True))
                use = Use(*(seconds / elapsed for seconds in used))
            case "failed":
                return Trial(server.subject.name, rate, Outcome.WRONG, f"{line.reason}\n{server.log()}")
            case "result":
                seen = msgspec.json.decode(text, type=Seen)
                outcome, reason = judge(seen, use, load.limit_ms)
                return Trial(server.subject.name, rate, outcome, reason, seen, use)
    raise BenchError(
        f"the generator ended without a result ({server.subject.name}, {rate} operations a second)"
    )
