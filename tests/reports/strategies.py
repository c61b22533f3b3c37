"""A synthetic run with faults, offline work, slow edits and a violation, written as a run writes it."""

from __future__ import annotations

import random
from pathlib import Path

from model import history as h
from model import result as run_result
from model.checkers import Judge
from model.histogram import Histogram
from model.identity import DocumentId, SiteId
from model.measures import Measures, MeasureSet, encode_measures
from model.result import CheckRow, Machine, RunResult, exit_code
from model.strata import Stratum
from model.text import Operation
from model.verdict import CheckResult, Verdict, Violation, overall
from reports.objectives import load_objectives
from reports.slo import evaluate
from tests.histograms import record_many
from tests.numbers import rev, seq

SECOND_US = 1_000_000
DOCUMENT = DocumentId("d1")
SITES = [SiteId(f"s{i}") for i in range(8)]
TYPED = Operation(1, (1, "x"))


def synthetic_history(seed: int, seconds: int = 60) -> list[h.Record]:
    """Eight clients typing; one of them offline from 10 to 20 s; a partition from 25 to 32 s."""
    rng = random.Random(seed)
    records: list[h.Record] = [h.DocumentCreated(0, DOCUMENT, "a", False, False)]
    for i, site in enumerate(SITES):
        at = 10_000 * (i + 1)
        records += [
            h.Online(at, site, DOCUMENT),
            h.Connected(at + 60_000, site, DOCUMENT, at, 2_000 + 100 * i),
            h.Joined(at + 90_000, site, DOCUMENT, rev(0), "fresh", 1),
        ]
    revision = 0
    sequences = dict.fromkeys(SITES, 0)
    for tick in range(4, 5 * seconds):
        now = tick * SECOND_US // 5
        site = rng.choice(SITES)
        partition = 25 * SECOND_US <= now < 32 * SECOND_US
        away = {SITES[0]} if 10 * SECOND_US <= now < 20 * SECOND_US else set()
        records += away_records(now, revision, sequences)
        if now == 25 * SECOND_US:
            records.append(h.FaultBegan(now, "network", "partition", 3))
        if now == 32 * SECOND_US:
            records.append(h.FaultEnded(now, "network", "partition", 3))
        if now == 50 * SECOND_US:
            records.append(h.Healed(now, 30 * SECOND_US))
        if site in away or now >= 49 * SECOND_US:
            continue
        sequences[site] += 1
        revision += 1
        one = operation_records(rng, now, site, sequences[site], revision, 3 if partition else 1)
        records += [record for record in one if getattr(record, "site", None) not in away]
    return [*records, h.Finished(seconds * SECOND_US)]


def away_records(now: int, revision: int, sequences: dict[SiteId, int]) -> list[h.Record]:
    """What happens around the offline time of the first client."""
    site = SITES[0]
    first = sequences[site] + 1
    if now == 10 * SECOND_US:
        return [
            h.Offline(now, site, DOCUMENT, "closed"),
            h.Disconnected(now, site, DOCUMENT, rev(revision), "closed"),
        ]
    if now == 15 * SECOND_US:
        sequences[site] = first
        return [h.Edited(now, site, DOCUMENT, seq(first), "type", rev(revision), TYPED, now)]
    if now == 20 * SECOND_US:
        mine = sequences[site]
        return [
            h.Online(now, site, DOCUMENT),
            h.Connected(now + 1_000, site, DOCUMENT, now, 2_500),
            h.Joined(now + 2_000, site, DOCUMENT, rev(revision), "branch", 0),
            h.Sent(now + 3_000, site, DOCUMENT, rev(revision), seq(mine), seq(mine), "branch"),
            h.Merged(now + 9_000, site, DOCUMENT, rev(revision), rev(revision), seq(mine), seq(mine), 1),
        ]
    return []


def operation_records(
    rng: random.Random, now: int, site: SiteId, sequence: int, revision: int, slowness: int
) -> list[h.Record]:
    """One edit on its way to everybody."""
    received = now + rng.randrange(5_000, 30_000)
    stored = received + slowness * rng.randrange(1_000, 9_000)
    arrivals = sorted((stored + slowness * rng.randrange(5_000, 60_000), other) for other in SITES)
    position = rng.randrange(5)
    seen, reader = arrivals[-1][0] + 1, SITES[site == SITES[0]]
    return [
        h.Edited(
            now, site, DOCUMENT, seq(sequence), rng.choice(["type", "paste"]), rev(revision - 1), TYPED, now
        ),
        h.Sent(now, site, DOCUMENT, rev(revision - 1), seq(sequence), seq(sequence), "submit"),
        h.Pointed(received, site, DOCUMENT, rev(revision - 1), position),
        h.Arrived(received, site, DOCUMENT, seq(sequence), seq(sequence), received - now),
        h.Stored(
            stored,
            DOCUMENT,
            rev(revision),
            site,
            seq(sequence),
            seq(sequence),
            rev(revision - 1),
            False,
            TYPED,
            TYPED,
        ),
        h.Broadcast(stored, DOCUMENT, rev(revision), site, seq(sequence), seq(sequence), received, 7, 1),
        *[
            h.Acknowledged(at, other, DOCUMENT, rev(revision), seq(sequence), seq(sequence), 1)
            if other == site
            else h.Delivered(at, other, DOCUMENT, rev(revision), 1, at - stored)
            for at, other in arrivals
        ],
        h.Seen(seen, reader, DOCUMENT, site, rev(revision), position, 9, rev(revision), True),
    ]


def synthetic_measures(seed: int = 1) -> MeasureSet:
    measures = Measures()
    Judge([measures]).feed(synthetic_history(seed))
    transform = Histogram()
    record_many(transform, 12, 1_000)
    measures.transform = transform
    return measures.result()


CLEAN = CheckResult("convergence", 4_321, 0, "replicas at equal revision show equal texts")
BROKEN = CheckResult(
    "ledger",
    500,
    1,
    "acknowledged edits and what became of them",
    violations=(
        Violation(
            "ledger",
            33 * SECOND_US,
            "d1",
            "s1#4 was acknowledged as revision 17, but <b>nobody</b> shows it.",
            {"site": "s1", "sequence": 4, "text": "a\x01\u2028<script>"},
        ),
    ),
)
UNCLAIMED = CheckResult("strong list", 90, 30, "one order over all elements ever displayed", claimed=False)
IDLE = CheckResult("presence", 0, 0, "cursors keep to their neighbours")


HISTORIES = [
    Stratum(1, False, False, 300, 0),
    Stratum(2, False, False, 400, 400),
    Stratum(3, True, True, 300, 200),
]
"""Of 1,000 documents; in 600 of them edits were concurrent."""


def synthetic_result(measures: MeasureSet, checks: list[CheckResult], clients: int = 8) -> RunResult:
    slos = evaluate(load_objectives(), measures, clients)
    verdict = overall(checks)
    return RunResult(
        verdict=verdict,
        exit_code=int(exit_code(verdict, slos)),
        seed=7,
        digest="00ff00ff",
        scenario="synthetic <calm>",
        engine="jupiter",
        workload="human",
        clients=clients,
        documents=1_000,
        cells=1,
        run_seconds=60.0,
        wall_seconds=1.5,
        edits=measures.totals.edits_acknowledged,
        operations=measures.totals.operations,
        deliveries=measures.totals.deliveries,
        deliveries_per_second=measures.totals.deliveries / 1.5,
        checks=[CheckRow.of(check) for check in checks],
        faults=measures.faults,
        slos=slos,
        histories=HISTORIES if any(check.checked for check in checks) else [],
        phases=measures.phases_us,
        versions={"python": "3.11", "concord": "0.1.0"},
        machine=Machine(2, "a processor"),
        failures=["failures/0.json"] if verdict is Verdict.VIOLATED else [],
        command="concord simulate calm --seed 7",
        reached={"trim": 1_234, "busy": 0, "conflict": 0, "of_another_version": 0},
        required=["trim", "busy"] if verdict is Verdict.VIOLATED else [],
    )


def write_run(directory: Path, checks: list[CheckResult]) -> Path:
    """The recorded files of a run, as a run leaves them."""
    measures = synthetic_measures()
    result = synthetic_result(measures, checks)
    (directory / "result.json").write_bytes(run_result.encode(result))
    (directory / "measures.json").write_bytes(encode_measures(measures))
    if result.failures:
        (directory / "failures").mkdir()
        (directory / "failures" / "0.json").write_text("{}")
        (directory / "failures" / "0.html").write_text("<p>what happened</p>")
    return directory
