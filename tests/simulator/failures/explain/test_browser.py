"""Explanations in a real browser: they fit the window of a desk and the screen of a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.identity import SiteId
from simulator.failures.explain import explain
from simulator.planning.plan import FaultWindow, ScriptStep
from tests.browser import fits
from tests.simulator.failures.explain.cases import DOPT, cell_plan, explained

pytestmark = pytest.mark.slow

LETTERS_PX_MIN = 9.0


@pytest.mark.parametrize("clients", [2, 3, 8])
def test_an_explanation_fits_into_its_window(tmp_path: Path, clients: int) -> None:
    faults = (
        FaultWindow(0, "partition_clients", "network", 400_000, 600_000, {}, None, (SiteId("client-2"),)),
        FaultWindow(1, "store_stall", "store", 650_000, 700_000, {}),
    )
    paste = "a paste_of_a_word_that_is_longer_than_any_line_of_any_label_in_any_of_the_pictures"
    scripts = {
        "client-1": (
            ScriptStep(300_000, "offline"),
            ScriptStep(500_000, "online"),
            ScriptStep(800_000, "crash"),
        ),
        "client-2": (ScriptStep(450_000, "edit", 0, 0, paste), ScriptStep(550_000, "edit", 0, 2, "")),
        **{f"client-{n}": (ScriptStep(400_000 + n, "edit", 1, 1, f"x{n}"),) for n in range(3, clients + 1)},
    }
    case = explained(cell_plan(scripts, faults=faults), DOPT)
    for width, fit in fits(explain(*case), tmp_path).items():
        assert fit.outside == [], width
        assert fit.letters_px >= LETTERS_PX_MIN, width
