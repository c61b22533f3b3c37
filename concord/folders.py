"""Folders of results: what an earlier run left is taken away before a new one writes there."""

from __future__ import annotations

import shutil
from pathlib import Path

from model import result as results
from simulator.running.run import clear


def clear_job(directory: Path) -> None:
    """Take the results of an earlier job or run away, and nothing else."""
    if (directory / "job.json").exists():
        for part in results.KINDS:
            shutil.rmtree(directory / part, ignore_errors=True)
    (directory / "job.json").unlink(missing_ok=True)
    clear(directory)
