"""The wheel: what it holds, and that it works where somebody else's files have the names of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

from simulator.children import group
from simulator.live.server import SpawnedServer
from tests.conftest import ROOT, missing
from tests.servers import RunningValkey

pytestmark = pytest.mark.slow

PRODUCT = ("concord", "model", "reference_server", "simulator", "loadgen", "reports")
SECRET = "a secret of the length that is needed"
SHADOWS = ("random", "socket", "msgspec", "yaml", "simpy", "locust", "gevent", "trio")
"""Modules of others that our processes import."""


def uv(*arguments: str | Path) -> str:
    """Run uv, which runs the tests too."""
    program = os.environ.get("UV") or shutil.which("uv")
    if program is None:
        missing("uv")
    done = subprocess.run(
        [program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        process_group=group(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--quiet", "--out-dir", folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def concord(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of the wheel in an environment with nothing else than what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
    requirements = folder / "requirements.txt"
    uv("export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--output-file", requirements)
    python = folder / "venv" / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, "--requirement", requirements)
    uv("pip", "install", "--quiet", "--python", python, "--no-deps", wheel)
    return folder / "venv" / "bin" / "concord"


class Hostile(NamedTuple):
    """A folder of somebody else, in which the installed script is run."""

    folder: Path
    script: Path

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment.pop("VIRTUAL_ENV", None)
        done = subprocess.run(
            [self.script, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            process_group=group(),
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done


@pytest.fixture
def hostile(concord: Path, tmp_path: Path) -> Hostile:
    for name in (*PRODUCT, "tests"):
        if name != "concord":
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('the wrong {name}')\n")
    for name in ("concord", *SHADOWS):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the wrong {name}')\n")
    (tmp_path / "locust.conf").write_text("no-such-setting = here\n")
    return Hostile(tmp_path, concord)


def test_it_holds_the_product_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (license_name,) = [
            name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")
        ]
        assert b"Apache License" in archive.read(license_name)
    ours = {
        path.relative_to(ROOT).as_posix()
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == ours
    assert {f"{folder}/py.typed" for folder in PRODUCT} <= names
    suffixes = {Path(name).suffix for name in names}
    assert {".yaml", ".css", ".sql"} <= suffixes, "scenarios, objectives, styles and migrations"


def test_its_version(hostile: Hostile) -> None:
    done = hostile("--version")
    assert done.stdout == f"concord {metadata.version('concord-collab')}\n"


def test_a_simulation_among_files_with_our_names(hostile: Hostile) -> None:
    small = ("--clients", "20", "--documents", "4", "--duration", "2s", "--set", "cells=2")
    done = hostile("simulate", "calm", *small, "--jobs", "2", "--out", "out")
    assert "report: out/report.html" in done.stdout, done.stdout + done.stderr


def test_a_live_run_among_files_with_our_names(hostile: Hostile) -> None:
    small = ("--clients", "6", "--documents", "2", "--duration", "3s")
    done = hostile("simulate", "calm", "--live", "spawn", *small, "--out", "out")
    assert "report: out/report.html" in done.stdout, done.stdout + done.stderr


def test_workers_and_a_load_run_among_files_with_our_names(
    hostile: Hostile, database_url: str, valkey: RunningValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(hostile.folder)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("JWT_SECRET", SECRET)
    (hostile.folder / "server.yaml").write_text("monitoring: {metrics_port: 0}\n")
    serve = (str(hostile.script), "serve", "--config", "server.yaml", "--workers", "2", "--bus", valkey.url)
    server = SpawnedServer(hostile.folder / "server", SECRET, command=serve, store=database_url)
    try:
        server.start()
        small = ("--users", "4", "--documents", "2", "--run-time", "2s", "--out", "out")
        done = hostile("load", "--host", f"ws://127.0.0.1:{server.port}", *small)
    finally:
        server.stop()
    assert "report: out/report.html" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in (hostile.folder / "server" / "server.log").read_text()
