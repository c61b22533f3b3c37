"""What a result needs to be repeated by somebody else, and the second run that shows that it can be."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

from concord.defaults import arguments
from concord.terminal import say, status
from model import result as results
from model.certificate import Certificate, Repetition
from model.result import RunResult
from simulator.children import group

HASH_SEED: Final = "PYTHONHASHSEED"
CERTIFY: Final = "--certify"
_ROOT: Final = Path(__file__).resolve().parents[1]


def certified(result: RunResult) -> RunResult:
    """The result with its certificate; one that it has already stays as it is."""
    if result.certificate is not None:
        return result
    return msgspec.structs.replace(result, certificate=certificate_of(result))


def certificate_of(result: RunResult) -> Certificate:
    """The certificate of a run that this process has made."""
    return Certificate(
        seed=result.seed,
        scenario=result.scenario,
        scenario_digest=result.scenario_digest,
        digest=result.digest,
        concord=metadata.version("concord-collab"),
        commit=_commit(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=platform.platform(),
        hash_seed=os.environ.get(HASH_SEED, "random"),
    )


def repeated(result: RunResult, jobs: int) -> RunResult:
    """The result of a simulation, certified by running its command again in another process.

    The second run has another hash seed and another number of processes; everything else is as it was.

    Args:
        result: of the first run.
        jobs: how many processes the first run had.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    certificate = certificate_of(result)
    hash_seed = "2" if certificate.hash_seed == "1" else "1"
    other_jobs = 1 if jobs > 1 else 2
    with tempfile.TemporaryDirectory(prefix="concord-") as folder, status("running it again"):
        digest, note = _digest_of_another(Path(folder), hash_seed, other_jobs)
    repetition = Repetition(digest=digest, hash_seed=hash_seed, jobs=other_jobs, note=note)
    certificate = msgspec.structs.replace(certificate, repetition=repetition)
    way = f"hash seed {hash_seed} and {other_jobs} process{'es' if other_jobs > 1 else ''}"
    if certificate.differs:
        say(("not repeatable", "red"), f": {note or f'digest {digest}'} under {way}, not {result.digest}")
    else:
        say(("certified", "green"), f": the same digest again under {way}")
    return msgspec.structs.replace(result, certificate=certificate)


def command_again(folder: Path, jobs: int) -> list[str]:
    """The command in progress once more, into another folder and in so many processes."""
    given = [argument for argument in (*sys.argv[1:], *arguments()) if argument not in (CERTIFY, "--json")]
    elsewhere = ["--out", str(folder), "--jobs", str(jobs), "--no-shrink"]
    return [sys.executable, "-m", "concord", *given, *elsewhere]


def _digest_of_another(folder: Path, hash_seed: str, jobs: int) -> tuple[str, str]:
    """The digest of the command run again, and what kept it from one."""
    done = subprocess.run(
        command_again(folder, jobs),
        env=os.environ | {HASH_SEED: hash_seed},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
        process_group=group(),
    )
    try:
        return results.load((folder / "result.json").read_bytes()).digest, ""
    except (OSError, ValueError):
        said = done.stderr.splitlines() or [f"exit code {done.returncode}"]
        return "", f"no result ({said[-1]})"


@functools.cache
def _commit() -> str:
    """The commit of the sources that run, with ``+changes`` if they are not as committed; or nothing."""
    if not (_ROOT / ".git").exists() or shutil.which("git") is None:
        return ""
    head = _git("rev-parse", "HEAD")
    return f"{head}+changes" if head and _git("status", "--porcelain", "--untracked-files=no") else head


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(_ROOT), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
        process_group=group(),
    )
    return done.stdout.strip() if done.returncode == 0 else ""
