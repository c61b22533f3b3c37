"""A report as a browser shows it: everything drawn, nothing fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from concord.finish import judge
from concord.judging import judging_of
from concord.options import ObjectiveOptions
from model import arena as arenas
from reports.write import write_report
from simulator.running.run import save
from tests.browser import open_page
from tests.model.test_arena import arena as small_arena
from tests.reports.jobs import STRAINED, synthetic_run, write_part
from tests.reports.strategies import BROKEN, CLEAN, UNCLAIMED, write_run
from tests.simulator.gossip.runs import run as run_replicas

pytestmark = pytest.mark.slow


def job(directory: Path) -> None:
    write_part(directory, *synthetic_run("load", [CLEAN, BROKEN, UNCLAIMED], harness=[STRAINED]))


def run(directory: Path) -> None:
    write_run(directory, [CLEAN, UNCLAIMED])


def replicas(directory: Path) -> None:
    save(judge(run_replicas(directory), judging_of(ObjectiveOptions())), directory)


def arena(directory: Path) -> None:
    (directory / "arena.json").write_bytes(arenas.encode(small_arena()))


@pytest.mark.parametrize(
    ("write", "title", "pictures"),
    [
        (run, "What was checked", 3),
        (job, "What was checked", 3),
        (replicas, "What was checked", 3),
        (arena, "What holds of each order", 1),
    ],
)
def test_a_browser_shows_the_report_without_an_error(
    tmp_path: Path, write: Callable[[Path], None], title: str, pictures: int
) -> None:
    write(tmp_path)
    page = next(path for path in write_report(tmp_path) if path.suffix == ".html")
    shown, console = open_page(page, tmp_path / "profile")
    assert title in shown
    assert len(re.findall(r"<svg\b", shown)) >= pictures
    assert not console
