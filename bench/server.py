"""Speed of collaboration servers: the highest rate at which 95 % of operations are seen by all peers in time.

Run with ``uv run python -m bench.server``; it needs node 20 or later, and the first time npm. The server has
one core, the generator another. A thousand connections in rooms of ten insert eight code points each time, at
planned times, whatever the server does; an operation's latency runs from its planned time to the moment the
last of the nine peers has received it. Concord writes every operation to disk before it acknowledges it; the
others keep theirs in memory.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import msgspec

from bench.measure import machine
from bench.peers.search import CONTROL_FACTOR, CONTROL_P95_MS_MAX, Found, control, search
from bench.peers.subjects import CONTROL, SUBJECTS, BenchError, Subject, install, installed_version, node
from bench.peers.trial import Load, Outcome, Trial
from model.machine import allow_open_files, cores

RATES = "500:4000:250,4500:12000:500"
EXIT_USAGE = 64
EXIT_HARNESS_INVALID = 4
FILES_PER_CONNECTION = 1
FILES_BESIDES = 200


def parse_rates(text: str) -> list[int]:
    """Rates with commas between them, each a number or ``FIRST:LAST:STEP``, operations a second; rising.

    Raises:
        argparse.ArgumentTypeError: It is something else, or not all are positive.
    """
    rates: set[int] = set()
    try:
        for part in text.split(","):
            first, last, step = map(int, part.split(":") if ":" in part else (part, part, "1"))
            rates.update(range(first, last + 1, step))
    except ValueError:
        rates.clear()
    if not rates or min(rates) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of rates or FIRST:LAST:STEP")
    return sorted(rates)


def parse_subjects(text: str) -> list[Subject]:
    """Names with commas between them, ``control`` among them.

    Raises:
        argparse.ArgumentTypeError: One of them is unknown.
    """
    known = {**SUBJECTS, CONTROL.name: CONTROL}
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in text.split(",")]


def milliseconds(value: float | None) -> str:
    """A latency for a table; what never arrived took for ever."""
    return "∞" if value is None else f"{value:.1f}"


def print_trial(trial: Trial) -> None:
    """One line about a trial, as it ends."""
    print(f"{trial.subject:12} {trial.rate:5}/s  {row_of_trial(trial)}  {trial.reason}", flush=True)


def row_of_trial(trial: Trial) -> str:
    """The figures of a trial in one line."""
    seen = trial.seen
    if seen is None:
        return trial.outcome.value
    return (
        f"{trial.outcome.value}: p50 {milliseconds(seen.p50_ms)} p95 {milliseconds(seen.p95_ms)}"
        f" p99 {milliseconds(seen.p99_ms)} ms, achieved {seen.achieved_per_second:,.0f}/s,"
        f" server CPU {trial.use.server:.0%} (core {trial.use.server_core:.0%}),"
        f" generator CPU {seen.generator_cpu:.0%} (core {trial.use.generator_core:.0%}),"
        f" lag p99 {milliseconds(seen.lag_p99_ms)} ms"
    )


def highest(found: Found) -> str:
    """The highest good rate, marked if it is only a lower bound."""
    if found.best is None:
        return "unknown" if found.is_bound else "none"
    return f"{'≥ ' if found.is_bound else ''}{found.best.rate:,}"


def summary(rounds: list[dict[str, Found]]) -> list[str]:
    """The table of the subjects, as Markdown; the figures are those of the round with the median rate."""
    columns = (
        "server",
        "documents",
        "highest good rate (operations/s)",
        "p50 / p95 / p99 there (ms)",
        "server CPU",
        "generator CPU, lag p99 (ms)",
        "what ended it",
    )
    lines = [f"| {' | '.join(columns)} |", "|---|---|--:|--:|--:|--:|---|"]
    for name in rounds[0]:
        found = median_round([round_[name] for round_ in rounds])
        subject = found.subject
        label = " ".join(
            filter(None, [subject.name, installed_version(subject.package) if subject.package else ""])
        )
        rate = f"**{highest(found)}**"
        if len(rounds) > 1:
            rate += f" ({', '.join(highest(round_[name]) for round_ in rounds)})"
        cells = ["", "", ""]
        if found.best is not None and found.best.seen is not None:
            seen = found.best.seen
            cells = [
                " / ".join(map(milliseconds, (seen.p50_ms, seen.p95_ms, seen.p99_ms))),
                f"{found.best.use.server:.0%}",
                f"{seen.generator_cpu:.0%}, {milliseconds(seen.lag_p99_ms)}",
            ]
        end = "the rates asked for" if found.end is None else f"{found.end.rate:,}: {found.end.reason}"
        lines.append(f"| {label} | {subject.what} | {rate} | {' | '.join(cells)} | {end.splitlines()[0]} |")
    return lines


def median_round(founds: list[Found]) -> Found:
    """The round whose rate is the median of the rounds."""
    rates = [found.best.rate if found.best else 0 for found in founds]
    return founds[rates.index(statistics.median_low(rates))]


def verdict(rounds: list[dict[str, Found]], load: Load, data: Path | None) -> tuple[bool, str]:
    """Run the control against the best rate; whether the figures hold, and the sentence that says so."""
    best = max((found.best.rate for round_ in rounds for found in round_.values() if found.best), default=0)
    if best == 0:
        return (
            False,
            "REFUSED: no server had a good rate, so there is nothing to check the generator against.",
        )
    good, found = control(best, load, data, print_trial)
    trial = found.best or found.trials[-1]
    figures = f"{trial.rate:,} operations/s, {CONTROL_FACTOR} times the best server: {row_of_trial(trial)}"
    if good:
        return True, f"Control (a server that only passes frames on), at {figures}."
    return False, (
        f"REFUSED: the generator itself does not stay below {CONTROL_P95_MS_MAX:.0f} ms at {figures}."
        " The figures above may be its limit, not that of the servers."
    )


def conditions(load: Load) -> str:
    """What was measured, on what, in a paragraph."""
    return (
        f"Machine: {machine()}. Server on core {load.server_core}, generator on core {load.generator_core};"
        f" {load.rooms * load.per_room:,} connections in rooms of {load.per_room}, inserts of 8 code points,"
        f" {load.seconds:g} s a rate after {load.warmup_seconds:g} s of warm-up. Good is a p95 of at most"
        f" {load.limit_ms:g} ms from the planned time to the last of {load.per_room - 1} peers, with nothing"
        " lost or doubled; of a rate that was not good, two trials had to agree."
    )


def correctness(trials: list[Trial], load: Load) -> str:
    """What was counted and compared, in a paragraph."""
    good = [trial.seen for trial in trials if trial.outcome is Outcome.GOOD and trial.seen]
    samples = [trial.seen.sample for trial in trials if trial.seen and trial.seen.sample]
    compared = [sample for sample in samples if sample.texts]
    deliveries = sum(seen.deliveries for seen in good)
    whole = sum(sample.equal and sample.whole for sample in compared)
    return (
        f"In {len(good)} good trials {deliveries:,} deliveries were counted, every operation at exactly"
        f" {load.per_room - 1} peers. In {len(compared)} trials the texts of a whole room and of a late"
        f" reader were compared, equal and whole in {whole}."
    )


def compare(arguments: argparse.Namespace, load: Load) -> int:
    """Search, check, print; the exit code."""
    chosen: list[Subject] = arguments.subjects
    rounds = [
        {s.name: search(s, arguments.rates, load, arguments.data, print_trial) for s in chosen}
        for _ in range(arguments.rounds)
    ]
    valid, sentence = True, "Control not run."
    if not arguments.no_control:
        valid, sentence = verdict(rounds, load, arguments.data)
    trials = [trial for round_ in rounds for found in round_.values() for trial in found.trials]
    lines = [conditions(load), "", *summary(rounds), "", sentence, "", correctness(trials, load)]
    print("\n" + "\n".join(lines))
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(trials)))
    ends = [found.end for round_ in rounds for found in round_.values() if found.end]
    conclusive = all(end.outcome.is_conclusive for end in ends)
    return 0 if valid and conclusive else EXIT_HARNESS_INVALID


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    options.add_argument("--subjects", type=parse_subjects, default=",".join(SUBJECTS), metavar="NAME,…")
    options.add_argument("--rates", type=parse_rates, default=RATES, metavar="LIST", help=f"default {RATES}")
    options.add_argument(
        "--seconds", type=float, default=Load().seconds, help="measured seconds of each rate"
    )
    options.add_argument("--warmup", type=float, default=Load().warmup_seconds, help="seconds before that")
    options.add_argument("--limit-ms", type=float, default=Load().limit_ms)
    options.add_argument("--rooms", type=int, default=Load().rooms)
    options.add_argument(
        "--per-room", type=int, default=Load().per_room, choices=range(2, 17), metavar="2..16"
    )
    options.add_argument(
        "--rounds", type=int, default=1, help="searches of each server, in turn; the median counts"
    )
    options.add_argument("--seed", type=int, default=Load().seed)
    options.add_argument(
        "--data", type=Path, help="folder for Concord's database; default the temporary folder"
    )
    options.add_argument("--json", type=Path, help="file for all trials")
    options.add_argument("--no-control", action="store_true", help="do not check the generator")
    return options


def allow_files(connections: int) -> None:
    """Let this process and its children open a file for every connection.

    Raises:
        BenchError: The machine does not allow so many.
    """
    needed = connections * FILES_PER_CONNECTION + FILES_BESIDES
    allowed = allow_open_files()
    if allowed is not None and allowed < needed:
        raise BenchError(f"{needed} open files are needed and {allowed} are allowed (ulimit -n)")


def main() -> int:
    """Run the comparison of the command line."""
    arguments = parser().parse_args()
    load = Load(
        rooms=arguments.rooms,
        per_room=arguments.per_room,
        warmup_seconds=arguments.warmup,
        seconds=arguments.seconds,
        limit_ms=arguments.limit_ms,
        seed=arguments.seed,
    )
    try:
        if cores() < 2:
            raise BenchError("two cores are needed, one for the server and one for the generator")
        node()
        install()
        allow_files(load.rooms * load.per_room)
        return compare(arguments, load)
    except BenchError as error:
        print(f"bench.server: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("bench.server: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
