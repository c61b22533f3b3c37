"""What every test shares: Hypothesis profiles, recorded data, and how tests are spread over the cores."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import NoReturn

# Importing locust patches the process with gevent, and trio fails after that.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"

import pytest
from hypothesis import HealthCheck, settings

from model.machine import cores

pytest_plugins = ["pytester", "tests.servers", "tests.tiers"]

# No deadline in any profile: the machine is shared, and a slow example is no wrong one.
settings.register_profile("dev", max_examples=60, deadline=None)
settings.register_profile("fast", parent=settings.get_profile("dev"), derandomize=True)
settings.register_profile(
    "ci",
    max_examples=300,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("nightly", parent=settings.get_profile("ci"), max_examples=3_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

ROOT = Path(__file__).resolve().parent.parent


def missing(what: str) -> NoReturn:
    """A test cannot run without this: it is skipped, or fails under CONCORD_CI."""
    if os.environ.get("CONCORD_CI"):
        pytest.fail(f"needs {what}", pytrace=False)
    pytest.skip(f"needs {what}")


def require_data() -> Path:
    """The folder with `traces/` and `vectors/`."""
    folder = (ROOT / os.environ.get("CONCORD_DATA", "../shared")).resolve()
    absent = [part for part in ("traces", "vectors") if not (folder / part).is_dir()]
    if absent:
        missing(f"recorded data: {folder} has no {' and no '.join(absent)}; set CONCORD_DATA")
    return folder


@pytest.fixture
def data() -> Path:
    return require_data()


def pytest_configure() -> None:
    """Hear Ctrl-C also where a shell starts this in the background, so that tests and what they start do."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run on all cores, unless files are named, a debugger is wanted, or the command line says otherwise."""
    options = config.option
    if (
        config.pluginmanager.hasplugin("xdist")
        and not hasattr(config, "workerinput")
        and options.numprocesses is None
        and options.dist == "no"
        and not (options.usepdb or options.collectonly or options.capture == "no")
        and any(Path(argument).is_dir() for argument in config.args)
    ):
        options.numprocesses = cores()
        options.dist = "worksteal"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Known failures run first."""
    items.sort(key=lambda item: item.path.name != "test_corpus.py")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a report are made but not written out, which takes most of its time."""
    # Here, because drawing takes long to import.
    from reports import canvas

    monkeypatch.setattr(canvas, "svg", lambda figure, name: f'<svg id="{name}"></svg>')
