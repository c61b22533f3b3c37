"""The content of ``campaign.json``: many seeds of one scenario, and what each of them came to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from model.result import CheckRow, RunResult, missed, worst
from model.strata import judged_counts
from model.verdict import ExitCode, Verdict, worst_verdict

CAMPAIGN_VERSION: Final = 1


class KnownFailure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A failure that is known, and is not to fail a campaign.

    Attributes:
        check: which check it violates.
        reason: why it may, in a sentence.
        seed: with which seed; with any if left out.
    """

    check: str
    reason: str
    seed: int | None = None

    def covers(self, check: str, seed: int | None) -> bool:
        """Whether it is this failure; ``seed`` None for that of a saved case."""
        return self.check == check and self.seed in (None, seed)


class SeedRow(msgspec.Struct, frozen=True):
    """One run.

    Attributes:
        exit_code: as the run alone has it.
        histories: that were judged; ``concurrent`` of them had concurrent edits.
        checks: verdicts by name, of those that decide.
        violated: by check, what was found first.
        missed: names of objectives.
        directory: where it was kept, relative to the campaign; empty if it was not.
        expected: the reasons of the known failures that it is, if it is nothing else.
    """

    seed: int
    verdict: Verdict
    exit_code: int
    digest: str
    edits: int
    histories: int
    concurrent: int
    seconds: float
    checks: dict[str, Verdict]
    violated: dict[str, str]
    missed: list[str]
    directory: str = ""
    expected: list[str] = []

    @property
    def unknown(self) -> list[str]:
        """The checks that compared too little to decide."""
        return [name for name, verdict in self.checks.items() if verdict is Verdict.UNKNOWN]

    @property
    def code(self) -> int:
        """What it adds to the code of the campaign: nothing, if its failure was expected."""
        return ExitCode.GOOD if self.expected else self.exit_code


class CaseRow(msgspec.Struct, frozen=True):
    """A failure that was saved earlier, played first.

    Attributes:
        name: of its file.
        check: that it failed.
        message: what fails now; empty if everything holds.
        expected: the reason, if that is known.
    """

    name: str
    check: str
    message: str
    expected: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether it fails now, and that is not expected."""
        return bool(self.message and not self.expected)


class Campaign(msgspec.Struct, frozen=True):
    """All that is known of a campaign so far.

    Attributes:
        subject: stands for all that is equal in its runs; a campaign is resumed only with the same.
        scenario: its name.
        wanted: how many seeds were asked for.
        known: the failures that were known.
        runs: in the order of their seeds.
        ended: why there are no more, if they were to be; the end of a sentence.
    """

    command: str
    subject: str
    scenario: str
    wanted: int
    known: list[KnownFailure]
    cases: list[CaseRow]
    runs: list[SeedRow]
    ended: str = ""
    version: int = CAMPAIGN_VERSION

    @property
    def verdict(self) -> Verdict:
        """That of its runs and of the cases that were played; what was expected does not vote."""
        cases = [Verdict.VIOLATED for case in self.cases if case.has_failed]
        return worst_verdict([*cases, *(run.verdict for run in self.runs if not run.expected)])

    @property
    def exit_code(self) -> ExitCode:
        """The worst of its runs and of the cases that were played."""
        cases = [ExitCode.VIOLATED for case in self.cases if case.has_failed]
        return worst([*cases, *(run.code for run in self.runs)])

    @property
    def failing(self) -> list[SeedRow]:
        """The runs that are not all good, those of which it was expected too."""
        return [run for run in self.runs if run.code or run.expected]

    @property
    def turned_green(self) -> list[KnownFailure]:
        """Known failures that could have shown, and did not."""
        seeds = {run.seed for run in self.runs}
        shown = {(check, run.seed) for run in self.runs for check in run.violated}
        shown |= {(case.check, -1) for case in self.cases if case.message}
        return [
            known
            for known in self.known
            if (bool(seeds) if known.seed is None else known.seed in seeds)
            and not any(known.covers(check, seed) for check, seed in shown)
        ]


def row_of(result: RunResult, directory: str, known: Sequence[KnownFailure]) -> SeedRow:
    """The row of a run; ``directory`` is where it was kept."""
    histories, concurrent = judged_counts(result.histories)
    deciding: Iterable[CheckRow] = [check for check in result.checks if check.claimed]
    violated = {
        check.name: check.violations[0].message if check.violations else check.detail
        for check in deciding
        if check.verdict is Verdict.VIOLATED
    }
    reasons = [next((one.reason for one in known if one.covers(name, result.seed)), "") for name in violated]
    return SeedRow(
        seed=result.seed,
        verdict=result.verdict,
        exit_code=result.exit_code,
        digest=result.digest,
        edits=result.edits,
        histories=histories,
        concurrent=concurrent,
        seconds=result.wall_seconds,
        checks={check.name: check.verdict for check in deciding},
        violated=violated,
        missed=[slo.name for slo in missed(result.slos)],
        directory=directory,
        expected=list(dict.fromkeys(reasons)) if reasons and all(reasons) else [],
    )


def encode(campaign: Campaign) -> bytes:
    """The campaign as JSON, with its verdict and exit code for whoever reads nothing else."""
    plain = {
        "verdict": campaign.verdict,
        "exit_code": int(campaign.exit_code),
        **msgspec.to_builtins(campaign),
    }
    return msgspec.json.format(msgspec.json.encode(plain), indent=1)


def load(data: bytes) -> Campaign:
    """The campaign that :func:`encode` wrote.

    Raises:
        ValueError: truncated, not a campaign, or of another version; names the field.
    """
    found = msgspec.json.decode(data, type=Campaign)
    if found.version != CAMPAIGN_VERSION:
        raise ValueError(f"campaign of version {found.version}, this is version {CAMPAIGN_VERSION}")
    return found
