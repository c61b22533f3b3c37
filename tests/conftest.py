"""What every test shares: Hypothesis profiles and the folder of recorded data."""

from __future__ import annotations

import os
from pathlib import Path

# Importing locust patches the process with gevent, and trio fails after that.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers"]

# No deadline in any profile: the machine is shared, and a slow example is no wrong one.
settings.register_profile("dev", max_examples=60, deadline=None)
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


def require_data() -> Path:
    """The folder with `traces/` and `vectors/`; without it a test is skipped, or fails under CONCORD_CI."""
    folder = (ROOT / os.environ.get("CONCORD_DATA", "../shared")).resolve()
    missing = [part for part in ("traces", "vectors") if not (folder / part).is_dir()]
    if not missing:
        return folder
    message = f"needs recorded data: {folder} has no {' and no '.join(missing)}; set CONCORD_DATA"
    if os.environ.get("CONCORD_CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture
def data() -> Path:
    return require_data()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Known failures run first."""
    items.sort(key=lambda item: item.path.name != "test_corpus.py")
