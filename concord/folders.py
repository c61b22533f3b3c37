"""Where results are written: a folder that is Concord's, or new, or empty; never somebody else's.

A folder of results carries a tag, as caches do with ``CACHEDIR.TAG``. Only where it stands is anything taken
away or written over, and only files with the names that a run gives them; before the run begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from concord.refusals import UsageError
from model.checkers.catalogue import CHECKERS, REPLICA_CHECKERS
from model.result import KINDS

TAG: Final = "CONCORD.TAG"
SIGNATURE: Final = "Signature: 6a5f0c7b2d4e4b0c9a37d1f4c8e2b960"
"""The first line of the tag; a random number, so that no file is mistaken for one."""

_TAG_TEXT: Final = f"""{SIGNATURE}
# This folder holds results of Concord. A later run that writes here takes them away, and nothing else.
# Without this file nothing here is touched.
"""

_FILES: Final = (
    *("result.json", "measures.json", "report.html", "junit.xml", "summary.md"),
    *("job.json", "failed.json", "arena.json", "campaign.json", "arena.html", "explored.json"),
)
_CHECKS: Final = tuple(dict.fromkeys(check.name for check in (*CHECKERS, *REPLICA_CHECKERS)))
_OWN: Final = (
    *(name + end for name in _FILES for end in ("", ".part")),
    *("history/cell-*.jsonl.gz", "history/worker-*.jsonl.gz"),
    *(f"failures/{check}{end}" for check in _CHECKS for end in (".json", ".html")),
    *("server/server.yaml", "server/server.log", "server/documents.db*"),
    *("worker-*.log", "worker-*.json", "worker-*.part"),
)
"""What a run leaves in its folder, as patterns."""

_FOLDERS: Final = ("history", "failures", "server")


def refuse_foreign(directory: Path) -> None:
    """Refuse a folder that holds anything and is not tagged; changes nothing.

    Raises:
        UsageError: it is somebody else's, no folder, or leads out of itself by a link.
    """
    if directory.is_symlink() and not directory.exists():
        raise UsageError(f"{directory}: is a link that leads nowhere")
    if not directory.exists():
        return
    if not directory.is_dir():
        raise UsageError(f"{directory}: is not a folder")
    if is_ours(directory):
        for name in (*_FOLDERS, *KINDS):
            if (directory / name).is_symlink():
                raise UsageError(f"{directory / name}: is a link; results are not written through it")
        for part in KINDS:
            if (directory / part).exists() and not is_ours(directory / part):
                raise UsageError(f"{directory / part}: is in the way of a run's results; name another folder")
        return
    held = sorted(path.name for path in directory.iterdir())
    if held:
        named = ", ".join(held[:3]) + (", …" if len(held) > 3 else "")
        raise UsageError(
            f"{directory}: holds {named}, and no results of Concord ({TAG}); name a new or an empty folder"
        )


def is_ours(directory: Path) -> bool:
    """Whether a folder is tagged."""
    try:
        with (directory / TAG).open("rb") as file:
            return file.readline().rstrip() == SIGNATURE.encode()
    except OSError:
        return False


def claim(directory: Path) -> None:
    """Make a folder ready for results: those of an earlier run go away, and it is tagged.

    Raises:
        UsageError: it is somebody else's.
        OSError: it cannot be written.
    """
    refuse_foreign(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if is_ours(directory):
        _clear(directory)
    (directory / TAG).write_text(_TAG_TEXT, encoding="utf-8")


@contextmanager
def offered(directory: Path) -> Iterator[None]:
    """Be sure that a folder can be claimed, and change nothing in it, while it turns out whether it will be.

    Raises:
        UsageError: it is somebody else's.
        OSError: it cannot be made.
    """
    refuse_foreign(directory)
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if is_new:
            directory.rmdir()
        raise


def discard(directory: Path) -> None:
    """Take a tagged folder away; what is not ours stays, and then the tag does too."""
    _clear(directory)
    if [path.name for path in directory.iterdir()] == [TAG]:
        (directory / TAG).unlink()
        directory.rmdir()


def _clear(directory: Path) -> None:
    for part in KINDS:
        if is_ours(directory / part):
            discard(directory / part)
    for path in [path for pattern in _OWN for path in directory.glob(pattern)]:
        if path.is_file() or path.is_symlink():
            path.unlink()
    for name in _FOLDERS:
        _remove_if_empty(directory / name)


def _remove_if_empty(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()


def claim_for_reports(directory: Path, paths: Iterable[Path]) -> None:
    """Make a folder of recorded results ready for its reports; one that was copied without its tag is tagged.

    Raises:
        UsageError: it is not tagged and one of the files is there already.
    """
    if not is_ours(directory):
        for path in paths:
            if path.exists() or path.is_symlink():
                raise UsageError(
                    f"{path}: is there already, and {directory} is not tagged as Concord's ({TAG})"
                )
        (directory / TAG).write_text(_TAG_TEXT, encoding="utf-8")


def refuse_foreign_file(path: Path, is_ours: Callable[[bytes], bool]) -> None:
    """Refuse to write over a file, unless it is one that Concord wrote.

    Raises:
        UsageError: it is somebody else's, or no file.
        OSError: it cannot be read.
    """
    if path.is_symlink() and not path.exists():
        raise UsageError(f"{path}: is a link that leads nowhere")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is not a file")
    if path.exists() and not is_ours(path.read_bytes()):
        raise UsageError(f"{path}: is there already, and Concord did not write it")
